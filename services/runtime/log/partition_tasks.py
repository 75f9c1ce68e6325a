"""
One task for each partition held: a bounded queue in front of the handler, one batch at a time.

Both adapters put records in as they come; a partition whose queue is full says so (`full`), and says when it
has room again (`room`), so that a slow handler makes only its own partition wait and memory stays bounded.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from services.errors import Misconfigured
from services.runtime.endings import ended
from services.runtime.log.port import LogRecord, PartitionHandler

FULL_BATCHES = 8
"""A queue is full at this many batches of the greatest size, and has room again at half of it."""

FULL_BYTES = 4 * 1024 * 1024
"""Or at this many bytes of values."""

_RECORD_OVERHEAD = 200  # bytes of a record beside its value, roughly


@dataclass(slots=True)
class _Lane:
    """The queue and the place of one partition."""

    partition: int
    position: int  # the next offset to hand over
    following: int  # the next offset to come in
    queue: deque[LogRecord] = field(default_factory=deque[LogRecord])
    bytes: int = 0
    full: bool = False
    closing: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class PartitionTasks:
    """
    The lanes of one subscription.

    Args:
        handler: Gets the batches.
        max_records: The greatest batch.
        full: Called with a partition that should be read no further for now.
        room: Called with that partition when it should be read again.
        failed: Called with what a batch raised; that partition gets no further batch.
    """

    def __init__(
        self,
        handler: PartitionHandler,
        *,
        max_records: int,
        full: Callable[[int], None],
        room: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._handler = handler
        self._max_records = max_records
        self._full_at = FULL_BATCHES * max_records
        self._on_full = full
        self._on_room = room
        self._on_failed = failed
        self._lanes: dict[int, _Lane] = {}

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are open."""
        return frozenset(self._lanes)

    def position(self, partition: int) -> int:
        """Return the next offset that will be handed to the handler."""
        return self._lanes[partition].position

    def queued(self, partition: int) -> int:
        """Return how many records of *partition* wait here; 0 if it is not open."""
        lane = self._lanes.get(partition)
        return len(lane.queue) if lane is not None else 0

    def wanted(self) -> dict[int, int]:
        """Return for each partition that has room the next offset to put in."""
        return {
            lane.partition: lane.following
            for lane in self._lanes.values()
            if not lane.full and not lane.closing
        }

    def open(self, partition: int, offset: int) -> None:
        """Begin to take the records of *partition* from *offset* on."""
        lane = _Lane(partition, offset, offset)
        self._lanes[partition] = lane
        lane.task = asyncio.create_task(self._run(lane), name=f"log-partition:{partition}")
        lane.task.add_done_callback(self._ended)

    def put(self, partition: int, records: Sequence[LogRecord]) -> None:
        """
        Queue *records*; a partition that is not open drops them.

        Raises:
            Misconfigured: The log went back: it was made anew, or lost what it had acknowledged.
        """
        lane = self._lanes.get(partition)
        if lane is None or lane.closing or not records:
            return
        if records[0].offset < lane.following:
            raise Misconfigured(
                f"partition {partition} of {records[0].topic!r} went back from offset {lane.following} to "
                f"{records[0].offset}: the topic was made anew or lost records; restore it, or rebuild the "
                "state from an empty store"
            )
        lane.queue.extend(records)
        lane.bytes += sum(map(_size, records))
        lane.following = records[-1].offset + 1
        lane.arrived.set()
        if not lane.full and (len(lane.queue) >= self._full_at or lane.bytes >= FULL_BYTES):
            lane.full = True
            self._on_full(partition)

    def seek(self, partition: int, offset: int) -> bool:
        """Drop what is queued and go on from *offset*; False if the partition is not open."""
        lane = self._lanes.get(partition)
        if lane is None or lane.closing:
            return False
        lane.queue.clear()
        lane.bytes = 0
        lane.position = lane.following = offset
        self._make_room(lane)
        return True

    async def close(self, partitions: Iterable[int], *, within_s: float) -> None:
        """Let the current batches of *partitions* end, cancel those that take longer; drop what is queued."""
        lanes = [self._lanes[each] for each in partitions if each in self._lanes]
        for lane in lanes:
            lane.closing = True
            lane.arrived.set()
        tasks = [lane.task for lane in lanes if lane.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            await ended(*late)
        for lane in lanes:
            if self._lanes.get(lane.partition) is lane:
                del self._lanes[lane.partition]

    async def _run(self, lane: _Lane) -> None:
        while True:
            while not lane.queue and not lane.closing:
                lane.arrived.clear()
                await lane.arrived.wait()
            if lane.closing:
                return
            await self._handler.batch(lane.partition, self._take(lane))

    def _take(self, lane: _Lane) -> Sequence[LogRecord]:
        if len(lane.queue) <= self._max_records:
            taken = list(lane.queue)
            lane.queue.clear()
            lane.bytes = 0
        else:
            taken = [lane.queue.popleft() for _ in range(self._max_records)]
            lane.bytes -= sum(map(_size, taken))
        lane.position = taken[-1].offset + 1
        if len(lane.queue) <= self._full_at // 2 and lane.bytes <= FULL_BYTES // 2:
            self._make_room(lane)
        return taken

    def _make_room(self, lane: _Lane) -> None:
        if lane.full:
            lane.full = False
            self._on_room(lane.partition)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failed(error)


def _size(record: LogRecord) -> int:
    return _RECORD_OVERHEAD if record.value is None else len(record.value) + _RECORD_OVERHEAD
