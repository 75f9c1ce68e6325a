"""Whether the event loop has time to spare: work that isn't urgent makes way to all other work."""

import asyncio

LOOK_S = 0.01
LATE_S = 0.005
"""A loop that comes so much later than it was asked to had other things to do."""


async def until_idle(within_s: float) -> None:
    """Return once the event loop comes in time, at the latest after *within_s*."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while (asked := loop.time()) < deadline:
        await asyncio.sleep(LOOK_S)
        if loop.time() - asked - LOOK_S < LATE_S:
            return
