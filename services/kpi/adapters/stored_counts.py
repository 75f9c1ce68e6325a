"""The counters of all shards, read from the store."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.topics import LIFECYCLE
from services.kpi.application.ports import Counters, Wanted
from services.runtime.keys import ShardId
from services.runtime.store import Command, Store


class StoredCounts:
    """
    See `CounterStore`. It needs no ownership: any process may read.

    Args:
        service: The service whose shards hold the counters.
        partitions: Of the lifecycle topic.
    """

    def __init__(self, store: Store, *, service: str, partitions: int) -> None:
        self._store = store
        self._shards = [ShardId(service, LIFECYCLE.name, number) for number in range(partitions)]

    async def read(self, wanted: Wanted) -> Counters:
        """See `CounterStore.read`."""
        amounts: dict[str, dict[str, int]] = {}
        offsets: dict[int, int] = {}
        generations: set[str] = set()
        for shard in self._shards:
            offset, generation, *replies = await self._store.snapshot(_commands(shard, wanted))
            offsets[shard.partition] = -1 if offset is None else int(offset)
            if generation is not None:
                generations.add(generation.decode())
            _add(amounts, wanted, replies)
        return Counters(amounts, offsets, frozenset(generations))

    async def versions(self) -> Mapping[int, int]:
        """See `CounterStore.versions`."""
        found = await self._store.read([("HGET", shard.ledger_key, "version") for shard in self._shards])
        return {
            shard.partition: int(version or 0) for shard, version in zip(self._shards, found, strict=True)
        }


def _commands(shard: ShardId, wanted: Wanted) -> list[Command]:
    return [
        ("HGET", shard.ledger_key, "offset"),
        ("GET", shard.key("generation")),
        *(("HMGET", shard.key(name), *fields) for name, fields in wanted.fields.items()),
        *(("HGETALL", shard.key(name)) for name in wanted.keys),
    ]


def _add(amounts: dict[str, dict[str, int]], wanted: Wanted, replies: Sequence[Any]) -> None:
    """Add one shard's *replies* to the sums."""
    answers = iter(replies)
    for name, fields in wanted.fields.items():
        held = amounts.setdefault(name, {})
        for field, value in zip(fields, next(answers), strict=True):
            if value is not None:
                held[field] = held.get(field, 0) + int(value)
    for name in wanted.keys:
        held = amounts.setdefault(name, {})
        found: Mapping[bytes, bytes] = next(answers)
        for field, value in found.items():
            text = field.decode()
            held[text] = held.get(text, 0) + int(value)
