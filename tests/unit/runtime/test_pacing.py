"""Long work in slices."""

import asyncio

from services.runtime.pacing import paced


async def test_others_run_between_two_slices() -> None:
    """A task that only wants a turn gets one before the work is over, and no item is lost."""
    turns: list[int] = []
    found: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(found))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for each in paced(range(5), slice_s=0):
        found += [each]
    task.cancel()
    assert found == [0, 1, 2, 3, 4]
    assert turns == [1, 2, 3, 4, 5]


async def test_what_is_short_keeps_its_turn() -> None:
    """Nobody else runs while less than a slice is over."""
    task = asyncio.create_task(asyncio.sleep(0))
    assert [each async for each in paced(range(3), slice_s=60)] == [0, 1, 2]
    assert not task.done()
    await task
