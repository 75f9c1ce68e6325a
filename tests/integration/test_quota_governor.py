"""The governor over a real store: several processes, one limit, and what the vendor's answers make of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.clock import now_ms
from services.sync.adapters.quota import QuotaGovernor
from services.sync.adapters.quota.governor import FIRST_CLOSED_MS, LONGEST_CLOSED_MS
from services.sync.application.quota import CallEnd, OutOfQuota, Refusal, Ticket, Told, working_as
from services.sync.domain.priority import Priority
from services.sync.domain.quota import LOOK_MS, Hold, Limit, LimitKind
from tests.private_store import StoreServer, running_store

SPAN_MS = 10_000
WINDOW = Limit("interval", "10-second limit", LimitKind.WINDOW, 10, span_ms=SPAN_MS)
DAILY = Limit("daily", "daily limit", LimitKind.DAILY)
CONCURRENT = Limit("concurrent", "limit of concurrent calls", LimitKind.CONCURRENT, 5)
SOON_MS = 50
START = 1_790_000_000_000


class Clock:
    """A clock that only the test moves; epoch ms."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        """Return the present."""
        return self.now


@asynccontextmanager
async def governors(
    *limits: Limit, processes: int = 1, clock: Clock | None = None, url: str | None = None, **more: Any
) -> AsyncGenerator[list[QuotaGovernor]]:
    """Give governors that share their keys, each with a connection of its own as processes have."""
    plain: dict[str, Any] = {
        "system": "hubspot",
        "limits": limits,
        "reserve_rate": 0.2,
        "time_zone": "Asia/Tokyo",
        "namespace": f"t{uuid4().hex}",
        **({} if clock is None else {"counting": clock, "clock": clock}),
    }
    async with AsyncExitStack() as stack:
        yield [
            QuotaGovernor(await stack.enter_async_context(running_store(url)), **(plain | more))
            for _ in range(processes)
        ]


async def passed(governor: QuotaGovernor, priority: Priority = Priority.EDIT) -> Ticket | None:
    """Try one call; return its ticket, None if it isn't let go."""
    ticket, verdict = await governor.attempt(tuple(governor.limits), priority)
    return ticket if verdict.held is None else None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 4_000), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, 1), st.integers(0, 5)),
        st.tuples(st.just("answer"), st.integers(0, 1), st.integers(0, 20)),
    ),
    min_size=20,
    max_size=150,
)


@settings(max_examples=40)
@given(STEPS)
def test_two_processes_together_never_exceed_a_sliding_window(steps: list[tuple[str, int, int]]) -> None:
    """Whenever the vendor counts a call between its leaving and its answer, no span holds more than the limit."""

    async def play() -> None:
        clock, flying = Clock(), list[tuple[Ticket, int]]()
        spans: list[tuple[int, int]] = []
        async with governors(WINDOW, processes=2, clock=clock) as both:
            for what, number, other in steps:
                governor = both[number % 2]
                if what == "wait":
                    clock.now += number
                elif what == "take":
                    ticket = await passed(governor, Priority(other % len(Priority)))
                    if ticket is not None:
                        flying.append((ticket, clock.now))
                elif flying:
                    ticket, left_at = flying.pop(other % len(flying))
                    await governor.settle(ticket, CallEnd())
                    spans.append((left_at, clock.now))
        spans += [(left_at, clock.now) for _, left_at in flying]
        # The worst case: at its answer where that is before the window's end, else at its leaving.
        for _, end in spans:
            inside = [one for one in spans if one[0] <= end and one[1] > end - SPAN_MS]
            assert len(inside) <= 10

    asyncio.run(play())


@settings(max_examples=25)
@given(st.lists(st.sampled_from(list(Priority)), min_size=15, max_size=60), st.integers(0, 9))
def test_the_reserve_is_left_to_those_who_may_use_it(wishes: list[Priority], tenths: int) -> None:
    """However many edits come, as many calls as the reserve are left for an MQL."""

    async def play() -> None:
        async with governors(WINDOW, clock=Clock(), reserve_rate=tenths / 10) as (governor,):
            ordinary = [each for each in wishes if each > Priority.HANDOFF]
            went = [each for each in ordinary if await passed(governor, each)]
            assert len(went) == min(len(ordinary), 10 - tenths)
            hot = [await passed(governor, Priority.HOT) for _ in range(12)]
            assert sum(each is not None for each in hot) == 10 - len(went)

    asyncio.run(play())


async def test_what_an_answer_tells_last_wins() -> None:
    """Another app used most of the day, then the vendor gave more: both are believed."""
    async with governors(DAILY, clock=Clock()) as (governor,):
        assert (await governor.standings())[0].left is None
        ticket = await passed(governor)
        assert ticket is not None
        await governor.settle(ticket, CallEnd(told=[Told("daily", 1_000, 201)]))
        assert [(each.most, each.left) for each in await governor.standings()] == [(1_000, 201)]

        ticket = await passed(governor)
        assert ticket is not None
        assert [each.left for each in await governor.standings()] == [200]
        assert await passed(governor) is None
        assert await passed(governor, Priority.HOT) is not None

        await governor.settle(ticket, CallEnd(told=[Told("daily", 1_000, 900)]))
        assert [each.left for each in await governor.standings()] == [899]  # the hot one is under way
        assert await passed(governor) is not None


async def test_other_apps_calls_in_a_window_are_learnt_from_the_header() -> None:
    """Of 10 calls 7 are used and one was ours: 3 are left, one of them under no circumstances for an edit."""
    clock = Clock()
    async with governors(WINDOW, clock=clock) as (governor,):
        ticket = await passed(governor)
        assert ticket is not None
        await governor.settle(ticket, CallEnd(told=[Told("interval", 10, 3)]))
        assert (await governor.standings())[0].left == 3
        assert [await passed(governor) is not None for _ in range(2)] == [True, False]
        assert [await passed(governor, Priority.HOT) is not None for _ in range(3)] == [True, True, False]

        clock.now += SPAN_MS
        assert (await governor.standings())[0].left is None  # nobody told lately: unknown


async def test_a_limit_that_the_vendor_closes_is_closed_for_all_and_opened_by_one_trial() -> None:
    """A 429 in one process stops the other one; when its time is over one call goes ahead of the rest."""
    clock = Clock()
    async with governors(WINDOW, processes=2, clock=clock) as (one, other):
        ticket = await passed(one)
        assert ticket is not None
        out = await one.settle(ticket, CallEnd(refusal=Refusal("interval", 3_000)))
        assert isinstance(out, OutOfQuota)
        assert (out.retry_after_ms, out.limit) == (3_000, "interval")
        assert "closed by the vendor" in str(out)
        clock.now += 2_999
        assert await passed(other, Priority.CONSENT) is None

        clock.now += 1
        trial = await passed(other, Priority.CONSENT)
        assert trial is not None
        _, verdict = await one.attempt(("interval",), Priority.HOT)
        assert verdict.held is not None
        assert verdict.held.until - verdict.now <= SOON_MS  # it is under way: who waits looks again and again
        await other.settle(trial, CallEnd(told=[Told("interval", 10, 8)]))
        assert await passed(one, Priority.HOT) is not None


async def test_a_refusal_closes_shortly_and_longer_each_time_until_an_answer() -> None:
    """
    Where the vendor doesn't say how long: twice as long after each refusal of a call that left when it was open.

    Calls that were under way meanwhile say nothing new; what the vendor says stands; all processes count together.
    """
    clock = Clock()
    async with governors(replace(WINDOW, most=100), processes=2, clock=clock) as (one, other):
        closed: list[int] = []

        async def refused(governor: QuotaGovernor, ticket: Ticket | None, wait_ms: int | None = None) -> None:
            assert ticket is not None
            out = await governor.settle(ticket, CallEnd(refusal=Refusal("interval", wait_ms)))
            assert out is not None
            closed.append(out.retry_after_ms or 0)

        first, under_way = await passed(one, Priority.HOT), await passed(other, Priority.HOT)
        await refused(one, first)
        await refused(other, under_way)
        assert closed == [FIRST_CLOSED_MS, FIRST_CLOSED_MS]
        for governor in (other, one, other, one, other, one):
            clock.now += closed[-1]
            await refused(governor, await passed(governor, Priority.HOT))
        assert closed[2:] == [200, 400, 800, 1_600, 3_200, LONGEST_CLOSED_MS]

        clock.now += closed[-1]
        await refused(one, await passed(one, Priority.HOT), 70)
        assert closed[-1] == 100  # no less than it takes to ask
        clock.now += closed[-1]
        answered = await passed(one, Priority.HOT)
        assert answered is not None
        await one.settle(answered, CallEnd())
        await refused(one, await passed(one, Priority.HOT))
        assert closed[-1] == FIRST_CLOSED_MS


async def test_how_long_the_vendor_said_is_not_shortened_by_a_call_under_way() -> None:
    """Of two calls one is told to wait for nine seconds, the other, answered later, only that it was too many."""
    clock = Clock()
    async with governors(replace(WINDOW, most=100), processes=2, clock=clock) as (one, other):
        first, under_way = await passed(one, Priority.HOT), await passed(other, Priority.HOT)
        assert first is not None
        assert under_way is not None
        await one.settle(first, CallEnd(refusal=Refusal("interval", 9_000)))
        clock.now += 1_000
        out = await other.settle(under_way, CallEnd(refusal=Refusal("interval", None)))
        assert out is not None
        assert out.retry_after_ms == 8_000
        clock.now += 7_999
        assert await passed(one, Priority.CONSENT) is None
        clock.now += 1
        assert await passed(one, Priority.CONSENT) is not None


async def test_a_call_on_trial_that_breaks_off_is_followed_by_the_next_at_once() -> None:
    """It says nothing of the limit: one more tries, and the others wait for that one."""
    clock = Clock()
    async with governors(CONCURRENT, processes=2, clock=clock) as (one, other):
        refused = await passed(one, Priority.HOT)
        assert refused is not None
        await one.settle(refused, CallEnd(refusal=Refusal("concurrent", None)))
        clock.now += FIRST_CLOSED_MS
        trial = await passed(one, Priority.EDIT)
        assert trial is not None
        assert await passed(other, Priority.HOT) is None
        await one.settle(trial, CallEnd(answered=False))
        clock.now += 1
        assert await passed(other, Priority.HOT) is not None
        assert await passed(one, Priority.CONSENT) is None


async def test_a_days_figure_is_asked_for_again_after_ten_minutes_by_one_call() -> None:
    """Nobody says when a sliding day frees calls, so one call looks."""
    clock = Clock()
    async with governors(DAILY, processes=2, clock=clock) as (one, other):
        ticket = await passed(one)
        assert ticket is not None
        await one.settle(ticket, CallEnd(told=[Told("daily", 1_000, 0)]))
        assert [await passed(each, Priority.HOT) for each in (one, other)] == [None, None]
        assert await passed(one, Priority.CONSENT) is not None  # past quotas: the vendor is the judge

        clock.now += LOOK_MS
        assert await passed(other) is not None
        assert await passed(one) is None


async def test_calls_under_way_are_bounded_and_a_dead_process_gives_its_places_back() -> None:
    """Five at once, one of them kept; what is never settled counts for a minute."""
    clock = Clock()
    async with governors(CONCURRENT, processes=2, clock=clock) as (one, other):
        tickets = [await passed(each) for each in (one, other, one, other)]
        assert all(tickets)
        assert await passed(one) is None
        assert await passed(one, Priority.HANDOFF) is not None
        assert await passed(other, Priority.CONSENT) is None
        assert tickets[0] is not None
        await other.settle(tickets[0], CallEnd())
        assert await passed(other, Priority.CONSENT) is not None

        clock.now += 60_001
        assert await passed(one) is not None


async def test_more_urgent_work_of_another_process_goes_first() -> None:
    """Who waits for a place is known to all: an edit elsewhere doesn't snatch it."""
    clock = Clock()
    async with governors(WINDOW, processes=2, clock=clock, reserve_rate=0) as (one, other):
        for _ in range(10):
            ticket = await passed(one)
            assert ticket is not None
            await one.settle(ticket, CallEnd())
        assert await passed(one, Priority.HOT) is None

        clock.now += SPAN_MS
        _, verdict = await other.attempt(("interval",), Priority.EDIT)
        assert verdict.held is not None
        assert verdict.held.hold is Hold.TURN
        assert await passed(one, Priority.HOT) is not None
        assert await passed(other, Priority.EDIT) is not None


@pytest.mark.parametrize("jump_ms", [-3_600_000, -86_400_000, 3_600_000])
async def test_a_clock_that_jumps_locks_nobody_out(jump_ms: int) -> None:
    """Whatever stands in the future then is taken for gone: calls, closures, trials, looks."""
    clock = Clock()
    async with governors(WINDOW, DAILY, CONCURRENT, clock=clock) as (governor,):
        for _ in range(3):
            assert await passed(governor) is not None
        ticket = await passed(governor)
        assert ticket is not None
        end = CallEnd(told=[Told("daily", 1_000, 0), Told("interval", 10, 0)])
        await governor.settle(ticket, end)
        assert await passed(governor, Priority.HOT) is None

        clock.now += jump_ms
        assert await passed(governor, Priority.HOT) is not None
        ticket = await passed(governor, Priority.CONSENT)
        assert ticket is not None
        await governor.settle(ticket, CallEnd(refusal=Refusal("interval", 60_000)))
        clock.now += jump_ms
        assert await passed(governor, Priority.CONSENT) is not None


@pytest.mark.parametrize("jump_ms", [-3_600_000, -86_400_000, 86_400_000])
@pytest.mark.parametrize("limit", [WINDOW, CONCURRENT])
async def test_calls_that_were_counted_in_the_future_count_no_more(limit: Limit, jump_ms: int) -> None:
    """A full limit isn't full for another hour because the clock was put back by one."""
    clock = Clock()
    async with governors(limit, clock=clock) as (governor,):
        while await passed(governor, Priority.HOT) is not None:
            pass
        clock.now += jump_ms
        assert await passed(governor, Priority.HOT) is not None


async def test_with_the_store_away_every_call_may_leave() -> None:
    """The vendor's own refusals are the judge then; nothing raises."""
    server = StoreServer()
    async with governors(WINDOW, url=server.url) as (governor,):
        server.stop()
        for _ in range(15):
            ticket = await governor.take(("interval",))
            assert ticket.id is None
            assert await governor.settle(ticket, CallEnd(refusal=Refusal("interval"))) is None
        assert await governor.why(Priority.EDIT) is None
        assert (await governor.admits()).least is Priority.BACKFILL


async def test_a_call_waits_for_its_turn_and_gives_up_where_that_is_too_long() -> None:
    """A short window is waited for; a day isn't, and then work of that urgency isn't begun any more."""
    short = Limit("search", "search limit", LimitKind.WINDOW, 2, span_ms=300)
    async with governors(short, DAILY) as (governor,):
        began = now_ms()
        for _ in range(5):
            await governor.settle(await governor.take(("search",)), CallEnd())
        assert now_ms() - began >= 600

        ticket = await governor.take(("daily",))
        await governor.settle(ticket, CallEnd(told=[Told("daily", 100, 10)]))
        assert (await governor.admits()).least is Priority.BACKFILL
        with pytest.raises(OutOfQuota, match="down to its reserve for new MQLs"):
            await governor.take(("daily",))
        assert (await governor.admits()).least is Priority.HANDOFF
        with working_as(Priority.HOT):
            assert (await governor.take(("daily",))).id


async def test_the_store_can_lose_the_script_and_the_counts() -> None:
    """Nothing there is state: the next answer tells anew."""
    async with governors(DAILY) as (governor,):
        ticket = await governor.take(("daily",))
        client = governor._store.client  # pyright: ignore[reportPrivateUsage]
        await client.script_flush()
        await governor.settle(ticket, CallEnd(told=[Told("daily", 100, 50)]))
        assert (await governor.standings())[0].left == 50
