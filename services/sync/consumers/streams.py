"""
The vendors' change streams: each is followed by the owner of its home, one of the shards of the leads.

| name             | type   | holds                                                            |
|------------------|--------|------------------------------------------------------------------|
| cursor:<channel> | string | where the stream stands: what was told up to it is in the inbox  |
| told:<channel>   | string | the vendor's time of the last event told, epoch ms, decimal      |

The cursors live with the leads and not with the inbox, whose shards wait for vendors: while one vendor is
away, another's stream must go on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.log.port import Log, partition_of
from services.runtime.operations import Operations
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.gate import Gate
from services.sync.application.orders import NOBODY_SWEEPS, Order, Orders
from services.sync.application.ports import Connector, StreamBatch, StreamPosition, StreamPositionLost
from services.sync.application.trouble import report
from services.sync.consumers.inbox import inbox_record

log = structlog.get_logger()


class Streams:
    """
    Follows the change streams whose home is a shard that is held.

    Args:
        partitions: Of the topic whose shards are the homes.
        failed: Told of a stream's unexpected end; it is to end the process.
        received: Told how many notifications a stream brought, by system; 0 for a sign of life.
        orders: Takes the order to sweep the objects of a stream whose position was lost.
        lost: Told of each such object, for the metrics.
    """

    def __init__(
        self,
        *,
        connectors: Sequence[Connector],
        store: Store,
        log: Log,
        partitions: int,
        clock: Clock,
        failed: Callable[[BaseException], None],
        received: Callable[[str, int], None] = lambda _system, _count: None,
        orders: Orders = NOBODY_SWEEPS,
        lost: Callable[[str, str], None] = lambda _system, _object: None,
    ) -> None:
        self._orders = orders
        self._lost = lost
        self._clock = clock
        self._store = store
        self._log = log
        self._failed = failed
        self._received = received
        self._homes = [
            (partition_of(f"{each.system}:{channel}", partitions), each, channel)
            for each in connectors
            for channel in each.channels
        ]
        self._tasks: dict[int, list[asyncio.Task[None]]] = {}
        self._told_at: dict[tuple[str, str], int] = {}

    @property
    def told_at(self) -> Mapping[tuple[str, str], int]:
        """
        When each stream (system, channel) that is followed here last told anything, epoch ms.

        A sign of life counts; before the first one it is when following began.
        """
        return self._told_at

    async def opened(self, shard: Shard) -> None:
        """Follow the streams whose home *shard* is."""
        tasks = self._tasks[shard.id.partition] = []
        for home, connector, channel in self._homes:
            if home == shard.id.partition:
                self._told_at[connector.system, channel] = self._clock()
                task = asyncio.create_task(self._follow(shard, connector, channel), name=f"follow {channel}")
                task.add_done_callback(lambda done: report_end(done, self._failed))
                tasks.append(task)

    async def closed(self, shard: Shard) -> None:
        """Stop following; the next owner goes on from the cursor."""
        await ended(*self._tasks.pop(shard.id.partition, []))
        for home, connector, channel in self._homes:
            if home == shard.id.partition:
                self._told_at.pop((connector.system, channel), None)

    async def _follow(self, shard: Shard, connector: Connector, channel: str) -> None:
        """Append what the stream tells to the inbox, then move the cursor: a crash between repeats, nothing is lost."""
        gate = Gate(self._clock)
        key = shard.id.key(f"cursor:{channel}")
        while True:
            (cursor,) = await self._store.mget([key])
            before = await gate.wait()
            try:
                position = StreamPosition(channel, (cursor or b"").decode())
                await self._read_stream(shard, connector, position, key, gate)
            except StreamPositionLost:
                await self._position_lost(shard, connector, channel)
            except Retryable as error:
                gate.fail(error, before)
                report("stream.broken", error, system=connector.system, channel=channel)

    async def _position_lost(self, shard: Shard, connector: Connector, channel: str) -> None:
        """Have everything swept that the stream may have told since its last event; then follow what is kept."""
        told = shard.id.key(f"told:{channel}")
        (told_at,) = await self._store.mget([told])
        since = int(told_at or 0)
        log.error("stream.position_lost", system=connector.system, channel=channel, since=since)
        for name in connector.told_by(channel):
            if name in connector.objects:
                await self._orders.order(Order(connector.system, name, "position-lost", since))
                self._lost(connector.system, name)
        await shard.commit(Operations().delete(shard.id.key(f"cursor:{channel}")).delete(told))

    async def _read_stream(
        self, shard: Shard, connector: Connector, position: StreamPosition, key: str, gate: Gate
    ) -> None:
        async for batch in connector.follow(position):
            gate.succeed()
            self._told_at[connector.system, position.channel] = self._clock()
            if batch.notifications:
                await self._log.append([inbox_record(each) for each in batch.notifications])
            self._received(connector.system, len(batch.notifications))
            operations = Operations().set(key, batch.position.cursor)
            if (told_at := self._told_of(batch)) is not None:
                operations.set(shard.id.key(f"told:{position.channel}"), told_at)
            await shard.commit(operations)

    def _told_of(self, batch: StreamBatch) -> int | None:
        """Return up to when the stream has told everything: its last event, or now for a mere sign of life."""
        if not batch.notifications:
            return self._clock()
        instants = [each.occurred_at for each in batch.notifications if each.occurred_at is not None]
        return max(instants, default=None)
