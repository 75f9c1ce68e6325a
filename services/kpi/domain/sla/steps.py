"""What comes due on a clock, and when: warnings, the breach, the ladder, and that it was met late after all."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from services.kpi.domain.sla.deadlines import Hours, Stretch, used_up
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rounds import Ending


class StepKind(StrEnum):
    """What a step tells; of one instant, the earlier in this list comes first."""

    WARNING = "warning"
    BREACH = "breach"
    ESCALATION = "escalation"
    MET_LATE = "met-late"


KIND_ORDER = {kind: place for place, kind in enumerate(StepKind)}

BREACH = "breach"
MET_LATE = "met-late"


class Step(NamedTuple):
    """
    Something that comes due at `at`.

    `name` is ``warning:0.5`` (share of the budget), ``breach``, ``escalation:1`` (place on the ladder) or
    ``met-late``. `notify` are roles or names; `reassign`: the lead is to get another owner.
    """

    at: int
    kind: StepKind
    name: str
    notify: tuple[str, ...] = ()
    reassign: bool = False

    @property
    def is_warning(self) -> bool:
        """Whether it comes before the deadline, to avert it."""
        return self.kind is StepKind.WARNING


def steps_of(
    policy: Policy,
    target: Target,
    hours: Hours,
    stretches: tuple[Stretch, ...],
    breached_at: int | None,
    ended_at: int | None,
    ending: Ending | None,
) -> tuple[Step, ...]:
    """Return what comes due before *ended_at*, in order, and `met-late` at it where that was after the breach."""
    found = [
        Step(at, kind, name, notify, reassign)
        for threshold_ms, kind, name, notify, reassign in _thresholds(policy, target.budget_ms)
        if (at := used_up(hours, stretches, threshold_ms)) is not None and (ended_at is None or at < ended_at)
    ]
    if breached_at is not None:
        found.append(Step(breached_at, StepKind.BREACH, BREACH, policy.breach_notify))
        if ended_at is not None and ending is Ending.STOPPED:
            found.append(Step(ended_at, StepKind.MET_LATE, MET_LATE))
    return tuple(sorted(found, key=in_order))


def in_order(step: Step) -> tuple[int, int, str]:
    """Return what steps are sorted by: their time, then what they tell."""
    return step.at, KIND_ORDER[step.kind], step.name


def _thresholds(policy: Policy, budget_ms: int) -> Iterator[tuple[int, StepKind, str, tuple[str, ...], bool]]:
    for warning in policy.warnings:
        name = f"{StepKind.WARNING}:{warning.share:g}"
        yield round(budget_ms * warning.share), StepKind.WARNING, name, warning.notify, False
    for place, step in enumerate(policy.escalations, start=1):
        name = f"{StepKind.ESCALATION}:{place}"
        yield step.threshold_ms(budget_ms), StepKind.ESCALATION, name, step.notify, step.reassign
