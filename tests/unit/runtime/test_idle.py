"""Work that isn't urgent waits until the event loop comes in time."""

import asyncio
import time

from services.runtime.idle import LATE_S, LOOK_S, until_idle

LONG_S = 30.0


async def test_it_waits_for_a_loop_that_is_held_and_no_longer() -> None:
    """While something holds the loop, turn after turn, it doesn't return; soon after that it does."""
    held = 0

    async def hold() -> None:
        nonlocal held
        for _ in range(10):
            time.sleep(LOOK_S + 2 * LATE_S)  # noqa: ASYNC251 (this is what holds the loop)
            held += 1
            await asyncio.sleep(0)

    holding = asyncio.create_task(hold())
    await until_idle(LONG_S)
    assert (held, holding.done()) == (10, True)


async def test_it_doesn_t_wait_for_ever() -> None:
    """However busy the loop is."""
    over = asyncio.Event()

    async def hold() -> None:
        while not over.is_set():
            time.sleep(LOOK_S + 2 * LATE_S)  # noqa: ASYNC251 (this is what holds the loop)
            await asyncio.sleep(0)

    holding = asyncio.create_task(hold())
    await until_idle(5 * LOOK_S)
    assert not holding.done()
    over.set()
    await holding
