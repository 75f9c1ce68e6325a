"""Waiting for something to become true, with a deadline, instead of sleeping for luck."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def wait_until(
    predicate: Callable[[], bool | Awaitable[bool]],
    *,
    within_s: float = 10.0,
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
