"""New rules or another calendar: what is open is held to them, what has ended is not."""

from dataclasses import replace
from datetime import date

from services.kpi.domain.sla.changes import Because, Move, Shift, moved
from services.kpi.domain.sla.clocks import Clock, State, derive
from services.kpi.domain.sla.facts import Era, Fact, Terms
from services.kpi.domain.sla.policy import Policy, Target
from tests.unit.kpi.sla.worlds import HOUR, MINUTE, OFFICE, RESPONSE, at, eras, facts, tell

SHORTER = replace(RESPONSE, targets=(Target(budget_ms=HOUR, calendar="office"),), warnings=(), escalations=())
NO_TUESDAY = replace(OFFICE, name="office", holidays=OFFICE.holidays | {date(2026, 11, 17)})


def since(minutes: float, policy: Policy | None = RESPONSE, calendar: object = OFFICE) -> list[Era]:
    """Return the rules with another era from so many minutes on."""
    assert isinstance(calendar, type(OFFICE))
    terms = None if policy is None else Terms(policy=policy, calendars={"office": calendar})
    return [*eras(), Era(at(minutes), terms)]


def changed(told: list[Fact], after: list[Era], minutes: float) -> tuple[Clock, Move | None]:
    """Return the clock of *told* by the new rules, and what became of its deadline."""
    clock = derive(1, told, [], after)
    return clock, moved(derive(1, told, [], eras()), clock, at(minutes))


def test_an_open_clock_is_held_to_the_new_budget_from_its_start_on() -> None:
    """What it has used up counts; where the deadline was and is, is named."""
    clock, move = changed(facts((0, "mql")), since(30, SHORTER), 30)
    assert move == Move(
        shift=Shift.EARLIER,
        because=Because.POLICY_CHANGED,
        round=1,
        started_at=at(0),
        before_at=at(120),
        deadline_at=at(60),
    )
    assert clock.state(at(30)) is State.RUNNING


def test_a_clock_that_has_ended_keeps_the_budget_by_which_it_was_judged() -> None:
    """Met is met, even if that is told only after the change."""
    clock, move = changed(facts((0, "mql"), (100, "first_response")), since(110, SHORTER), 200)
    assert move is None
    assert clock.state(at(200)) is State.MET


def test_a_clock_that_is_past_its_new_deadline_is_breached_now() -> None:
    """It is told once, with how late that is."""
    clock, move = changed(facts((0, "mql")), since(90, SHORTER), 90)
    assert move is not None
    assert clock.state(at(90)) is State.BREACHED
    names, _, (breach,) = tell(clock, 90)
    assert (names, breach.late_ms) == (["breach"], 30 * MINUTE)


def test_a_holiday_that_is_added_moves_the_deadline() -> None:
    """A breach that was told is retracted, and told again when the new deadline passes."""
    told, tuesday = facts((8 * 60, "mql")), 26 * 60
    before = derive(1, told, [], eras())
    assert tell(before, tuesday)[0] == ["breach", "escalation:2"]
    after, move = changed(told, since(tuesday, calendar=NO_TUESDAY), tuesday)
    assert move is not None
    assert (move.shift, move.because) == (Shift.LATER, Because.CALENDAR_CHANGED)
    assert (move.before_at, move.deadline_at) == (at(25 * 60), at(49 * 60))
    names, marks, _ = tell(after, tuesday, tell(before, tuesday)[1])
    assert names == ["retracted"]
    assert tell(after, 49 * 60, marks)[0] == ["breach"]


def test_a_promise_that_is_taken_away_ends_the_clock_where_it_stands() -> None:
    """A breach that was told before keeps its verdict; nothing comes due any more."""
    told = facts((0, "mql"))
    early, move = changed(told, since(30, None), 30)
    assert move is not None
    assert (move.shift, move.because, move.before_at, move.deadline_at) == (
        Shift.ENDED,
        Because.POLICY_REMOVED,
        at(120),
        None,
    )
    assert tell(early, 300)[0] == []
    late, _ = changed(told, since(130, None), 130)
    marks = tell(derive(1, told, [], eras()), 130)[1]
    assert tell(late, 900, marks)[0] == []
    assert late.round is not None
    assert late.round.breached_at == at(120)


def test_a_clock_that_stands_still_by_one_of_the_rules_moves_as_well() -> None:
    """Without its pause it runs to a deadline; with one it has none."""
    unpaused = replace(RESPONSE, pauses=())
    told = facts((0, "mql"), (10, "stage:waiting"))
    assert changed(told, since(20, replace(RESPONSE, breach_notify=("team-lead",))), 20)[1] is None
    _, move = changed(told, since(20, unpaused), 20)
    assert move is not None
    assert (move.shift, move.before_at, move.deadline_at) == (Shift.EARLIER, None, at(130))


def test_other_events_count_only_from_the_change_on() -> None:
    """What somebody did under the old rules isn't measured by the new ones."""
    by_mail = replace(RESPONSE, stops=("mail",))
    assert changed(facts((0, "mql"), (10, "mail")), since(20, by_mail), 30)[1] is None
    clock, move = changed(facts((0, "mql"), (25, "mail")), since(20, by_mail), 30)
    assert clock.state(at(30)) is State.MET
    assert move is not None
    assert move.shift is Shift.ENDED
