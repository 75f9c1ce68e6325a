"""What the domain found, in the words of the topics."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.decisions import Candidate, Decision
from schemas.lifecycle import (
    Activity,
    ActivityLogged,
    ActivityRetracted,
    Cycle,
    CycleStarted,
    Erased,
    HandoffOffered,
    LeadErased,
    LifecycleFact,
    MilestoneReached,
    MilestoneRetracted,
    Offered,
    Reached,
    Retracted,
    RetractedActivity,
    Score,
    ScoreChanged,
    Standing,
)
from services.sync.domain import decisions, facts
from services.sync.domain.desired import assigned
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.lifecycle import origin_of
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Rules

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = "/tasuki/sync"


@dataclass(frozen=True, slots=True)
class Context:
    """What events of one cause share: the lead, the id their ids derive from, the trace they belong to."""

    lead_id: str
    event_id: str
    traceparent: str | None


def rfc3339(instant: int) -> str:
    """Return epoch milliseconds as RFC 3339, UTC, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def decision_of(decision: decisions.Decision) -> Decision:
    """Return *decision* as it goes into the audit trail."""
    outcome, loser = decision.outcome, decision.loser
    return Decision.model_construct(  # made of the domain's own values; checking them again is half the cost
        field=decision.field,
        rule=outcome.rule,
        value=outcome.ma if outcome.winner is not Side.SFA else outcome.sfa,
        winner=None if outcome.winner is None else outcome.winner.value,
        candidates=[_candidate(each) for each in decision.candidates],
        loser=None if loser is None else _candidate(loser),
        conflict=outcome.conflict,
    )


def _candidate(candidate: decisions.Candidate) -> Candidate:
    at = None if candidate.changed_at == NEVER else candidate.changed_at
    return Candidate.model_construct(side=candidate.side.value, value=candidate.value, changed_at=at)


def standing(lead: Lead, rules: Rules) -> Standing:
    """Return who the lead is to the KPIs: origin, owner, and the values it is counted by."""
    owner = _value(lead, "owner") or assigned(lead, rules)
    return Standing(
        origin=origin_of(lead, rules).value,
        owner=None if owner is None else str(owner),
        segments={name: value for name in rules.segments if not is_blank(value := _value(lead, name))},
    )


def _value(lead: Lead, name: str) -> Scalar:
    sfa = lead.seen(name, Side.SFA).there
    return lead.seen(name, Side.MA).there if is_blank(sfa) else sfa


def lifecycle_event(
    fact: facts.Fact, lead: Lead, rules: Rules, context: Context, at: int, number: int
) -> LifecycleFact:
    """Return *fact* as an event of the lifecycle topic; *at* is when the change behind it was observed."""
    common: dict[str, Any] = {
        "id": f"{context.event_id}-f{number}",
        "source": SOURCE,
        "subject": lead.id,
        "time": rfc3339(at),
        "traceparent": context.traceparent,
    }
    match fact:
        case facts.ScoreMoved():
            score = Score(score=fact.score, previous=fact.previous, reasons=fact.points, changed_at=at)
            return ScoreChanged(**common, data=score)
        case facts.CycleBegun():
            return CycleStarted(**common, data=Cycle(cycle=fact.cycle, started_at=fact.at))
        case facts.Retracted():
            retracted = Retracted(
                milestone=fact.milestone.value,
                cycle=fact.cycle,
                previous_at=fact.previous_at,
                standing=standing(lead, rules),
            )
            return MilestoneRetracted(**common, data=retracted)
        case facts.Reached():
            reached = Reached(
                milestone=fact.milestone.value,
                cycle=fact.cycle,
                reached_at=fact.at,
                previous_at=fact.previous_at,
                standing=standing(lead, rules),
            )
            return MilestoneReached(**common, data=reached)
        case facts.Done():
            return ActivityLogged(**common, data=_activity(fact, lead, rules))
        case facts.Undone():
            undone = RetractedActivity(
                key=fact.key,
                activity=fact.activity or None,
                previous_at=fact.previous_at,
                standing=standing(lead, rules),
            )
            return ActivityRetracted(**common, data=undone)
        case facts.Erased():
            return LeadErased(**common, data=Erased(erased_at=fact.at))
        case facts.HandedOver():
            return HandoffOffered(**common, data=_offered(fact, lead, rules))


def _activity(fact: facts.Done, lead: Lead, rules: Rules) -> Activity:
    return Activity(
        key=fact.key,
        activity=fact.activity,
        at=fact.at,
        previous_at=fact.previous_at,
        owner=fact.owner,
        outcome=fact.outcome,
        standing=standing(lead, rules),
    )


def _offered(fact: facts.HandedOver, lead: Lead, rules: Rules) -> Offered:
    who = standing(lead, rules)
    return Offered(
        cycle=fact.cycle,
        handoff="mql" if fact.handoff == "mql" else "sql",
        qualified_at=fact.qualified_at,
        offered_at=fact.offered_at,
        owner=who.owner,
        standing=who,
    )
