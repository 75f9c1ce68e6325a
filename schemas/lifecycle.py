"""Facts of the lifecycle, for the KPI service: `tasuki.lifecycle.v1`."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.envelope import Envelope, EpochMs, Open, Scalar

MilestoneName = Literal[
    "lead",
    "mql",
    "first_response",
    "sql",
    "appointment",
    "opportunity",
    "effective_opportunity",
    "won",
    "lost",
    "recycled",
]


class Standing(Open):
    """Who the lead is to the KPIs when the fact is told: origin (sdr, bdr), owner and segment values."""

    origin: Literal["sdr", "bdr"]
    owner: str | None = None
    segments: dict[str, Scalar] = Field(default_factory=dict[str, Scalar])


class Score(Open):
    """The score is now `score`; `reasons` are the rules that gave points, with their points."""

    score: int
    previous: int
    reasons: dict[str, int]
    changed_at: EpochMs


class Reached(Open):
    """
    `milestone` was first reached in `cycle` at `reached_at`; `previous_at` if it was told otherwise before.

    `amount` is what the deal is worth, minor units of `currency` (ISO 4217), where the milestone is of a deal
    and its amount is known.
    """

    milestone: MilestoneName
    cycle: int = Field(ge=1)
    reached_at: EpochMs
    previous_at: EpochMs | None = None
    amount: int | None = None
    currency: str | None = None
    standing: Standing


class Retracted(Open):
    """`milestone` of `cycle`, told before as reached at `previous_at`, was not reached after all."""

    milestone: MilestoneName
    cycle: int = Field(ge=1)
    previous_at: EpochMs
    standing: Standing


class Activity(Open):
    """Somebody did something about the lead; `key` is system:object:id."""

    key: str
    activity: str
    at: EpochMs
    previous_at: EpochMs | None = None
    owner: str | None = None
    outcome: str | None = None
    standing: Standing


class RetractedActivity(Open):
    """
    The activity `key`, told before as done at `previous_at`, doesn't count any more: somebody deleted it.

    `activity` is its type, null where the tool doesn't tell it any more. Taken out of the bin it is logged anew.
    """

    key: str
    activity: str | None = None
    previous_at: EpochMs
    standing: Standing


class Offered(Open):
    """The lead stands in the sales tool, with an owner: system delay is `offered_at` - `qualified_at`."""

    cycle: int = Field(ge=1)
    handoff: Literal["mql", "sql"]
    qualified_at: EpochMs
    offered_at: EpochMs
    owner: str | None = None
    standing: Standing


class Cycle(Open):
    """The lead qualified again after it was recycled."""

    cycle: int = Field(ge=2)
    started_at: EpochMs


class Erased(Open):
    """Since `erased_at` nothing personal of the lead is kept; what was counted stands."""

    erased_at: EpochMs


class Merged(Open):
    """
    The lead is the lead `into` since `merged_at`, by tasuki's clock: nothing more is told of it.

    What was told of it counts no longer; what it amounts to is told of the other lead.
    """

    into: str = Field(min_length=1)
    merged_at: EpochMs


class ScoreChanged(Envelope):
    """The lead's score changed."""

    type: Literal["tasuki.lifecycle.score-changed.v1"] = "tasuki.lifecycle.score-changed.v1"
    data: Score


class MilestoneReached(Envelope):
    """A milestone was reached, or the time at which it was reached was corrected."""

    type: Literal["tasuki.lifecycle.milestone-reached.v1"] = "tasuki.lifecycle.milestone-reached.v1"
    data: Reached


class MilestoneRetracted(Envelope):
    """A milestone that was told is taken back."""

    type: Literal["tasuki.lifecycle.milestone-retracted.v1"] = "tasuki.lifecycle.milestone-retracted.v1"
    data: Retracted


class ActivityLogged(Envelope):
    """An activity was logged, or corrected."""

    type: Literal["tasuki.lifecycle.activity-logged.v1"] = "tasuki.lifecycle.activity-logged.v1"
    data: Activity


class ActivityRetracted(Envelope):
    """An activity that was told is taken back."""

    type: Literal["tasuki.lifecycle.activity-retracted.v1"] = "tasuki.lifecycle.activity-retracted.v1"
    data: RetractedActivity


class HandoffOffered(Envelope):
    """A handoff reached the sales tool."""

    type: Literal["tasuki.lifecycle.handoff-offered.v1"] = "tasuki.lifecycle.handoff-offered.v1"
    data: Offered


class CycleStarted(Envelope):
    """A new cycle began."""

    type: Literal["tasuki.lifecycle.cycle-started.v1"] = "tasuki.lifecycle.cycle-started.v1"
    data: Cycle


class LeadErased(Envelope):
    """The person asked one of the tools to be forgotten: erase what is kept of them."""

    type: Literal["tasuki.lifecycle.lead-erased.v1"] = "tasuki.lifecycle.lead-erased.v1"
    data: Erased


class LeadMerged(Envelope):
    """The lead turned out to be another one: it is gone, and the other holds what was known of both."""

    type: Literal["tasuki.lifecycle.lead-merged.v1"] = "tasuki.lifecycle.lead-merged.v1"
    data: Merged


LifecycleFact = Annotated[
    ScoreChanged
    | MilestoneReached
    | MilestoneRetracted
    | ActivityLogged
    | ActivityRetracted
    | HandoffOffered
    | CycleStarted
    | LeadErased
    | LeadMerged,
    Field(discriminator="type"),
]
LIFECYCLE_FACT: TypeAdapter[LifecycleFact] = TypeAdapter(LifecycleFact)
