"""What facts amount to: when a clock runs, its deadline, its state."""

from dataclasses import replace

import pytest

from services.kpi.domain.sla.clocks import Clock, Round, State, derive
from services.kpi.domain.sla.facts import CYCLE_STARTED, Era, Fact, Terms, Trait, traits_at
from services.kpi.domain.sla.handoffs import MQL_HANDOFF, Delays, delays
from services.kpi.domain.sla.policy import Policy, Reopening, Target
from services.kpi.domain.sla.rounds import Ending
from tests.unit.kpi.sla.worlds import DAY, HOUR, MINUTE, OFFICE, RESPONSE, at, clock, eras, facts


def present(found: Clock) -> Round:
    """Return the present round, which is there."""
    assert found.round is not None
    return found.round


def test_a_clock_runs_from_its_start_until_what_was_promised_is_done() -> None:
    """Running, warned, breached; met or met late, by when it was done."""
    running = clock((0, "mql"))
    states = [running.state(at(minutes)) for minutes in (-1, 0, 59.9, 60, 119.9, 120)]
    assert states == ["not-started", "running", "running", "at-risk", "at-risk", "breached"]

    met, late = clock((0, "mql"), (120, "first_response")), clock((0, "mql"), (121, "activity:call"))
    assert (met.state(at(500)), late.state(at(500))) == (State.MET, State.MET_LATE)
    assert late.state(at(120.5)) is State.BREACHED
    assert (present(late).elapsed_ms(at(500)), present(late).overdue_ms(at(500))) == (121 * MINUTE, MINUTE)


def test_time_outside_business_hours_does_not_count() -> None:
    """Monday 17:00 and two hours is Tuesday 10:00; lunch is left out."""
    assert present(clock((8 * 60, "mql"))).deadline_at == at(25 * 60)
    assert present(clock((2.5 * 60, "mql"))).deadline_at == at(5.5 * 60)


def test_a_fulfilment_after_closing_time_misses_a_deadline_at_closing_time() -> None:
    """It is late although no business time passed."""
    found = clock((7 * 60, "mql"), (9 * 60 + 1, "first_response"))
    assert present(found).deadline_at == at(9 * 60)
    assert found.state(at(600)) is State.MET_LATE
    assert present(found).overdue_ms(at(600)) == 0


def test_pauses_may_overlap_and_move_the_deadline_once() -> None:
    """It stands still until the last of them is over; a pause that was never begun ends nothing."""
    told = [
        (0, "mql"),
        (20, "stage:waiting"),
        (30, "stage:legal"),
        (40, "stage:working"),
        (5, "stage:cleared"),
    ]
    paused = clock(*told)
    assert (paused.state(at(100)), present(paused).deadline_at) == (State.PAUSED, None)
    resumed = clock(*told, (50, "stage:cleared"))
    assert (resumed.state(at(100)), present(resumed).deadline_at) == (State.AT_RISK, at(150))
    assert (present(resumed).paused_ms(at(100)), present(resumed).remaining_ms(at(100))) == (
        30 * MINUTE,
        50 * MINUTE,
    )


def test_a_clock_may_begin_paused() -> None:
    """A pause from before the start still holds; one that ended before it doesn't."""
    assert clock((-10, "stage:waiting"), (0, "mql")).state(at(500)) is State.PAUSED
    assert clock((0, "stage:waiting"), (0, "mql")).state(at(500)) is State.PAUSED
    over = clock((-10, "stage:waiting"), (-5, "stage:working"), (0, "mql"))
    assert over.state(at(0)) is State.RUNNING


def test_a_pause_after_the_deadline_does_not_undo_the_breach() -> None:
    """It is paused, and breached all the same; the ladder waits."""
    found = clock((0, "mql"), (130, "stage:waiting"))
    assert (found.state(at(500)), present(found).breached_at) == (State.PAUSED, at(120))
    assert [step.name for step in present(found).steps][-1] == "breach"


def test_of_one_instant_a_fulfilment_wins() -> None:
    """Over a cancellation, a reset and the start; a pause that ends where it begins is none."""
    assert clock((0, "mql"), (9, "lost"), (9, "first_response")).state(at(10)) is State.MET
    assert clock((0, "mql"), (9, "owner-changed"), (9, "first_response")).state(at(10)) is State.MET
    assert clock((0, "mql"), (0, "first_response")).state(at(0)) is State.MET
    assert clock((0, "mql"), (9, "stage:waiting"), (9, "stage:working")).state(at(10)) is State.RUNNING


def test_what_was_done_before_it_was_promised_is_met_at_once() -> None:
    """A milestone lasts; an activity from before answers nothing."""
    assert clock((-5, "first_response"), (0, "mql")).state(at(500)) is State.MET
    assert clock((-5, "activity:call"), (0, "mql")).state(at(30)) is State.RUNNING


def test_a_cancelled_clock_has_nothing_more_to_say() -> None:
    """A breach before it stands; what comes after it changes nothing."""
    found = clock((0, "mql"), (130, "lost"), (140, "first_response"))
    assert found.state(at(500)) is State.CANCELLED
    assert present(found).breached_at == at(120)
    assert [step.name for step in present(found).steps] == ["warning:0.5", "warning:0.75", "breach"]
    assert clock((0, "mql"), (110, "lost")).rounds[0].breached_at is None


def test_a_reset_begins_the_next_round_with_the_whole_budget() -> None:
    """For a new owner; not where the clock has just begun."""
    found = clock((0, "mql"), (100, "owner-changed"))
    assert [each.ending for each in found.rounds] == [Ending.RESET, None]
    assert present(found).deadline_at == at(100 + 120 + 60)
    assert len(clock((0, "mql"), (0, "owner-changed")).rounds) == 1


def test_a_reopened_clock_restarts_or_goes_on() -> None:
    """As configured; saying the start again reopens nothing."""
    told = [(0, "mql"), (20, "first_response"), (30, "mql"), (100, "returned")]
    restarted = clock(*told)
    assert (len(restarted.rounds), present(restarted).deadline_at) == (2, at(100 + 120 + 60))
    resumed = clock(*told, policy=replace(RESPONSE, reopening=Reopening.RESUME))
    assert (len(resumed.rounds), present(resumed).deadline_at) == (1, at(100 + 100 + 60))
    assert len(clock(*told[:-1]).rounds) == 1


def test_the_next_cycle_ends_what_is_open_and_has_a_clock_of_its_own() -> None:
    """An activity belongs to the cycle in which it was done."""
    told = [
        *facts((0, "mql")),
        Fact(at(60), CYCLE_STARTED, 2),
        Fact(at(60), "mql", 2),
        Fact(at(70), "activity:call"),
    ]
    first, second = (derive(cycle, told, [], eras()) for cycle in (1, 2))
    assert (first.state(at(80)), present(first).ending) == (State.CANCELLED, Ending.NEXT_CYCLE)
    assert (second.state(at(80)), present(second).started_at) == (State.MET, at(60))


def test_a_pause_of_the_cycle_before_is_over() -> None:
    """Whoever qualifies again is waited for no longer."""
    told = [*facts((0, "stage:waiting")), Fact(at(60), CYCLE_STARTED, 2), Fact(at(60), "mql", 2)]
    assert derive(2, told, [], eras()).state(at(80)) is State.RUNNING


def test_the_first_target_that_matches_holds() -> None:
    """Hot leads have half an hour, on the wall clock; what they become later holds from the start on."""
    hot = Trait(at(0), "temperature", "hot")
    assert present(clock((8.9 * 60, "mql"), traits=(hot,))).deadline_at == at(8.9 * 60 + 30)
    heated = clock((0, "mql"), traits=(Trait(at(0), "temperature", "cold"), hot._replace(at=at(10))))
    assert present(heated).deadline_at == at(30)
    done = clock(
        (0, "mql"), (100, "first_response"), traits=(hot._replace(at=at(110)), Trait(0, "temperature", ""))
    )
    assert done.state(at(500)) is State.MET


def test_where_no_target_matches_nothing_is_promised() -> None:
    """From the trait that says so on; nothing comes due."""
    only_hot = replace(RESPONSE, targets=RESPONSE.targets[:1])
    hot, cold = Trait(at(0), "temperature", "hot"), Trait(at(9), "temperature", "cold")
    found = clock((0, "mql"), traits=(hot, cold), policy=only_hot)
    assert (found.state(at(8)), found.state(at(9))) == (State.RUNNING, State.CANCELLED)
    assert (present(found).steps, present(found).elapsed_ms(at(99))) == ((), 9 * MINUTE)


def test_traits_stand_as_of_an_instant() -> None:
    """The latest value by then; before the first value, the first."""
    known = [Trait(20, "source", "web"), Trait(10, "source", "fair"), Trait(15, "owner", "a")]
    assert traits_at(known, 5) == {"source": "fair", "owner": "a"}
    assert traits_at(known, 20) == {"source": "web", "owner": "a"}


def test_a_policy_that_is_withdrawn_ends_its_clocks() -> None:
    """What ended before stays as it was judged; what comes after starts nothing."""
    ended = [*eras(), Era(at(50), None)]
    assert derive(1, facts((0, "mql")), [], ended).state(at(60)) is State.CANCELLED
    assert derive(1, facts((0, "mql"), (40, "first_response")), [], ended).state(at(60)) is State.MET
    assert derive(1, facts((55, "mql")), [], ended).rounds == ()


@pytest.mark.parametrize("budget_ms", [0, 1, DAY])
def test_a_budget_of_any_length_is_used_up_at_its_deadline(budget_ms: int) -> None:
    """0 at once, done or not."""
    policy = Policy(name="p", starts=("mql",), stops=("sql",), targets=(Target(budget_ms=budget_ms),))
    assert present(clock((0, "mql"), policy=policy)).breached_at == at(0) + budget_ms
    assert clock((0, "mql"), (0, "sql"), policy=policy).state(at(0)) is State.MET


def test_a_handoff_has_two_delays() -> None:
    """The system's on the wall clock, the rep's in business hours; neither is negative."""
    assert delays(at(0), at(1), at(25 * 60), OFFICE) == Delays(system_ms=MINUTE, rep_ms=9 * HOUR - MINUTE)
    assert delays(at(0), at(10), at(5), OFFICE).rep_ms == 0
    assert delays(at(0), None, at(5)) == Delays(system_ms=None, rep_ms=None)


def test_a_handoff_has_two_clocks() -> None:
    """One ends where the other begins; the rep isn't charged for what the tools took."""
    budget = (Target(budget_ms=HOUR),)
    system = Policy(name="s", starts=(MQL_HANDOFF.qualified,), stops=(MQL_HANDOFF.offered,), targets=budget)
    rep = Policy(name="r", starts=(MQL_HANDOFF.offered,), stops=(MQL_HANDOFF.responded,), targets=budget)
    told = [Fact(at(0), "mql", 1), Fact(at(90), "offered:mql", 1), Fact(at(120), "first_response", 1)]
    one, other = (derive(1, told, [], [Era(0, Terms(policy=policy))]) for policy in (system, rep))
    assert (one.state(at(200)), other.state(at(200))) == (State.MET_LATE, State.MET)
    assert (present(one).elapsed_ms(at(200)), present(other).elapsed_ms(at(200))) == (
        90 * MINUTE,
        30 * MINUTE,
    )
