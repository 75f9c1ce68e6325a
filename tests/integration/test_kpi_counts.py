"""Facts appended to the lifecycle topic, and the KPIs read back, against a recount that knows no counters."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import date
from random import Random
from statistics import median
from typing import Any

import pytest

from schemas.dead_letters import DeadLettered
from schemas.lifecycle import LifecycleFact
from schemas.reading import read
from schemas.topics import DEAD_LETTERS, LIFECYCLE
from services.kpi.application.reading import Ask, Figure, Reading, Unanswerable
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.windows import Range, Window, range_of
from services.runtime.clock import now_ms
from services.runtime.log.port import Record
from tests.integration.kpi_world import PARTITIONS, KpiWorld, kpi_world
from tests.kpi_facts import DAY, HOUR, MINUTE, Teller, converted, people_called, records, standing_facts
from tests.waiting import wait_until

RULES = CountingRules(teams={"sato@firm.example": "east", "ito@firm.example": "west"})
SOURCES = ("web", "展示会", "seminar")
OWNERS = tuple(RULES.teams)
OUTCOMES = (None, "busy", "no-answer", "Connected", "有効会話")
FUNNEL = (
    "lead",
    "mql",
    "first_response",
    "sql",
    "appointment",
    "opportunity",
    "effective_opportunity",
    "won",
)


@pytest.fixture
async def world() -> AsyncGenerator[KpiWorld]:
    """Give a world of its own."""
    async with kpi_world() as found:
        yield found


def lives(now: int, count: int) -> list[LifecycleFact]:
    """Tell the lives of *count* leads over the last 40 days, with corrections and retractions."""
    chance, teller = Random(7), Teller()
    for number in range(count):
        lead = f"lead-{number}"
        who: dict[str, Any] = {
            "holder": chance.choice(OWNERS),
            "origin": chance.choice(["sdr", "bdr"]),
            "segments": {"source": chance.choice(SOURCES)},
        }
        at = now - chance.randrange(40 * DAY)
        for place, milestone in enumerate(FUNNEL):
            if at >= now or chance.random() < 0.05 * place:
                break
            teller.reached(lead, milestone, at, **who)
            if chance.random() < 0.1:
                was, at = at, at - chance.randrange(HOUR)
                teller.reached(lead, milestone, at, previous_at=was, **who)
            elif chance.random() < 0.05:
                teller.retracted(lead, milestone, at, **who)
            at += chance.randrange(3 * DAY)
        for call in range(chance.randrange(4)):
            when = now - chance.randrange(20 * DAY)
            by = chance.choice(OWNERS)
            teller.did(lead, f"sf:Task:{number}-{call}", when, outcome=chance.choice(OUTCOMES), by=by, **who)
    return teller.told


async def figure(world: KpiWorld, ask: Ask, now: int, rules: CountingRules = RULES) -> Figure:
    """Return the figure for one ask."""
    return (await world.readings(rules).window(ask, now=now)).figures[0]


async def test_counters_equal_a_recount_of_the_facts(world: KpiWorld) -> None:
    """Counts, both readings, people, durations, segments and every window agree, whatever the order of arrival."""
    now = now_ms()
    told = lives(now, 150)
    shuffled = Random(1).sample(told, len(told)) + told[:40]
    facts = standing_facts(told)
    readings = world.readings(RULES)
    year = Range(now - 300 * DAY, now + 2 * DAY)
    async with world.counting(RULES) as worker:
        await world.tell(shuffled)
        await world.counted(worker)

        for window in Window:
            answer = await readings.window(
                Ask(metric="leads", range=range_of(window, now, readings.calendar, RULES)), now=now
            )
            got = answer.figures[0]
            assert got.value == sum(
                kind == "milestone"
                and data.milestone == "lead"
                and got.range.from_at <= data.reached_at < got.range.to_at
                for _, kind, data in facts
            )
            assert sorted(answer.offsets) == list(range(PARTITIONS))
            assert answer.complete
        for entered, reached, metric in (
            ("lead", "opportunity", "opportunity_rate"),
            ("mql", "sql", "sql_rate"),
            ("opportunity", "won", "win_rate"),
        ):
            for days in (None, 30, 90):
                got = await figure(
                    world, Ask(metric=metric, range=year, reading=Reading.COHORT, within_days=days), now
                )
                expected = converted(told, entered, reached, None if days is None else days * DAY)
                assert (got.numerator, got.denominator) == expected
            period = await figure(world, Ask(metric=metric, range=year), now)
            assert period.denominator == sum(
                kind == "milestone" and data.milestone == entered for _, kind, data in facts
            )
        calls = [data for _, kind, data in facts if kind == "activity"]
        contact = await figure(world, Ask(metric="contact_rate", range=year), now)
        assert contact.denominator == len(calls)
        assert contact.numerator == sum(each.outcome in {"Connected", "有効会話"} for each in calls)
        assert contact.interval is not None
        for owner in OWNERS:
            got = await figure(world, Ask(metric="calls", range=year, segment=("owner", owner)), now)
            team = await figure(
                world, Ask(metric="calls", range=year, segment=("team", RULES.teams[owner])), now
            )
            assert got.value == team.value == sum(each.owner == owner for each in calls)
        people = await figure(world, Ask(metric="people_called", range=Range(now - 7 * DAY, now)), now)
        first = readings.calendar.day_of(people.range.from_at)
        days = [
            date.fromordinal(day).isoformat()
            for day in range(first, readings.calendar.day_of(people.range.to_at - 1) + 1)
        ]
        assert people.value == people_called(told, days)
        assert await readings.values("source") == sorted(SOURCES)

        marks = {(lead, d.milestone): d.reached_at for lead, kind, d in facts if kind == "milestone"}
        spent = [
            at - marks[lead, "mql"]
            for (lead, name), at in marks.items()
            if name == "first_response" and (lead, "mql") in marks and at >= marks[lead, "mql"]
        ]
        response = await figure(world, Ask(metric="time_to_first_response", range=year), now)
        assert response.numerator == len(spent)
        assert response.value is not None
        assert abs(response.value - median(spent)) <= 0.03 * median(spent) + max(spent) / len(spent)


async def test_minutes_and_hours_vanish_and_days_stay(world: KpiWorld) -> None:
    """Each finer bucket has its end from the start; what is over already isn't written at all."""
    now, teller = now_ms(), Teller()
    for at in (now, now - 3 * DAY, now - 100 * DAY):
        teller.reached(f"lead-{at}", "lead", at)
    async with world.counting(RULES) as worker:
        await world.tell(teller.told)
        await world.counted(worker)
        keys = [key for key, _ in await _counters(world) if "}n:" in key]
        left = dict(zip(keys, await world.store.read([("PTTL", key) for key in keys]), strict=True))

    def lasting(grain: str) -> list[int]:
        return [ttl for key, ttl in left.items() if key.split(":")[-1].startswith(grain)]

    assert len(lasting("m")) == 1
    assert RULES.keep_minutes_ms < lasting("m")[0] <= RULES.keep_minutes_ms + 2 * HOUR
    assert len(lasting("h")) == 2
    assert max(lasting("h")) <= RULES.keep_hours_ms + 2 * HOUR
    assert lasting("d") == [-1, -1, -1]


async def test_no_data_is_not_zero(world: KpiWorld) -> None:
    """A rate over nothing has no value and no interval; what isn't counted at all is refused."""
    now = now_ms()
    rate = await figure(world, Ask(metric="sql_rate", range=Range(now - DAY, now)), now)
    assert (rate.value, rate.interval, rate.denominator) == (None, None, 0)
    for wrong in (
        Ask(metric="nonsense", range=Range(0, 1)),
        Ask(metric="leads", range=Range(0, 1), segment=("colour", "red")),
        Ask(metric="sql_rate", range=Range(0, 1), within_days=17),
    ):
        with pytest.raises(Unanswerable):
            await figure(world, wrong, now)


async def test_a_bad_fact_is_set_aside_and_the_partition_goes_on(world: KpiWorld) -> None:
    """Impossible times, an unknown milestone, negative money and another lead's key end as dead letters, with why."""
    now, teller = now_ms(), Teller()
    bad = [
        teller.reached("a", "mql", 86_400_000),
        teller.reached("a", "mql", now + 400 * DAY),
        teller.reached("a", "won", now, amount=-1, currency="JPY"),
        teller.did("a", "x:1", 0),
    ]
    good = teller.reached("a", "mql", now)
    odd = records([good])[0]
    text = (odd.value or b"").replace(b'"mql"', b'"melted"')
    async with world.counting(RULES) as worker:
        await world.tell(bad)
        await world.append(
            [replace(odd, value=text), Record(LIFECYCLE.name, "b", odd.value), replace(odd, value=b"{")]
        )
        await world.tell([good])
        await world.counted(worker)
        got = await figure(world, Ask(metric="mqls", range=Range(now - DAY, now + DAY)), now)
        assert got.value == 1
        letters: list[DeadLettered] = []

        async def all_there() -> bool:
            letters.clear()
            for partition in range(PARTITIONS):
                for each in await world.log.read(DEAD_LETTERS.name, partition, 0):
                    event = read(DEAD_LETTERS, each.value)
                    assert isinstance(event, DeadLettered)
                    letters.append(event)
            return len(letters) == 7

        await wait_until(all_there, description="the dead letters are on their topic")
    reasons = sorted(each.data.reason for each in letters)
    assert reasons == [
        *(
            "bad-event",
            "impossible-time",
            "impossible-time",
            "impossible-time",
            "negative-amount",
            "not-json",
        ),
        "wrong-lead",
    ]
    assert sorted(world.set_aside) == reasons


async def test_counters_move_back_and_leave_nothing(world: KpiWorld) -> None:
    """What is taken back is gone from every bucket, segment and distribution; no zeros stay."""
    now, teller = now_ms(), Teller()
    for milestone, at in (("lead", now - DAY), ("mql", now - HOUR), ("first_response", now - MINUTE)):
        teller.reached("a", milestone, at, holder="sato@firm.example")
    teller.did("a", "x:1", now, outcome="有効会話")
    async with world.counting(RULES) as worker:
        await world.tell(teller.told)
        await world.counted(worker)
        assert await _counters(world)

        before = len(teller.told)
        for milestone in ("lead", "mql", "first_response"):
            teller.retracted("a", milestone, now)
        await world.tell(teller.told[before:])
        await world.counted(worker)

        left = await _counters(world)
        fields = {field.split(":")[0].split("/")[0].split("~")[0] for _, each in left for field in each}
        assert fields == {"c", "cc", "cr", "ce", "#"}


async def test_new_rules_count_everything_anew(world: KpiWorld) -> None:
    """Another team list counts all leads again beside the work, then drops what was counted by the old one."""
    now = now_ms()
    told = lives(now, 60)
    year = Range(now - 300 * DAY, now + 2 * DAY)
    moved = replace(RULES, teams={"sato@firm.example": "west", "ito@firm.example": "west"})
    async with world.counting(RULES) as worker:
        await world.tell(told[:100])
        await world.counted(worker)
        assert (
            await world.readings(moved).window(Ask(metric="leads", range=year), now=now)
        ).complete is False
    async with world.counting(moved) as worker:
        await world.tell(told[100:])
        await world.counted(worker)
        await wait_until(lambda: _only(world, moved.generation), description="the old counters are gone")

        answer = await world.readings(moved).window(
            Ask(metric="calls", range=year, segment=("team", "west")), now=now
        )
        assert answer.complete
        assert answer.figures[0].value == sum(kind == "activity" for _, kind, _ in standing_facts(told))


async def test_an_answer_is_of_one_instant(world: KpiWorld) -> None:
    """While facts pour in, what an answer holds belongs together: parts add up to the whole in each."""
    now, teller = now_ms(), Teller()
    for number in range(600):
        teller.did(f"lead-{number % 20}", f"x:{number}", now, by=OWNERS[number % 2])
    asks = [
        Ask(metric="calls", range=Range(now - DAY, now + DAY), segment=segment)
        for segment in (None, ("owner", OWNERS[0]), ("owner", OWNERS[1]))
    ]
    async with world.counting(RULES) as worker:
        telling = asyncio.create_task(world.tell(teller.told))
        seen = 0.0
        while seen < 600:
            answer = await world.readings(RULES).many(asks, now=now)
            whole, *parts = [each.value or 0 for each in answer.figures]
            assert whole == sum(parts) >= seen
            seen = whole
        await telling
        await world.counted(worker)


async def _counters(world: KpiWorld) -> list[tuple[str, dict[str, bytes]]]:
    keys = sorted([each async for each in world.store.client.scan_iter(match=f"{{{world.service}*}}[ns]:*")])
    replies = await world.store.read([("HGETALL", key) for key in keys])
    return [
        (key.decode(), {field.decode(): value for field, value in each.items()})
        for key, each in zip(keys, replies, strict=True)
    ]


async def _only(world: KpiWorld, generation: str) -> bool:
    return all(f":{generation}:" in key for key, _ in await _counters(world))
