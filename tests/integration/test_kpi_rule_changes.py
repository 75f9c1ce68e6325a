"""Promises that change while clocks run: the shards keep the eras, and work the open clocks out anew."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import cast

import pytest

from services.kpi.adapters.rulebook_codec import decode_eras
from services.kpi.adapters.stored_clocks import StoredClocks
from services.kpi.consumers.promised import Promised
from services.kpi.domain.notices import ClockKey
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import Rulebook
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import LogUnavailable, Offsets
from tests.integration.kpi_world import PARTITIONS, KpiWorld, kpi_world
from tests.integration.test_kpi_clocks import attained
from tests.kpi_facts import HOUR, Teller
from tests.waiting import wait_until

RULES = CountingRules()
RESPONSE = Policy(
    name="response", starts=("mql",), stops=("first_response",), targets=(Target(budget_ms=24 * HOUR),)
)
DEAL = Policy(name="deal", starts=("sql",), stops=("won",), targets=(Target(budget_ms=HOUR),))


def within(budget_ms: int) -> Policy:
    """Return the promise with another budget."""
    return replace(RESPONSE, targets=(Target(budget_ms=budget_ms),))


def promised(*policies: Policy, reaching_back: bool = False) -> Promised:
    """Promise *policies*."""
    return Promised(book=Rulebook.of(policies), from_at=0, reaching_back=reaching_back)


@pytest.fixture
async def world() -> AsyncGenerator[KpiWorld]:
    """Give a world of its own."""
    async with kpi_world() as found:
        yield found


async def kept(world: KpiWorld, *prefixes: str) -> dict[str, object]:
    """Return what the shards keep under names with *prefixes*, without the service's name."""
    found: dict[str, object] = {}
    async for key in world.store.client.scan_iter(match=f"{{{world.service}*"):
        name = key.decode().partition("}")[2]
        if name.startswith(prefixes):
            kind = await world.store.client.type(key)
            where = key.decode().removeprefix(f"{{{world.service}")
            if kind == b"zset":
                found[where] = dict(await world.store.client.zrange(key, 0, -1, withscores=True))
            elif kind == b"hash":
                found[where] = await world.store.client.hgetall(key)
            else:
                found[where] = await world.store.client.get(key)
    return found


async def recomputed(world: KpiWorld, number: int = 2) -> None:
    """Wait until the shards say that all clocks are worked out by the rules of that number."""

    async def agreed() -> bool:
        if world.failures:
            raise world.failures[0]
        found = await kept(world, "worked-out")
        return list(found.values()) == [str(number).encode()] * PARTITIONS

    await wait_until(agreed, description="all clocks are worked out anew")


async def moves(world: KpiWorld) -> Counter[str]:
    """Return how many clocks the shards say have moved."""
    found: Counter[str] = Counter()
    for value in (await kept(world, "recompute")).values():
        counts = cast("Mapping[bytes, bytes]", value)
        found.update({name.decode(): int(count) for name, count in counts.items()})
    return found


async def qualified(world: KpiWorld, count: int, at: int, policy: Policy = RESPONSE) -> None:
    """Let *count* leads qualify at *at* under *policy*."""
    teller = Teller()
    async with world.counting(RULES, promised(policy)) as worker:
        await world.tell([teller.reached(f"lead-{each}", "mql", at) for each in range(count)])
        await world.counted(worker)


async def test_a_lead_that_gets_no_fact_any_more_is_held_to_the_new_budget(world: KpiWorld) -> None:
    """What is past its new deadline is told at once, and what moved is told with why, once for each clock."""
    start = now_ms() - HOUR
    await qualified(world, 8, start)
    for _ in range(2):
        async with world.counting(RULES, promised(within(HOUR // 2))):
            await recomputed(world)
            await wait_until(lambda: _alerts(world, 8), description="8 breaches")
    found = await world.recomputed()
    assert len({each.id for each in found}) == len({each.subject for each in found}) == 8
    for each in found:
        assert (each.data.shift, each.data.because) == ("earlier", "policy-changed")
        assert each.data.previous_deadline_at == start + 24 * HOUR
        assert each.data.deadline_at == start + HOUR // 2
    assert {each.data.step for each in await world.alerts()} == {"breach"}
    assert await moves(world) == {"earlier": 8}
    assert await attained(world) == (0, 8)


async def _alerts(world: KpiWorld, count: int) -> bool:
    return len(await world.alerts()) >= count


async def test_a_breach_that_new_rules_undo_is_retracted_and_its_count_goes_back(world: KpiWorld) -> None:
    """Nothing is due any more for a clock that has no timer left; its deadline is found by the notifier too."""
    start = now_ms() - HOUR
    await qualified(world, 1, start, within(HOUR // 2))
    async with world.counting(RULES, promised(within(HOUR // 2))):
        await wait_until(lambda: _alerts(world, 1), description="the breach")
    assert await attained(world) == (0, 1)
    async with world.counting(RULES, promised(within(2 * HOUR))):
        await recomputed(world)
        await wait_until(lambda: _alerts(world, 2), description="it is taken back")
    told = await world.alerts()
    assert [(each.data.step, each.data.reason) for each in told] == [("breach", None), ("retracted", "moved")]
    assert [each.data.shift for each in await world.recomputed()] == ["later"]
    assert await attained(world) == (0, 0)
    (deadline,) = (await kept(world, "deadlines")).values()
    assert deadline == {b"1/response/lead-0": float(start + 2 * HOUR)}
    clocks = StoredClocks(world.store, service=world.service, partitions=PARTITIONS)
    key = ClockKey("lead-0", 1, "response", 1)
    assert (await clocks.now([key], now_ms()))[key].overdue_ms == 0


async def test_a_promise_that_is_gone_ends_and_one_that_is_new_promises_nothing_of_before(
    world: KpiWorld,
) -> None:
    """Nothing is left to come due; what has ended keeps its verdict; from the change on the new one holds."""
    start, teller = now_ms() - HOUR, Teller()
    async with world.counting(RULES, promised(RESPONSE)) as worker:
        await world.tell(
            [teller.reached(lead, name, start) for lead in ("ann", "bob") for name in ("mql", "sql")]
        )
        await world.tell([teller.reached("bob", "first_response", start + 5)])
        await world.counted(worker)
    async with world.counting(RULES, promised(DEAL)) as worker:
        await recomputed(world)
        assert (await kept(world, "timers", "deadlines")) == {}
        await world.tell([teller.reached("cat", "sql", now_ms())])
        await world.counted(worker)
        assert [*(await kept(world, "timers")).values()] != []
    (move,) = await world.recomputed()
    assert (move.subject, move.data.shift, move.data.because) == ("ann", "ended", "policy-removed")
    assert await world.alerts() == []
    assert await attained(world) == (1, 1)


async def test_a_promise_made_later_reaches_what_is_set_for_after_it(world: KpiWorld) -> None:
    """A fact that lies ahead starts its clock, though the lead had none and gets no other fact."""
    teller, ahead = Teller(), now_ms() + 2 * HOUR
    async with world.counting(RULES, promised(RESPONSE)) as worker:
        await world.tell([teller.reached("ann", "sql", ahead), teller.reached("bob", "sql", now_ms())])
        await world.counted(worker)
    async with world.counting(RULES, promised(RESPONSE, DEAL)):
        await recomputed(world)
    (timers,) = (await kept(world, "timers")).values()
    assert timers == {b"1/deal/ann": float(ahead + HOUR)}


async def test_a_change_that_reaches_back_judges_anew_without_an_alarm(world: KpiWorld) -> None:
    """Verdicts of what has ended move; nobody is told of what nobody can help."""
    start, teller = now_ms() - 3 * HOUR, Teller()
    async with world.counting(RULES, promised(RESPONSE)) as worker:
        await world.tell([teller.reached("ann", "mql", start)])
        await world.tell([teller.reached("ann", "first_response", start + HOUR)])
        await world.counted(worker)
        assert await attained(world) == (1, 1)
    async with world.counting(RULES, promised(within(HOUR // 2), reaching_back=True)):
        await recomputed(world)
        assert await attained(world) == (0, 1)
    assert await world.alerts() == []
    assert await world.recomputed() == []


async def test_a_restart_under_the_same_rules_changes_nothing(world: KpiWorld) -> None:
    """Not a byte of clocks, timers, eras or counters, and nothing is told."""
    await qualified(world, 6, now_ms() - HOUR)
    names = ("clock:", "timers", "deadlines", "eras", "worked-out", "recompute", "n:", "lead:")
    before = await kept(world, *names)
    async with world.counting(RULES, promised(RESPONSE)) as worker:
        await world.counted(worker)
    assert await kept(world, *names) == before
    assert await world.recomputed() == []


class FailingLog(EmbeddedLog):
    """Answers a recompute so many times, then no more."""

    answers = 1 << 30

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """See `Log.offsets`."""
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("recompute"):
            self.answers -= 1
            if self.answers < 0:
                raise LogUnavailable("no answer")
        return await super().offsets(topic)


@pytest.mark.parametrize("answers", [0, 1, 3, 5])
async def test_a_recompute_that_is_stopped_at_any_page_goes_on_with_the_next_owner(answers: int) -> None:
    """In the end clocks, timers and counters are those of one that wasn't, and each move is told once."""
    start = now_ms() - HOUR
    async with kpi_world(FailingLog) as world:
        log = world.log
        assert isinstance(log, FailingLog)
        world.page = 2
        await qualified(world, 14, start)
        log.answers = answers
        async with world.counting(RULES, promised(within(2 * HOUR))):
            await wait_until(lambda: log.answers < 0, description="the recompute hears nothing more")
        stopped = sum((await moves(world)).values())
        assert stopped <= 2 * answers
        log.answers = 1 << 30
        async with world.counting(RULES, promised(within(2 * HOUR))):
            await recomputed(world)
        assert await moves(world) == {"earlier": 14}
        found = await world.recomputed()
        # What was relayed when its owner ended may be relayed again, under its id.
        assert len({each.id for each in found}) == len({each.subject for each in found}) == 14
        (timers, clocks) = [await kept(world, each) for each in ("timers", "clock:")]

        world.service = f"{world.service}x"
        async with world.counting(RULES, promised(RESPONSE)) as worker:
            await world.counted(worker)
        async with world.counting(RULES, promised(within(2 * HOUR))):
            await recomputed(world)
        assert await kept(world, "timers") == timers
        assert await kept(world, "clock:") == clocks


async def test_a_replay_that_begins_with_the_eras_ends_in_the_same_bytes(world: KpiWorld) -> None:
    """The eras can be given to an empty store, so what was judged by older rules is judged by them again."""
    start, teller = now_ms() - 3 * HOUR, Teller()
    async with world.counting(RULES, promised(RESPONSE)) as worker:
        await world.tell([teller.reached(lead, "mql", start) for lead in ("ann", "bob")])
        await world.tell([teller.reached("ann", "first_response", start + HOUR)])
        await world.counted(worker)
    async with world.counting(RULES, promised(within(5 * HOUR))):
        await recomputed(world)
    names = ("clock:", "timers", "deadlines", "n:")
    before = await kept(world, *names)
    eras = next(each for each in (await kept(world, "eras")).values() if isinstance(each, bytes))

    world.service = f"{world.service}x"
    again = replace(promised(within(5 * HOUR)), history=decode_eras(eras))
    async with world.counting(RULES, again) as worker:
        await world.counted(worker)
        await recomputed(world)
    assert await kept(world, *names) == before
