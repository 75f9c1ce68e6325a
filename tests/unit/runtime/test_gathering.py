"""Calls that leave together: nobody waits without need, each gets its own, nobody is lost."""

import asyncio
from collections.abc import Sequence

import pytest

from services.runtime.gathering import Gathering
from tests.waiting import PATIENCE_S, wait_until


class FarSide:
    """Answers each number with its double, when told to; remembers who came together."""

    def __init__(self) -> None:
        self.calls: list[list[list[int]]] = []
        self.open = asyncio.Event()
        self.failure: Exception | None = None

    async def call(self, asked: Sequence[Sequence[int]]) -> Sequence[Sequence[int] | Exception]:
        """Answer; a negative number is refused to its caller alone."""
        self.calls.append([list(each) for each in asked])
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return [ValueError(str(each[0])) if each[0] < 0 else [2 * one for one in each] for each in asked]

    async def called(self, times: int) -> None:
        """Return when it was called so often."""
        await wait_until(lambda: len(self.calls) >= times, description=f"{times} calls")


def _asking(gathering: Gathering[int, int], *numbers: int) -> asyncio.Task[Sequence[int]]:
    async def ask() -> Sequence[int]:
        return await gathering.ask(numbers)

    return asyncio.create_task(ask())


async def test_who_comes_alone_leaves_at_once() -> None:
    """While nothing is under way there is nothing to wait for."""
    far = FarSide()
    far.open.set()
    gathering = Gathering[int, int](far.call, most=10)
    assert await gathering.ask([1, 2]) == [2, 4]
    assert await gathering.ask([3]) == [6]
    assert far.calls == [[[1, 2]], [[3]]]


async def test_those_who_come_during_a_call_leave_together_and_get_their_own_answers() -> None:
    """One call for all of them, in the order in which they came, as many as fit."""
    far = FarSide()
    gathering = Gathering[int, int](far.call, most=3)
    first = _asking(gathering, 1)
    await far.called(1)
    others = [_asking(gathering, 2), _asking(gathering, 3, 4), _asking(gathering, 5)]
    await asyncio.sleep(0)
    far.open.set()
    assert [await each for each in (first, *others)] == [[2], [4], [6, 8], [10]]
    assert far.calls == [[[1]], [[2], [3, 4]], [[5]]]


async def test_nobody_waits_long_for_a_slow_call() -> None:
    """While one call takes its time the next one leaves."""
    far = FarSide()
    gathering = Gathering[int, int](far.call, most=10)
    first = _asking(gathering, 1)
    await far.called(1)
    second, third = _asking(gathering, 2), _asking(gathering, 3)
    await far.called(2)
    assert far.calls == [[[1]], [[2], [3]]]
    far.open.set()
    assert [await each for each in (first, second, third)] == [[2], [4], [6]]


async def test_a_refusal_is_its_callers_own_and_a_failure_everybodys() -> None:
    """Neither leaves anybody waiting, and the next call is as good as any."""
    far = FarSide()
    gathering = Gathering[int, int](far.call, most=10)
    first = _asking(gathering, 1)
    await far.called(1)
    refused, taken = _asking(gathering, -7), _asking(gathering, 2)
    await asyncio.sleep(0)
    far.open.set()
    with pytest.raises(ValueError, match="-7"):
        await refused
    assert [await first, await taken] == [[2], [4]]
    far.failure = ConnectionError("gone")
    far.open.clear()
    failing = [_asking(gathering, each) for each in (3, 4, 5)]
    await far.called(3)
    far.open.set()
    ends = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(each) for each in ends] == [ConnectionError] * 3
    far.failure = None
    assert await gathering.ask([6]) == [12]


async def test_who_waits_and_is_cancelled_is_left_behind() -> None:
    """The others go without it."""
    far = FarSide()
    gathering = Gathering[int, int](far.call, most=10)
    first = _asking(gathering, 1)
    await far.called(1)
    gone, other = _asking(gathering, 2), _asking(gathering, 3)
    await asyncio.sleep(0)
    gone.cancel()
    far.open.set()
    assert [await first, await other] == [[2], [6]]
    assert far.calls == [[[1]], [[3]]]


async def test_those_who_went_with_a_cancelled_one_are_asked_for_again() -> None:
    """It made the call for them, and what came of that isn't known."""
    far = FarSide()
    gathering = Gathering[int, int](far.call, most=10)
    first = _asking(gathering, 1)
    await far.called(1)
    gone, other, last = (_asking(gathering, each) for each in (2, 3, 4))
    await far.called(2)
    gone.cancel()
    await far.called(3)
    far.open.set()
    async with asyncio.timeout(PATIENCE_S):
        assert [await first, await other, await last] == [[2], [6], [8]]
    assert far.calls == [[[1]], [[2], [3], [4]], [[3], [4]]]
    assert await gathering.ask([9]) == [18]


async def test_who_is_cancelled_when_its_turn_has_come_hands_the_turn_on() -> None:
    """Else the others would wait for a call that nobody makes."""
    far = FarSide()
    gathering = Gathering[int, int](far.call, most=10)
    waiting: list[asyncio.Task[Sequence[int]]] = []

    async def ask_and_cancel_the_next() -> Sequence[int]:
        answers = await gathering.ask([1])
        waiting[0].cancel()  # in the same step in which it was told to go next
        return answers

    first = asyncio.create_task(ask_and_cancel_the_next())
    await far.called(1)
    waiting += [_asking(gathering, each) for each in (2, 3)]
    await asyncio.sleep(0)
    far.open.set()
    async with asyncio.timeout(PATIENCE_S):
        assert [await first, await waiting[1]] == [[2], [6]]
    _asking(gathering, 9)
    await asyncio.sleep(0)
    assert far.calls == [[[1]], [[3]], [[9]]], "nothing is under way, so it left at once"
