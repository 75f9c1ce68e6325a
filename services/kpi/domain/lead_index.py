"""
Under which kinds of facts, on which days, a lead is found again: a function of what is known of it, as the counters are.

Days are those of UTC, whatever the firm's are, so that other counting rules move nothing. An entry says that there
may be something to count, not what: whoever looks loads the lead and counts with the same code as the counters'.
"""

from collections.abc import Iterable
from itertools import chain
from typing import TypeAlias

from services.kpi.domain.counters import CALL, MAIL, MILESTONE_CODES
from services.kpi.domain.facts import NOT, ActivityTold, Fact, HandoffTold, LeadGone, Milestone, MilestoneTold
from services.kpi.domain.lead import Deed, KpiLead, Mark
from services.kpi.domain.rules import DAY_MS

Entry: TypeAlias = tuple[str, int]
"""The kind (a milestone's code, or one of those below) and the day, in days since the epoch."""

OFFERED, VERDICT = "h", "s"
DEED_KINDS = {"call": CALL, "email": MAIL}


def entries(lead: KpiLead) -> set[Entry]:
    """Return all entries of *lead* but those of its promises; none of one that is gone."""
    if lead.gone:
        return set()
    each_one = chain(
        (_of_mark(milestone, mark) for (_, milestone), mark in lead.marks.items()),
        map(_of_deed, lead.deeds.values()),
    )
    found = {each for each in each_one if each is not None}
    found.update((OFFERED, offer.offered_at // DAY_MS) for offer in lead.offers.values())
    return found


def touched(lead: KpiLead, facts: Iterable[Fact]) -> set[Entry]:
    """Return the entries of those slots of *lead* that *facts* are about."""
    found: set[Entry] = set()
    for fact in facts:
        if isinstance(fact, LeadGone):
            return entries(lead)
        if not lead.gone and (each := _of_slot(lead, fact)) is not None:
            found.add(each)
    return found


def moved(lead: KpiLead, before: set[Entry], after: set[Entry]) -> tuple[set[Entry], set[Entry]]:
    """Return which entries *lead* gains and which it loses; those of the slots touched are given."""
    lost = before - after
    return after - before, lost - entries(lead) if lost else lost


def days(instants: Iterable[int]) -> set[int]:
    """Return the days of *instants*, epoch ms."""
    return {at // DAY_MS for at in instants}


def entry_name(entry: Entry) -> str:
    """Return the name of the key with the leads under *entry*."""
    kind, day = entry
    return f"by:{kind}:{day}"


def _of_slot(lead: KpiLead, fact: MilestoneTold | ActivityTold | HandoffTold) -> Entry | None:
    if isinstance(fact, MilestoneTold):
        mark = lead.marks.get((fact.cycle, fact.milestone))
        return None if mark is None else _of_mark(fact.milestone, mark)
    if isinstance(fact, ActivityTold):
        deed = lead.deeds.get(fact.key)
        return None if deed is None else _of_deed(deed)
    offer = lead.offers.get((fact.cycle, fact.handoff))
    return None if offer is None else (OFFERED, offer.offered_at // DAY_MS)


def _of_mark(milestone: Milestone, mark: Mark) -> Entry | None:
    return None if mark.at == NOT else (MILESTONE_CODES[milestone], mark.at // DAY_MS)


def _of_deed(deed: Deed) -> Entry | None:
    kind = None if deed.at == NOT else DEED_KINDS.get(deed.kind)
    return None if kind is None else (kind, deed.at // DAY_MS)
