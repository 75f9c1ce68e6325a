"""Long work on the event loop, in slices: between two of them everybody else gets a turn."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import TypeVar

SLICE_S = 0.002
"""So long one slice is: short beside what a request takes, long beside what a turn of the loop costs."""

Item = TypeVar("Item")


async def paced(items: Iterable[Item], *, slice_s: float = SLICE_S) -> AsyncGenerator[Item]:
    """Yield *items* one by one, and let others run whenever *slice_s* of work are over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + slice_s
    for each in items:
        yield each
        if loop.time() >= until:
            await asyncio.sleep(0)
            until = loop.time() + slice_s
