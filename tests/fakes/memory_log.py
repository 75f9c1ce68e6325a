"""The log in memory: the port's promises within one process, with members that can be killed or left behind."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from services.errors import Misconfigured
from services.runtime.clock import Clock, now_ms
from services.runtime.endings import ended
from services.runtime.log.port import (
    MAX_VALUE_BYTES,
    LogRecord,
    LogUnavailable,
    Offsets,
    Origin,
    PartitionHandler,
    Record,
    RecordTooLarge,
    TopicSpec,
    origin_of,
    partition_of,
)
from services.runtime.outbox import EntryId, entry_id


class MemoryLog:
    """
    A `Log` whose topics live as long as it does.

    `away` makes appends fail with LogUnavailable. Offsets leave gaps where *gap* is above 1, as Kafka's
    transaction markers do. What a producer sends again is dropped as the embedded log drops it, or where *asked* is
    true appended again, and `landed` tells what is there, as Kafka's partitions do.
    """

    def __init__(self, *, gap: int = 1, asked: bool = False, clock: Clock = now_ms) -> None:
        self.away = False
        self.hints: dict[tuple[str, str, int], int] = {}
        self._gap = gap
        self._asked = asked
        self._taken: dict[tuple[str, int, str], EntryId] = {}
        self._clock = clock
        self._topics: dict[str, list[list[LogRecord]]] = {}
        self._members: dict[tuple[str, str], list[MemorySubscription]] = {}
        self._appended = asyncio.Event()

    async def start(self) -> None:
        """See `Log.start`."""

    async def close(self) -> None:
        """See `Log.close`."""

    async def ensure_topics(self, specs: Sequence[TopicSpec]) -> None:
        """See `Log.ensure_topics`."""
        for spec in specs:
            partitions = self._topics.setdefault(spec.name, [[] for _ in range(spec.partitions)])
            if len(partitions) != spec.partitions:
                raise Misconfigured(f"topic {spec.name!r} has {len(partitions)} partitions")

    def partition_for(self, topic: str, key: str) -> int:
        """See `Log.partition_for`."""
        return partition_of(key, len(self._topics[topic]))

    async def append(self, records: Sequence[Record]) -> None:
        """See `Log.append`."""
        for record in records:
            if record.value is not None and len(record.value) > MAX_VALUE_BYTES:
                raise RecordTooLarge(topic=record.topic, key=record.key, size=len(record.value))
        if self.away:
            raise LogUnavailable("the memory log is away")
        for record in records:
            partition = self.partition_for(record.topic, record.key)
            if not self._asked and self._is_repeated(record, partition):
                continue
            held = self._topics[record.topic][partition]
            offset = held[-1].offset + self._gap if held else 0
            held.append(
                LogRecord(
                    *(record.topic, partition, offset, record.key, record.value, dict(record.headers)),
                    appended_at=self._clock(),
                )
            )
        self.wake()
        await asyncio.sleep(0)

    def _is_repeated(self, record: Record, partition: int) -> bool:
        if (origin := origin_of(record.headers)) is None:
            return False
        place, told = (record.topic, partition, origin[0]), entry_id(origin[1])
        if told <= self._taken.get(place, (-1, -1)):
            return True
        self._taken[place] = told
        return False

    async def landed(self, records: Sequence[Record], *, since: int) -> frozenset[Origin]:
        """See `Log.landed`."""
        if self.away:
            raise LogUnavailable("the memory log is away")
        if not self._asked:
            return frozenset()
        held = (
            each
            for topic in {each.topic for each in records}
            for part in self._topics[topic]
            for each in part
        )
        found = {origin_of(each.headers) for each in held if each.appended_at >= since}
        return frozenset(
            origin for each in records if (origin := origin_of(each.headers)) is not None and origin in found
        )

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> "MemorySubscription":
        """See `Log.subscribe`."""
        return MemorySubscription(self, topic, group, handler, max_records)

    async def read(self, topic: str, partition: int, offset: int, *, limit: int = 500) -> Sequence[LogRecord]:
        """See `Log.read`."""
        return self.records(topic, partition, offset)[:limit]

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """See `Log.offsets`."""
        ends = ((each[-1].offset + 1 if each else 0) for each in self._topics[topic])
        return {partition: Offsets(0, end) for partition, end in enumerate(ends)}

    async def ping(self) -> None:
        """See `Log.ping`."""
        if self.away:
            raise LogUnavailable("the memory log is away")

    def records(self, topic: str, partition: int, offset: int = 0) -> list[LogRecord]:
        """Return the records of a partition from *offset* on."""
        return [record for record in self._topics[topic][partition] if record.offset >= offset]

    def members(self, topic: str, group: str) -> "list[MemorySubscription]":
        """Return the members of a group, in the order they joined."""
        return self._members.setdefault((topic, group), [])

    def partitions(self, topic: str) -> int:
        """Return how many partitions *topic* has."""
        return len(self._topics[topic])

    def wake(self) -> None:
        """Let readers look again."""
        appended, self._appended = self._appended, asyncio.Event()
        appended.set()

    async def changed(self) -> None:
        """Wait for the next append."""
        await self._appended.wait()


class MemorySubscription:
    """
    One member of a group. Partitions are dealt in turn among the living members at each change.

    `abandon` takes everything from the member without telling it: its handlers go on, as a zombie's do.
    `kill` ends it at once, as the death of its process does: no revoke, no leave.
    """

    def __init__(
        self, log: MemoryLog, topic: str, group: str, handler: PartitionHandler, max_records: int
    ) -> None:
        self._log = log
        self._topic = topic
        self._group = group
        self._handler = handler
        self._max_records = max_records
        self._positions: dict[int, int] = {}
        self._fetched: dict[int, deque[LogRecord]] = {}
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._failure: BaseException | None = None
        self._balancing: asyncio.Task[None] | None = None
        self._stopping: set[int] = set()

    @property
    def assignment(self) -> frozenset[int]:
        """See `Subscription.assignment`."""
        return frozenset(self._lanes)

    @property
    def last_poll_at(self) -> int:
        """See `Subscription.last_poll_at`."""
        return now_ms()

    @property
    def failure(self) -> BaseException | None:
        """See `Subscription.failure`."""
        return self._failure

    async def start(self) -> None:
        """See `Subscription.start`."""
        self._log.members(self._topic, self._group).append(self)
        self._balancing = asyncio.create_task(self._balance())

    async def stop(self) -> None:
        """See `Subscription.stop`."""
        await ended(self._balancing)
        await self._release(self.assignment)
        self._leave()

    def kill(self) -> None:
        """End at once, without a word to anybody."""
        for task in (*self._lanes.values(), *([self._balancing] if self._balancing else [])):
            task.cancel()
        self._lanes.clear()
        self._leave()

    def abandon(self) -> None:
        """Leave the group without the handler knowing: from now on it is a zombie."""
        if self._balancing is not None:
            self._balancing.cancel()
        self._leave()

    def seek(self, partition: int, offset: int) -> None:
        """See `Subscription.seek`."""
        if partition in self._positions:
            self._positions[partition] = offset
            self._fetched[partition].clear()
            self._log.wake()

    async def commit(self, partition: int, offset: int) -> None:
        """See `Subscription.commit`."""
        if partition in self._lanes:
            self._log.hints[self._topic, self._group, partition] = offset

    async def lag(self) -> Mapping[int, int]:
        """See `Subscription.lag`."""
        return {
            partition: len(self._log.records(self._topic, partition, self._positions[partition]))
            for partition in self.assignment
        }

    async def _balance(self) -> None:
        while True:
            members = self._log.members(self._topic, self._group)
            mine = frozenset(range(members.index(self), self._log.partitions(self._topic), len(members)))
            try:
                await self._release(self.assignment - mine)
                taken = frozenset[int]().union(*(each.assignment for each in members if each is not self))
                await self._take(mine - self.assignment - taken)
            except Exception as error:  # noqa: BLE001 - kept as the failure
                self._fail(error)
                return
            await asyncio.sleep(0.005)

    async def _take(self, partitions: frozenset[int]) -> None:
        if not partitions:
            return
        self._positions.update(dict.fromkeys(partitions, 0))
        self._fetched.update({partition: deque() for partition in partitions})
        for partition, offset in (await self._handler.assigned(partitions)).items():
            self._positions[partition] = offset
            self._fetched[partition].clear()
            self._lanes[partition] = asyncio.create_task(self._run(partition))

    async def _release(self, partitions: frozenset[int]) -> None:
        if not partitions:
            return
        self._stopping |= partitions
        self._log.wake()
        _, late = await asyncio.wait([self._lanes[partition] for partition in partitions], timeout=5)
        await ended(*late)
        await self._handler.revoked(partitions)
        for partition in partitions:
            self._lanes.pop(partition, None)
        self._stopping -= partitions

    async def _run(self, partition: int) -> None:
        fetched = self._fetched[partition]
        try:
            while partition not in self._stopping:
                # Fetched ahead, as real clients do, so that a seek has something to drop.
                start = fetched[-1].offset + 1 if fetched else self._positions[partition]
                fetched.extend(self._log.records(self._topic, partition, start))
                if not fetched:
                    await self._log.changed()
                    continue
                batch = [fetched.popleft() for _ in range(min(self._max_records, len(fetched)))]
                self._positions[partition] = batch[-1].offset + 1
                await self._handler.batch(partition, batch)
        except Exception as error:  # noqa: BLE001 - kept as the failure
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._leave()

    def _leave(self) -> None:
        members = self._log.members(self._topic, self._group)
        if self in members:
            members.remove(self)
