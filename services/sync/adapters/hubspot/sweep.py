"""Finds the records of an object that changed since an instant, or all of them, for reconciliation."""

from collections.abc import AsyncIterator, Sequence

from services.sync.adapters.hubspot.client import Answer, HubSpotClient
from services.sync.adapters.hubspot.mapping import instant
from services.sync.adapters.hubspot.objects import CONTACT, HubSpotObject
from services.sync.adapters.hubspot.owners import next_page
from services.sync.adapters.hubspot.seeing import Row, properties, updated_at

PAGE = 200
LIST_PAGE = 100
CAP = 10_000
"""Search pages hold 200 and end at 10,000; the sweep then begins anew from the last time it saw.

Source: https://developers.hubspot.com/docs/api/crm/search
"""


class Sweep:
    """Walks over the records of an object by their ids."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client

    async def ids(self, known: HubSpotObject, since: int | None) -> AsyncIterator[Sequence[str]]:
        """Yield pages of ids of records that changed at *since* (epoch ms) or later; None: of all."""
        pages = self._all(known) if since is None else self._changed(known, since)
        async for page in pages:
            yield page

    async def _all(self, known: HubSpotObject) -> AsyncIterator[Sequence[str]]:
        after: str | None = None
        while True:
            params = {"limit": str(LIST_PAGE), "properties": "hs_object_id"}
            answer = await self._client.get(
                f"/crm/v3/objects/{known.plural}", params | ({"after": after} if after else {})
            )
            yield _ids(answer.parts("results"))
            after = next_page(answer.body)
            if after is None:
                return

    async def _changed(self, known: HubSpotObject, since: int) -> AsyncIterator[Sequence[str]]:
        """Yield ids in the order of their modification; those of a seam come twice, not never."""
        modified, start = _property(known), since
        while True:
            newest, total = start, 0
            async for answer in self._query(known, [_filter(modified, "GTE", start)], modified):
                rows, total = answer.parts("results"), _total(answer)
                yield _ids(rows)
                newest = _modified(known, rows[-1]) if rows else newest
            if total <= CAP:
                return
            if newest > start:
                start = newest
                continue
            async for page in self._of_instant(known, start):
                yield page
            start += 1

    async def _of_instant(self, known: HubSpotObject, at: int) -> AsyncIterator[Sequence[str]]:
        """Yield the ids of more records than the cap that changed in one and the same millisecond."""
        last, total = 0, CAP + 1
        while total > CAP:
            filters = [_filter(_property(known), "EQ", at), _filter("hs_object_id", "GT", last)]
            async for answer in self._query(known, filters, "hs_object_id"):
                ids, total = _ids(answer.parts("results")), _total(answer)
                yield ids
                last = int(ids[-1]) if ids else last

    async def _query(
        self, known: HubSpotObject, filters: Sequence[dict[str, str]], sort: str
    ) -> AsyncIterator[Answer]:
        """Yield the pages of a search up to the cap."""
        after: str | None = "0"
        while after is not None and int(after) + PAGE <= CAP:
            body = {
                "filterGroups": [{"filters": filters}],
                "sorts": [sort],
                "properties": [_property(known)],
                "limit": PAGE,
                "after": after,
            }
            answer = await self._client.post(f"/crm/v3/objects/{known.plural}/search", body)
            yield answer
            after = next_page(answer.body)


def _filter(name: str, operator: str, value: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _total(answer: Answer) -> int:
    total = answer.body.get("total")
    return total if isinstance(total, int) else 0


def _property(known: HubSpotObject) -> str:
    return "lastmodifieddate" if known.name == CONTACT else "hs_lastmodifieddate"


def _modified(known: HubSpotObject, row: Row) -> int:
    text = properties(row).get(_property(known))
    return instant(str(text)) if text else updated_at(row)


def _ids(rows: Sequence[Row]) -> list[str]:
    return [str(each["id"]) for each in rows if each.get("id")]
