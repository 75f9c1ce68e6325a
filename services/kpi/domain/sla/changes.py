"""What new rules or another calendar do to a clock that is open: whether it comes due at another time, and why."""

from dataclasses import dataclass
from enum import StrEnum

from services.kpi.domain.sla.clocks import Clock, Round


class Shift(StrEnum):
    """What became of the deadline."""

    EARLIER = "earlier"
    LATER = "later"  # or nobody knows when: it stands still
    ENDED = "ended"  # the clock doesn't run any more
    BEGUN = "begun"  # it didn't run before


class Because(StrEnum):
    """Which rules are others."""

    POLICY_ADDED = "policy-added"
    POLICY_CHANGED = "policy-changed"
    POLICY_REMOVED = "policy-removed"
    CALENDAR_CHANGED = "calendar-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A deadline that was at `before_at` is at `deadline_at`; None: there is none, or the clock stands still."""

    shift: Shift
    because: Because
    round: int
    started_at: int
    before_at: int | None
    deadline_at: int | None


def moved(before: Clock | None, after: Clock, now: int) -> Move | None:
    """
    Return what became of the clock that was *before* by older rules; None where its deadline is where it was.

    What has ended by both keeps its verdict, and nothing of it is told. What of a move is to be told to people,
    `telling.due` says.
    """
    one, other = _open(before, now), _open(after, now)
    if one is None and other is None:
        return None
    if one is None:
        return (
            None if other is None else _move(Shift.BEGUN, _why_begun(before), other, None, other.deadline_at)
        )
    if other is None:
        return _move(Shift.ENDED, _why_ended(one, after), one, one.deadline_at, None)
    if one.deadline_at == other.deadline_at:
        return None
    return _move(_shift(one, other), _why(one, other), other, one.deadline_at, other.deadline_at)


def _open(clock: Clock | None, now: int) -> Round | None:
    each = None if clock is None else clock.round
    if each is None or each.target is None or (each.ended_at is not None and each.ended_at <= now):
        return None
    return each


def _move(
    shift: Shift, because: Because, each: Round, before_at: int | None, deadline_at: int | None
) -> Move:
    return Move(
        shift=shift,
        because=because,
        round=each.number,
        started_at=each.started_at,
        before_at=before_at,
        deadline_at=deadline_at,
    )


def _shift(one: Round, other: Round) -> Shift:
    if one.deadline_at is None:
        return Shift.EARLIER
    later = other.deadline_at is None or other.deadline_at > one.deadline_at
    return Shift.LATER if later else Shift.EARLIER


def _why(one: Round, other: Round) -> Because:
    return Because.CALENDAR_CHANGED if one.policy == other.policy else Because.POLICY_CHANGED


def _why_begun(before: Clock | None) -> Because:
    there_was = before is not None and before.round is not None
    return Because.POLICY_CHANGED if there_was else Because.POLICY_ADDED


def _why_ended(one: Round, after: Clock) -> Because:
    present = after.round
    withdrawn = present is None or (present.target is not None and present.policy == one.policy)
    return Because.POLICY_REMOVED if withdrawn else Because.POLICY_CHANGED
