"""The clocks of promises at work: facts on the lifecycle topic, alerts on theirs."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from schemas.alerts import ALERT
from schemas.topics import ALERTS
from services.kpi.adapters.stored_clocks import StoredClocks
from services.kpi.application.reading import Ask
from services.kpi.consumers.promised import Promised
from services.kpi.domain.notices import ClockKey
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.policy import Escalation, Policy, Target
from services.kpi.domain.sla.rulebook import Rulebook
from services.kpi.domain.windows import Range
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import LogUnavailable, Record
from services.runtime.seen import Seen
from tests.integration.kpi_world import PARTITIONS, KpiWorld, kpi_world
from tests.kpi_facts import DAY, HOUR, Teller
from tests.waiting import wait_until

RULES = CountingRules()


@pytest.fixture
async def world() -> AsyncGenerator[KpiWorld]:
    """Give a world of its own."""
    async with kpi_world() as found:
        yield found


def promised(budget_ms: int, *, escalate_ms: int = 200, grace_ms: int = 20_000) -> Promised:
    """Promise a first response to each MQL."""
    policy = Policy(
        name="response",
        starts=("mql",),
        stops=("first_response",),
        targets=(Target(budget_ms=budget_ms),),
        escalations=(Escalation(notify=("team-lead",), after_ms=escalate_ms),),
    )
    return Promised(book=Rulebook.of([policy]), from_at=0, grace_ms=grace_ms)


async def told(world: KpiWorld, count: int) -> list[tuple[str, str]]:
    """Wait for *count* alerts; return the lead and the step of each."""
    await wait_until(lambda: _there(world, count), description=f"{count} alerts")
    return [(each.subject, each.data.step) for each in await world.alerts()]


async def _there(world: KpiWorld, count: int) -> bool:
    if world.failures:
        raise world.failures[0]
    return len(await world.alerts()) >= count


async def attained(world: KpiWorld) -> tuple[int, int]:
    """Return how many promises were kept, and how many were due."""
    now = now_ms()
    ask = Ask(metric="sla_attainment", range=Range(now - 60 * DAY, now + 2 * DAY))
    figure = (await world.readings(RULES).window(ask, now=now)).figures[0]
    return int(figure.numerator or 0), int(figure.denominator or 0)


async def test_an_mql_nobody_answers_breaches_once_escalates_and_is_met_late(world: KpiWorld) -> None:
    """Each step is told once, in order; the promise counts as due and not as met."""
    teller = Teller()
    async with world.counting(RULES, promised(300)) as worker:
        start = now_ms()
        await world.tell([teller.reached("ann", "mql", start)])
        assert await told(world, 2) == [("ann", "breach"), ("ann", "escalation:1")]
        await world.tell([teller.reached("ann", "first_response", now_ms())])
        assert (await told(world, 3))[-1] == ("ann", "met-late")
        await world.counted(worker)
        clocks = StoredClocks(world.store, service=world.service, partitions=PARTITIONS)
        key = ClockKey("ann", 1, "response", 1)
        assert (await clocks.now([key], now_ms()))[key].ended
        alerts = await world.alerts()
        assert len({each.id for each in alerts}) == 3
        assert alerts[0].data.due_at == start + 300
        assert alerts[0].data.late_ms < 20_000
        assert await attained(world) == (0, 1)


async def test_an_answer_in_time_tells_nothing(world: KpiWorld) -> None:
    """Nothing is left to come due, and the promise counts as met."""
    teller = Teller()
    async with world.counting(RULES, promised(60_000)) as worker:
        start = now_ms()
        await world.tell([teller.reached("ann", "mql", start)])
        await world.tell([teller.reached("ann", "first_response", start + 5)])
        await world.counted(worker)
        assert await attained(world) == (1, 1)
        shard = next(each for each in worker.shards.values() if each.ledger.offset >= 0)
        assert await world.store.client.zcard(shard.key("timers")) == 0
    assert await world.alerts() == []


async def test_an_answer_in_time_that_is_told_late_retracts_the_breach(world: KpiWorld) -> None:
    """The breach is taken back, and moves from missed to met in the counters."""
    teller = Teller()
    async with world.counting(RULES, promised(200, escalate_ms=HOUR)) as worker:
        start = now_ms()
        await world.tell([teller.reached("ann", "mql", start)])
        assert await told(world, 1) == [("ann", "breach")]
        await wait_until(lambda: _is(world, (0, 1)), description="the breach counts")
        await world.tell([teller.reached("ann", "first_response", start + 100)])
        assert (await told(world, 2))[-1] == ("ann", "retracted")
        assert (await world.alerts())[-1].data.reason == "met-in-time"
        await world.counted(worker)
        assert await attained(world) == (1, 1)


async def _is(world: KpiWorld, counted: tuple[int, int]) -> bool:
    return await attained(world) == counted


async def test_what_came_due_while_nobody_was_there_is_told_once_with_how_late(world: KpiWorld) -> None:
    """After downtime the breach and the highest step that it reached are told, in the order they came due."""
    teller = Teller()
    start = now_ms()
    async with world.counting(RULES, promised(HOUR, escalate_ms=100)) as worker:
        await world.tell([teller.reached(f"lead-{each}", "mql", start + each) for each in range(5)])
        await world.counted(worker)
    assert await world.alerts() == []
    world.ahead_ms = HOUR + 400
    for _ in range(2):
        async with world.counting(RULES, promised(HOUR, escalate_ms=100)):
            await told(world, 10)
    alerts = await world.alerts()
    assert len(alerts) == len({each.id for each in alerts}) == 10
    assert all(each.data.late_ms >= 250 for each in alerts)
    for lead in range(5):
        steps = [each.data.step for each in alerts if each.subject == f"lead-{lead}"]
        assert steps == ["breach", "escalation:1"]


async def test_nothing_fires_before_what_was_appended_earlier_is_read(world: KpiWorld) -> None:
    """A worker far behind doesn't tell of a breach whose answer lies in the log already."""
    teller = Teller()
    start = now_ms()
    async with world.counting(RULES, promised(HOUR)) as worker:
        await world.tell([teller.reached("ann", "mql", start)])
        await world.counted(worker)
    filler = [teller.did("ann", f"sf:Task:{each}", start, "note") for each in range(600)]
    await world.tell([*filler, teller.reached("ann", "first_response", start + 10)])
    world.ahead_ms = HOUR + 100
    async with world.counting(RULES, promised(HOUR), max_records=1) as worker:
        await world.counted(worker)
        assert await attained(world) == (1, 1)
    assert await world.alerts() == []


async def test_two_thousand_timers_fire_in_order(world: KpiWorld) -> None:
    """Of each shard the alerts stand in the order in which they came due, each once."""
    teller = Teller()
    start = now_ms()
    async with world.counting(RULES, promised(HOUR, escalate_ms=HOUR)) as worker:
        await world.tell([teller.reached(f"lead-{each}", "mql", start + each % 97) for each in range(2_000)])
        await world.counted(worker)
    world.ahead_ms = start + HOUR - now_ms() - 50  # the first come due when it is at work again
    async with world.counting(RULES, promised(HOUR, escalate_ms=HOUR)):
        await wait_until(lambda: _there(world, 2_000), every_s=0.2, description="2,000 alerts")
    alerts = await world.alerts()
    assert len(alerts) == len({each.subject for each in alerts}) == 2_000
    by_shard: dict[int, list[int]] = {}
    for each in alerts:
        place = world.log.partition_for("tasuki.lifecycle.v1", each.subject)
        by_shard.setdefault(place, []).append(each.data.due_at)
    assert all(due == sorted(due) for due in by_shard.values())


async def test_new_counting_rules_keep_the_verdicts(world: KpiWorld) -> None:
    """After the counting rules changed the kept promises stand under the new ones."""
    teller, other = Teller(), CountingRules(dimensions=("owner",))
    async with world.counting(RULES, promised(60_000)) as worker:
        start = now_ms()
        events = [teller.reached("ann", each, start) for each in ("mql", "first_response")]
        await world.tell(events)
        await world.counted(worker)
    async with world.counting(other, promised(60_000)):
        ask = Ask(metric="sla_attainment", range=Range(start - DAY, start + 2 * DAY))

        async def there() -> bool:
            figure = (await world.readings(other).window(ask, now=now_ms())).figures[0]
            return (figure.numerator, figure.denominator) == (1, 1)

        await wait_until(there, description="the verdict stands under the new rules")


class DeafLog(EmbeddedLog):
    """Writes alerts, and while it is `deaf` doesn't hear that they were written."""

    deaf = True

    async def append(self, records: Sequence[Record]) -> None:
        """See `Log.append`."""
        await super().append(records)
        if self.deaf and any(each.topic == ALERTS.name for each in records):
            raise LogUnavailable("no answer")


async def test_alerts_relayed_by_a_worker_that_ended_in_doubt_are_known_again() -> None:
    """Sent again by the next owner, each stands on the topic once, and none is missing."""
    teller = Teller()
    async with kpi_world(DeafLog) as world:
        log = world.log
        assert isinstance(log, DeafLog)
        async with world.counting(RULES, promised(200, escalate_ms=100)) as worker:
            await world.tell([teller.reached(f"lead-{each}", "mql", now_ms()) for each in range(20)])
            await wait_until(
                lambda: sum(len(each.outbox) for each in worker.shards.values()) == 40,
                description="each alert waits for its answer",
            )
            await wait_until(lambda: _there(world, 3), description="some are written all the same")
        log.deaf = False
        async with world.counting(RULES, promised(200, escalate_ms=100)) as worker:
            await wait_until(lambda: _there(world, 40), description="all are there")
            await wait_until(
                lambda: not any(len(each.outbox) for each in worker.shards.values()),
                description="all were sent again",
            )
        place = world.log.partition_for(ALERTS.name, "lead-0")
        sent = await world.log.read(ALERTS.name, place, 0, limit=10_000)
        fresh, _ = Seen({}).sift(sent)
        ids = [ALERT.validate_json(each.value or b"").id for each in fresh]
        assert len(sent) == len(ids) == len(set(ids)) == 40


async def test_a_breach_counts_by_what_is_known_now_of_its_deadline_and_its_lead(world: KpiWorld) -> None:
    """A start that is corrected after the breach was told moves it to another day, another owner to other segments."""
    teller, now = Teller(), now_ms()
    rules = promised(HOUR, escalate_ms=2 * DAY)

    async def due(day_at: int, segment: tuple[str, str] | None) -> int:
        ask = Ask(metric="sla_attainment", range=Range(day_at - DAY, day_at + DAY), segment=segment)
        return (await world.readings(RULES).window(ask, now=now)).figures[0].denominator or 0

    async with world.counting(RULES, rules) as worker:
        await world.tell([teller.reached("ann", "mql", now - 3 * DAY, holder="sato@f")])
        await told(world, 1)
        await wait_until(lambda: _is(world, (0, 1)), description="the breach counts")
        await world.tell([teller.reached("ann", "mql", now - 13 * DAY, holder="sato@f")])
        await world.counted(worker)
        assert await due(now - 3 * DAY, None) == 0
        assert await due(now - 13 * DAY, ("owner", "sato@f")) == 1
        await world.tell([teller.did("ann", "sf:Task:1", now - DAY, "meeting", holder="ito@f")])
        await world.counted(worker)
        assert await due(now - 13 * DAY, ("owner", "sato@f")) == 0
        assert await due(now - 13 * DAY, ("owner", "ito@f")) == 1
        assert await attained(world) == (0, 1)
