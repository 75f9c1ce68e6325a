"""How a round of a clock is shown: whether its time passes, when that changes, and when it stood still."""

from collections.abc import Sequence

import pytest

from services.kpi.domain.clock_view import HoursAhead, Paused, RoundView, stage_of, view
from services.kpi.domain.facts import Milestone
from services.kpi.domain.lead import KpiLead, Mark
from services.kpi.domain.sla.clocks import derive
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.sla.facts import Era, Fact, Terms
from services.kpi.domain.sla.policy import Pause, Policy, Target
from services.kpi.domain.sla.timetable import Timetable
from tests.kpi_facts import DAY, HOUR, MINUTE

NINE, SIX = 9 * HOUR, 18 * HOUR
EPOCH = 719_163
"""The ordinal of 1 January 1970."""


def nine_to_six(day: int) -> Sequence[tuple[int, int]]:
    """Open from 9 to 18, except on every seventh day."""
    start = (day - EPOCH) * DAY
    return [] if day % 7 == 0 else [(start + NINE, start + SIX)]


def seen(now: int, *facts: Fact, hours: Hours | None = None) -> RoundView:
    """Return the last round that *facts* amount to, as of *now*."""
    policy = Policy(
        name="response",
        starts=("mql",),
        stops=("first_response",),
        targets=(Target(budget_ms=4 * HOUR, calendar="business" if hours else None),),
        pauses=(Pause(begins=("activity:task",), ends=("activity:meeting",)),),
    )
    terms = Terms(policy=policy, calendars={"business": hours} if hours else {})
    clock = derive(1, facts, (), (Era(0, terms),))
    assert clock.round is not None
    return view(clock.round, {}, now, HoursAhead(now))


MONDAY = 5 * 7 * DAY - (EPOCH + 35) % 7 * DAY + DAY
"""Midnight after a closed day."""


@pytest.mark.parametrize(
    ("at", "running", "changes_at"),
    [
        (NINE + MINUTE, True, SIX),
        (NINE, True, SIX),
        (SIX - 1, True, SIX),
        (SIX, False, DAY + NINE),
        (5 * DAY + SIX, False, 7 * DAY + NINE),
    ],
)
def test_it_says_when_its_calendar_opens_or_closes_next(at: int, *, running: bool, changes_at: int) -> None:
    """To the millisecond, over closed days."""
    found = seen(MONDAY + at, Fact(MONDAY + NINE, "mql", 1), hours=Timetable(nine_to_six))
    assert (found.running, found.changes_at) == (running, MONDAY + changes_at)


def test_on_the_wall_clock_nothing_changes() -> None:
    """It always runs."""
    found = seen(HOUR, Fact(0, "mql", 1))
    assert (found.running, found.changes_at, found.remaining_ms) == (True, None, 3 * HOUR)


def test_pauses_are_the_times_between_its_stretches() -> None:
    """Also one that goes on; no time passes then, whatever the calendar says."""
    facts = (
        Fact(0, "mql", 1),
        Fact(HOUR, "activity:task", 0, "1"),
        Fact(2 * HOUR, "activity:meeting", 0, "2"),
        Fact(3 * HOUR, "activity:task", 0, "3"),
    )
    found = seen(9 * HOUR, *facts)
    assert found.paused == (Paused(HOUR, 2 * HOUR), Paused(3 * HOUR, None))
    assert (found.running, found.due_at, found.elapsed_ms, found.paused_ms) == (
        False,
        None,
        2 * HOUR,
        7 * HOUR,
    )
    ended = seen(9 * HOUR, *facts, Fact(4 * HOUR, "first_response", 1))
    assert ended.paused == (Paused(HOUR, 2 * HOUR), Paused(3 * HOUR, 4 * HOUR))
    assert ended.met is True


def test_a_lead_s_stage_is_how_far_it_came_in_the_cycle() -> None:
    """The end where it came to one; a milestone that was taken back is none."""
    lead = KpiLead("ann")
    assert stage_of(lead, 1) is None
    lead.marks = {(1, Milestone.SQL): Mark(1, 5), (1, Milestone.MQL): Mark(1, 9), (1, Milestone.WON): Mark(2)}
    assert stage_of(lead, 1) is Milestone.SQL
    lead.marks[1, Milestone.LOST] = Mark(3, 20)
    assert stage_of(lead, 1) is Milestone.LOST
