"""
How much each system tells: counted in the shards of the inbox, and looked at for silences.

| name        | type | holds                                                                               |
|-------------|------|-------------------------------------------------------------------------------------|
| heard:<day> | hash | <system>:<object>:<number of five minutes> → notifications; ten days, by epoch day  |
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import structlog

from schemas.topics import INBOX
from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.keys import ShardId
from services.runtime.operations import Operations
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.orders import Order, Orders
from services.sync.domain.records import Notification
from services.sync.domain.silence import BUCKET_MS, DAY_MS, Silence, silence

log = structlog.get_logger()

KEPT_DAYS = 10
LOOK_S = 60.0


def note(operations: Operations, shard: Shard, notifications: Iterable[Notification]) -> None:
    """Add to *operations* that *notifications* came in."""
    days: dict[int, dict[str, int]] = {}
    for each in notifications:
        counts = days.setdefault(each.received_at // DAY_MS, {})
        name = f"{each.ref.system}:{each.ref.object}:{each.received_at // BUCKET_MS}"
        counts[name] = counts.get(name, 0) + 1
    for day, counts in days.items():
        key = shard.key(f"heard:{day}")
        operations.hincrby(key, counts).pexpireat(key, (day + KEPT_DAYS) * DAY_MS)


class Hearing:
    """
    Looks for silences, has the objects swept that fell silent, and tells.

    Args:
        objects: By system, the objects of which notifications are expected.
        after_ms: A shorter silence is none; 0 never looks.
        partitions: Of the inbox.
        told: Told of each object how long it is silent, ms; 0 where it isn't.
    """

    def __init__(
        self,
        *,
        store: Store,
        service: str,
        partitions: int,
        objects: Mapping[str, Sequence[str]],
        orders: Orders,
        after_ms: int,
        clock: Clock,
        told: Callable[[str, str, int], None] = lambda _system, _object, _silent_ms: None,
    ) -> None:
        self._store = store
        self._service = service
        self._partitions = partitions
        self._objects = objects
        self._orders = orders
        self._after_ms = after_ms
        self._clock = clock
        self._told = told
        self._silent: dict[tuple[str, str], Silence] = {}

    @property
    def silent(self) -> Mapping[tuple[str, str], Silence]:
        """Who is silent, by system and object."""
        return self._silent

    async def run(self) -> None:
        """Look every minute until cancelled; a store that is away is asked again."""
        while self._after_ms:
            try:
                await self.look()
            except Retryable as error:
                log.warning("silence.unmeasured", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)
        await asyncio.Event().wait()

    async def look(self) -> None:
        """Look once. Raises StoreUnavailable."""
        now = self._clock()
        counts = await self._counts(now)
        for system, objects in self._objects.items():
            for name in objects:
                found = silence(counts.get((system, name), {}), now, self._after_ms)
                await self._note(system, name, found, now)

    async def _note(self, system: str, name: str, found: Silence | None, now: int) -> None:
        known = self._silent.pop((system, name), None)
        self._told(system, name, 0 if found is None else now - found.since)
        if found is None:
            if known is not None:
                log.info("silence.ended", system=system, object=name)
            return
        self._silent[system, name] = found
        if known is None or known.since != found.since:
            minutes = (now - found.since) // 60_000
            log.error("silence.noticed", system=system, object=name, minutes=minutes, usual=found.usual)
            await self._orders.order(Order(system, name, "silence", found.since - BUCKET_MS))

    async def _counts(self, now: int) -> Mapping[tuple[str, str], dict[int, int]]:
        today = now // DAY_MS
        shards = [ShardId(self._service, INBOX.name, each) for each in range(self._partitions)]
        days = range(today - KEPT_DAYS + 1, today + 1)
        replies = await self._store.read(
            [("HGETALL", shard.key(f"heard:{day}")) for shard in shards for day in days]
        )
        found: dict[tuple[str, str], dict[int, int]] = {}
        for reply in cast("list[Mapping[bytes, bytes]]", replies):
            for packed, count in reply.items():
                system, name, bucket = packed.decode().rsplit(":", 2)
                counts = found.setdefault((system, name), {})
                counts[int(bucket)] = counts.get(int(bucket), 0) + int(count)
        return found
