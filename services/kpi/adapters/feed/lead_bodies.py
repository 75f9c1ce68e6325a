"""The bodies of answers about leads, clocks and alerts, and how they are made. Nothing personal: ids, owners, segments."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from services.kpi.adapters.feed.bodies import DefinitionBody, RangeBody, ReflectsBody
from services.kpi.application.clock_board import OpenClock
from services.kpi.domain.clock_view import RoundView, present_cycle, stage_of
from services.kpi.domain.evidence import Evidence
from services.kpi.domain.lead import KpiLead

Names = Mapping[str, Mapping[str, str]]
"""Policy to what people read: by ``ja`` and ``en``."""


class NameBody(BaseModel):
    """What people read."""

    ja: str
    en: str


class WhoBody(BaseModel):
    """Who a lead is to the KPIs; owner and team are "" where there is none."""

    lead_id: str
    owner: str
    team: str
    origin: str
    stage: str | None = Field(description="How far it came in the cycle; null where nothing is known.")
    segments: Mapping[str, str]


class StepBody(BaseModel):
    """A step of a promise that was told and still holds."""

    step: str = Field(description="warning:<share>, breach, escalation:<place>, met-late.")
    at: int = Field(description="When it came due.")
    times: int


class StandsBody(BaseModel):
    """How a round of a clock stands as of the answer's `at`. Durations are of the time that counts."""

    round: int
    state: str = Field(description="running, at-risk, breached, paused, met, met-late, cancelled.")
    started_at: int
    due_at: int | None = Field(description="Null while it stands still before its deadline.")
    budget_ms: int
    elapsed_ms: int
    remaining_ms: int
    overdue_ms: int
    running: bool = Field(description="Whether time that counts passes: not while it is paused or closed.")
    changes_at: int | None = Field(
        description="When `running` becomes other by the calendar; null: not foreseen."
    )
    step: str | None = Field(description="What was told last.")
    told: Sequence[StepBody]


class ClockBody(WhoBody, StandsBody):
    """An open clock of a promise."""

    cycle: int
    policy: str
    policy_name: NameBody


class CountsBody(BaseModel):
    """How many clocks are open: each is overdue, paused, or runs; of the last some are due soon."""

    overdue: int
    due_soon: int
    open: int
    paused: int


class ChosenCountsBody(CountsBody):
    """The same, of those that were asked for, whatever `state`."""

    exact: bool = Field(description="False where more clocks are open than were looked at.")


class PolicyBody(BaseModel):
    """A promise."""

    policy: str
    policy_name: NameBody


class ClocksBody(BaseModel):
    """Open clocks, by what comes due first; those that stand still last."""

    at: int = Field(description="The server's now, of which all is.")
    offsets: Mapping[str, int]
    items: Sequence[ClockBody]
    counts: ChosenCountsBody
    policies: Sequence[PolicyBody]
    next_cursor: str | None


class EvidenceBody(WhoBody):
    """A fact behind a number."""

    cycle: int | None
    kind: str = Field(description="A milestone, call, email, offered:mql, or sla: a promise that counts.")
    at: int = Field(description="When it counts.")
    key: str | None = Field(description="Of an activity: system:object:id; of a promise: policy/round.")
    amount: int | None
    currency: str | None
    duration_ms: int | None
    got_on_at: int | None = Field(description="Of a cohort: when it got on.")
    policy: str | None
    met: bool | None


class BehindBody(ReflectsBody):
    """The facts behind a term of a figure, the latest first."""

    at: int
    definition: DefinitionBody
    part: str
    range: RangeBody
    segment: str | None
    reading: str
    within_days: int | None
    total: int = Field(description="As many as the figure says.")
    amount: int | None = Field(description="Of money: the figure.")
    items: Sequence[EvidenceBody]
    next_cursor: str | None


class FactBody(BaseModel):
    """What is known of a lead: a milestone, an activity, a handoff, the start of a cycle."""

    at: int
    type: str
    cycle: int | None = None
    milestone: str | None = None
    activity: str | None = None
    key: str | None = None
    outcome: str | None = None
    owner: str = ""
    handoff: str | None = None
    qualified_at: int | None = None
    amount: int | None = None
    currency: str | None = None


class PauseBody(BaseModel):
    """The clock stood still."""

    from_at: int
    to_at: int | None


class RoundBody(StandsBody):
    """A round of a clock, from one start on."""

    ended_at: int | None
    ending: str | None = Field(description="stopped, cancelled, reset, next-cycle, withdrawn.")
    met: bool | None = Field(
        description="Whether the promise was kept; null while nobody can know, or never."
    )
    paused: Sequence[PauseBody]
    paused_ms: int


class LeadClockBody(BaseModel):
    """A promise about a cycle of the lead."""

    cycle: int
    policy: str
    policy_name: NameBody
    rounds: Sequence[RoundBody]


class DelaysBody(BaseModel):
    """The two delays of a handoff. They are two people's and are never added."""

    cycle: int
    handoff: str
    system_ms: int | None = Field(description="Qualified → offered in the sales tool.")
    rep_ms: int | None = Field(description="Offered → first response.")


class LeadBody(WhoBody):
    """All that is known of a lead."""

    at: int
    offsets: Mapping[str, int]
    cycle: int
    gone: bool = Field(description="Whether it was merged into another lead; then it no longer counts.")
    facts: Sequence[FactBody]
    clocks: Sequence[LeadClockBody]
    delays: Sequence[DelaysBody]


class EntryBody(BaseModel):
    """A line of a lead's history."""

    at: int = Field(description="When it happened.")
    told_at: int = Field(description="When it was appended to its topic.")
    kind: str = Field(description="fact, decision, alert, dead-letter.")
    what: str
    id: str
    data: Mapping[str, Any]


class TimelineBody(BaseModel):
    """A page of a lead's history, by `at`; pages go on by `told_at`."""

    lead_id: str
    items: Sequence[EntryBody]
    next_cursor: str | None


class AlertBody(BaseModel):
    """An alert, as it was told."""

    id: str
    kind: str = Field(description="warned, breached, escalated, met-late, retracted.")
    lead_id: str
    owner: str
    team: str
    origin: str
    segments: Mapping[str, Any]
    policy: str
    policy_name: NameBody
    step: str
    round: int
    times: int
    cycle: int
    started_at: int
    deadline_at: int
    due_at: int = Field(description="When the step came due.")
    told_at: int
    late_ms: int
    budget_ms: int
    elapsed_ms: int
    overdue_ms: int
    stopped_at: int | None
    notify: Sequence[str]
    reassign: bool
    collapsed: Sequence[str]
    reason: str | None


class AlertsBody(BaseModel):
    """Alerts, the latest first."""

    at: int
    items: Sequence[AlertBody]
    next_cursor: str | None


def name_body(policy: str, names: Names) -> NameBody:
    """Return what people read for *policy*: its name, unless they are given another."""
    given = names.get(policy, {})
    english = given.get("en") or policy
    return NameBody(ja=given.get("ja") or english, en=english)


def who(lead: KpiLead, teams: Mapping[str, str], cycle: int | None = None, owner: str | None = None) -> Any:
    """Return the parts of a `WhoBody`; as of *cycle*, or the present one."""
    standing = lead.standing
    whose = standing.owner if owner is None else owner
    stage = stage_of(lead, present_cycle(lead) if cycle is None else cycle)
    return {
        "lead_id": lead.id,
        "owner": whose,
        "team": teams.get(whose, ""),
        "origin": standing.origin,
        "stage": None if stage is None else str(stage),
        "segments": dict(standing.segments),
    }


def stands(each: RoundView) -> Any:
    """Return the parts of a `StandsBody`."""
    names = (name for name in StandsBody.model_fields if name not in {"state", "told"})
    told = [StepBody(step=one.step, at=one.at, times=one.times) for one in each.told]
    return {name: getattr(each, name) for name in names} | {"state": str(each.state), "told": told}


def clock_body(each: OpenClock, teams: Mapping[str, str], names: Names) -> ClockBody:
    """Return an open clock as a body."""
    cycle, policy = each.which
    return ClockBody(
        **who(each.known.lead, teams, cycle),
        **stands(each.round),
        cycle=cycle,
        policy=policy,
        policy_name=name_body(policy, names),
    )


def evidence_body(each: Evidence, teams: Mapping[str, str]) -> EvidenceBody:
    """Return a fact behind a number as a body."""
    return EvidenceBody(
        **who(each.lead, teams, each.cycle, each.owner),
        **{name: getattr(each, name) for name in Evidence._fields if name not in {"lead", "owner"}},
    )
