"""
What the domain found, in the words of the topics: plain data, as it becomes JSON.

The models in `schemas` say what these events look like, and the tests read each event that is told with them,
to the byte. Building them as models on the way out would cost more than deciding does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.instants import rfc3339
from schemas.lead import Observed
from services.sync.domain import decisions, facts
from services.sync.domain.drift import Drift
from services.sync.domain.handoff_records import owner_of
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.lifecycle import Lifecycle, origin_of
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Rules

Event: TypeAlias = dict[str, Any]
"""An event as its schema says, the attributes of the envelope and `data`, in the order of the schema."""

SOURCE = "/tasuki/sync"


@dataclass(frozen=True, slots=True)
class Context:
    """What events of one cause share: the lead, the id their ids derive from, the trace they belong to."""

    lead_id: str
    event_id: str
    traceparent: str | None


def _event(context: Context, mark: str, at: int, kind: str, data: dict[str, Any]) -> Event:
    return {
        "specversion": "1.0",
        "id": f"{context.event_id}-{mark}",
        "source": SOURCE,
        "subject": context.lead_id,
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "traceparent": context.traceparent,
        "type": kind,
        "data": data,
    }


def fields_decided(made: list[decisions.Decision], context: Context, at: int) -> Event:
    """Return *made* as one event of the audit trail; *at* is when the change behind them was observed."""
    data = {"decided_at": at, "decisions": [_decision(each) for each in made]}
    return _event(context, "d", at, "tasuki.decision.fields-decided.v1", data)


def _decision(decision: decisions.Decision) -> dict[str, Any]:
    outcome, loser = decision.outcome, decision.loser
    return {
        "field": decision.field,
        "rule": outcome.rule,
        "value": outcome.ma if outcome.winner is not Side.SFA else outcome.sfa,
        "winner": outcome.winner,
        "candidates": [_candidate(each) for each in decision.candidates],
        "loser": None if loser is None else _candidate(loser),
        "conflict": outcome.conflict,
    }


def drift_found(found: Sequence[Drift], data: Observed, context: Context) -> Event:
    """Return the differences *found* in the record that *data* observed."""
    body = {
        "side": data.side,
        "kind": data.kind,
        "ref": {"system": data.ref.system, "object": data.ref.object, "id": data.ref.id},
        "cause": data.sweep,
        "found_at": data.observed_at,
        "differences": [
            {
                "field": each.field,
                "believed": each.believed,
                "found": each.found,
                "changed_at": each.changed_at,
            }
            for each in found
        ],
    }
    return _event(context, "w", data.observed_at, "tasuki.decision.drift-found.v1", body)


def _candidate(candidate: decisions.Candidate) -> dict[str, Any]:
    side, value, at = candidate
    return {"side": side, "value": value, "changed_at": None if at == NEVER else at}


def standing(lead: Lead, life: Lifecycle, rules: Rules) -> dict[str, Any]:
    """Return who the lead is to the KPIs: origin, owner, and the values it is counted by."""
    owner = owner_of(lead, life, rules)
    return {
        "origin": origin_of(lead, rules),
        "owner": None if owner is None else str(owner),
        "segments": {name: value for name in rules.segments if not is_blank(value := _value(lead, name))},
    }


def _value(lead: Lead, name: str) -> Scalar:
    if not is_blank(value := lead.of_company(name)):
        return value
    sfa = lead.seen(name, Side.SFA).there
    return lead.seen(name, Side.MA).there if is_blank(sfa) else sfa


def lifecycle_events(
    found: list[facts.Fact],
    lead: Lead,
    life: Lifecycle,
    rules: Rules,
    context: Context,
    at: int,
    *,
    first: int = 0,
) -> list[Event]:
    """
    Return the facts *found* as events of the lifecycle topic.

    Args:
        found: What is news about the lead, in order.
        lead: As it is now.
        life: What it amounts to.
        rules: The firm's.
        context: What the events share.
        at: When the change behind them was observed.
        first: The number of the first among the facts of this change.
    """
    stands = standing(lead, life, rules) if any(type(each) is not facts.ScoreMoved for each in found) else {}
    events: list[Event] = []
    for number, fact in enumerate(found, start=first):
        kind, data = _told(fact, stands, at, rules.currency)
        events.append(_event(context, f"f{number}", at, f"tasuki.lifecycle.{kind}.v1", data))
    return events


def _told(  # noqa: PLR0911 -- one for each kind of fact
    fact: facts.Fact, stands: dict[str, Any], at: int, currency: str
) -> tuple[str, dict[str, Any]]:
    """Return the kind and the data of the event that tells *fact*."""
    match fact:
        case facts.ScoreMoved():
            return "score-changed", {
                "score": fact.score,
                "previous": fact.previous,
                "reasons": fact.points,
                "changed_at": at,
            }
        case facts.CycleBegun():
            return "cycle-started", {"cycle": fact.cycle, "started_at": fact.at}
        case facts.Retracted():
            return "milestone-retracted", {
                "milestone": fact.milestone,
                "cycle": fact.cycle,
                "previous_at": fact.previous_at,
                "standing": stands,
            }
        case facts.Reached():
            return "milestone-reached", {
                "milestone": fact.milestone,
                "cycle": fact.cycle,
                "reached_at": fact.at,
                "previous_at": fact.previous_at,
                "amount": fact.amount,
                "currency": None if fact.amount is None else currency,
                "standing": stands,
            }
        case facts.Done():
            return "activity-logged", {
                "key": fact.key,
                "activity": fact.activity,
                "at": fact.at,
                "previous_at": fact.previous_at,
                "owner": fact.owner,
                "outcome": fact.outcome,
                "standing": stands,
            }
        case facts.Undone():
            return "activity-retracted", {
                "key": fact.key,
                "activity": fact.activity or None,
                "previous_at": fact.previous_at,
                "standing": stands,
            }
        case facts.Erased():
            return "lead-erased", {"erased_at": fact.at}
        case facts.MergedInto():
            return "lead-merged", {"into": fact.into, "merged_at": fact.at}
        case facts.HandedOver():
            return "handoff-offered", {
                "cycle": fact.cycle,
                "handoff": fact.handoff,
                "qualified_at": fact.qualified_at,
                "offered_at": fact.offered_at,
                "owner": stands["owner"],
                "standing": stands,
            }
