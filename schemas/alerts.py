"""What the clock tells: `tasuki.alerts.v1`."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.envelope import Envelope, EpochMs, Open
from schemas.lifecycle import Standing


class Clock(Open):
    """
    One promise about one lead, as it stood when the alert was told.

    `policy` is the promise's name in the configuration, `step` what of it came due: ``warning:0.5`` (share of
    the budget), ``breach``, ``escalation:1`` …, ``met-late``, ``retracted``. (lead, cycle, policy, step, round)
    is told once, and once more after it was retracted: `times` counts that, from 1. `round` counts how often the
    clock was started anew in the cycle, from 1.

    `due_at` is when the step came due, `told_at` when it was told; `late_ms` is the difference, which is long
    only after downtime. `elapsed_ms` and `overdue_ms` are time that counts (business time, where the policy
    has a calendar); `overdue_ms` is 0 before the deadline. `stopped_at` is when what was promised was done.
    `collapsed` are earlier steps that came due unheard and are told by this one.
    """

    policy: str
    step: str
    round: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)
    cycle: int = Field(ge=1)
    started_at: EpochMs
    deadline_at: EpochMs
    due_at: EpochMs
    told_at: EpochMs
    late_ms: int = Field(ge=0)
    budget_ms: int = Field(ge=0)
    elapsed_ms: int = Field(ge=0)
    overdue_ms: int = Field(default=0, ge=0)
    stopped_at: EpochMs | None = None
    notify: tuple[str, ...] = Field(
        default=(), description="Roles or names to tell: owner, team-lead, department."
    )
    reassign: bool = Field(default=False, description="Whether the lead is to get another owner.")
    collapsed: tuple[str, ...] = ()
    reason: str | None = Field(default=None, description="Why it was taken back, with `retracted`.")
    standing: Standing


class Recomputed(Open):
    """
    The deadline of one promise about one lead after the firm's promises or calendars changed at `changed_at`.

    It was at `previous_deadline_at` and is at `deadline_at`; null: there is none, or the clock stands still. `shift`
    says which: ``earlier``, ``later``, ``ended`` (the promise no longer runs), ``begun`` (it didn't run before).
    `because` is ``policy-added``, ``policy-changed``, ``policy-removed`` or ``calendar-changed``. `round` is as in `Clock`.
    """

    policy: str
    round: int = Field(default=1, ge=1)
    cycle: int = Field(ge=1)
    shift: str
    because: str
    changed_at: EpochMs
    told_at: EpochMs
    started_at: EpochMs
    previous_deadline_at: EpochMs | None
    deadline_at: EpochMs | None
    standing: Standing


class Retold(Open):
    """
    An alert that `sink` refused for `target` at `refused_at`, and that somebody had tried again.

    `letter` is the id of the dead letter that told of the refusal, `by` who asked for it; `alert` is that letter's
    body: the alert as the notifier keeps it, base64. Nobody else hears of it.
    """

    sink: str = Field(min_length=1)
    target: str = ""
    refused_at: EpochMs
    letter: str
    by: str
    alert: str


class SlaWarned(Envelope):
    """A share of the budget is used up and nothing has been done."""

    type: Literal["tasuki.alert.sla-warned.v1"] = "tasuki.alert.sla-warned.v1"
    data: Clock


class SlaBreached(Envelope):
    """The deadline passed and what was promised has not been done."""

    type: Literal["tasuki.alert.sla-breached.v1"] = "tasuki.alert.sla-breached.v1"
    data: Clock


class SlaEscalated(Envelope):
    """A breach has lasted so long that somebody else is told."""

    type: Literal["tasuki.alert.sla-escalated.v1"] = "tasuki.alert.sla-escalated.v1"
    data: Clock


class SlaMetLate(Envelope):
    """What was promised was done after the deadline: the alert is over."""

    type: Literal["tasuki.alert.sla-met-late.v1"] = "tasuki.alert.sla-met-late.v1"
    data: Clock


class SlaRetracted(Envelope):
    """A breach that was told was none: it was done in time, or the promise no longer holds."""

    type: Literal["tasuki.alert.sla-retracted.v1"] = "tasuki.alert.sla-retracted.v1"
    data: Clock


class SlaRecomputed(Envelope):
    """Other rules moved a deadline; for programs that show deadlines, nobody is alarmed by it."""

    type: Literal["tasuki.alert.sla-recomputed.v1"] = "tasuki.alert.sla-recomputed.v1"
    data: Recomputed


class AlertRetold(Envelope):
    """A sink is to be told once more of an alert that it refused; the cause is mended."""

    type: Literal["tasuki.alert.retold.v1"] = "tasuki.alert.retold.v1"
    data: Retold


ClockAlert = SlaWarned | SlaBreached | SlaEscalated | SlaMetLate | SlaRetracted
"""What people are told of."""
Alert = Annotated[ClockAlert | SlaRecomputed | AlertRetold, Field(discriminator="type")]
ALERT: TypeAdapter[Alert] = TypeAdapter(Alert)
