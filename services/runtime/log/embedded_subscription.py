"""One member of a group on one topic of the embedded log: reads, hands over, keeps its membership alive."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from redis.asyncio import Redis

from services.runtime.clock import Clock
from services.runtime.endings import ended
from services.runtime.log.embedded_entries import Keys, decode
from services.runtime.log.embedded_group import Group
from services.runtime.log.embedded_reader import EmbeddedReader
from services.runtime.log.holding import Holding, Membership
from services.runtime.log.partition_tasks import PartitionTasks
from services.runtime.log.port import LogUnavailable, Offsets, PartitionHandler

_log = structlog.get_logger(__name__)

_READ_RECORDS = 2_000  # one read of all partitions together brings about as many at most
_READ_BYTES = 16 * 1024 * 1024  # … or as much, going by the size of the last ones
_LONGEST_PAUSE_S = 0.5


class EmbeddedSubscription:
    """The port `Subscription` over Redis Streams; made by `EmbeddedLog.subscribe`."""

    def __init__(
        self,
        membership: Membership,
        *,
        url: str,
        redis: Redis,
        keys: Keys,
        group: Group,
        handler: PartitionHandler,
        max_records: int,
        offsets: Callable[[], Awaitable[Mapping[int, Offsets]]],
        clock: Clock,
    ) -> None:
        self._membership = membership
        self._url = url
        self._redis = redis
        self._group = group
        self._offsets = offsets
        self._clock = clock
        self._max_records = max_records
        self._streams = {keys.stream(each): each for each in range(group.partitions)}
        self._names = {each: stream for stream, each in self._streams.items()}
        self._tasks = PartitionTasks(
            handler, max_records=max_records, full=_ignore, room=self._poke, failed=self._fail
        )
        self._holding = Holding(
            membership, handler=handler, tasks=self._tasks, offsets=offsets, failed=self._begin_to_end
        )
        self._reader: EmbeddedReader | None = None
        self._running: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._woken = "0-0"
        self._entry_bytes = 64 * 1024
        self._last_poll_at = 0

    @property
    def assignment(self) -> frozenset[int]:
        """The partitions this member holds now."""
        return self._holding.partitions

    @property
    def last_poll_at(self) -> int:
        """When the server last answered a read, epoch ms; 0 before the first."""
        return self._last_poll_at

    @property
    def failure(self) -> BaseException | None:
        """What ended the subscription, or None."""
        return self._holding.failure

    async def start(self) -> None:
        """Join the group and begin to read. Raises LogUnavailable."""
        await self._group.enrol()
        self._reader = EmbeddedReader(self._url, name=self._group.connection_name, redis=self._redis)
        await self._reader.open()
        self._woken = await self._group.join()
        for work in (self._keep_lease(), self._balance(), self._read(self._reader)):
            task = asyncio.create_task(work, name=f"log-{self._membership.group}")
            task.add_done_callback(self._check)
            self._running.append(task)

    async def stop(self) -> None:
        """Finish the running batches, revoke, leave the group. Not to be called from within a batch."""
        self._begin_to_end()
        await self.wait()

    async def wait(self) -> None:
        """Return when the subscription has ended, by `stop` or by a failure."""
        while self._ending is None:
            # Whatever ends it sets `_ending` in the done-callback of one of these.
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED, timeout=1)
        await asyncio.shield(self._ending)

    def seek(self, partition: int, offset: int) -> None:
        """Read *partition* from *offset* next; what was fetched is dropped."""
        if self._tasks.seek(partition, max(offset, 1)):
            self._poke(partition)

    async def commit(self, partition: int, offset: int) -> None:
        """Keep *offset* as a hint; raises nothing."""
        if partition not in self.assignment:
            return
        try:
            await self._group.commit(partition, offset)
        except LogUnavailable as error:
            _log.warning("hint.dropped", topic=self._membership.topic, partition=partition, reason=str(error))

    def queued(self, partition: int) -> int:
        """Return how many records of *partition* wait in memory for the handler."""
        return self._tasks.queued(partition)

    async def lag(self) -> Mapping[int, int]:
        """For each partition held: records not yet handed to the handler."""
        bounds = await self._offsets()
        return {each: max(bounds[each].end - self._tasks.position(each), 0) for each in self.assignment}

    # --- reading -------------------------------------------------------------------------------------------

    async def _read(self, reader: EmbeddedReader) -> None:
        pause = 0.02
        while True:
            wanted = self._tasks.wanted()
            after = {self._names[each]: f"0-{offset - 1}" for each, offset in wanted.items()}
            after[self._group.wake_key] = self._woken
            try:
                found = await reader.read(after, count=self._appetite(len(wanted)))
            except LogUnavailable as error:
                _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
                continue
            pause = 0.02
            self._last_poll_at = self._clock()
            for stream, entries in found:
                self._sort_in(stream, entries, wanted)

    def _sort_in(self, stream: str, entries: list[Any], wanted: Mapping[int, int]) -> None:
        if stream == self._group.wake_key:
            self._woken = entries[-1][0].decode()
            self._look.set()
            return
        partition = self._streams[stream]
        # A seek or a change of hands since the read was sent makes its answer stale.
        if self._tasks.wanted().get(partition) != wanted[partition]:
            return
        records = decode(self._membership.topic, partition, entries)
        mean = sum(len(each.value or b"") for each in records) // len(records) + 100
        self._entry_bytes = max(mean, self._entry_bytes // 2)
        self._tasks.put(partition, records)

    def _appetite(self, streams: int) -> int:
        share = max(streams, 1)
        fitting = min(_READ_RECORDS // share, _READ_BYTES // (share * self._entry_bytes))
        return max(1, min(fitting, self._max_records))

    def _poke(self, _partition: int) -> None:
        if self._reader is not None:
            self._reader.poke()

    # --- membership ----------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        pause = self._group.lease_ms / 3000
        while True:
            await asyncio.sleep(pause)
            try:
                if not await self._group.renew():
                    _log.warning("lease.lapsed", topic=self._membership.topic, group=self._membership.group)
                    self._look.set()
            except LogUnavailable as error:
                _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))

    async def _balance(self) -> None:
        while True:
            self._look.clear()
            try:
                await self._rebalance()
            except LogUnavailable as error:
                _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))
            # Changes wake us; the dead do not, so look now and then.
            with suppress(TimeoutError):
                async with asyncio.timeout(min(self._group.lease_ms / 3000, 0.5)):
                    await self._look.wait()

    async def _rebalance(self) -> None:
        view = await self._group.view()
        mine = view.of(self._group.member)
        await self._holding.release(
            self.assignment - mine, at_once=True
        )  # taken from us while we were silent
        surplus = max(len(mine) - view.quota(self._group.member, self._group.partitions), 0)
        leaving = frozenset(sorted(mine)[len(mine) - surplus :])
        if leaving:
            await self._holding.release(leaving)
            await self._group.free(leaving)
        claimed = await self._group.claim(view)
        coming = (claimed | mine) - leaving - self.assignment
        if coming and await self._holding.take(coming) is not None:
            self._poke(0)

    # --- the end -------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        self._holding.fail(error)

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._holding.fail(error)

    def _begin_to_end(self) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name=f"log-end-{self._membership.group}")

    async def _end(self) -> None:
        if self._reader is None:
            return
        lease, *others = self._running or [None]
        await ended(*others)
        await self._holding.release(self.assignment)
        try:
            await self._group.leave()
        except LogUnavailable as error:
            # The lease runs out by itself; the others wait for that.
            _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))
        await ended(lease)
        await self._reader.close()


def _ignore(_partition: int) -> None:
    """A full partition is left out of the next read by itself."""
