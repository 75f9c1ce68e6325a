"""Health: a stuck or dead consumer turns it red, an outage of others doesn't ask for our restart."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from services.runtime import health_probes
from services.runtime.health import Condition, Health, Probe, Report
from services.runtime.health_probes import (
    ConsumerProbe,
    LoopWatch,
    WatchedHandler,
    ping_probe,
    stream_probe,
)
from services.runtime.log.port import LogRecord, LogUnavailable
from services.runtime.metrics import Metrics
from tests.waiting import PATIENCE_S

NOON = 1_767_225_600_000


class HandClock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@dataclass
class FakeSubscription:
    """A subscription that says what the test wants it to."""

    assignment: frozenset[int] = frozenset({0, 1})
    last_poll_at: int = NOON
    failure: BaseException | None = None
    behind: dict[int, int] = field(default_factory=dict[int, int])

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    def seek(self, partition: int, offset: int) -> None:
        _ = partition, offset

    async def commit(self, partition: int, offset: int) -> None:
        _ = partition, offset

    async def lag(self) -> Mapping[int, int]:
        return self.behind


class HeldHandler:
    """A handler whose batch ends when the test lets it."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    async def revoked(self, partitions: frozenset[int]) -> None:
        _ = partitions

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        _ = partition, records
        await self.let_go.wait()


@pytest.fixture
def clock() -> HandClock:
    """Return a clock at noon."""
    return HandClock()


class Consumer:
    """A consumer under watch, with the health that judges it."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.subscription = FakeSubscription()
        self.held = HeldHandler()
        self.handler = WatchedHandler(self.held, clock)
        self.health = Health(clock, fresh_ms=1)
        self.health.register(
            "consumer.inbox", ConsumerProbe(self.subscription, self.handler, clock, most_lag=100)
        )

    def pass_by(self, seconds: float, *, polling: bool = True) -> None:
        self.clock.pass_by(seconds)
        if polling:
            self.subscription.last_poll_at = self.clock.now


@pytest.fixture
def consumer(clock: HandClock) -> Consumer:
    """Return a consumer that works."""
    return Consumer(clock)


async def test_a_working_consumer_is_ready_and_tells_its_figures(consumer: Consumer) -> None:
    """Assigned, polling, not behind: green, with what it was judged by."""
    await consumer.handler.assigned(frozenset({0, 1}))
    consumer.held.let_go.set()
    await consumer.handler.batch(0, [])
    consumer.pass_by(3)

    verdict = await consumer.health.verdict()

    assert (verdict.ready, verdict.live, verdict.reasons) == (True, True, ())
    assert verdict.components["consumer.inbox"].facts == {
        "partitions": 2,
        "seconds_since_poll": 0.0,
        "seconds_since_commit": 3.0,
        "batch_running_seconds": 0.0,
        "lag": 0,
    }


async def test_a_stuck_consumer_turns_red_although_the_log_polls_on(consumer: Consumer) -> None:
    """A batch that never ends is the failure that pings and polls don't see."""
    running = asyncio.create_task(consumer.handler.batch(1, []))
    await asyncio.sleep(0)
    consumer.pass_by(59)
    assert (await consumer.health.verdict()).ready

    consumer.pass_by(2)
    verdict = await consumer.health.verdict()

    assert (verdict.ready, verdict.live) == (False, False)
    assert verdict.reasons == ("consumer.inbox: a batch runs for 61 s",)
    consumer.held.let_go.set()
    await running
    consumer.pass_by(1)
    assert (await consumer.health.verdict()).ready


async def test_a_consumer_that_polls_no_more_is_dead(consumer: Consumer) -> None:
    """No read was answered for N seconds: a restart helps."""
    consumer.pass_by(31, polling=False)

    verdict = await consumer.health.verdict()

    assert (verdict.ready, verdict.live) == (False, False)
    assert verdict.reasons == ("consumer.inbox: no read was answered for 31 s",)


async def test_a_consumer_that_never_polled_is_not_dead_before_its_time(clock: HandClock) -> None:
    """The silence counts from the beginning of the watch, not from 1970."""
    subscription = FakeSubscription(assignment=frozenset(), last_poll_at=0)
    health = Health(clock, fresh_ms=1)
    health.register("consumer", ConsumerProbe(subscription, WatchedHandler(HeldHandler(), clock), clock))

    verdict = await health.verdict()

    assert (verdict.ready, verdict.live) == (False, True)
    assert verdict.reasons == ("consumer: no partition is assigned",)
    clock.pass_by(31)
    assert not (await health.verdict()).live


async def test_a_consumer_may_stand_by_where_others_hold_all_partitions(clock: HandClock) -> None:
    """It waits at first, for it may be given one yet; then it is ready to take over, as long as it polls."""
    subscription = FakeSubscription(assignment=frozenset(), last_poll_at=clock())
    health = Health(clock, fresh_ms=1)
    probe = ConsumerProbe(subscription, WatchedHandler(HeldHandler(), clock), clock, stands_by_ms=10_000)
    health.register("consumer", probe)
    assert not (await health.verdict()).ready
    clock.pass_by(11)

    verdict = await health.verdict()

    assert verdict.ready
    assert verdict.components["consumer"].reason == "stands by: others hold all partitions"
    clock.pass_by(31)
    assert not (await health.verdict()).live


async def test_an_ended_subscription_is_dead_with_its_cause(consumer: Consumer) -> None:
    """Its failure is told, without data its text may quote."""
    consumer.subscription.failure = ValueError("taro@example.com")

    verdict = await consumer.health.verdict()

    assert not verdict.live
    assert verdict.reasons == ("consumer.inbox: the subscription ended: ValueError: ValueError",)


async def test_a_consumer_far_behind_waits_and_lives(consumer: Consumer) -> None:
    """Catching up is no reason to restart."""
    consumer.subscription.behind = {0: 60, 1: 50}

    verdict = await consumer.health.verdict()

    assert (verdict.ready, verdict.live) == (False, True)
    assert verdict.reasons == ("consumer.inbox: 110 records behind, more than 100",)


async def test_a_batch_that_waits_for_a_store_that_is_down_asks_for_no_restart(consumer: Consumer) -> None:
    """The restarted process would only wait again."""
    running = asyncio.create_task(consumer.handler.batch(0, []))
    await asyncio.sleep(0)
    consumer.pass_by(61)

    async def ping() -> None:
        raise LogUnavailable("connection refused")

    consumer.health.register("store", ping_probe(ping))
    verdict = await consumer.health.verdict()

    assert (verdict.ready, verdict.live) == (False, True)
    assert verdict.reasons == ("consumer.inbox: a batch runs for 61 s", "store: connection refused")
    consumer.held.let_go.set()
    await running


async def test_taking_over_partitions_for_too_long_is_stuck(clock: HandClock) -> None:
    """Between the assignment and its end nothing is delivered, so it must not last."""

    class NeverReady(HeldHandler):
        async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
            await self.let_go.wait()
            return await super().assigned(partitions)

    held = NeverReady()
    handler = WatchedHandler(held, clock)
    subscription = FakeSubscription()
    probe = ConsumerProbe(subscription, handler, clock)
    taking = asyncio.create_task(handler.assigned(frozenset({4})))
    await asyncio.sleep(0)
    clock.pass_by(61)
    subscription.last_poll_at = clock.now

    assert (await probe()).condition is Condition.STUCK
    held.let_go.set()
    assert await taking == {4: 0}
    assert (await probe()).condition is Condition.OK


async def test_a_batch_that_waits_for_a_vendor_is_not_stuck(clock: HandClock) -> None:
    """A restart would not bring the vendor back, and the door must stay open."""
    held, awaited = HeldHandler(), ["hubspot (unavailable)"]
    handler, subscription = WatchedHandler(held, clock), FakeSubscription()
    probe = ConsumerProbe(subscription, handler, clock, waits_for=lambda: awaited[0])
    running = asyncio.create_task(handler.batch(4, []))
    await asyncio.sleep(0)
    clock.pass_by(61)
    subscription.last_poll_at = clock.now

    told = await probe()
    assert (told.condition, told.reason) == (
        Condition.DEGRADED,
        "a batch waits for hubspot (unavailable)",
    )
    awaited[0] = ""
    assert (await probe()).condition is Condition.STUCK
    held.let_go.set()
    await running


async def test_a_revoked_partition_counts_as_running_no_more(clock: HandClock) -> None:
    """What another process works on is not ours to be stuck with."""
    handler = WatchedHandler(HeldHandler(), clock)
    running = asyncio.create_task(handler.batch(2, []))
    await asyncio.sleep(0)

    await handler.revoked(frozenset({2}))

    assert handler.running_since is None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_probe_that_does_not_answer_is_down_in_time(clock: HandClock) -> None:
    """One hanging component can't make the health page hang."""
    health = Health(clock, timeout_ms=20)

    async def hangs() -> None:
        await asyncio.Event().wait()

    health.register("store", ping_probe(hangs))
    verdict = await health.verdict()

    assert verdict.reasons == ("store: did not answer within 20 ms",)
    assert verdict.live


async def test_a_broken_probe_is_red_and_takes_no_other_along(clock: HandClock) -> None:
    """A mistake in a probe is shown as one, and the rest is still asked."""
    health = Health(clock)

    async def broken() -> Report:
        raise KeyError("taro@example.com")

    health.register("broken", broken)
    health.register("well", _says(Report(Condition.OK)))
    verdict = await health.verdict()

    assert not verdict.ready
    assert verdict.reasons == ("broken: its probe failed: KeyError",)
    assert verdict.components["well"].condition is Condition.OK


async def test_a_silent_stream_and_an_open_circuit_are_told_but_close_no_door(clock: HandClock) -> None:
    """The other system's webhooks must still come in while one vendor is down."""
    health = Health(clock, fresh_ms=1)
    health.register("stream.salesforce", stream_probe(lambda: NOON, clock))
    health.register("vendor.salesforce", _says(Report(Condition.DEGRADED, "5 calls failed in a row")))
    clock.pass_by(301)

    verdict = await health.verdict()

    assert (verdict.ready, verdict.live) == (True, True)
    assert verdict.reasons == (
        "stream.salesforce: nothing came for 301 s",
        "vendor.salesforce: 5 calls failed in a row",
    )


async def test_the_worst_reason_comes_first(clock: HandClock) -> None:
    """Who is woken at night reads one line."""
    health = Health(clock)
    health.register("a", _says(Report(Condition.DEGRADED, "slow")))
    health.register("b", _says(Report(Condition.WAITING, "behind")))
    health.register("c", _says(Report(Condition.DEAD, "gone")))

    assert (await health.verdict()).reasons == ("c: gone", "b: behind", "a: slow")


async def test_a_process_without_components_is_not_ready(clock: HandClock) -> None:
    """Before anything is started there is nothing to be ready with, and nothing to restart."""
    verdict = await Health(clock).verdict()

    assert (verdict.ready, verdict.live) == (False, True)
    assert verdict.reasons == ("nothing has been started yet",)


async def test_a_flood_of_questions_is_not_a_flood_of_pings(clock: HandClock) -> None:
    """Answers are kept for a moment, also for questions asked at once."""
    asked = 0

    async def counts() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    health = Health(clock, fresh_ms=500)
    health.register("store", ping_probe(counts))
    await asyncio.gather(*(health.verdict() for _ in range(50)))
    assert asked == 1

    clock.pass_by(0.5)
    await health.verdict()
    assert asked == 2


async def test_a_part_of_the_components_can_be_judged_alone(clock: HandClock) -> None:
    """The load balancer before the door asks for what the door needs."""
    health = Health(clock)
    health.register("log", _says(Report(Condition.OK)))
    health.register("consumer", _says(Report(Condition.WAITING, "behind")))

    assert (await health.verdict({"log"})).ready
    assert not (await health.verdict()).ready
    health.unregister("consumer")
    assert (await health.verdict()).ready


async def test_a_blocked_event_loop_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What blocks the loop delays every timer and every answer; some seconds later it is not held against it."""
    metrics = Metrics()
    watch = LoopWatch(metrics, late_ms=400, every_ms=5)
    await watch.start()
    await asyncio.sleep(0.02)
    assert (await watch()).condition is Condition.OK

    time.sleep(0.5)  # noqa: ASYNC251 - it is the loop that is to be blocked
    async with asyncio.timeout(PATIENCE_S):
        while (await watch()).condition is Condition.OK:  # noqa: ASYNC110 - a measurement has no event
            await asyncio.sleep(0.001)

    assert (await watch()).condition is Condition.WAITING
    monkeypatch.setattr(health_probes, "_FRESH_BLOCK_S", 0)
    assert (await watch()).condition is Condition.DEGRADED
    await watch.stop()
    assert metrics.value("tasuki_loop_delay_seconds") >= 0.4


def _says(report: Report) -> Probe:
    async def probe() -> Report:
        return report

    return probe
