"""Brings orders to go on, which people give by the command line, to the lines of this process that stand."""

import asyncio
from contextlib import suppress

from services.errors import Retryable
from services.sync.application.circuit import Circuits
from services.sync.application.letters import Marks

EVERY_S = 1.0


async def obey(circuits: Circuits, marks: Marks) -> None:
    """Look for orders once; nothing is asked while all lines run. Raises StoreUnavailable."""
    stopped = circuits.stopped()
    if not stopped:
        return
    orders = await marks.resumes()
    for each in stopped:
        ordered_at = orders.get(each.system, 0)
        if each.stop is not None and ordered_at > each.stop.asked_at:
            each.stop.asked_at = ordered_at
            each.resume()


async def watch(circuits: Circuits, marks: Marks) -> None:
    """Obey until cancelled; a store that is away is asked again."""
    while True:
        await asyncio.sleep(EVERY_S)
        with suppress(Retryable):
            await obey(circuits, marks)
