"""Reads records as they are now, in batches, with the fields that an observation needs."""

from collections.abc import Iterable, Mapping

from services.sync.adapters.salesforce import activities, soql
from services.sync.adapters.salesforce.account import KINDS, SalesforceAccount
from services.sync.adapters.salesforce.client import Row, SalesforceClient
from services.sync.adapters.salesforce.events import SYSTEM
from services.sync.adapters.salesforce.mapping import FieldMapping
from services.sync.application.ports import Place
from services.sync.domain.records import RecordRef

_ALWAYS = ("Id", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
_MORE: Mapping[str, tuple[str, ...]] = {
    "Lead": ("IsConverted", "ConvertedContactId"),
    "Opportunity": ("ContactId",),
    **activities.FIELDS,
}
PAGE = 2_000
"""Records of one page of a query, the most that one call gives. Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_queryoptions.htm"""

EMPLOYER = "AccountId"
"""The field of a contact that holds its account."""

IDENTIFIED = frozenset({"Lead", "Contact", "Opportunity", "Task", "Event"})
"""Objects that carry our external id."""


class Reader:
    """Reads records of one organisation. Raises CallRefused when a mapped field cannot be read."""

    def __init__(self, client: SalesforceClient, mapping: FieldMapping, account: SalesforceAccount) -> None:
        self._client = client
        self._mapping = mapping
        self._account = account

    async def rows(self, sobject: str, ids: Iterable[str]) -> Mapping[str, Row]:
        """Return the records with *ids* that exist, by the first 15 characters of their id."""
        found: dict[str, Row] = {}
        for chunk in soql.lists(ids):
            for row in await self._client.query(
                soql.select(self._fields(sobject), sobject, f"Id IN {chunk}")
            ):
                found[row["Id"][:15]] = row
        return found

    async def binned(self, refs: Iterable[RecordRef]) -> Mapping[RecordRef, Row]:
        """Return those of *refs* that lie in the recycle bin, as they were last: the vendor keeps them for 15 days."""
        found: dict[RecordRef, Row] = {}
        wanted = list(refs)
        for sobject in sorted({each.object for each in wanted}):
            for chunk in soql.lists(sorted(each.id for each in wanted if each.object == sobject)):
                query = soql.select(self._fields(sobject), sobject, f"Id IN {chunk} AND IsDeleted = TRUE")
                rows = await self._client.query(query, deleted=True)
                found |= {RecordRef(SYSTEM, sobject, row["Id"]): row for row in rows}
        return found

    async def successors(self, now: Mapping[RecordRef, RecordRef | None]) -> Mapping[RecordRef, Row]:
        """
        Return the records that took the place of others by *now*, see `whereabouts`.

        A merge tells only the fields in which the winner changed by it; which of its own values somebody chose to
        keep is in no event.
        """
        wanted = {there for ref, there in now.items() if there is not None and there != ref}
        found: dict[RecordRef, Row] = {}
        for sobject in sorted({each.object for each in wanted}):
            rows = await self.rows(sobject, sorted(each.id for each in wanted if each.object == sobject))
            found |= {RecordRef(SYSTEM, sobject, row["Id"]): row for row in rows.values()}
        return found

    async def changed(self, sobject: str, place: Place, until: int) -> list[Row]:
        """
        Return up to `PAGE` records of *sobject*, deleted ones too, that changed from *place* on up to *until*.

        In the order of `SystemModstamp`, which processes move too, then of ids; both are indexed.
        Source: https://help.salesforce.com/s/articleView?id=000387261
        """
        at = soql.instant(place.at)
        begin = f"SystemModstamp >= {at}"
        if place.after:
            same = f"(SystemModstamp = {at} AND Id > {soql.text(place.after)})"
            begin = f"(SystemModstamp > {at} OR {same})"
        where = f"{begin} AND SystemModstamp <= {soql.instant(until)}"
        fields = (*self._fields(sobject), "SystemModstamp", "IsDeleted")
        tail = f"ORDER BY SystemModstamp, Id LIMIT {PAGE}"
        return await self._client.query(soql.select(fields, sobject, where, tail), deleted=True)

    async def opportunity_contacts(self, ids: Iterable[str]) -> Mapping[str, tuple[RecordRef, ...]]:
        """Return the contacts of opportunities, the primary one first, by the first 15 characters of the id."""
        found: dict[str, tuple[RecordRef, ...]] = {}
        fields = ("OpportunityId", "ContactId", "IsPrimary")
        order = "ORDER BY IsPrimary DESC, CreatedDate, Id"
        for chunk in soql.lists(ids):
            query = soql.select(fields, "OpportunityContactRole", f"OpportunityId IN {chunk}", order)
            for row in await self._client.query(query):
                key = row["OpportunityId"][:15]
                found[key] = (*found.get(key, ()), RecordRef(SYSTEM, "Contact", row["ContactId"]))
        return found

    def _fields(self, sobject: str) -> tuple[str, ...]:
        external = (self._account.external_id_field,) if sobject in IDENTIFIED else ()
        mapped = (each.vendor_name for each in self._mapping.of(KINDS[sobject], sobject))
        employer = (EMPLOYER,) if sobject == "Contact" and self._mapping.keeps_companies else ()
        return (*_ALWAYS, *external, *_MORE.get(sobject, ()), *employer, *dict.fromkeys(mapped))
