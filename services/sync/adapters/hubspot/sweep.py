"""Lists the records of an object that changed between two instants, then its deleted ones, page by page."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.sync.adapters.hubspot.client import Answer, HubSpotClient
from services.sync.adapters.hubspot.mapping import instant
from services.sync.adapters.hubspot.objects import CONTACT, SYSTEM, HubSpotObject
from services.sync.adapters.hubspot.owners import next_page
from services.sync.adapters.hubspot.reading import Reader
from services.sync.adapters.hubspot.seeing import Row, properties, updated_at
from services.sync.application.ports import Page, Place
from services.sync.domain.records import RecordRef

PAGE = 200
"""
A search gives 200 records a page and ends at 10,000. Each page here is a search of its own that begins where
the last one ended, and asks for its first page only: the end at 10,000 is never reached.

Source: https://developers.hubspot.com/docs/api/crm/search
"""

DELETED_PAGE = 100
"""
Deleted records of a page. A search never shows them; the list of all records does, by id and not by time.

Source: https://developers.hubspot.com/docs/api/crm/contacts
"""


class Sweep:
    """
    Walks over an object in the order of modification; records of one instant in the order of their ids.

    Behind the last one it walks over the recycling bin, whole: what was deleted since can't be asked for alone.
    """

    def __init__(self, client: HubSpotClient, reader: Reader) -> None:
        self._client = client
        self._reader = reader

    async def changed(self, known: HubSpotObject, place: Place, until: int) -> Page:
        """Return the records that changed from *place* on; the walk may tell one twice, it leaves out none."""
        if place.deleted:
            return await self._deleted(known, place, until)
        if place.after:
            return await self._of_instant(known, place, until)
        modified = _property(known)
        rows = await self._search(
            known, [_filter(modified, "GTE", place.at), _filter(modified, "LTE", until)], modified
        )
        if len(rows) < PAGE:
            return Page(await self._reader.listed(known, rows), Place(until, deleted=True))
        # Others may have changed in the same millisecond as the last one: they begin the next page.
        last = _modified(known, rows[-1])
        whole = [each for each in rows if _modified(known, each) < last]
        following = Place(last) if whole else Place(last, "0")
        return Page(await self._reader.listed(known, whole), following)

    async def _of_instant(self, known: HubSpotObject, place: Place, until: int) -> Page:
        """Return more of the records, a page of them or more, that changed in one and the same millisecond."""
        filters = [_filter(_property(known), "EQ", place.at), _filter("hs_object_id", "GT", place.after)]
        rows = await self._search(known, filters, "hs_object_id")
        seen = await self._reader.listed(known, rows)
        if len(rows) == PAGE:
            return Page(seen, Place(place.at, str(rows[-1]["id"])))
        return Page(seen, Place(place.at + 1) if place.at < until else Place(until, deleted=True))

    async def _deleted(self, known: HubSpotObject, place: Place, until: int) -> Page:
        """Return a page of the deleted records; what was deleted after *until* is left to the next walk."""
        params = {"limit": str(DELETED_PAGE), "archived": "true"}
        answer = await self._client.get(
            f"/crm/v3/objects/{known.plural}", params | ({"after": place.after} if place.after else {})
        )
        went = {
            RecordRef(SYSTEM, known.name, str(each["id"])): _archived_at(each)
            for each in answer.parts("results")
            if each.get("id")
        }
        gone_at = {ref: at for ref, at in went.items() if at <= until}
        following = next_page(answer.body)
        if following is not None:
            return Page((), Place(place.at, following, deleted=True), tuple(gone_at), gone_at)
        # *until* may have moved on meanwhile: then what changed since is walked too.
        return Page((), Place(place.at) if place.at < until else None, tuple(gone_at), gone_at)

    async def _search(
        self, known: HubSpotObject, filters: Sequence[Mapping[str, str]], sort: str
    ) -> list[Row]:
        body: dict[str, Any] = {
            "filterGroups": [{"filters": list(filters)}],
            "sorts": [sort],
            "properties": [_property(known), *self._reader.properties(known)],
            "limit": PAGE,
            "after": "0",
        }
        answer: Answer = await self._client.post(f"/crm/v3/objects/{known.plural}/search", body)
        return [each for each in answer.parts("results") if each.get("id")]


def _filter(name: str, operator: str, value: int | str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _property(known: HubSpotObject) -> str:
    return "lastmodifieddate" if known.name == CONTACT else "hs_lastmodifieddate"


def _modified(known: HubSpotObject, row: Row) -> int:
    text = properties(row).get(_property(known))
    return instant(str(text)) if text else updated_at(row)


def _archived_at(row: Row) -> int:
    text = row.get("archivedAt")
    return instant(str(text)) if text else updated_at(row)
