"""A take-over that is cut short leaves nothing with the handler."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from services.errors import Misconfigured
from services.runtime.endings import ended
from services.runtime.log.holding import Holding, Membership
from services.runtime.log.partition_tasks import PartitionTasks
from services.runtime.log.port import LogRecord, Offsets

BOTH = frozenset({0, 1})


class Handler:
    """Holds what it was given; letting go takes it longer than the next cancellation."""

    def __init__(self) -> None:
        self.held: set[int] = set()

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """Begin at 5."""
        self.held |= partitions
        return dict.fromkeys(partitions, 5)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Let go, slowly."""
        await asyncio.sleep(0.3)
        self.held -= partitions

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """Nothing is read here."""


class World:
    """A holding whose log answers when `answer` is set."""

    def __init__(self, end: int = 9) -> None:
        self.handler, self.answer = Handler(), asyncio.Event()
        self.asked, self._end = asyncio.Event(), end
        tasks = PartitionTasks(
            self.handler, max_records=10, full=_nothing, room=_nothing, failed=lambda _error: None
        )
        self.holding = Holding(
            Membership("t", "g", 1_000),
            handler=self.handler,
            tasks=tasks,
            offsets=self._offsets,
            failed=lambda: None,
        )

    async def _offsets(self) -> Mapping[int, Offsets]:
        self.asked.set()
        await self.answer.wait()
        return {each: Offsets(0, self._end) for each in BOTH}


def _nothing(_partition: int) -> None:
    """Pause and resume nothing."""


async def test_what_was_taken_over_in_part_is_let_go_by_the_next_rebalance() -> None:
    """It cancels the take-over, again and again: the handler has let go before it goes on."""
    world = World()
    taking = asyncio.create_task(_taken(world))
    await world.asked.wait()
    assert world.handler.held == BOTH
    await ended(taking)
    assert taking.cancelled()
    assert (world.handler.held, world.holding.partitions) == (set(), frozenset())


async def test_what_can_t_be_read_is_let_go_as_well() -> None:
    """A handler that is further than the log fails the subscription, and keeps nothing."""
    world = World(end=3)
    world.answer.set()
    assert await world.holding.take(BOTH) is None
    assert isinstance(world.holding.failure, Misconfigured)
    assert world.handler.held == set()


async def _taken(world: World) -> None:
    await world.holding.take(BOTH)
    pytest.fail("the log never answers")
