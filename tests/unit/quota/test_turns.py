"""The line before a limit: the most urgent goes first, whoever came first among equals."""

import asyncio

from services.sync.adapters.quota.turns import Turns
from services.sync.domain.priority import Priority
from tests.waiting import PATIENCE_S


async def test_the_most_urgent_goes_first_then_who_came_first() -> None:
    """One holds the head; the others line up behind in their order."""
    turns, went, release = Turns(), list[str](), asyncio.Event()

    async def go(name: str, priority: Priority, hold: asyncio.Event | None = None) -> None:
        with turns.join(priority) as place:
            await turns.head(place)
            if hold is not None:
                await hold.wait()
            went.append(name)

    first = asyncio.create_task(go("first", Priority.CONSENT, release))
    await asyncio.sleep(0)
    others = [
        asyncio.create_task(go(name, priority))
        for name, priority in (
            ("edit 1", Priority.EDIT),
            ("backfill", Priority.BACKFILL),
            ("edit 2", Priority.EDIT),
            ("hot", Priority.HOT),
        )
    ]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(first, *others)

    assert went == ["first", "hot", "edit 1", "edit 2", "backfill"]


async def test_who_leaves_the_line_lets_the_next_one_move_up() -> None:
    """Cancelled at its head or in its middle."""
    turns, never = Turns(), asyncio.Event()

    async def stand() -> None:
        with turns.join(Priority.EDIT) as place:
            await turns.head(place)
            await never.wait()

    tasks = [asyncio.create_task(stand()) for _ in range(3)]
    await asyncio.sleep(0)
    for each in tasks[:2]:
        each.cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    with turns.join(Priority.HOT) as place:
        await asyncio.wait_for(turns.head(place), PATIENCE_S)
    tasks[2].cancel()
    await asyncio.gather(tasks[2], return_exceptions=True)
    assert len(turns) == 0
