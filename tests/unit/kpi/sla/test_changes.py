"""New rules or another calendar: what is open is held to them, what has ended is not."""

from dataclasses import replace
from datetime import date

from services.kpi.domain.sla.changes import Change, recompute
from services.kpi.domain.sla.facts import Era, Fact, Terms
from services.kpi.domain.sla.policy import Policy, Target
from tests.unit.kpi.sla.worlds import HOUR, MINUTE, OFFICE, RESPONSE, at, eras, facts, tell

SHORTER = replace(RESPONSE, targets=(Target(budget_ms=HOUR, calendar="office"),), warnings=(), escalations=())
NO_TUESDAY = replace(OFFICE, name="office", holidays=OFFICE.holidays | {date(2026, 11, 17)})


def since(minutes: float, policy: Policy = RESPONSE, calendar: object = OFFICE) -> list[Era]:
    """Return the rules with another era from so many minutes on."""
    assert isinstance(calendar, type(OFFICE))
    return [*eras(), Era(at(minutes), Terms(policy=policy, calendars={"office": calendar}))]


def changed(told: list[Fact], after: list[Era], minutes: float) -> dict[str, Change]:
    """Return what changes for the clock of *told*."""
    _, found = recompute(1, told, [], before=eras(), after=after, now=at(minutes))
    return {each.what: each for each in found}


def test_an_open_clock_is_held_to_the_new_budget_from_its_start_on() -> None:
    """What it has used up counts; what differs is named."""
    found = changed(facts((0, "mql")), since(30, SHORTER), 30)
    assert found["budget_ms"] == Change(what="budget_ms", before=120 * MINUTE, after=60 * MINUTE)
    assert found["deadline_at"] == Change(what="deadline_at", before=at(120), after=at(60))
    assert found["breach"].after == at(60)
    assert (found["warning:0.5"].before, found["warning:0.5"].after) == (at(60), None)
    assert "state" not in found


def test_a_clock_that_has_ended_keeps_the_budget_by_which_it_was_judged() -> None:
    """Met is met, even if that is told only after the change."""
    assert changed(facts((0, "mql"), (100, "first_response")), since(110, SHORTER), 200) == {}


def test_a_clock_that_is_past_its_new_deadline_is_breached_now() -> None:
    """It is told once, with how late that is."""
    told = facts((0, "mql"))
    found, changes = recompute(1, told, [], before=eras(), after=since(90, SHORTER), now=at(90))
    assert Change(what="state", before="at-risk", after="breached") in changes
    names, _, (breach,) = tell(found, 90)
    assert (names, breach.late_ms) == (["breach"], 30 * MINUTE)


def test_a_holiday_that_is_added_moves_the_deadline() -> None:
    """A breach that was told is retracted, and told again when the new deadline passes."""
    told, tuesday = facts((8 * 60, "mql")), 26 * 60
    before, _ = recompute(1, told, [], before=eras(), after=eras(), now=at(tuesday))
    assert tell(before, tuesday)[0] == ["breach", "escalation:2"]
    after, changes = recompute(
        1, told, [], before=eras(), after=since(tuesday, calendar=NO_TUESDAY), now=at(tuesday)
    )
    assert Change(what="deadline_at", before=at(25 * 60), after=at(49 * 60)) in changes
    names, marks, _ = tell(after, tuesday, tell(before, tuesday)[1])
    assert names == ["retracted"]
    assert tell(after, 49 * 60, marks)[0] == ["breach"]


def test_other_events_count_only_from_the_change_on() -> None:
    """What somebody did under the old rules isn't measured by the new ones."""
    by_mail = replace(RESPONSE, stops=("mail",))
    assert changed(facts((0, "mql"), (10, "mail")), since(20, by_mail), 30) == {}
    assert changed(facts((0, "mql"), (25, "mail")), since(20, by_mail), 30)["state"].after == "met"
