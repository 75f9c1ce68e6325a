"""The recount in SQL beside the counters of the service: no difference, unless there is one."""

from collections.abc import AsyncGenerator
from datetime import date
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.topics import LIFECYCLE
from services.kpi.adapters.recount import Basis, Key, Recounted, Value, recount
from services.kpi.adapters.recount.plain.definitions import DEFINITIONS
from services.kpi.consumers.promised import Promised
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.calendar import BusinessCalendar, Interval
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import BookEra, Rulebook
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.worker import ShardWorker
from tests.integration.kpi_world import PARTITIONS, KpiWorld, kpi_world
from tests.kpi_facts import DAY, HOUR, Teller
from tests.kpi_histories import Lives, arrived
from tests.waiting import wait_until

pytest.importorskip("duckdb", reason="the recount needs DuckDB, an extra")

TEAMS = {"sato@f": "east", "ito@f": "west's"}
RULES = CountingRules(teams=TEAMS)


@pytest.fixture
async def world() -> AsyncGenerator[KpiWorld]:
    """Give a world of its own."""
    async with kpi_world() as found:
        yield found


async def counted_again(
    world: KpiWorld, rules: CountingRules = RULES, *, promises: ClockRules | None = None, **more: Any
) -> Recounted:
    """Return the recount of what stands in *world*."""
    basis = Basis(service=world.service, rules=rules, promises=promises, now=now_ms())
    return await recount(world.log, world.store, basis, **more)


def test_every_metric_of_the_catalogue_is_recounted() -> None:
    """A metric that is new in the catalogue needs a definition in the recount."""
    assert list(DEFINITIONS) == [name for name in METRICS if name in DEFINITIONS]
    assert DEFINITIONS.keys() == METRICS.keys()


@pytest.mark.parametrize(
    ("seed", "days", "rules"),
    [
        (1, 120, RULES),
        (
            2,
            9,
            CountingRules(time_zone="America/New_York", dimensions=("source", "team"), horizons_days=(7,)),
        ),
    ],
)
async def test_thousands_of_facts_in_any_order_are_counted_as_sql_counts_them(
    world: KpiWorld, seed: int, days: int, rules: CountingRules
) -> None:
    """Late, corrected, retracted, recycled, erased, merged, repeated and impossible facts: 0 differences."""
    chance = Random(seed)
    told = Lives(chance, now_ms(), days).told(70)
    assert len(told) > 700
    async with world.counting(rules, max_records=200) as worker:
        await world.append(arrived(told, chance))
        await world.counted(worker)
    found = await counted_again(world, rules)
    assert [*map(str, found.differences[:5])] == []
    assert found.figures > 5_000


async def some_history(world: KpiWorld, rules: CountingRules = RULES) -> None:
    """Count a small history."""
    told = Lives(Random(5), now_ms(), days=20).told(25)
    async with world.counting(rules) as worker:
        await world.tell(told)
        await world.counted(worker)


async def moved(world: KpiWorld, name: str, field: str, by: int) -> None:
    """Move a counter that stands in one of the shards."""
    for number in range(PARTITIONS):
        key = ShardId(world.service, LIFECYCLE.name, number).key(name)
        if await world.store.client.hexists(key, field):
            await world.store.client.hincrby(key, field, by)
            return
    raise AssertionError(f"no shard has {field} in {name}")


async def test_a_counter_that_is_off_is_the_only_difference(world: KpiWorld) -> None:
    """A day's counter that somebody moved by one is told wherever it counts, and no lead explains it."""
    await some_history(world)
    rows: dict[Key, Value | None] = {}

    def row(key: Key, served: Value | None, recounted: Value | None) -> None:
        del recounted
        rows[key] = served

    await counted_again(world, row=row)
    key, before = next(
        (key, value)
        for key, value in rows.items()
        if key.metric == "calls" and key.segment == "team=east" and key.window[:2] == "20" and value
    )
    ordinal = date.fromisoformat(key.window).toordinal()
    await moved(world, f"n:{RULES.generation}:d{ordinal}", "c:team=east", 1)

    found = await counted_again(world)

    of_day = [each for each in found.differences if each.key.window == key.window]
    assert {each.key.metric for each in of_day} == {
        *("calls", "contact_rate", "effective_conversation_rate", "answer_rate")
    }
    assert {each.key.segment for each in found.differences} == {"team=east"}
    (calls,) = (each for each in of_day if each.key.metric == "calls")
    assert (calls.served, calls.recounted) == (Value(before.numerator + 1), before)
    assert all(each.lead is None for each in found.differences)


async def test_a_lead_that_is_off_explains_what_differs(world: KpiWorld) -> None:
    """Where the service has missed a lead's fact, that lead is named, with what it adds to either."""
    await some_history(world)
    missed = Teller().reached("lead-7", "won", now_ms() - HOUR, cycle=9, amount=5, currency="JPY")
    await world.tell([missed])
    for number, bounds in (await world.log.offsets(LIFECYCLE.name)).items():
        shard = ShardId(world.service, LIFECYCLE.name, number)
        await world.store.client.hset(shard.ledger_key, "offset", bounds.end - 1)

    found = await counted_again(world)

    assert "won" in {each.key.metric for each in found.differences}
    explained = {each.lead for each in found.differences[:20]}
    assert explained == {"lead-7"}
    first = next(each for each in found.differences if each.key.metric == "won")
    assert first.explained == "in the store 0, by the recount 1"


OFFICE = BusinessCalendar(
    name="office", zone=ZoneInfo("Asia/Tokyo"), week=(*((Interval(9 * HOUR, 18 * HOUR),),) * 5, (), ())
)
PROMISES = (
    Policy(
        name="response",
        starts=("mql",),
        stops=("first_response", "activity:call"),
        cancels=("recycled",),
        targets=(Target(budget_ms=3 * HOUR),),
    ),
    Policy(
        name="meeting",
        starts=("offered:*",),
        stops=("opportunity",),
        targets=(Target(budget_ms=20 * HOUR, calendar="office"),),
    ),
)


async def all_told(world: KpiWorld, worker: ShardWorker) -> None:
    """Wait until what has come due is told."""
    shards = [each.id for each in worker.shards.values()]

    async def none_due() -> bool:
        due = [await world.store.client.zcount(each.key("timers"), 0, now_ms()) for each in shards]
        return not sum(due)

    await wait_until(none_due, description="what came due is told")


async def test_promises_are_judged_as_sql_judges_them(world: KpiWorld) -> None:
    """On the wall clock and in business time, by facts in any order: 0 differences, also where a start was corrected."""
    chance, now = Random(3), now_ms()
    first_at, book = now - 100 * DAY, Rulebook.of(PROMISES, {"office": OFFICE})
    told = Lives(chance, now).told(60)
    async with world.counting(RULES, Promised(book=book, from_at=first_at), max_records=20) as worker:
        await world.append(arrived(told, chance))
        await world.counted(worker)
        # After all else: a lead qualified earlier than was thought, so its deadline was on another day.
        start = Teller([*told]).reached("lead-3", "mql", now - 30 * DAY, holder="ito@f")
        await world.tell([start])
        await world.counted(worker)
        await all_told(world, worker)
    found = await counted_again(world, promises=ClockRules.of([BookEra(first_at, first_at, "", book)]))
    assert [*map(str, found.differences[:5])] == []
    assert not found.left_out


async def test_a_promise_that_comes_due_while_the_counters_are_read_is_no_difference(world: KpiWorld) -> None:
    """The service goes on meanwhile: what it has counted since the recount began is overdue there too."""
    began_at, book = now_ms(), Rulebook.of(PROMISES, {"office": OFFICE})
    first_at, due_at = began_at - DAY, began_at + 500
    rows: dict[Key, Value | None] = {}

    def row(key: Key, served: Value | None, recounted: Value | None) -> None:
        del recounted
        rows[key] = served

    async with world.counting(RULES, Promised(book=book, from_at=first_at)) as worker:
        await world.tell([Teller().reached("lead-1", "mql", due_at - 3 * HOUR, holder="ito@f")])
        await world.counted(worker)
        await wait_until(lambda: now_ms() > due_at, description="it has come due")
        await all_told(world, worker)

    promises = ClockRules.of([BookEra(first_at, first_at, "", book)])
    basis = Basis(service=world.service, rules=RULES, promises=promises, now=began_at)
    found = await recount(world.log, world.store, basis, row=row)

    assert [*map(str, found.differences[:5])] == []
    assert rows[Key("sla_attainment", "", "24h", "")] == Value(0, 1)
