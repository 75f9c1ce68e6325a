"""Whether a vendor may be called now: one gate for each system, shared by all that call it in a process."""

import asyncio
from random import Random

from services.errors import Retryable
from services.runtime.clock import Clock

FIRST_WAIT_MS = 100
LONGEST_WAIT_MS = 30_000


class Gate:
    """
    Closes after a failure, for longer each time, with jitter; one success opens it for all.

    Calls that were under way together when the vendor went away fail together: that counts as one failure.

    Args:
        clock: The present, epoch ms.
        random: For the jitter, so that processes don't come back at the same instant.
    """

    def __init__(self, clock: Clock, random: Random | None = None) -> None:
        self._clock = clock
        self._random = random or Random()
        self._failures = 0
        self._until = 0
        self.reason: str | None = None
        self.cause: Retryable | None = None

    async def wait(self) -> int:
        """Return when a call may be tried: how many failures came before it, for `fail`."""
        while (left := self._until - self._clock()) > 0:  # noqa: ASYNC110 (the time may move while we wait)
            await asyncio.sleep(left / 1000)
        return self._failures

    @property
    def closed_until(self) -> int:
        """When the next call may be tried, epoch ms; 0 while the gate is open."""
        return self._until if self._failures else 0

    def fail(self, error: Retryable, before: int) -> None:
        """
        Close after *error*: as long as the vendor asked for, else twice as long as last time.

        *before* is what `wait` returned to the call. If others failed since, it left while the gate was open for them
        too, and its failure says nothing new.
        """
        news = before >= self._failures
        if news:
            self._failures += 1
        wait_ms = error.retry_after_ms
        if wait_ms is None:
            wait_ms = self._longer_ms() if news else 0
        self._until = max(self._until, self._clock() + wait_ms)
        self.reason = str(error)
        self.cause = error

    def _longer_ms(self) -> int:
        ceiling = min(FIRST_WAIT_MS * 2 ** min(self._failures - 1, 20), LONGEST_WAIT_MS)
        return round(ceiling * self._random.uniform(0.5, 1))

    def succeed(self) -> None:
        """Open: the vendor answers."""
        self._failures, self._until, self.reason, self.cause = 0, 0, None, None
