"""Up to when all that was appended to a shard's partition is read: as of then nothing can be told that isn't so."""

import asyncio

import structlog

from services.runtime.clock import Clock
from services.runtime.log.port import Log
from services.runtime.shard import Shard

_log = structlog.get_logger(__name__)


class Known:
    """What one task that waits for a shard's reading looks at; each task has its own."""

    def __init__(self, shard: Shard, log: Log, clock: Clock) -> None:
        self._shard = shard
        self._log = log
        self._clock = clock
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Note that a batch was committed."""
        self._moved.set()

    def watch(self) -> None:
        """Forget what has moved; look at the store after it, and `wait` before looking again."""
        self._moved.clear()

    async def wait(self, within_s: float | None = None) -> None:
        """Return when something has moved since `watch`, or the time is over."""
        try:
            async with asyncio.timeout(within_s):
                await self._moved.wait()
        except TimeoutError:
            return

    async def up_to(self, grace_ms: int | None = None) -> int:
        """
        Return an instant up to which everything in the log is read; now, where that took longer than the grace.

        The clock is looked at before the log's end: what was appended before that instant lies below the end.
        Without a grace it takes as long as it takes. Raises LogUnavailable.
        """
        shard, now = self._shard, self._clock()
        end = (await self._log.offsets(shard.id.topic))[shard.id.partition]
        if end.begin == end.end:
            return now
        while shard.ledger.offset + 1 < end.end:
            left_ms = None if grace_ms is None else now + grace_ms - self._clock()
            if left_ms is not None and left_ms <= 0:
                _log.warning("timers.unheld", shard=str(shard.id), waited_ms=grace_ms)
                return self._clock()
            self.watch()
            await self.wait(None if left_ms is None else left_ms / 1000)
        return now
