"""How background tasks end: for certain, though one `cancel` may be lost; with their shard quietly, else loudly."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.errors import leaves
from services.runtime.ledger import ShardEnded

_AGAIN_S = 0.1


async def ended(*tasks: asyncio.Task[None] | None) -> None:
    """
    Cancel *tasks* and return when they have ended; their outcome is not raised here.

    Cancels again and again: before Python 3.12 `asyncio.wait_for` swallows a cancellation that comes in the
    same turn of the loop as its result, and redis-py sends each command through it.
    Source: https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for
    """
    running: list[asyncio.Task[None]] = [task for task in tasks if task is not None and not task.done()]
    while running:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN_S)
        running = [task for task in running if not task.done()]


async def carried_out(work: Awaitable[None]) -> None:
    """
    Return when *work* has ended, and raise what it raised; who waits may be cancelled meanwhile, again and again.

    For what must be put in order by somebody who is being cancelled, and then raises that.
    """
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    task.result()


def report_end(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    """Tell *failed* what ended *task*, unless it was cancelled or its shard ended."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    for each in leaves(error):
        if not isinstance(each, ShardEnded):
            failed(each)
            return
