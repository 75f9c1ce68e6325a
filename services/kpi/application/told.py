"""Events of the lifecycle topic as facts of the KPIs; those that can't be true are refused."""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.envelope import Envelope, Scalar
from schemas.lifecycle import Activity, Offered, Reached, Retracted
from schemas.lifecycle import Standing as ToldStanding
from schemas.order import told_order
from services.kpi.domain.facts import (
    NOT,
    ActivityTold,
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


class Implausible(ValueError):
    """
    A fact that can't be true: it goes to dead letters with `reason`, the rest goes on.

    ``impossible-time``: before 2000, or more than a year after it was told. ``negative-amount``: money below 0.
    ``wrong-lead``: the record's key isn't the lead that the event is about.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def fact_of(event: Envelope, key: str, appended_at: int) -> Fact | None:
    """
    Return what *event* tells, None where it tells nothing that is counted.

    Args:
        event: Of the lifecycle topic.
        key: The record's: the lead that it is about.
        appended_at: When it was told, epoch ms.

    Raises:
        Implausible: It can't be true.
    """
    if not key or event.subject != key:
        raise Implausible("the record's key isn't the event's subject", reason="wrong-lead")
    read = _READ.get(str(getattr(event, "type", "")))
    if read is None:
        return None
    return read(_Told(told_order(event), appended_at + AHEAD_MS), getattr(event, "data", None))


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


def _reached(told: _Told, data: Reached) -> Fact:
    amount = data.amount or 0
    if amount < 0:
        raise Implausible("the amount of the deal is below 0", reason="negative-amount")
    return MilestoneTold(
        told.order,
        _standing(data.standing),
        data.cycle,
        _MILESTONES[data.milestone],
        told.at("reached_at", data.reached_at),
        amount,
        data.currency or "",
    )


def _retracted(told: _Told, data: Retracted) -> Fact:
    return MilestoneTold(told.order, _standing(data.standing), data.cycle, _MILESTONES[data.milestone], NOT)


def _activity(told: _Told, data: Activity) -> Fact:
    return ActivityTold(
        told.order,
        _standing(data.standing),
        data.key,
        told.at("at", data.at),
        data.activity,
        data.outcome or "",
        data.owner or "",
    )


def _activity_retracted(told: _Told, data: Any) -> Fact:
    return ActivityTold(told.order, _standing(data.standing), data.key, NOT)


def _offered(told: _Told, data: Offered) -> Fact:
    return HandoffTold(
        told.order,
        _standing(data.standing),
        data.cycle,
        data.handoff,
        told.at("qualified_at", data.qualified_at),
        told.at("offered_at", data.offered_at),
    )


def _merged(told: _Told, _data: Any) -> Fact:
    return LeadGone(told.order)


_MILESTONES = {each.value: each for each in Milestone}
_READ: Mapping[str, Callable[[_Told, Any], Fact]] = {
    "tasuki.lifecycle.milestone-reached.v1": _reached,
    "tasuki.lifecycle.milestone-retracted.v1": _retracted,
    "tasuki.lifecycle.activity-logged.v1": _activity,
    "tasuki.lifecycle.activity-retracted.v1": _activity_retracted,
    "tasuki.lifecycle.handoff-offered.v1": _offered,
    "tasuki.lifecycle.lead-merged.v1": _merged,
}


def _standing(told: ToldStanding) -> Standing:
    segments = tuple(sorted((name, _text(value)) for name, value in told.segments.items()))
    return Standing(told.origin, told.owner or "", segments)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
