"""All counters of the store, each shard at one instant: what is compared can't move meanwhile."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from schemas.topics import LIFECYCLE
from services.errors import Retryable
from services.kpi.application.ports import Counters, Wanted
from services.kpi.domain.counters import KNOWN
from services.kpi.domain.places import ALL_TIME, counts_name
from services.runtime.keys import ShardId
from services.runtime.store import Command, Store

_TRIES = 20
_SIGN = re.compile("[/~]")


class StillMoving(Retryable):
    """New counters appear faster than they can be listed; try again when less is going on."""


class Dump:
    """See `CounterStore`. It answers from memory: the counters of *generation*, as they stood in the store."""

    def __init__(self, generation: str, offsets: Mapping[int, int], generations: frozenset[str]) -> None:
        self.offsets = offsets
        self.generations = generations
        self.amounts: dict[str, dict[str, int]] = {}
        self._generation = generation

    async def read(self, wanted: Wanted) -> Counters:
        """Return what is *wanted*, and of whole keys all there are."""
        return Counters(wanted.summed(self.amounts), self.amounts, self.offsets, self.generations)

    async def versions(self) -> Mapping[int, int]:
        """Return the offsets: nothing changes any more."""
        return self.offsets

    def active_days(self) -> Mapping[str, Mapping[str, set[str]]]:
        """Return of each day (ISO) that has a counter the segments, each with the codes that count there."""
        found: dict[str, dict[str, set[str]]] = {}
        counts, spreads = (f"{kind}:{self._generation}:d" for kind in ("n", "s"))
        for name, fields in self.amounts.items():
            if name.startswith(counts):
                day = found.setdefault(_iso(name.removeprefix(counts)), {})
                for field in fields:
                    code, _, segment = field.partition(":")
                    day.setdefault(segment, set()).add(code)
            elif name.startswith(spreads):
                ordinal, _, segment = name.removeprefix(spreads).partition(":")
                day = found.setdefault(_iso(ordinal), {})
                day.setdefault(segment, set()).update(_SIGN.split(field)[0] for field in fields)
        return found

    def segments(self) -> set[str]:
        """Return all segments that ever counted, ``""`` for the whole."""
        known = self.amounts.get(counts_name(self._generation, ALL_TIME), {})
        return {"", *(field.removeprefix(f"{KNOWN}:") for field in known)}

    def codes(self) -> set[str]:
        """Return the codes of all counters of days, without their segments."""
        counts = counts_name(self._generation, "d")
        return {
            field.partition(":")[0]
            for name, fields in self.amounts.items()
            if name.startswith(counts)
            for field in fields
        }


async def dump(store: Store, *, service: str, partitions: int, generation: str) -> Dump:
    """
    Return the counters of *generation* in all shards of *service*.

    Raises:
        StillMoving: New counters appear all the time.
        StoreUnavailable: The store is away.
    """
    offsets: dict[int, int] = {}
    generations: set[str] = set()
    found = Dump(generation, offsets, frozenset())
    for partition in range(partitions):
        shard = ShardId(service, LIFECYCLE.name, partition)
        offset, said, held = await _shard(store, shard, generation)
        offsets[partition] = offset
        if said is not None:
            generations.add(said)
        for name, fields in held.items():
            into = found.amounts.setdefault(name, {})
            for field, amount in fields.items():
                into[field] = into.get(field, 0) + amount
    found.generations = frozenset(generations)
    return found


async def _shard(
    store: Store, shard: ShardId, generation: str
) -> tuple[int, str | None, dict[str, dict[str, int]]]:
    for _ in range(_TRIES):
        before = (await store.ledger(shard)).version
        names = [
            name
            for kind in ("n", "s")
            for each in [f"{kind}:{generation}:"]
            async for name in store.names(shard, each)
        ]
        names = sorted(set(names))
        version, offset, said, *replies = await store.snapshot(_commands(shard, names))
        if int(version or 0) == before:  # no key came between
            return (
                -1 if offset is None else int(offset),
                None if said is None else said.decode(),
                {name: _amounts(reply) for name, reply in zip(names, replies, strict=True)},
            )
    raise StillMoving(f"the counters of {shard} move all the time; recount when less is going on")


def _commands(shard: ShardId, names: Sequence[str]) -> list[Command]:
    return [
        ("HGET", shard.ledger_key, "version"),
        ("HGET", shard.ledger_key, "offset"),
        ("GET", shard.key("generation")),
        *(("HGETALL", shard.key(name)) for name in names),
    ]


def _amounts(reply: Mapping[bytes, bytes]) -> dict[str, int]:
    return {field.decode(): int(value) for field, value in reply.items()}


def _iso(ordinal: str) -> str:
    return date.fromordinal(int(ordinal)).isoformat()
