"""From notifications to observations: what the events say, completed by reads where they say too little."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.errors import Rejected
from services.runtime.clock import Clock
from services.sync.adapters.salesforce import activities
from services.sync.adapters.salesforce.account import KINDS, SalesforceAccount, is_id, same_id
from services.sync.adapters.salesforce.client import Row, SalesforceClient
from services.sync.adapters.salesforce.errors import CallRefused
from services.sync.adapters.salesforce.events import (
    SAID,
    SYSTEM,
    Change,
    change_of,
)
from services.sync.adapters.salesforce.mapping import FieldMapping, canonical_instant
from services.sync.adapters.salesforce.moves import whereabouts
from services.sync.adapters.salesforce.reading import EMPLOYER, PAGE, Reader
from services.sync.adapters.salesforce.users import Users
from services.sync.application.ports import Forbidden, Page, Place
from services.sync.domain.records import FieldChange, Kind, Notification, Observation, RecordRef, Scalar

KEPT_PARENTS = 50_000
_DELETES = frozenset({"DELETE", "GAP_DELETE"})
_OWNER = "OwnerId"
_FOUND_AGAIN = (Kind.LEAD, Kind.COMPANY)
"""Of these it is asked what became of one that was deleted."""

UNKNOWN = 0
"""The `created_at` of a record of which it isn't known when it was made."""


@dataclass(slots=True)
class _Found:
    """What was read for a batch of changes; ids are cut to 15 characters."""

    rows: dict[str, Mapping[str, Row]] = field(default_factory=dict[str, Mapping[str, Row]])
    now: Mapping[RecordRef, RecordRef | None] = field(default_factory=dict[RecordRef, RecordRef | None])
    masters: Mapping[RecordRef, Row] = field(default_factory=dict[RecordRef, Row])
    binned: Mapping[RecordRef, Row] = field(default_factory=dict[RecordRef, Row])
    owners: Mapping[str, str] = field(default_factory=dict[str, str])
    user_id: str | None = None


class Observer:
    """Makes observations of notifications, in their order."""

    def __init__(
        self,
        client: SalesforceClient,
        users: Users,
        mapping: FieldMapping,
        account: SalesforceAccount,
        clock: Clock,
    ) -> None:
        self._client = client
        self._users = users
        self._mapping = mapping
        self._account = account
        self._clock = clock
        self._reader = Reader(client, mapping, account)
        self._owner_fields = mapping.owner_fields()
        self._contacts: OrderedDict[str, tuple[RecordRef, ...]] = OrderedDict()

    async def observe(self, notifications: Sequence[Notification]) -> list[Observation]:
        """Return the observations. Raises Rejected (``bad-body``, ``bad-value``, ``unknown-object``)."""
        changes = [_checked(each) for each in notifications]
        try:
            found = await self._read(changes)
        except CallRefused as error:
            raise _refused(error) from error
        return [each for change in changes for each in self._observations(change, found)]

    # What must be read

    async def _read(self, changes: Sequence[Change]) -> _Found:
        found = _Found(user_id=await self._user_id())
        for sobject in sorted({each.ref.object for each in changes}):
            ids = [each.ref.id for each in changes if each.ref.object == sobject and self._needs_read(each)]
            if ids:
                found.rows[sobject] = await self._reader.rows(sobject, ids)
        found.now = await whereabouts(self._client, self._missing(changes, found))
        found.masters = await self._reader.successors(found.now)
        gone = [ref for ref, there in found.now.items() if there is None and KINDS[ref.object] is Kind.LEAD]
        found.binned = await self._reader.binned(gone)
        await self._read_contacts(changes, found)
        await self._read_owners(changes, found)
        return found

    async def _read_owners(self, changes: Sequence[Change], found: _Found) -> None:
        """Records that we make belong to our own user until sales takes them: for us that is nobody."""
        owners = await self._users.emails(self._owner_ids(changes, found))
        found.owners = {each: email for each, email in owners.items() if not same_id(each, found.user_id)}

    async def changed(self, sobject: str, place: Place, until: int) -> Page:
        """See `Connector.changed`. Opportunities are told without the contacts they hang on."""
        if sobject not in KINDS:
            raise Rejected(f"Nothing is known of Salesforce's {sobject}.", reason="unknown-object")
        try:
            rows = await self._reader.changed(sobject, place, until)
        except CallRefused as error:
            raise _refused(error) from error
        found = _Found({sobject: {row["Id"][:15]: row for row in rows}}, user_id=await self._user_id())
        await self._read_owners([], found)
        refs = {row["Id"]: RecordRef(SYSTEM, sobject, row["Id"]) for row in rows}
        seen = [self._of_row(refs[row["Id"]], row, found) for row in rows if not row["IsDeleted"]]
        gone = [refs[row["Id"]] for row in rows if row["IsDeleted"]]
        following = None
        if len(rows) == PAGE:
            following = Place(canonical_instant(rows[-1]["SystemModstamp"]), rows[-1]["Id"])
        return Page(seen, following, gone)

    async def _user_id(self) -> str:
        return self._account.integration_user_id or (await self._client.sessions.current()).user_id

    def _needs_read(self, change: Change) -> bool:
        """Return whether the event alone does not say what the record is."""
        if change.type in _DELETES:
            return False
        if change.type not in SAID:
            return True
        if change.type == "UPDATE" and KINDS[change.ref.object] is Kind.ACTIVITY:
            return True  # its type and time follow from several fields, of which an update has few
        if change.values.get("IsConverted") is True and not change.values.get("ConvertedContactId"):
            return True
        mapped = self._mapping.of(KINDS[change.ref.object], change.ref.object)
        return any(each.vendor_name in change.diffs for each in mapped)

    def _missing(self, changes: Sequence[Change], found: _Found) -> Iterator[RecordRef]:
        """Yield the records that were deleted, or should have been read and were not there."""
        for change in changes:
            rows = found.rows.get(change.ref.object, {})
            if change.type in _DELETES or (self._needs_read(change) and change.ref.id[:15] not in rows):
                yield change.ref

    async def _read_contacts(self, changes: Sequence[Change], found: _Found) -> None:
        """Learn the contacts of opportunities that the events and rows do not name."""
        unknown: list[str] = []
        for change in changes:
            if change.ref.object != "Opportunity" or change.type in _DELETES:
                continue
            row = found.rows.get("Opportunity", {}).get(change.ref.id[:15], {})
            values = {**row, **change.values}
            if not values.get("ContactId") and not values.get(self._account.external_id_field):
                unknown.append(change.ref.id)
        unknown = [each for each in unknown if each[:15] not in self._contacts]
        for key, refs in (await self._reader.opportunity_contacts(unknown)).items():
            self._remember(key, refs)

    def _remember(self, key: str, refs: tuple[RecordRef, ...]) -> None:
        self._contacts[key] = refs
        self._contacts.move_to_end(key)
        if len(self._contacts) > KEPT_PARENTS:
            self._contacts.popitem(last=False)

    def _owner_ids(self, changes: Sequence[Change], found: _Found) -> list[str]:
        sources: list[Mapping[str, Any]] = [each.values for each in changes]
        sources += [row for rows in found.rows.values() for row in rows.values()]
        sources += found.masters.values()
        ids = (each.get(name) for each in sources for name in self._owner_fields)
        return [each for each in ids if isinstance(each, str) and is_id(each) and each.startswith("005")]

    # What is observed

    def _observations(self, change: Change, found: _Found) -> Iterator[Observation]:
        # A record read for another change of this batch is no news of this one: it is what came later.
        needed = self._needs_read(change)
        row = found.rows.get(change.ref.object, {}).get(change.ref.id[:15]) if needed else None
        if change.type in _DELETES or (row is None and needed):
            there = found.now.get(change.ref)
            if there == change.ref and KINDS[change.ref.object] in _FOUND_AGAIN:
                return  # somebody took it out of the bin since: that is told too, perhaps in this very batch
            yield self._gone(change, there, found)
            if there is not None and there != change.ref and there in found.masters:
                yield self._of_row(there, found.masters[there], found)
            return
        if change.type in SAID:
            yield self._of_event(change, row, found)
        elif row is not None:
            yield self._of_row(change.ref, row, found)

    def _gone(self, change: Change, now: RecordRef | None, found: _Found) -> Observation:
        """
        Return that the record is gone, and which one took its place, if one did: it lies in the bin all the same.

        Of a person in the recycle bin also what it held last: an opt-out that nobody read before counts.
        """
        if change.ref in found.binned:
            last = self._of_row(change.ref, found.binned[change.ref], found)
            return replace(last, moved_to=None, deleted=True)
        return Observation(
            ref=change.ref,
            kind=KINDS[change.ref.object],
            observed_at=self._clock(),
            created_at=UNKNOWN,
            moved_to=None if now == change.ref else now,
            deleted=True,
        )

    def _of_row(self, ref: RecordRef, row: Row, found: _Found) -> Observation:
        own = same_id(row["LastModifiedById"], found.user_id)
        stamp = _Stamp(
            canonical_instant(row["LastModifiedDate"]), own=own, exact=False, by=row["LastModifiedById"]
        )
        created_at = canonical_instant(row["CreatedDate"])
        if KINDS[ref.object] is Kind.LEAD and not own and same_id(row["CreatedById"], found.user_id):
            created_at = UNKNOWN  # when we made it says nothing of the lead's age, whoever changed it since
        return self._observation(ref, row, created_at, [(row, stamp)], found)

    def _of_event(self, change: Change, row: Row | None, found: _Found) -> Observation:
        """
        Return what an event says, with its exact time; *row* adds what only a read tells, without one.

        An update does not say when the record was made: `created_at` is then UNKNOWN.
        """
        stamp = _Stamp(change.at, own=same_id(change.user, found.user_id), exact=True, by=change.user)
        said = change.values
        if stamp.own and change.type == "CREATE":
            # What a record that we made holds by default was said by nobody.
            said = {name: value for name, value in said.items() if value not in (None, "", False)}
        parts: list[tuple[Mapping[str, Any], _Stamp]] = [(said, stamp)]
        created = change.values.get("CreatedDate")
        if row is not None:
            modified = canonical_instant(row["LastModifiedDate"])
            own = same_id(row["LastModifiedById"], found.user_id)
            rest = {name: value for name, value in row.items() if name not in change.values}
            parts.append((rest, _Stamp(modified, own=own, exact=False, by=row["LastModifiedById"])))
            created = row["CreatedDate"]
        try:
            created_at = UNKNOWN if created is None else canonical_instant(created)
            return self._observation(change.ref, {**(row or {}), **change.values}, created_at, parts, found)
        except (ValueError, TypeError) as error:
            raise Rejected(
                f"A change of {change.ref.object} {change.ref.id} holds an impossible value: {error}",
                reason="bad-value",
            ) from error

    def _observation(
        self,
        ref: RecordRef,
        values: Mapping[str, Any],
        created_at: int,
        parts: Iterable[tuple[Mapping[str, Any], "_Stamp"]],
        found: _Found,
    ) -> Observation:
        """Return the observation of *ref*: *values* is all that is known, *parts* the same by when known."""
        kind = KINDS[ref.object]
        parts = list(parts)
        fields = [
            stamp.change(name, value)
            for part, stamp in parts
            for name, value in self._mapping.canonical(kind, ref.object, part, found.owners)
        ]
        last = parts[-1][1]
        if kind is Kind.ACTIVITY:
            fields += self._activity(ref.object, values, created_at or last.at, found.owners, fields, last)
        moved_to = _converted_to(ref, values)
        if moved_to is not None:
            fields.append(parts[0][1].change("converted", True))
        external_id = values.get(self._account.external_id_field)
        return Observation(
            ref=ref,
            kind=kind,
            observed_at=self._clock(),
            created_at=created_at,
            fields=tuple(fields),
            external_id=str(external_id) if external_id else None,
            parents=self._parents(ref, values),
            moved_to=moved_to,
            employers=self._employers(ref, values),
        )

    def _employers(self, ref: RecordRef, values: Mapping[str, Any]) -> tuple[RecordRef, ...] | None:
        """Return the account of a contact; a creation tells only what it has. None where it isn't told, or not kept."""
        if ref.object != "Contact" or EMPLOYER not in values or not self._mapping.keeps_companies:
            return None
        account = values[EMPLOYER]
        return (RecordRef(SYSTEM, "Account", account),) if isinstance(account, str) and account else ()

    def _activity(
        self,
        sobject: str,
        values: Mapping[str, Any],
        created_at: int,
        owners: Mapping[str, str],
        mapped: Iterable[FieldChange],
        stamp: "_Stamp",
    ) -> Iterator[FieldChange]:
        """Yield what the field map does not already say of an activity."""
        said = {each.name for each in mapped}
        owner = values.get(_OWNER)
        known = dict(activities.facts(sobject, values, created_at))
        known["owner"] = owners.get(str(owner)[:15]) if owner else None
        for name, value in known.items():
            if name not in said:
                yield stamp.change(name, value)

    def _parents(self, ref: RecordRef, values: Mapping[str, Any]) -> tuple[RecordRef, ...]:
        if KINDS[ref.object] is Kind.ACTIVITY:
            return activities.parents(values)
        contact = values.get("ContactId")
        if ref.object == "Opportunity" and isinstance(contact, str) and contact:
            self._remember(ref.id[:15], (RecordRef(SYSTEM, "Contact", contact),))
        return self._contacts.get(ref.id[:15], ())


@dataclass(frozen=True, slots=True)
class _Stamp:
    """When and by whom values came to be."""

    at: int
    own: bool
    exact: bool
    by: str | None = None

    def change(self, name: str, value: Scalar) -> FieldChange:
        # A consent is a boolean, and may have to be proven.
        if not isinstance(value, bool) or not self.by:
            return FieldChange(name, value, self.at, self.own, self.exact)
        via = "change event" if self.exact else "last modified"
        return FieldChange(name, value, self.at, self.own, self.exact, via, f"user {self.by}")


def _checked(notification: Notification) -> Change:
    change = change_of(notification)
    if change.ref.object not in KINDS:
        raise Rejected(f"Nothing is known of Salesforce's {change.ref.object}.", reason="unknown-object")
    if not is_id(change.ref.id):
        raise Rejected(f"{change.ref.id!r} is not the id of a record.", reason="bad-body")
    return change


def _refused(error: CallRefused) -> Forbidden:
    return Forbidden(
        f"Salesforce refuses a query: {error}. Check the field map and the integration user's permissions."
    )


def _converted_to(ref: RecordRef, values: Mapping[str, Any]) -> RecordRef | None:
    contact = values.get("ConvertedContactId")
    if ref.object == "Lead" and values.get("IsConverted") is True and isinstance(contact, str) and contact:
        return RecordRef(SYSTEM, "Contact", contact)
    return None
