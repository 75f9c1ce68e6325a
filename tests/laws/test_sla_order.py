"""
The law of order for clocks: a clock is a function of the set of facts, traits and rules.

Any order and any repeats give the same clock. What is told on the way differs with the order in which facts
become known; what stands as told in the end doesn't, and nothing is told twice.
"""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kpi.domain.sla.clocks import Clock, State, derive
from services.kpi.domain.sla.facts import CYCLE_STARTED, Era, Fact, Terms, Trait
from services.kpi.domain.sla.policy import Overdue, Policy, Reopening, Target
from services.kpi.domain.sla.telling import Mark, StepKey, Tell, due, next_at
from tests.unit.kpi.sla.worlds import HOUR, OFFICE, RESPONSE, at

MINUTES = [0, 10, 20, 30, 60, 90, 100, 120, 150, 180, 300, 500, 1_440, 1_500, 3_000]
NAMES = [
    "mql",
    "first_response",
    "activity:call",
    "recycled",
    "owner-changed",
    "returned",
    "stage:waiting",
    "stage:working",
    "stage:legal",
    "stage:cleared",
    "noted",
]
END = at(9_000)

instants = st.sampled_from(MINUTES).map(at)
cycled = st.builds(Fact, instants, st.sampled_from(NAMES[:6]), st.just(1))
free = st.builds(Fact, instants, st.sampled_from(NAMES[2:]), st.just(0), st.sampled_from(["", "a"]))
second = st.builds(Fact, instants, st.sampled_from([CYCLE_STARTED, "mql"]), st.just(2))
histories = st.lists(st.one_of(cycled, cycled, free, free, second), max_size=9).map(
    lambda found: [Fact(at(0), "mql", 1), *found]
)
traits = st.lists(
    st.builds(Trait, instants, st.just("temperature"), st.sampled_from(["hot", "cold", None])), max_size=3
)


def promised(overdue: Overdue, reopening: Reopening) -> Policy:
    """Return the promise with two of its choices."""
    return replace(RESPONSE, overdue=overdue, reopening=reopening)


policies = st.builds(promised, st.sampled_from(Overdue), st.sampled_from(Reopening))
others = st.sampled_from([None, replace(RESPONSE, targets=(Target(budget_ms=HOUR),), escalations=())])


def rules(policy: Policy, other: Policy | None, change_at: int | None) -> list[Era]:
    """Return a policy, and perhaps another one, or none, from an instant on."""
    found = [Era(0, Terms(policy=policy, calendars={"office": OFFICE}))]
    if change_at is not None:
        found.append(Era(change_at, None if other is None else Terms(policy=other)))
    return found


eras = st.builds(rules, policies, others, st.one_of(st.none(), instants))


def standing(marks: dict[StepKey, Mark]) -> set[tuple[int, str]]:
    """Return the steps that hold as told."""
    return {key for key, mark in marks.items() if mark.stands}


def ripe(clock: Clock, now: int) -> set[tuple[int, str]]:
    """Return the steps that have come due."""
    return {(each.number, step.name) for each in clock.rounds for step in each.steps if step.at <= now}


def names(tells: list[Tell]) -> Counter[tuple[int, str, int]]:
    """Return by what each thing told is known."""
    return Counter((each.round, each.step, each.times) for each in tells)


@given(histories, traits, eras, st.data())
def test_facts_in_any_order_with_any_repeats_give_the_same_clock(
    history: list[Fact], known: list[Trait], given_rules: list[Era], data: st.DataObject
) -> None:
    """Equal in all rounds, stretches, deadlines and steps."""
    again = data.draw(st.permutations(history + history[: len(history) // 2]))
    known_again = data.draw(st.permutations(known + known[:1]))

    for cycle in (1, 2):
        assert derive(cycle, again, known_again, given_rules) == derive(cycle, history, known, given_rules)


@settings(max_examples=200)
@given(histories, traits, eras, st.data())
def test_what_stands_as_told_in_the_end_depends_on_the_facts_alone(
    history: list[Fact], known: list[Trait], given_rules: list[Era], data: st.DataObject
) -> None:
    """However the facts arrive, and whenever it is told; nothing is told twice on the way."""
    arriving = data.draw(st.permutations(history + history[:2]))
    times = sorted(data.draw(st.lists(instants, min_size=len(arriving), max_size=len(arriving))))
    marks: dict[StepKey, Mark] = {}
    told: list[Tell] = []
    for count, now in enumerate(times, start=1):
        found, marks = due(derive(1, arriving[:count], known, given_rules), marks, now)
        told += found
    clock = derive(1, history, known, given_rules)
    found, marks = due(clock, marks, END)
    told += found

    assert standing(marks) == ripe(clock, END)
    assert due(clock, marks, END)[0] == ()
    assert max(names(told).values(), default=1) == 1


@given(histories, traits, eras)
def test_asking_at_each_time_that_is_named_tells_all_and_in_time(
    history: list[Fact], known: list[Trait], given_rules: list[Era]
) -> None:
    """With every fact known, nothing is late; what is told is what has come due, in order."""
    clock = derive(1, history, known, given_rules)
    marks: dict[StepKey, Mark] = {}
    told: list[Tell] = []
    while (when := next_at(clock, marks)) is not None:
        found, marks = due(clock, marks, when)
        assert all(each.late_ms == 0 for each in found)
        told += found
    assert standing(marks) == ripe(clock, 1 << 62)
    assert [each.due_at for each in told] == sorted(each.due_at for each in told)


@given(histories, traits, eras, instants)
def test_states_and_figures_never_contradict_each_other(
    history: list[Fact], known: list[Trait], given_rules: list[Era], now: int
) -> None:
    """Met means by the deadline, breached means after it, and no more is used up than has passed."""
    clock = derive(1, history, known, given_rules)
    begun = [each for each in clock.rounds if each.started_at <= now]
    state = clock.state(now)
    if not begun:
        assert state is State.NOT_STARTED
        return
    present = begun[-1]
    if state is State.MET and present.deadline_at is not None:
        assert present.stopped_at is not None
        assert present.stopped_at <= present.deadline_at
    if state in (State.BREACHED, State.MET_LATE):
        assert present.deadline_at is not None
        assert present.deadline_at <= now
    if state in (State.RUNNING, State.AT_RISK):
        assert present.deadline_at is None or now < present.deadline_at
        assert present.overdue_ms(now) == 0
    assert present.elapsed_ms(now) <= max(0, now - present.started_at)
    assert present.paused_ms(now) >= 0
