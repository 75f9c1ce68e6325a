"""The leads and open clocks of all shards, read from the store."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from schemas.topics import LIFECYCLE
from services.kpi.adapters.clock_codec import decode_clocks
from services.kpi.adapters.lead_codec import decode
from services.kpi.application.lead_store import (
    NONE_OPEN,
    Counts,
    KnownLead,
    Leads,
    Queue,
    Queued,
    Span,
    Standing,
    TooMany,
)
from services.kpi.domain.lead_index import Entry, entry_name
from services.runtime.keys import ShardId
from services.runtime.log.port import partition_of
from services.runtime.pacing import paced
from services.runtime.store import Command, Store

DEADLINES, PAUSED = "deadlines", "paused"
_PAGE = 200
"""Leads that are read at once."""
_KEYS = 1_000
_TRIES = 4
Read = TypeVar("Read")


class StoredLeads:
    """
    See `LeadStore`. It needs no ownership: any process may read.

    Args:
        service: The service whose shards hold the leads.
        partitions: Of the lifecycle topic.
    """

    def __init__(self, store: Store, *, service: str, partitions: int) -> None:
        self._store = store
        self._shards = [ShardId(service, LIFECYCLE.name, number) for number in range(partitions)]

    async def lead(self, lead_id: str) -> tuple[KnownLead | None, Mapping[int, int]]:
        """See `LeadStore.lead`."""
        shard = self._shard_of(lead_id)
        asked: list[Command] = [("HGET", shard.ledger_key, "offset"), _both(shard, lead_id)]
        offset, found = await self._store.snapshot(asked)
        return _known(lead_id, found), {shard.partition: _offset(offset)}

    async def leads(self, lead_ids: Collection[str]) -> Mapping[str, KnownLead]:
        """See `LeadStore.leads`."""
        by_shard: dict[ShardId, list[str]] = {}
        for each in lead_ids:
            by_shard.setdefault(self._shard_of(each), []).append(each)
        found: dict[str, KnownLead] = {}
        for shard, ids in by_shard.items():
            async for each in self._of(shard, ids):
                found[each.lead.id] = each
        return found

    async def under(self, entries: Collection[Entry], *, most: int) -> Leads:
        """See `LeadStore.under`."""
        known: list[KnownLead] = []
        offsets: dict[int, int] = {}
        generations: set[str] = set()
        for shard in self._shards:
            room = most - len(known)

            async def whole(shard: ShardId = shard, room: int = room) -> list[KnownLead]:
                ids = await self._ids(shard, entries)
                if len(ids) > room:
                    raise TooMany(f"more than {most} leads have facts of this kind in this time")
                return [each async for each in self._of(shard, ids)]

            found, offset, generation = await self._steady(shard, whole)
            known += found
            offsets[shard.partition] = offset
            generations |= {generation} - {""}
        return Leads(known, offsets, frozenset(generations))

    async def counts(self, now: int, soon_at: int) -> Counts:
        """See `LeadStore.counts`."""
        found = [await self.standing(each.partition, now, soon_at, most=0) for each in self._shards]
        return sum((each.counts for each in found), NONE_OPEN)

    async def standing(self, partition: int, now: int, soon_at: int, *, most: int) -> Standing:
        """See `LeadStore.standing`."""
        shard = self._shards[partition]
        key = shard.key(DEADLINES)
        offset, overdue, soon, running, paused, first, following, places = await self._store.snapshot(
            [
                ("HGET", shard.ledger_key, "offset"),
                ("ZCOUNT", key, "-inf", now),
                ("ZCOUNT", key, f"({now}", soon_at),
                ("ZCARD", key),
                ("ZCARD", shard.key(PAUSED)),
                ("ZRANGEBYSCORE", key, f"({now}", "+inf", "WITHSCORES", "LIMIT", 0, 1),
                ("ZRANGEBYSCORE", key, f"({soon_at}", "+inf", "WITHSCORES", "LIMIT", 0, 1),
                ("ZRANGEBYSCORE", key, "-inf", now, "WITHSCORES", "LIMIT", 0, most),
            ]
        )
        coming = [score for _, score in _pairs(first)]
        coming += [score - (soon_at - now) for _, score in _pairs(following)]
        counts = Counts(overdue=overdue, due_soon=soon, open=running + paused, paused=paused)
        late = [Queued(0, score, member.decode()) for member, score in _pairs(places)]
        return Standing(counts, late, min(coming, default=None), _offset(offset))

    async def queue(self, over: Span, *, after: Queued | None = None, most: int) -> Queue:
        """See `LeadStore.queue`."""
        places: list[Queued] = []
        offsets: dict[int, int] = {}
        for shard in self._shards:
            offset, *found = await self._store.snapshot(
                [("HGET", shard.ledger_key, "offset"), *await self._ranges(shard, over, after, most)]
            )
            offsets[shard.partition] = _offset(offset)
            for (paused, _, _), reply in zip(_parts(over, after), found, strict=True):
                read_now = (Queued(paused, score, member.decode()) for member, score in _pairs(reply))
                places += [each for each in read_now if after is None or each > after]
        return Queue(sorted(places)[:most], offsets)

    async def versions(self) -> Mapping[int, int]:
        """See `LeadStore.versions`."""
        found = await self._store.read([("HGET", each.ledger_key, "version") for each in self._shards])
        return {each.partition: int(version or 0) for each, version in zip(self._shards, found, strict=True)}

    async def _ranges(self, shard: ShardId, over: Span, after: Queued | None, most: int) -> list[Command]:
        """Return what reads the first *most* behind *after*: the store doesn't know where among equals that is."""
        parts = _parts(over, after)
        equal = [0 for _ in parts]
        if after is not None:
            counts: list[Command] = [
                ("ZCOUNT", shard.key(_NAMES[each]), after.at, after.at) for each, *_ in parts
            ]
            equal = await self._store.read(counts)
        return [
            (
                *("ZRANGEBYSCORE", shard.key(_NAMES[paused]), first, last),
                *("WITHSCORES", "LIMIT", 0, most + int(ties)),
            )
            for (paused, first, last), ties in zip(parts, equal, strict=True)
        ]

    async def _ids(self, shard: ShardId, entries: Collection[Entry]) -> list[str]:
        names = [shard.key(entry_name(each)) for each in sorted(entries)]
        found: set[bytes] = set()
        for at in range(0, len(names), _KEYS):
            (some,) = await self._store.read([("SUNION", *names[at : at + _KEYS])])
            found |= set(some)
        return sorted(each.decode() for each in found)

    async def _of(self, shard: ShardId, lead_ids: Sequence[str]) -> AsyncGenerator[KnownLead]:
        for at in range(0, len(lead_ids), _PAGE):
            page = lead_ids[at : at + _PAGE]
            replies = await self._store.read([_both(shard, each) for each in page])
            async for lead_id, reply in paced(zip(page, replies, strict=True)):
                known = _known(lead_id, reply)
                if known is not None:
                    yield known

    async def _steady(self, shard: ShardId, read: Callable[[], Awaitable[Read]]) -> tuple[Read, int, str]:
        """Return what *read* returns with the offset and the generation it is of: again, where a commit came between."""
        asked: list[Command] = [
            ("HMGET", shard.ledger_key, "version", "offset"),
            ("GET", shard.key("generation")),
        ]
        before = await self._store.snapshot(asked)
        for _ in range(_TRIES - 1):
            found = await read()
            after = await self._store.snapshot(asked)
            if after == before:
                break
            before = after
        else:  # commits come one after the other: it is of a time, not of an instant
            found = await read()
        (_, offset), generation = before
        return found, _offset(offset), "" if generation is None else generation.decode()

    def _shard_of(self, lead_id: str) -> ShardId:
        return self._shards[partition_of(lead_id, len(self._shards))]


_NAMES = (DEADLINES, PAUSED)


def _parts(over: Span, after: Queued | None) -> list[tuple[int, int | str, int | str]]:
    """Return which of the two sets are read, each from what score to what score."""
    found: list[tuple[int, int | str, int | str]] = []
    if over.running and (after is None or not after.paused):
        first = "-inf" if over.from_at is None else over.from_at
        last = "+inf" if over.to_at is None else over.to_at
        found.append((0, first if after is None else after.at, last))
    if over.paused:
        found.append((1, after.at if after is not None and after.paused else "-inf", "+inf"))
    return found


def _pairs(reply: Sequence[Any]) -> list[tuple[bytes, int]]:
    """Return members and scores: the client gives pairs, or both in turn."""
    if reply and isinstance(reply[0], (tuple, list)):
        return [(member, int(float(score))) for member, score in reply]
    return [(reply[at], int(float(reply[at + 1]))) for at in range(0, len(reply), 2)]


def _both(shard: ShardId, lead_id: str) -> Command:
    return ("MGET", *(shard.key(f"{kind}:{lead_id}") for kind in ("lead", "clock")))


def _known(lead_id: str, found: Sequence[bytes | None]) -> KnownLead | None:
    lead, clocks = found
    if lead is None:
        return None
    return KnownLead(*decode(lead_id, lead), None if clocks is None else decode_clocks(clocks))


def _offset(value: bytes | None) -> int:
    return -1 if value is None else int(value)
