"""
Opt-outs and their evidence: who said so, where, when and by what, kept for as long as the lead is.

An opt-out only tightens: whoever says it, on either side, in any order. It is undone by one thing alone: an explicit
act in which the person agreed again, newer than the last opt-out, in a field that the firm names for it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from services.sync.domain.lead import Evidence, Lead, OptOuts
from services.sync.domain.policy import Outcome
from services.sync.domain.records import FieldChange, RecordRef, Side
from services.sync.domain.rules import Rules


def note(lead: Lead, side: Side, ref: RecordRef, change: FieldChange) -> bool:
    """Keep the evidence of an opt-out that somebody other than tasuki said; return whether it is news."""
    if not change.value:
        return False
    said = Evidence(change.changed_at, side, str(ref), change.via, change.by)
    known = lead.opt_outs.get(change.name)
    if known is None:
        lead.opt_outs[change.name] = OptOuts(said, said)
        return True
    lead.opt_outs[change.name] = OptOuts(min(known.first, said), max(known.last, said))
    return lead.opt_outs[change.name] != known


def join(lead: Lead, other: Mapping[str, OptOuts]) -> None:
    """Take the evidence of a lead that turned out to be *lead*."""
    for name, each in other.items():
        known = lead.opt_outs.get(name, each)
        lead.opt_outs[name] = OptOuts(min(known.first, each.first), max(known.last, each.last))


class OptIn(NamedTuple):
    """When the person agreed again, and on which side that stands."""

    at: int
    side: Side


def opt_in(lead: Lead, name: str, rules: Rules) -> OptIn | None:
    """Return the act that undoes the opt-out *name*: the latest one, if it is later than every opt-out."""
    field, known = rules.opt_ins.get(name), lead.opt_outs.get(name)
    if field is None or known is None:
        return None
    acts = [
        OptIn(at, side)
        for side in Side
        if isinstance(at := lead.seen(field, side).there, int) and at > known.last.at
    ]
    return max(acts, default=None)


def agreed(lead: Lead, name: str, rules: Rules) -> Outcome | None:
    """Return that the opt-out *name* is undone on both sides, None where it isn't."""
    act = opt_in(lead, name, rules) if rules.opt_ins else None
    return None if act is None else Outcome(ma=False, sfa=False, winner=act.side, rule="opt-in")
