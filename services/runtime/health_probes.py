"""The usual probes: a consumer that says itself whether it works, a ping, a change stream, the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from services.runtime.clock import Clock
from services.runtime.health import Condition, Probe, Report
from services.runtime.log.port import LogRecord, PartitionHandler, Subscription
from services.runtime.logs import events
from services.runtime.metrics import Metrics
from services.runtime.redaction import error_text

log = events()


class WatchedHandler:
    """
    A `PartitionHandler` around another that remembers since when each batch runs and when one last ended.

    A log's subscription polls on while a handler hangs, so only this tells a stuck consumer from a busy one.
    """

    def __init__(self, handler: PartitionHandler, clock: Clock) -> None:
        self._handler = handler
        self._clock = clock
        self._running: dict[int, int] = {}
        self.last_done_at = 0
        """When a batch was last handled to its end, epoch ms; 0 before the first."""

    @property
    def running_since(self) -> int | None:
        """When the oldest batch that still runs began, epoch ms; None while none runs."""
        return min(self._running.values(), default=None)

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """See `PartitionHandler.assigned`; taking over counts as running, too."""
        began_at = self._clock()
        self._running |= dict.fromkeys(partitions, began_at)
        try:
            return await self._handler.assigned(partitions)
        finally:
            self._ended(partitions)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """See `PartitionHandler.revoked`."""
        self._ended(partitions)
        await self._handler.revoked(partitions)

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """See `PartitionHandler.batch`."""
        self._running[partition] = self._clock()
        try:
            await self._handler.batch(partition, records)
            self.last_done_at = self._clock()
        finally:
            self._ended(frozenset({partition}))

    def _ended(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self._running.pop(partition, None)


class ConsumerProbe:
    """
    Whether one subscription does its work.

    DEAD: it failed, or the log answered no read for *silence_ms*. STUCK: one batch runs for *stuck_ms*;
    DEGRADED where that is because it waits for what *waits_for* names, which a restart doesn't bring. WAITING: no partition yet, or more than *most_lag* records behind.

    Args:
        subscription: What is watched.
        handler: The watched handler it was made with.
        clock: The clock `last_poll_at` is told by.
        silence_ms: Reads are answered at least every few seconds, with or without records.
        stuck_ms: Longer than any batch may take, retries included.
        most_lag: Up to here the consumer counts as caught up.
        waits_for: Returns what batches wait for now, for instance a vendor that is away; empty for nothing.
        stands_by_ms: After so long without a partition it is OK all the same: others hold them all, and it will
            take over. None: it is to have one. For topics with fewer partitions than processes.
    """

    def __init__(
        self,
        subscription: Subscription,
        handler: WatchedHandler,
        clock: Clock,
        *,
        silence_ms: int = 30_000,
        stuck_ms: int = 60_000,
        most_lag: int = 10_000,
        waits_for: Callable[[], str] = str,
        stands_by_ms: int | None = None,
    ) -> None:
        self._subscription = subscription
        self._handler = handler
        self._clock = clock
        self._silence_ms = silence_ms
        self._stuck_ms = stuck_ms
        self._most_lag = most_lag
        self._waits_for = waits_for
        self._stands_by_ms = stands_by_ms
        self._assigned_at = clock()
        self._since = clock()

    async def __call__(self) -> Report:
        """Report; asks the log for the lag only where the rest is well."""
        now = self._clock()
        facts = self._facts(now)
        failure = self._subscription.failure
        silence_ms = now - max(self._subscription.last_poll_at, self._since)
        if failure is not None:
            said = f"the subscription ended: {type(failure).__name__}: {error_text(failure)}"
            return Report(Condition.DEAD, said, facts)
        if silence_ms > self._silence_ms:
            return Report(Condition.DEAD, f"no read was answered for {silence_ms / 1000:.0f} s", facts)
        running_ms = self._running_ms(now)
        if running_ms > self._stuck_ms and (awaited := self._waits_for()):
            return Report(Condition.DEGRADED, f"a batch waits for {awaited}", facts)
        if running_ms > self._stuck_ms:
            return Report(Condition.STUCK, f"a batch runs for {running_ms / 1000:.0f} s", facts)
        if not self._subscription.assignment:
            if self._stands_by_ms is not None and now - self._assigned_at > self._stands_by_ms:
                return Report(Condition.OK, "stands by: others hold all partitions", facts)
            return Report(Condition.WAITING, "no partition is assigned", facts)
        self._assigned_at = now
        return await self._caught_up(facts)

    async def _caught_up(self, facts: dict[str, str | int | float | bool | None]) -> Report:
        lag = sum((await self._subscription.lag()).values())
        facts["lag"] = lag
        if lag > self._most_lag:
            return Report(Condition.WAITING, f"{lag} records behind, more than {self._most_lag}", facts)
        return Report(Condition.OK, facts=facts)

    def _running_ms(self, now: int) -> int:
        since = self._handler.running_since
        return 0 if since is None else now - since

    def _facts(self, now: int) -> dict[str, str | int | float | bool | None]:
        polled_at, done_at = self._subscription.last_poll_at, self._handler.last_done_at
        return {
            "partitions": len(self._subscription.assignment),
            "seconds_since_poll": (now - polled_at) / 1000 if polled_at else None,
            "seconds_since_commit": (now - done_at) / 1000 if done_at else None,
            "batch_running_seconds": self._running_ms(now) / 1000,
        }


def ping_probe(ping: Callable[[], Awaitable[None]]) -> Probe:
    """Return a probe for what can be pinged: DOWN while *ping* raises a ServiceError or takes too long."""

    async def probe() -> Report:
        await ping()
        return Report(Condition.OK)

    return probe


def stream_probe(last_event_at: Callable[[], int], clock: Clock, *, silence_ms: int = 300_000) -> Probe:
    """
    Return a probe for a change stream: DEGRADED while nothing, not even a keep-alive, came for *silence_ms*.

    Not worse than that: the sweep finds what a silent stream missed, and the door must stay open.
    """
    since = clock()

    async def probe() -> Report:
        age_ms = clock() - max(last_event_at(), since)
        facts = {"seconds_since_event": age_ms / 1000}
        if age_ms > silence_ms:
            return Report(Condition.DEGRADED, f"nothing came for {age_ms / 1000:.0f} s", facts)
        return Report(Condition.OK, facts=facts)

    return probe


_FRESH_BLOCK_S = 10


class LoopWatch:
    """
    Measures how late the event loop wakes a sleeper: more than *late_ms* is a block.

    WAITING for ten seconds after a block, then DEGRADED for the rest of its minute: once the loop is at it again
    the process works, and a single pause isn't worth turning webhooks away for long. A loop that is blocked for
    good answers no health question at all, which the asker takes for not alive.
    """

    def __init__(self, metrics: Metrics, *, late_ms: int = 2_000, every_ms: int = 500) -> None:
        self._metrics = metrics
        self._late_ms = late_ms
        self._every_s = every_ms / 1000
        self._delays: list[tuple[float, float]] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to measure."""
        self._task = asyncio.create_task(self._measure(), name="loop-watch")

    async def stop(self) -> None:
        """End measuring."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def __call__(self) -> Report:
        """Report the worst delay of the last minute."""
        worst_ms = self.worst_ms
        facts = {"worst_delay_ms": round(worst_ms, 1)}
        if worst_ms <= self._late_ms:
            return Report(Condition.OK, facts=facts)
        since = asyncio.get_running_loop().time() - _FRESH_BLOCK_S
        fresh = any(at > since and delay * 1000 > self._late_ms for at, delay in self._delays)
        condition = Condition.WAITING if fresh else Condition.DEGRADED
        return Report(condition, f"the event loop was blocked for {worst_ms:.0f} ms", facts)

    @property
    def worst_ms(self) -> float:
        """The worst delay of the last minute, milliseconds."""
        return max((delay for _, delay in self._delays), default=0.0) * 1000

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._every_s
            await asyncio.sleep(self._every_s)
            now = loop.time()
            self._delays = [each for each in self._delays if each[0] > now - 60]
            self._delays.append((now, now - due))
            self._metrics.set("tasuki_loop_delay_seconds", self.worst_ms / 1000)
            if (now - due) * 1000 > self._late_ms:
                log.warning("loop.blocked", delay_ms=round((now - due) * 1000))
