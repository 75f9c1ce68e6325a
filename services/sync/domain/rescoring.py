"""
Bringing a lead to scoring rules that changed (ADR 0032): the score is worked out anew, what was told as MQL stands.

Up to the last instant at which the lead was judged by the old rules nobody qualifies by the new ones; from then on they
hold. Who is over the new threshold by then is held: the next thing that raises the score qualifies, or a confirmation.
"""

from services.sync.domain.lead import NEVER, Lead, history_keys
from services.sync.domain.lifecycle import stage_facts, trace
from services.sync.domain.records import Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Milestone, Rules
from services.sync.domain.scoring import tracked_fields


def is_outdated(lead: Lead, rules: Rules) -> bool:
    """Return whether *lead* was scored by other rules than *rules*."""
    return lead.scored_by not in (0, rules.scoring.mark) and not lead.merged_into


def bring(lead: Lead, rules: Rules) -> None:
    """Bring *lead* to the scoring of *rules*, if it was scored by another one."""
    if not is_outdated(lead, rules):
        return
    keep(lead, rules)
    lead.rules_since = max(lead.rules_since, lead.as_of)
    lead.scored_by = rules.scoring.mark
    if lead.erased_at == NEVER:
        _remember_what_is_scored(lead, rules)


def keep(lead: Lead, rules: Rules) -> None:
    """Let the MQLs that were told of *lead* stand, other than those that a tool's stage says."""
    said = {at for at, milestone, *_ in stage_facts(lead, rules) if milestone is Milestone.MQL}
    told = {at for (_, each), at in lead.told.milestones.items() if each is Milestone.MQL}
    lead.qualified = tuple(sorted({*lead.qualified, *(told - said)}))


def join(lead: Lead, other: Lead, rules: Rules) -> None:
    """Let *lead* be judged as both: what was told of either stands, if either was judged by other rules before."""
    lead.as_of = max(lead.as_of, other.as_of)
    lead.scored_by = lead.scored_by or other.scored_by
    if lead.rules_since == other.rules_since == NEVER:
        return
    keep(lead, rules)
    keep(other, rules)
    lead.rules_since = max(lead.rules_since, other.rules_since)
    lead.qualified = tuple(sorted({*lead.qualified, *other.qualified}))


def confirm(lead: Lead, at: int, rules: Rules) -> bool:
    """Let *lead* qualify at *at* if it is held; return whether it was."""
    if not trace(lead, rules).held:
        return False
    lead.qualified = tuple(sorted({*lead.qualified, at}))
    return True


def _remember_what_is_scored(lead: Lead, rules: Rules) -> None:
    """Begin the history of fields that didn't count before: with what stands in them."""
    for name in sorted(tracked_fields(rules.scoring)):
        for side, (said_key, read_key) in zip((Side.MA, Side.SFA), history_keys(name), strict=True):
            register = lead.seen(name, side)
            known = lead.history.get(said_key) or lead.history.get(read_key)
            if not known and register.said_at != NEVER and not is_blank(register.said):
                lead.history[said_key] = {register.said_at: register.said}
