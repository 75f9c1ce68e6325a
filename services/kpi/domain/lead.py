"""
A lead as the KPIs see it: the set of what is known of it.

Of each slot the fact that was told last holds; of two told at once, the greater. So the state is a function of the
set of facts: their order of arrival and their repeats make no difference.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

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

NOBODY = Standing()


class Mark(NamedTuple):
    """How a milestone stands; `owner` is the lead's when it was told. NOT: it isn't reached."""

    order: int
    at: int = NOT
    owner: str = ""
    amount: int = 0
    currency: str = ""


class Deed(NamedTuple):
    """How an activity stands."""

    order: int
    at: int = NOT
    kind: str = ""
    outcome: str = ""
    owner: str = ""


class Offer(NamedTuple):
    """How a handoff stands."""

    order: int
    qualified_at: int
    offered_at: int


@dataclass(slots=True)
class KpiLead:
    """All that is known of a lead. `stood` is the order of the fact that `standing` is from; -1 before the first."""

    id: str
    standing: Standing = NOBODY
    stood: int = -1
    marks: dict[tuple[int, Milestone], Mark] = field(default_factory=dict[tuple[int, Milestone], Mark])
    deeds: dict[str, Deed] = field(default_factory=dict[str, Deed])
    offers: dict[tuple[int, str], Offer] = field(default_factory=dict[tuple[int, str], Offer])
    gone: bool = False


@dataclass(slots=True)
class Parts:
    """Which parts of a lead facts can change: milestones by cycle, activities; `whole` is all of it."""

    whole: bool = False
    cycles: dict[int, set[Milestone]] = field(default_factory=dict[int, set[Milestone]])
    deeds: set[str] = field(default_factory=set[str])


WHOLE = Parts(whole=True)


def parts_of(lead: KpiLead, facts: Iterable[Fact]) -> Parts:
    """Return the parts of *lead* that *facts* can change: all of it, where they change who the lead is."""
    parts = Parts(whole=lead.stood < 0)
    for fact in facts:
        match fact:
            case MilestoneTold():
                parts.cycles.setdefault(fact.cycle, set()).add(fact.milestone)
            case HandoffTold():
                parts.cycles.setdefault(fact.cycle, set())
            case ActivityTold():
                parts.deeds.add(fact.key)
            case LeadGone():
                parts.whole = True
                continue
        parts.whole = parts.whole or fact.standing != lead.standing
    return parts


def take(lead: KpiLead, fact: Fact) -> None:
    """Take *fact* into *lead*."""
    match fact:
        case MilestoneTold():
            slot = (fact.cycle, fact.milestone)
            mark = Mark(fact.order, fact.at, fact.standing.owner, fact.amount, fact.currency)
            lead.marks[slot] = max(mark, lead.marks.get(slot, mark))
        case ActivityTold():
            deed = Deed(fact.order, fact.at, fact.kind, fact.outcome, fact.owner)
            lead.deeds[fact.key] = max(deed, lead.deeds.get(fact.key, deed))
        case HandoffTold():
            place = (fact.cycle, fact.handoff)
            offer = Offer(fact.order, fact.qualified_at, fact.offered_at)
            lead.offers[place] = max(offer, lead.offers.get(place, offer))
        case LeadGone():
            lead.gone = True
            return
    lead.stood, lead.standing = max((lead.stood, lead.standing), (fact.order, fact.standing))
