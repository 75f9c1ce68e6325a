"""How long and how often to try again when the other side is away."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from services.errors import Retryable

Answer = TypeVar("Answer")
OnRetry = Callable[[Retryable, int], None]
"""Told before each wait: what went wrong, and how long the wait is, ms."""


@dataclass(frozen=True, slots=True)
class Patience:
    """
    Waits that double from `first_ms` up to `most_ms`, each shortened by chance by up to a half.

    `give_up_ms` counts from the first failure; None never gives up.
    """

    first_ms: int = 50
    most_ms: int = 2_000
    give_up_ms: int | None = 300_000

    async def attempt(self, call: Callable[[], Awaitable[Answer]], on_retry: OnRetry) -> Answer:
        """Return what *call* returns; repeat it while it raises Retryable; raise its last one when giving up."""
        failed_at: float | None = None
        tries = 0
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await call()
            except Retryable as failure:
                failed_at = loop.time() if failed_at is None else failed_at
                wait_ms = self._wait_ms(tries, failure)
                spent_ms = (loop.time() - failed_at) * 1000
                if self.give_up_ms is not None and spent_ms + wait_ms > self.give_up_ms:
                    raise
                on_retry(failure, wait_ms)
                tries += 1
            await asyncio.sleep(wait_ms / 1000)

    def _wait_ms(self, tries: int, failure: Retryable) -> int:
        # 2 ** 20 is beyond any cap; the bound keeps the power small after hours of an outage.
        longest = min(self.most_ms, self.first_ms * 2 ** min(tries, 20))
        return max(int(longest * random.uniform(0.5, 1)), failure.retry_after_ms or 0)
