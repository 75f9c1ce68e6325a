"""The shape of [[sla]]: a promise about each cycle of a lead, what starts and ends its clock, and who hears of it."""

from typing import Annotated

from pydantic import Field

from services.configuration.quantities import DurationBetween, FieldName, Slug, Switch, Text
from services.configuration.sections import Section
from services.kpi.domain.sla.policy import Overdue, Reopening
from services.kpi.settings.written import SegmentValue, ShareOfBudget

_WHO = "`owner`, a role of `[[roles]]`, or a person's e-mail address"


class TargetTable(Section):
    """How long it may take, and for which leads. The first that fits a lead holds; where none fits there is no promise."""

    within_ms: Annotated[int, DurationBetween("0s", "366d")] = Field(
        alias="within", description="The time promised."
    )
    calendar: Text | None = Field(
        default=None,
        description="The calendar by which it counts; left out: all time counts, nights and weekends too.",
    )
    when: dict[FieldName, Annotated[tuple[SegmentValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Only for leads that are so: field of `[sync] segments` (or `origin`, `owner`) → its values: "
        '`{ temperature = ["hot"] }`; left out: for all.',
    )


class PauseTable(Section):
    """The clock stands still from a fact in `begins` until one in `ends`."""

    begins: tuple[Text, ...] = Field(description="Facts that begin it.", min_length=1)
    ends: tuple[Text, ...] = Field(description="Facts that end it.", min_length=1)


class WarningTable(Section):
    """Somebody is warned before the deadline."""

    share: Annotated[ShareOfBudget, Field(gt=0, lt=1)] = Field(
        description="At which share of the time promised: 0.75 is when three quarters are used up."
    )
    notify: tuple[Text, ...] = Field(default=("owner",), description=f"Who: {_WHO}.", min_length=1)


class EscalationTable(Section):
    """A step of the ladder: who is told when it still isn't done."""

    after_ms: Annotated[int, DurationBetween("0s", "366d")] | None = Field(
        default=None, alias="after", description="So long past the deadline, in the time that counts."
    )
    share: Annotated[ShareOfBudget, Field(gt=0, le=100)] | None = Field(
        default=None,
        description="Instead of `after`: at this share of the time promised; 2 is twice the time.",
    )
    notify: tuple[Text, ...] = Field(default=(), description=f"Who: {_WHO}.")
    reassign: Switch = Field(default=False, description="Whether the lead is to get another owner.")


class PromiseEntry(Section):
    """
    One promise. With any `[[sla]]` the built-in ones are gone; `sla = []` at the top of the file is none at all.

    Facts are milestones (`lead`, `mql`, `first_response`, `sql`, `appointment`, `opportunity`, `effective_opportunity`,
    `won`, `lost`, `recycled`), `offered:mql` and `offered:sql` (the handoff stands in the sales tool), and activities
    (`activity:call`, `activity:email`, `activity:meeting`, `activity:task`); `activity:*` is any of them.
    """

    name: Slug = Field(description="Its name; it must stay, or open clocks are forgotten.")
    label: Text | None = Field(default=None, description="What people read in English; left out: `name`.")
    label_ja: Text | None = Field(default=None, description="The same in Japanese; left out: `label`.")
    starts: tuple[Text, ...] = Field(description="Facts that start the clock.", min_length=1)
    stops: tuple[Text, ...] = Field(description="Facts that fulfil the promise.", min_length=1)
    cancels: tuple[Text, ...] = Field(default=(), description="Facts that end it without a verdict.")
    resets: tuple[Text, ...] = Field(
        default=(), description="Facts that begin it anew, with the whole time promised."
    )
    reopens: tuple[Text, ...] = Field(default=(), description="Facts that act on a clock that has ended.")
    reopening: Reopening = Field(
        default=Reopening.RESTART,
        description="What these do: `restart` with the whole time promised, or `resume` what was left of it.",
    )
    targets: tuple[TargetTable, ...] = Field(
        description='How long it may take: `targets = [{ within = "24h" }]`.', min_length=1
    )
    pauses: tuple[PauseTable, ...] = Field(default=(), description="When the clock stands still.")
    warnings: tuple[WarningTable, ...] = Field(default=(), description="Who is warned before the deadline.")
    breach_notify: tuple[Text, ...] = Field(
        default=("owner",), description=f"Who is told at the deadline: {_WHO}.", min_length=1
    )
    escalations: tuple[EscalationTable, ...] = Field(
        default=(), description="Who is told when it still isn't done, step by step."
    )
    overdue: Overdue = Field(
        default=Overdue.COLLAPSE,
        description="What is told of several steps that came due unheard, after a standstill: `collapse`: the breach and "
        "the highest of the rest; `each`: all of them.",
    )
