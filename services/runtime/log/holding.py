"""Takes partitions over for a handler and hands them back: the part of a subscription both adapters share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from services.errors import Misconfigured
from services.runtime.endings import carried_out
from services.runtime.log.partition_tasks import PartitionTasks
from services.runtime.log.port import LogUnavailable, Offsets, PartitionHandler

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Membership:
    """Who reads what: a topic, the group, and for how long a batch may go on when its partition must go."""

    topic: str
    group: str
    drain_ms: int


class Holding:
    """
    What one member of a group holds.

    Args:
        membership: The topic and the group.
        handler: Asked where to begin, told what was let go.
        tasks: Where the partitions are opened and closed.
        offsets: Tells where the topic's partitions begin and end.
        failed: Called once, with what ends the subscription.
    """

    def __init__(
        self,
        membership: Membership,
        *,
        handler: PartitionHandler,
        tasks: PartitionTasks,
        offsets: Callable[[], Awaitable[Mapping[int, Offsets]]],
        failed: Callable[[], None],
    ) -> None:
        self._membership = membership
        self._handler = handler
        self._tasks = tasks
        self._offsets = offsets
        self._failed = failed
        self._releasing = asyncio.Lock()
        self.failure: BaseException | None = None

    @property
    def partitions(self) -> frozenset[int]:
        """What is held: the handler has taken it over and was not told to let go."""
        return self._tasks.partitions

    def fail(self, error: BaseException) -> None:
        """End the subscription because of *error*; only the first counts."""
        if self.failure is not None:
            return
        self.failure = error
        _log.error(
            "subscription.failed",
            topic=self._membership.topic,
            group=self._membership.group,
            reason=str(error),
            exc_info=error,
        )
        self._failed()

    async def take(self, partitions: frozenset[int]) -> Mapping[int, int] | None:
        """
        Have the handler take *partitions* over and open them; return where each begins.

        None, and `failure` is set, if the handler failed or wants an offset that the log does not have.
        """
        try:
            wanted = await self._handler.assigned(partitions)
            starts = await self._starts(wanted, partitions)
        except Exception as error:  # noqa: BLE001 -- whatever it is ends the subscription and is kept
            self.fail(error)
            return None
        for each, offset in starts.items():
            self._tasks.open(each, offset)
        _log.info("partitions.taken", topic=self._membership.topic, partitions=sorted(partitions))
        return starts

    async def release(self, partitions: frozenset[int], *, at_once: bool = False) -> None:
        """Let the current batches of *partitions* end (*at_once*: cancel them), then tell the handler."""
        async with self._releasing:  # a rebalance and the end may come together
            held = partitions & self._tasks.partitions
            if not held:
                return
            await self._tasks.close(held, within_s=0 if at_once else self._membership.drain_ms / 1000)
            try:
                await self._handler.revoked(held)
            except Exception as error:  # noqa: BLE001 -- whatever it is ends the subscription and is kept
                self.fail(error)
            _log.info("partitions.released", topic=self._membership.topic, partitions=sorted(held))

    async def _starts(self, wanted: Mapping[int, int], partitions: frozenset[int]) -> Mapping[int, int]:
        """Return where each partition begins; what the handler took over doesn't stay with it otherwise."""
        try:
            bounds = await self._bounds()
            return {each: self._start(each, wanted[each], bounds[each]) for each in partitions}
        except BaseException:
            # The next rebalance comes while this take-over is under way, and knows nothing of it.
            await carried_out(self._handler.revoked(partitions))
            raise

    async def _bounds(self) -> Mapping[int, Offsets]:
        # A log that is away for a while is no reason to give up what the handler has just taken over.
        pause = 0.05
        while True:
            try:
                return await self._offsets()
            except LogUnavailable as error:
                _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2)

    def _start(self, partition: int, wanted: int, bounds: Offsets) -> int:
        if wanted > bounds.end:
            raise Misconfigured(
                f"partition {partition} of {self._membership.topic!r} ends at offset {bounds.end}, but "
                f"{self._membership.group!r} is at {wanted}: the log was made anew or is another one than the "
                "store belongs to; name the right one, or begin with an empty store"
            )
        if 0 < wanted < bounds.begin:
            _log.warning(
                "partition.records_missing",
                topic=self._membership.topic,
                partition=partition,
                wanted=wanted,
                begin=bounds.begin,
            )
        return max(wanted, bounds.begin)
