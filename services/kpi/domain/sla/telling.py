"""
What a clock has to tell now: the difference between what has come due and what was told before.

Firing a timer is therefore a pure function, and telling twice is impossible as long as the marks are kept in
the same commit as what is told. A step that no longer holds (the fulfilment had happened in time, the deadline
has moved) loses its mark: a breach that was told is retracted, and is told anew if it comes to that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from services.kpi.domain.sla.clocks import Clock, Round
from services.kpi.domain.sla.policy import Overdue, Policy
from services.kpi.domain.sla.rounds import Ending
from services.kpi.domain.sla.steps import BREACH, MET_LATE, Step, StepKind, in_order

StepKey: TypeAlias = tuple[int, str]
"""The number of the round and the name of the step."""


class Mark(NamedTuple):
    """
    What became of a step: `told_for_at` is when it came due, by what was known when it was dealt with.

    `times` is how often it was told aloud; `stands` is whether it still holds; `heard` whether it was told
    itself the last time, or came due unheard and was left to another step.
    """

    told_for_at: int
    times: int
    stands: bool = True
    heard: bool = True


Marks: TypeAlias = Mapping[StepKey, Mark]


class Reason(StrEnum):
    """Why a breach is retracted."""

    MET_IN_TIME = "met-in-time"
    CANCELLED = "cancelled"
    MOVED = "moved"  # the deadline lies later than was thought
    GONE = "gone"  # the clock hadn't even started


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """
    One thing to tell. (Lead, policy, cycle, round, step, times) is told once.

    `step` is a step's name, or ``retracted``; `times` is 1 the first time. `due_at` is when it came due;
    told at `told_at`, it is `late_ms` late. `deadline_at`, `elapsed_ms` and `overdue_ms` are as of `told_at`.
    `collapsed` are steps that came due unheard and that this one stands for.
    """

    step: str
    round: int
    times: int
    due_at: int
    told_at: int
    started_at: int
    deadline_at: int
    budget_ms: int
    elapsed_ms: int
    overdue_ms: int
    stopped_at: int | None = None
    notify: tuple[str, ...] = ()
    reassign: bool = False
    collapsed: tuple[str, ...] = ()
    reason: Reason | None = None

    @property
    def late_ms(self) -> int:
        """How late it is told; long only after downtime, or where a fact was late."""
        return self.told_at - self.due_at


RETRACTED = "retracted"


def due(clock: Clock, marks: Marks, now: int) -> tuple[tuple[Tell, ...], dict[StepKey, Mark]]:
    """
    Return what *clock* has to tell at *now*, in order, and the marks to keep with it.

    Nothing is told of an instant after *now*. Called again with the marks returned, it tells nothing.
    """
    ripe = {(each.number, step.name): step for each in clock.rounds for step in each.steps if step.at <= now}
    kept = dict(marks)
    tells = [*_withdraw(clock, kept, ripe, now)]
    for each in clock.rounds:
        fresh = [
            step for step in each.steps if step.at <= now and not _stands(kept, (each.number, step.name))
        ]
        if fresh:
            tells += _tell(each, sorted(fresh, key=in_order), kept, now)
    return tuple(tells), kept


def next_at(clock: Clock, marks: Marks) -> int | None:
    """Return when *clock* has something to tell next, perhaps already; None if never, as far as is known."""
    coming = (
        step.at
        for each in clock.rounds
        for step in each.steps
        if not _stands(marks, (each.number, step.name))
    )
    return min(coming, default=None)


def _stands(marks: Marks, key: StepKey) -> bool:
    mark = marks.get(key)
    return mark is not None and mark.stands


def _withdraw(
    clock: Clock, kept: dict[StepKey, Mark], ripe: Mapping[StepKey, Step], now: int
) -> Iterator[Tell]:
    """Take the marks off what doesn't hold any more; a breach that was told is retracted."""
    gone = sorted(key for key, mark in kept.items() if mark.stands and key not in ripe)
    rounds = {each.number: each for each in clock.rounds}
    for number, name in gone:
        if name == BREACH:
            yield _retraction(rounds.get(number), number, kept, now)
        elif name == MET_LATE and (number, BREACH) not in gone:
            _unmark(kept, (number, BREACH))  # it is overdue again, and everybody was told that it was over
    for key in gone:
        _unmark(kept, key)


def _unmark(kept: dict[StepKey, Mark], key: StepKey) -> None:
    if key in kept:
        kept[key] = kept[key]._replace(stands=False)


def _tell(each: Round, fresh: list[Step], kept: dict[StepKey, Mark], now: int) -> Iterator[Tell]:
    loud = [step for step in fresh if _is_loud(step, each, fresh, kept, now)]
    silent = tuple(step.name for step in fresh if step not in loud)
    for step in fresh:
        mark = kept.get((each.number, step.name))
        times = (mark.times if mark else 0) + (step in loud)
        kept[each.number, step.name] = Mark(step.at, times, heard=step in loud)
    for step in loud:
        yield _as_told(each, step, kept, now, silent if step is loud[-1] else ())


def _is_loud(step: Step, each: Round, fresh: list[Step], kept: Marks, now: int) -> bool:
    if each.policy.overdue is Overdue.EACH or step.kind in (StepKind.BREACH, StepKind.MET_LATE):
        return True
    if each.ended_at is not None and each.ended_at <= now:
        return False  # nothing to avert, nobody to hurry
    if step.is_warning and (
        _stands(kept, (each.number, BREACH)) or any(s.kind is StepKind.BREACH for s in fresh)
    ):
        return False
    highest = [s for s in fresh if s.kind is StepKind.ESCALATION] or [s for s in fresh if s.is_warning]
    return step.at == highest[-1].at and step.kind is highest[-1].kind


def _as_told(each: Round, step: Step, kept: Marks, now: int, collapsed: tuple[str, ...]) -> Tell:
    deadline_at = each.deadline_seen_at(step.at)
    return Tell(
        step=step.name,
        round=each.number,
        times=kept[each.number, step.name].times,
        due_at=step.at,
        told_at=now,
        started_at=each.started_at,
        deadline_at=step.at if deadline_at is None else deadline_at,
        budget_ms=each.budget_ms,
        elapsed_ms=each.elapsed_ms(now),
        overdue_ms=each.overdue_ms(now),
        stopped_at=each.stopped_at,
        notify=_alarmed(each.policy, each.number, kept) if step.kind is StepKind.MET_LATE else step.notify,
        reassign=step.reassign,
        collapsed=collapsed,
    )


def _retraction(each: Round | None, number: int, kept: Marks, now: int) -> Tell:
    mark = kept[number, BREACH]
    return Tell(
        step=RETRACTED,
        round=number,
        times=mark.times,
        due_at=now,
        told_at=now,
        started_at=mark.told_for_at if each is None else each.started_at,
        deadline_at=mark.told_for_at if each is None or each.deadline_at is None else each.deadline_at,
        budget_ms=0 if each is None else each.budget_ms,
        elapsed_ms=0 if each is None else each.elapsed_ms(now),
        overdue_ms=0 if each is None else each.overdue_ms(now),
        stopped_at=None if each is None else each.stopped_at,
        notify=() if each is None else _alarmed(each.policy, number, kept),
        reason=_reason(each),
    )


def _reason(each: Round | None) -> Reason:
    if each is None:
        return Reason.GONE
    if each.ending is Ending.STOPPED:
        return Reason.MET_IN_TIME
    return Reason.MOVED if each.ending is None else Reason.CANCELLED


def _alarmed(policy: Policy, number: int, marks: Marks) -> tuple[str, ...]:
    """Return who was told of the breach: they are told that it is over."""
    found = dict.fromkeys(policy.breach_notify)
    for place, step in enumerate(policy.escalations, start=1):
        mark = marks.get((number, f"{StepKind.ESCALATION}:{place}"))
        if mark is not None and mark.stands and mark.heard:
            found |= dict.fromkeys(step.notify)
    return tuple(found)
