"""Waits until nothing is under way any more: neither in the sandboxes' deliveries nor in the service."""

import asyncio
from collections.abc import Callable
from math import inf

from services.cli.stage.books import Books, UnderWay
from services.cli.stage.sandbox_client import SandboxClient
from services.errors import Retryable

_POLL_S = 0.1
_TWICE = 3
"""At quiet so many times in a row: between two looks a record may be on its way from one part to another."""


class NotQuiet(Retryable):
    """Something is still under way after the time allowed."""


async def quiet(
    sandboxes: list[SandboxClient],
    books: Books,
    *,
    within_s: float,
    most_s: float = inf,
    told: Callable[[UnderWay, int], None] = lambda _under_way, _undelivered: None,
) -> None:
    """
    Return when all is quiet.

    Raises:
        NotQuiet: It wasn't within *within_s* without any progress, or within *most_s* with it: something goes round.
    """
    loop = asyncio.get_running_loop()
    still, last, began = 0, "", loop.time()
    deadline = began + within_s
    while still < _TWICE:
        undelivered = sum([int((await each.stats())["undelivered"]) for each in sandboxes])
        try:
            under_way = await books.under_way()
        except Retryable:
            await asyncio.sleep(_POLL_S)
            continue
        told(under_way, undelivered)
        at_rest = under_way.nothing and undelivered == 0
        still = still + 1 if at_rest else 0
        state = f"{under_way}, {undelivered} changes undelivered"
        if state != last:
            last, deadline = state, loop.time() + within_s
        if loop.time() > deadline:
            raise NotQuiet(f"not at quiet: {state}, and no progress for {within_s:.0f} s")
        if loop.time() > began + most_s:
            waiting = ", ".join(await books.waiting()) or "nobody"
            raise NotQuiet(f"still not at quiet after {most_s:.0f} s: {state}; waiting: {waiting}")
        await asyncio.sleep(_POLL_S)
