"""Waiting for something to become true, with a deadline, instead of sleeping for luck; and for a day to be long enough."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.runtime.clock import now_ms

PATIENCE_S = 45
"""How long a test waits for what must come before it fails. A slow machine is no failure, so this is long."""
_NEAR_MIDNIGHT_S = 30
_DAYS = (ZoneInfo("Asia/Tokyo"), UTC)


async def wait_until(
    predicate: Callable[[], bool | Awaitable[bool]],
    *,
    within_s: float = PATIENCE_S,
    description: str,
    every_s: float = 0.005,
) -> None:
    """
    Return as soon as *predicate* holds, which may be a coroutine function.

    Raises:
        AssertionError: It did not hold within *within_s* seconds; the text has *description*.
    """
    deadline = time.monotonic() + within_s
    while True:
        answer = predicate()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within_s:g} s in vain: {description}")
        await asyncio.sleep(every_s)


async def clear_of_midnight() -> None:
    """
    Return when the day of the firm (Tokyo's), or UTC's, doesn't end within half a minute.

    For tests of what is of today: a figure, a vendor's daily limit. They tell and ask at different instants.
    """
    await wait_until(lambda: _left_s() > _NEAR_MIDNIGHT_S, description="the next day", every_s=0.1)


def _left_s() -> float:
    """Return how much of the day is left, of that which ends first."""
    now = datetime.fromtimestamp(now_ms() / 1000, UTC)
    ends = [
        datetime.combine(now.astimezone(zone).date() + timedelta(days=1), datetime.min.time(), zone)
        for zone in _DAYS
    ]
    return min((end - now).total_seconds() for end in ends)
