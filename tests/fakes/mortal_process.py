"""A process that dies at a chosen step: its store and its log count what reaches the outside, and stop there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from services.runtime.keys import ShardId
from services.runtime.ledger import Ledger, Reply
from services.runtime.log.port import (
    LogRecord,
    Offsets,
    Origin,
    PartitionHandler,
    Record,
    Subscription,
    TopicSpec,
)
from services.runtime.operations import Operations
from services.runtime.store import Command, Store
from tests.fakes.memory_log import MemoryLog, MemorySubscription

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Fate:
    """
    What happens to a process, by the number of its steps (calls to store or log).

    It dies at `dies_at`: before that call has its effect, or after it and before the answer is seen.
    At `kept_at` a snapshot of the store is taken, at `rolled_back_at` the store goes back to it.
    """

    dies_at: int | None = None
    after_effect: bool = False
    kept_at: int | None = None
    rolled_back_at: int | None = None


class Process:
    """
    Counts steps and dies by its fate; what runs on in it afterwards reaches nothing.

    Args:
        fate: When what happens.
        keep: Takes a snapshot of the store.
        roll_back: Takes the store back to the last snapshot, if there is one.
    """

    def __init__(
        self, fate: Fate, keep: Callable[[], Awaitable[None]], roll_back: Callable[[], Awaitable[None]]
    ) -> None:
        self.died = asyncio.Event()
        self._fate = fate
        self._events = {fate.kept_at: keep, fate.rolled_back_at: roll_back}
        self._steps = 0
        self._buried = False
        self._alive_before = asyncio.all_tasks()
        self.members: list[MemorySubscription] = []

    async def step(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what *call* returns, unless the process dies here."""
        await self._stop_if_dead()
        number, self._steps = self._steps, self._steps + 1
        event = self._events.get(number)
        if event is not None:
            await event()
        if number == self._fate.dies_at and not self._fate.after_effect:
            self.died.set()
        await self._stop_if_dead()
        answer = await call()
        if number == self._fate.dies_at:
            self.died.set()
        await self._stop_if_dead()
        return answer

    async def bury(self) -> None:
        """Remove what is left of the process: its memberships and its tasks."""
        self.died.set()
        self._buried = True
        for member in self.members:
            member.kill()
        while left := asyncio.all_tasks() - self._alive_before:
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    async def _stop_if_dead(self) -> None:
        if self._buried:
            raise asyncio.CancelledError
        if self.died.is_set():
            await asyncio.Event().wait()


class MortalStore(Store):
    """The store as one process sees it."""

    def __init__(self, url: str, process: Process) -> None:
        super().__init__(url)
        self._process = process

    async def open(self, shard: ShardId, *, now: int, above: int = 0) -> Ledger:
        """See `Store.open`."""
        opened = super().open
        return await self._process.step(lambda: opened(shard, now=now, above=above))

    async def ledger(self, shard: ShardId) -> Ledger:
        """See `Store.ledger`."""
        found = super().ledger
        return await self._process.step(lambda: found(shard))

    async def commit(self, shard: ShardId, base: Ledger, new_offset: int, operations: Operations) -> Reply:
        """See `Store.commit`."""
        committed = super().commit
        return await self._process.step(lambda: committed(shard, base, new_offset, operations))

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """See `Store.read`."""
        found = super().read
        return await self._process.step(lambda: found(commands))

    async def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Store.mget`."""
        found = super().mget
        return await self._process.step(lambda: found(keys))


class MortalLog:
    """The log as one process sees it."""

    def __init__(self, log: MemoryLog, process: Process) -> None:
        self._log = log
        self._process = process

    async def start(self) -> None:
        """See `Log.start`."""

    async def close(self) -> None:
        """See `Log.close`."""

    async def ensure_topics(self, specs: Sequence[TopicSpec]) -> None:
        """See `Log.ensure_topics`."""
        await self._log.ensure_topics(specs)

    def partition_for(self, topic: str, key: str) -> int:
        """See `Log.partition_for`."""
        return self._log.partition_for(topic, key)

    async def append(self, records: Sequence[Record]) -> None:
        """See `Log.append`."""
        await self._process.step(lambda: self._log.append(records))

    async def landed(self, records: Sequence[Record], *, since: int) -> frozenset[Origin]:
        """See `Log.landed`."""
        return await self._process.step(lambda: self._log.landed(records, since=since))

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> Subscription:
        """See `Log.subscribe`."""
        member = _MortalMember(self._log, topic, group, handler, max_records, self._process)
        self._process.members.append(member)
        return member

    async def read(self, topic: str, partition: int, offset: int, *, limit: int = 500) -> Sequence[LogRecord]:
        """See `Log.read`."""
        return await self._log.read(topic, partition, offset, limit=limit)

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """See `Log.offsets`."""
        return await self._process.step(lambda: self._log.offsets(topic))

    async def ping(self) -> None:
        """See `Log.ping`."""


class _MortalMember(MemorySubscription):
    def __init__(
        self,
        log: MemoryLog,
        topic: str,
        group: str,
        handler: PartitionHandler,
        max_records: int,
        process: Process,
    ) -> None:
        super().__init__(log, topic, group, handler, max_records)
        self._process = process

    async def commit(self, partition: int, offset: int) -> None:
        """See `Subscription.commit`."""
        committed = super().commit
        await self._process.step(lambda: committed(partition, offset))
