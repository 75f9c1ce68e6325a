"""Reads records from HubSpot in batches, with the history of each mapped property, as observations."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from services.errors import Rejected
from services.runtime.clock import Clock
from services.sync.adapters.hubspot.account import HubSpotAccount
from services.sync.adapters.hubspot.client import HubSpotClient, objects
from services.sync.adapters.hubspot.events import erased, merged
from services.sync.adapters.hubspot.mapping import Context
from services.sync.adapters.hubspot.objects import COMPANY, CONTACT, OBJECTS, SYSTEM, HubSpotObject
from services.sync.adapters.hubspot.owners import OwnerDirectory
from services.sync.adapters.hubspot.seeing import Row, Sight, history, properties
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind, Notification, Observation, RecordRef

HISTORY_BATCH = 50
ASSOCIATION_BATCH = 1_000
"""A batch read with histories takes 50 records, and 1,000 of associations. Source: https://developers.hubspot.com/docs/api/crm/contacts"""

PARALLEL = 4
PRIMARY_COMPANY = 1
MERGED_IDS = "hs_merged_object_ids"

T = TypeVar("T")


@dataclass(slots=True)
class _Wanted:
    """The records of one object to be read, and what their notifications told."""

    known: HubSpotObject
    ids: dict[str, int] = field(default_factory=dict[str, int])
    moved: dict[str, str] = field(default_factory=dict[str, str])
    erased: set[str] = field(default_factory=set[str])


class Reader:
    """Turns notifications into observations."""

    def __init__(
        self,
        client: HubSpotClient,
        account: HubSpotAccount,
        field_map: FieldMap,
        owners: OwnerDirectory,
        clock: Clock,
    ) -> None:
        self._client = client
        self._account = account
        self._field_map = field_map
        self._owners = owners
        self._clock = clock

    async def observe(self, notifications: Sequence[Notification]) -> list[Observation]:
        """
        Return what the notified records are now, one read for each record however often it was notified.

        Raises:
            Rejected: ``unknown-record`` for a notification that names no record of HubSpot's.
        """
        wanted: dict[str, _Wanted] = {}
        order: dict[tuple[str, str], None] = {}
        for each in notifications:
            known = OBJECTS.get(each.ref.object)
            if known is None or each.ref.system != SYSTEM or not each.ref.id.isdigit():
                raise Rejected(f"{each.ref} is no record of HubSpot's", reason="unknown-record")
            group = wanted.setdefault(known.name, _Wanted(known))
            if erased(each.body):
                group.erased.add(each.ref.id)
            told_at = each.occurred_at if each.occurred_at is not None else each.received_at
            for row_id in (each.ref.id, *_moves(group, each)):
                group.ids.setdefault(row_id, told_at)
                order.setdefault((known.name, row_id))
        seen: dict[tuple[str, str], Observation] = {}
        for group in wanted.values():
            for observation in await self._read(group):
                seen[(group.known.name, observation.ref.id)] = observation
                order.setdefault((group.known.name, observation.ref.id))
        return [seen[key] for key in order if key in seen]

    def fields(self, known: HubSpotObject) -> tuple[MappedField, ...]:
        """Return the mapped fields of an object, those it has by nature included."""
        mapped = self._field_map.of(known.kind, known.name)
        named = {each.name for each in mapped}
        return (*mapped, *(each for each in known.fields if each.name not in named))

    def properties(self, known: HubSpotObject) -> list[str]:
        """Return the names of the properties that an observation of *known* needs."""
        extra = [self._account.own_property, MERGED_IDS] if known.name == CONTACT else [MERGED_IDS]
        return [*sorted({each.vendor_name for each in self.fields(known)}), *extra]

    async def listed(self, known: HubSpotObject, rows: Sequence[Row]) -> list[Observation]:
        """Return rows of a listing, which have neither histories nor associations, as observations."""
        now = self._clock()
        sight = await self._sight(known, rows)
        return [sight.observation(row, now, ()) for row in rows]

    async def _read(self, group: _Wanted) -> list[Observation]:
        """Return an observation for each id of *group*, and for each record that took a merged one's place."""
        chunks = _chunks([each for each in group.ids if each not in group.erased], HISTORY_BATCH)
        now = self._clock()
        found = [each for rows in await _all([self._batch(group.known, c) for c in chunks]) for each in rows]
        parents = await self._parents(group.known, [str(each["id"]) for each in found])
        employers = await self._employers(group.known, [str(each["id"]) for each in found])
        sight = await self._sight(group.known, found)
        observed: dict[str, Observation] = {}
        for row in found:
            row_id = str(row["id"])
            seen = sight.observation(row, now, parents.get(row_id, ()))
            observed[row_id] = (
                seen if employers is None else replace(seen, employers=employers.get(row_id, ()))
            )
            for old in str(properties(row).get(MERGED_IDS) or "").split(";"):
                group.moved.setdefault(old, row_id)
        missing = [each for each in group.ids if each not in observed]
        lost = [each for each in missing if each not in group.moved and each not in group.erased]
        archived = await self._archived(group.known, lost, now)
        for row_id in missing:
            there = None if row_id in group.erased else group.moved.get(row_id)
            gone = Observation(
                ref=RecordRef(SYSTEM, group.known.name, row_id),
                kind=group.known.kind,
                observed_at=now,
                created_at=group.ids[row_id],
                moved_to=RecordRef(SYSTEM, group.known.name, there) if there else None,
                deleted=there is None,
                erased=row_id in group.erased,
            )
            observed[row_id] = archived.get(row_id, gone)
        return list(observed.values())

    async def _batch(self, known: HubSpotObject, ids: Sequence[str], *, archived: bool = False) -> list[Row]:
        names = sorted({each.vendor_name for each in self.fields(known)})
        body = {
            "inputs": [{"id": each} for each in ids],
            "properties": self.properties(known),
            "propertiesWithHistory": names,
        }
        path = f"/crm/v3/objects/{known.plural}/batch/read"
        answer = await self._client.post(path, body, {"archived": "true"} if archived else None)
        return [each for each in answer.parts("results") if each.get("id")]

    async def _archived(
        self, known: HubSpotObject, ids: Sequence[str], now: int
    ) -> Mapping[str, Observation]:
        """Return those of *ids* that lie in the recycling bin; a contact with all that was said of it before."""
        rows: list[Row] = []
        for chunk in _chunks(ids, HISTORY_BATCH):
            rows += await self._batch(known, chunk, archived=True)
        sight = await self._sight(known, rows)
        found = {str(row["id"]): replace(sight.observation(row, now, ()), deleted=True) for row in rows}
        if known.name == CONTACT:
            return found
        return {row_id: replace(seen, fields=()) for row_id, seen in found.items()}

    async def _parents(self, known: HubSpotObject, ids: Sequence[str]) -> Mapping[str, tuple[RecordRef, ...]]:
        """Return the contacts that activities and deals hang on."""
        if known.kind not in {Kind.ACTIVITY, Kind.OPPORTUNITY} or not ids:
            return {}
        return await self._associated(known, OBJECTS[CONTACT], ids)

    async def _employers(
        self, known: HubSpotObject, ids: Sequence[str]
    ) -> Mapping[str, tuple[RecordRef, ...]] | None:
        """Return the companies that contacts hang on, the primary one first; None where companies aren't kept."""
        if known.name != CONTACT or not self._field_map.keeps_companies:
            return None
        return await self._associated(known, OBJECTS[COMPANY], ids) if ids else {}

    async def _associated(
        self, known: HubSpotObject, to: HubSpotObject, ids: Sequence[str]
    ) -> Mapping[str, tuple[RecordRef, ...]]:
        found: dict[str, tuple[RecordRef, ...]] = {}
        path = f"/crm/v4/associations/{known.plural}/{to.plural}/batch/read"
        for chunk in _chunks(ids, ASSOCIATION_BATCH):
            answer = await self._client.post(path, {"inputs": [{"id": each} for each in chunk]})
            for each in answer.parts("results"):
                start = cast("Mapping[str, Any]", each.get("from") or {})
                ends = [end for end in objects(each.get("to")) if "toObjectId" in end]
                ends.sort(key=_is_primary, reverse=True)
                found[str(start.get("id"))] = tuple(
                    RecordRef(SYSTEM, to.name, str(end["toObjectId"])) for end in ends
                )
        return found

    async def _sight(self, known: HubSpotObject, rows: Sequence[Row]) -> Sight:
        owned = [each.vendor_name for each in self.fields(known) if each.type is FieldType.OWNER]
        ids = {
            str(v["value"]) for row in rows for name in owned for v in history(row, name) if v.get("value")
        }
        ids |= {str(value) for row in rows for name in owned if (value := properties(row).get(name))}
        if ids:
            await self._owners.ensure(ids=ids)
        context = Context(
            self._field_map.currency, self._field_map.time_zone, self._owners.ids, self._owners.emails
        )
        account = self._account
        return Sight(known, self.fields(known), account.app_id, account.own_property, context)


def _is_primary(end: Mapping[str, Any]) -> bool:
    """
    Return whether a contact's association with a company is the primary one.

    Source: https://developers.hubspot.com/docs/api/crm/associations (association type definitions)
    """
    return any(each.get("typeId") == PRIMARY_COMPANY for each in objects(end.get("associationTypes")))


def _moves(group: _Wanted, notification: Notification) -> list[str]:
    """Note the merge that *notification* tells of, if it does; return the ids that ceased."""
    moves = merged(notification.body)
    group.moved.update(moves)
    return list(moves)


def _chunks(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


async def _all(work: Sequence[Awaitable[T]]) -> list[T]:
    """Return the results of *work*, a few done at a time; the first error ends the rest."""
    gate = asyncio.Semaphore(PARALLEL)

    async def one(each: Awaitable[T]) -> T:
        async with gate:
            return await each

    tasks = [asyncio.ensure_future(one(each)) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
