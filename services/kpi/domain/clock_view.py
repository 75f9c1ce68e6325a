"""How a round of a clock stands at an instant, for people who look: all derived, nothing kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.kpi.domain.facts import Milestone
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.sla.clocks import Clock, Round, State
from services.kpi.domain.sla.deadlines import WALL_CLOCK, Hours
from services.kpi.domain.sla.steps import KIND_ORDER, StepKind
from services.kpi.domain.sla.telling import Mark, StepKey

_LONGEST_MS = 31 * 86_400_000
"""A change of the hours further ahead than this isn't looked for."""
_ENDS = (Milestone.WON, Milestone.LOST, Milestone.RECYCLED)


class StepTold(NamedTuple):
    """A step that was told, when it came due, how often it was told."""

    step: str
    at: int
    times: int


class Paused(NamedTuple):
    """The clock stood still from an instant on; to another, None while it still does."""

    from_at: int
    to_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """
    A round as of an instant; durations are of the time that counts.

    Args:
        met: Whether the promise was kept; None while nobody can know, or where it ended otherwise.
        running: Whether time that counts passes.
        changes_at: When `running` becomes other by the calendar; None: never, or it isn't up to the calendar.
        told: What was told of it and still holds, in order.
    """

    round: int
    state: State
    started_at: int
    due_at: int | None
    ended_at: int | None
    ending: str | None
    met: bool | None
    budget_ms: int
    elapsed_ms: int
    remaining_ms: int
    overdue_ms: int
    running: bool
    changes_at: int | None
    paused: tuple[Paused, ...]
    paused_ms: int
    told: tuple[StepTold, ...]

    @property
    def step(self) -> str | None:
        """What was told last."""
        return self.told[-1].step if self.told else None


class HoursAhead:
    """When calendars open or close next after *now*; each is asked once."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._known: dict[int, tuple[Hours, bool, int | None]] = {}

    def of(self, hours: Hours) -> tuple[bool, int | None]:
        """Return whether *hours* are open, and when that changes; None: not within a month."""
        held = self._known.get(id(hours))
        if held is None:
            held = self._known[id(hours)] = (hours, *_next_change(hours, self._now))
        return held[1:]


def view(each: Round, marks: Mapping[StepKey, Mark], now: int, ahead: HoursAhead) -> RoundView:
    """Return *each* as of *now*; *marks* are those of its clock."""
    open_, changes_at = ahead.of(each.hours)
    goes_on = each.ended_at is None and bool(each.stretches) and each.stretches[-1].to_at is None
    state = Clock(cycle=1, rounds=(each,)).state(now)
    return RoundView(
        round=each.number,
        state=state,
        started_at=each.started_at,
        due_at=each.deadline_at,
        ended_at=each.ended_at,
        ending=None if each.ending is None else str(each.ending),
        met=_met(state),
        budget_ms=each.budget_ms,
        elapsed_ms=each.elapsed_ms(now),
        remaining_ms=each.remaining_ms(now),
        overdue_ms=each.overdue_ms(now),
        running=goes_on and open_,
        changes_at=changes_at if goes_on else None,
        paused=_pauses(each),
        paused_ms=each.paused_ms(now),
        told=_told(each.number, marks),
    )


def stage_of(lead: KpiLead, cycle: int) -> Milestone | None:
    """Return how far *lead* has come in *cycle*: the end, where it came to one, else the furthest milestone."""
    reached = [each for (which, each), mark in lead.marks.items() if which == cycle and mark.at >= 0]
    ends = [each for each in _ENDS if each in reached]
    if ends:
        return max(ends, key=lambda each: lead.marks[cycle, each].at)
    order = list(Milestone)
    return max(reached, key=order.index, default=None)


def present_cycle(lead: KpiLead) -> int:
    """Return the last cycle of which anything is known; 1 before that."""
    known = [cycle for (cycle, _), mark in lead.marks.items() if mark.at >= 0]
    return max([1, *known, *(cycle for cycle, _ in lead.offers)])


def _met(state: State) -> bool | None:
    if state is State.MET:
        return True
    return False if state in {State.MET_LATE, State.BREACHED} else None


def _told(number: int, marks: Mapping[StepKey, Mark]) -> tuple[StepTold, ...]:
    found = [
        StepTold(step, mark.told_for_at, mark.times)
        for (which, step), mark in marks.items()
        if which == number and mark.stands
    ]
    return tuple(sorted(found, key=lambda each: (each.at, KIND_ORDER[StepKind(each.step.partition(":")[0])])))


def _pauses(each: Round) -> tuple[Paused, ...]:
    found: list[Paused] = []
    since: int | None = each.started_at
    for stretch in each.stretches:
        if since is not None and stretch.from_at > since:
            found.append(Paused(since, stretch.from_at))
        since = stretch.to_at
    if since is not None and since != each.ended_at:
        found.append(Paused(since, each.ended_at))
    return tuple(found)


def _next_change(hours: Hours, now: int) -> tuple[bool, int | None]:
    if hours is WALL_CLOCK:
        return True, None
    if hours.between(now, now + 1) == 0:
        opens_at = hours.after(now, 1) - 1
        return False, opens_at if opens_at - now <= _LONGEST_MS else None
    if hours.between(now, now + _LONGEST_MS) == _LONGEST_MS:
        return True, None
    least, most = 1, _LONGEST_MS  # open for at least, no longer than
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if hours.between(now, now + middle) == middle else (least, middle)
    return True, now + least
