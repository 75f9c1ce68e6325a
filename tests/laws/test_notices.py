"""
The notifier's law: no alert is lost at a sink, and none is taken twice without a failure in between.

A sink's queue is driven at random: alerts come in, time passes, the receiver takes a message, refuses it, is away,
takes it without answering, or the process is killed before or after sending.
"""

from collections import Counter
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.kpi.domain.notice_plan import plan
from services.kpi.domain.notice_queue import Delivered, Failed, Refused
from services.kpi.domain.notice_quiet import QuietHours, QuietSpan, quiet_until
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notices import Kind, Live, Notice, Outcome, Place, Severity
from tests.notice_desk import HOUR, MINUTE, START, Desk, Sent, notice

QUIET = QuietHours(zone="Asia/Tokyo", spans=(QuietSpan(starts=22 * 60, ends=7 * 60),))
SOME_PASS = QuietHours(zone="Asia/Tokyo", spans=QUIET.spans, passes=Severity.ESCALATION)

rules = st.builds(
    SinkRule,
    name=st.just("chat"),
    window_ms=st.sampled_from([0, 30_000]),
    most_alerts=st.sampled_from([1, 3, 500]),
    limit=st.sampled_from([0, 2]),
    period_ms=st.just(HOUR),
    quiet=st.sampled_from([None, QUIET, SOME_PASS]),
    current_only=st.booleans(),
    keeps_ms=st.sampled_from([3 * HOUR, 1000 * HOUR]),
    most_waiting=st.sampled_from([4, 1000]),
)
OWN, PERSON = "", "a@example.co.jp"
TARGETS = {"both": (OWN, PERSON), "own": (OWN,), "person": (PERSON,)}
tells = st.tuples(
    st.just("tell"),
    st.sampled_from(["warned", "breached", "escalated", "met-late", "retracted"]),
    st.sampled_from(["lead-1", "lead-2", "lead-3"]),
    st.sampled_from(sorted(TARGETS)),
)
serves = st.tuples(
    st.just("serve"),
    st.sampled_from(
        ["taken", "refused", "away", "throttled", "lost", "silent", "killed-before", "killed-after"]
    ),
)
passes = st.tuples(st.just("pass"), st.sampled_from([1_000, 30_000, 10 * MINUTE, HOUR, 9 * HOUR]))
asks = st.tuples(st.just("know"), st.sampled_from(["lead-1", "lead-2", "lead-3"]))
steps = st.lists(st.one_of(tells, serves, serves, passes, asks), max_size=40)

MACHINE = SinkRule.for_machines("chat")
CURRENT = SinkRule(name="chat", window_ms=0, most_waiting=4)


def told_in(*kinds: str) -> list[tuple[object, ...]]:
    """Return the steps that tell *kinds* of one clock, to the sink's own address."""
    return [("tell", kind, "lead-1", "own") for kind in kinds]


class World:
    """A sink's queue and its receiver; `taken` is what the receiver has, in order."""

    def __init__(self, rule: SinkRule) -> None:
        self.desk = Desk(rule)
        self.taken: list[Sent] = []
        self.answered: list[Sent] = []
        self.doubts: Counter[Place] = Counter()
        self.live: dict[tuple[object, ...], Live] = {}

    def step(self, step: tuple[object, ...]) -> None:
        """Do one of the steps."""
        match step:
            case ("tell", str(kind), str(lead), str(targets)):
                self.desk.tell(notice(kind, lead, at=self.desk.now), *TARGETS[targets])
            case ("pass", int(ms)):
                self.desk.now += ms
            case ("know", str(lead)):
                self.live[notice("breached", lead).clock] = Live(True, 0, 0)
            case ("serve", str(how)):
                self.serve(how)
            case _:
                raise AssertionError(step)

    def serve(self, how: str) -> None:
        """Let the message that is due go out, and the receiver do as *how* says."""
        sent = self.desk.leave(self.live)  # pyright: ignore[reportArgumentType] (keys are clocks)
        if sent is None:
            return
        if how in {"taken", "silent", "killed-after"}:
            self.taken.append(sent)
        if how in {"silent", "lost", "killed-before", "killed-after"}:
            self.doubts.update(Place(sent.target, each) for each in sent.alert_ids)
        match how:
            case "taken":
                self.answered.append(sent)
                self.desk.answer(sent, Delivered())
            case "refused":
                self.desk.answer(sent, Refused("HTTP 422"))
            case "away":
                self.desk.answer(sent, Failed(doubt=False))
            case "throttled":
                self.desk.answer(sent, Failed(doubt=False, retry_after_ms=MINUTE))
            case "lost" | "silent":
                self.desk.answer(sent, Failed(doubt=True))
            case _:
                self.desk.crash()

    def drain(self) -> None:
        """Let everything that waits go out."""
        for _ in range(2_000):
            found = plan(self.desk.ledger, self.desk.rule, self.desk.now)
            if found.target is None and not found.drops:
                if found.next_at is None:
                    return
                self.desk.now = max(self.desk.now, found.next_at)
            self.serve("taken")
        raise AssertionError("it doesn't come to an end")


def run(rule: SinkRule, chosen: list[tuple[object, ...]]) -> World:
    """Return the world after *chosen*."""
    world = World(rule)
    for step in chosen:
        world.step(step)
        places = set(world.desk.ledger.places)
        assert places.isdisjoint(world.desk.done)
        assert places | world.desk.done.keys() == world.desk.queued
    return world


@given(rule=rules, chosen=steps)
@settings(max_examples=300)
def test_each_alert_ends_delivered_or_dropped_with_a_reason(
    rule: SinkRule, chosen: list[tuple[object, ...]]
) -> None:
    """At each step it waits or is done, never both; in the end nothing waits, and what is delivered was taken."""
    world = run(rule, chosen)
    world.drain()

    assert world.desk.done.keys() == world.desk.queued
    taken = {Place(sent.target, each) for sent in world.taken for each in sent.alert_ids}
    delivered = {place for place, outcome in world.desk.done.items() if outcome is Outcome.DELIVERED}
    assert delivered <= taken
    assert not any(world.desk.stored["waiting"].values())


@given(rule=rules, chosen=steps)
@settings(max_examples=300)
def test_no_alert_is_taken_twice_without_a_failure_in_between(
    rule: SinkRule, chosen: list[tuple[object, ...]]
) -> None:
    """One time for certain, and one more for each time that nobody knew what came of it."""
    world = run(rule, chosen)
    world.drain()

    times = Counter(Place(sent.target, each) for sent in world.taken for each in sent.alert_ids)
    assert all(count <= 1 + world.doubts[place] for place, count in times.items())


@given(rule=rules, chosen=steps)
@example(rule=MACHINE, chosen=told_in("warned", "met-late", "breached"))
@example(rule=CURRENT, chosen=[*told_in("warned", "met-late"), ("serve", "taken"), *told_in("breached")])
@settings(max_examples=300)
def test_the_end_of_a_breach_is_told_to_exactly_those_who_may_have_heard_of_it(
    rule: SinkRule, chosen: list[tuple[object, ...]]
) -> None:
    """
    Never to others; and to each of them, unless the sink refuses it or it can't be kept.

    A breach that comes after an end isn't ended by it.
    """
    world = run(rule, chosen)
    world.drain()

    heard: dict[tuple[str, object], int] = {}
    for sent in world.taken:
        for each in sent.notices:
            if each.is_breach:
                number = world.desk.numbers[Place(sent.target, each.id)]
                heard[sent.target, each.clock] = min(number, heard.get((sent.target, each.clock), number))
            maybe = any(
                world.doubts[Place(sent.target, breach.id)]
                for breach in (notice("breached", each.lead_id), notice("escalated", each.lead_id))
            )
            assert not each.is_recovery or maybe or (sent.target, each.clock) in heard
    unfit = {Outcome.REFUSED, Outcome.EXPIRED, Outcome.OVERFLOW, Outcome.DELIVERED}
    for place, outcome in world.desk.done.items():
        told = notice("breached", place.alert_id.split(":")[1])
        number = world.desk.numbers[place]
        if is_end(place) and heard.get((place.target, told.clock), number) < number and outcome not in unfit:
            assert retracted_before(world, place, told), f"{place} was {outcome}"


@given(rule=rules, chosen=steps)
@example(rule=CURRENT, chosen=told_in("warned", "retracted", "breached"))
@settings(max_examples=300)
def test_the_end_of_a_breach_ends_only_what_came_before_it(
    rule: SinkRule, chosen: list[tuple[object, ...]]
) -> None:
    """What came after it is told, unless its clock is known to have ended."""
    world = run(rule, chosen)
    world.drain()

    for place, outcome in world.desk.done.items():
        told = notice("breached", place.alert_id.split(":")[1])
        ends = [
            number
            for other, number in world.desk.numbers.items()
            if is_end(other) and other.target == place.target and told.lead_id in other.alert_id
        ]
        if outcome is Outcome.ENDED and told.clock not in world.live:
            assert any(world.desk.numbers[place] < number for number in ends), f"{place} ended by nothing"


def is_end(place: Place) -> bool:
    """Return whether the alert at *place* says that a breach is over."""
    return place.alert_id.endswith(("met-late", "retracted"))


def retracted_before(world: World, place: Place, told: Notice) -> bool:
    """Return whether it was told there already that the breach was none: then nothing is left to end."""
    return any(
        each.kind is Kind.RETRACTED and each.clock == told.clock and sent.target == place.target
        for sent in world.taken
        for each in sent.notices
    )


@given(rule=rules, chosen=steps)
@settings(max_examples=300)
def test_messages_keep_to_the_limit_and_to_the_quiet_hours(
    rule: SinkRule, chosen: list[tuple[object, ...]]
) -> None:
    """In any period no channel has more answered messages than its limit; what passes the quiet is allowed to."""
    world = run(rule, chosen)
    world.drain()

    for target in (OWN, PERSON):
        times = [sent.at for sent in world.answered if sent.target == target]
        if rule.limit:
            assert all(
                later - first >= rule.period_ms
                for first, later in zip(times, times[rule.limit :], strict=False)
            )
        assert all(first <= later for first, later in pairwise(times))
    for sent in world.taken:
        if rule.quiet is not None and quiet_until(sent.at, rule.quiet) is not None:
            assert all(rule.quiet.lets_pass(each) for each in sent.notices)


@given(rule=rules, chosen=steps)
@settings(max_examples=200)
def test_a_crash_at_rest_changes_nothing(rule: SinkRule, chosen: list[tuple[object, ...]]) -> None:
    """What the store holds is all there is: the next message is the same."""
    world = run(rule, chosen)
    before = plan(world.desk.ledger, rule, world.desk.now + 100 * MINUTE)
    world.desk.crash()

    assert plan(world.desk.ledger, rule, world.desk.now + 100 * MINUTE) == before
    assert world.desk.now >= START
