"""Events of the lifecycle topic as facts of the KPIs; those that can't be true are refused."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.envelope import Envelope, Scalar
from schemas.lifecycle import Activity, Cycle, Erased, Merged, Offered, Reached, Retracted, Score
from schemas.lifecycle import Standing as ToldStanding
from schemas.order import time_of, told_order
from services.kpi.domain.facts import (
    NOT,
    ActivityTold,
    CycleTold,
    Fact,
    HandoffTold,
    LeadGone,
    Milestone,
    MilestoneTold,
    Standing,
)

EARLIEST_AT = 946_684_800_000
"""The year 2000: no customer's tool holds anything older that somebody did."""
AHEAD_MS = 366 * 86_400_000
"""What is told may lie ahead by a year: a meeting that is set. Beyond that a clock is wrong."""


MOST_CYCLES = 10_000
MOST_AMOUNT = 10**15
"""In minor units. What lies beyond is a mistake, and sums of it wouldn't fit into a counter."""


class Implausible(ValueError):
    """
    A fact that can't be true: it goes to dead letters with `reason`, the rest goes on.

    ``impossible-time``: an instant before 2000, or more than a year after it was told. ``negative-amount``: money
    below 0. ``impossible-number``: an amount or a cycle beyond all sense. ``no-key``: an activity that can't be told
    from others. ``wrong-lead``: the record's key isn't the lead that the event is about.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def fact_of(event: Envelope, key: str, appended_at: int) -> Fact | CycleTold | None:
    """
    Return what *event* tells, None where it tells nothing that is counted.

    `previous_at` is what was told before, and nothing is read from it: what mends a fact that was refused names the
    time for which it was.

    Args:
        event: Of the lifecycle topic.
        key: The record's: the lead that it is about.
        appended_at: When it was told, epoch ms.

    Raises:
        Implausible: It can't be true.
    """
    if not key.strip() or event.subject != key:
        raise Implausible("the record's key isn't the event's subject", reason="wrong-lead")
    told = _Told(told_order(event), appended_at + AHEAD_MS)
    sent_at = time_of(event)
    if sent_at is not None:
        told.at("time", sent_at)
    read = _READ.get(str(getattr(event, "type", "")))
    return None if read is None else read(told, getattr(event, "data", None))


class _Told:
    """The order of an event, and how late an instant of it may be."""

    def __init__(self, order: int, latest_at: int) -> None:
        self.order = order
        self._latest_at = latest_at

    def at(self, name: str, instant: int) -> int:
        """Return *instant*, the field *name*. Raises Implausible."""
        if not EARLIEST_AT <= instant <= self._latest_at:
            raise Implausible(
                f"{name} is before 2000 or more than a year after it was told: {instant}",
                reason="impossible-time",
            )
        return instant


def _cycle(number: int) -> int:
    if number > MOST_CYCLES:
        raise Implausible(f"cycle is above {MOST_CYCLES:,}: {number}", reason="impossible-number")
    return number


def _amount(amount: int) -> int:
    if amount < 0:
        raise Implausible("the amount of the deal is below 0", reason="negative-amount")
    if amount > MOST_AMOUNT:
        raise Implausible(f"the amount of the deal is above {MOST_AMOUNT:,}", reason="impossible-number")
    return amount


def _key(key: str) -> str:
    if not key.strip():
        raise Implausible("the key of the activity is empty", reason="no-key")
    return key


def _reached(told: _Told, data: Reached) -> Fact:
    return MilestoneTold(
        told.order,
        _standing(data.standing),
        _cycle(data.cycle),
        _MILESTONES[data.milestone],
        told.at("reached_at", data.reached_at),
        _amount(data.amount or 0),
        data.currency or "",
    )


def _retracted(told: _Told, data: Retracted) -> Fact:
    return MilestoneTold(
        told.order, _standing(data.standing), _cycle(data.cycle), _MILESTONES[data.milestone], NOT
    )


def _activity(told: _Told, data: Activity) -> Fact:
    return ActivityTold(
        told.order,
        _standing(data.standing),
        _key(data.key),
        told.at("at", data.at),
        data.activity,
        data.outcome or "",
        data.owner or "",
    )


def _activity_retracted(told: _Told, data: Any) -> Fact:
    return ActivityTold(told.order, _standing(data.standing), _key(data.key), NOT)


def _offered(told: _Told, data: Offered) -> Fact:
    return HandoffTold(
        told.order,
        _standing(data.standing),
        _cycle(data.cycle),
        data.handoff,
        told.at("qualified_at", data.qualified_at),
        told.at("offered_at", data.offered_at),
    )


def _merged(told: _Told, data: Merged) -> Fact:
    told.at("merged_at", data.merged_at)
    return LeadGone(told.order)


def _cycle_started(told: _Told, data: Cycle) -> CycleTold:
    return CycleTold(told.order, _cycle(data.cycle), told.at("started_at", data.started_at))


def _score(told: _Told, data: Score) -> None:
    told.at("changed_at", data.changed_at)


def _erased(told: _Told, data: Erased) -> None:
    told.at("erased_at", data.erased_at)  # what was counted stands


_MILESTONES = {each.value: each for each in Milestone}
_READ: Mapping[str, Callable[[_Told, Any], Fact | CycleTold | None]] = {
    "tasuki.lifecycle.milestone-reached.v1": _reached,
    "tasuki.lifecycle.milestone-retracted.v1": _retracted,
    "tasuki.lifecycle.activity-logged.v1": _activity,
    "tasuki.lifecycle.activity-retracted.v1": _activity_retracted,
    "tasuki.lifecycle.handoff-offered.v1": _offered,
    "tasuki.lifecycle.lead-merged.v1": _merged,
    "tasuki.lifecycle.cycle-started.v1": _cycle_started,
    "tasuki.lifecycle.score-changed.v1": _score,
    "tasuki.lifecycle.lead-erased.v1": _erased,
}


def _standing(told: ToldStanding) -> Standing:
    segments = tuple(sorted((name, _text(value)) for name, value in told.segments.items()))
    return Standing(told.origin, told.owner or "", segments)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
