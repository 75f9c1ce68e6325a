"""Where a lead is to stand, and to whom it is to be handed there."""

from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import Lifecycle
from services.sync.domain.records import Side
from services.sync.domain.rules import Milestone, Rules
from services.sync.domain.scope import in_scope


def belongs(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> bool:
    """
    Marketing holds every lead; sales those it made itself and those that qualified.

    A lead that was deleted isn't made again, on neither side.
    """
    if lead.person(side) is not None:
        return True
    if rules.scope and not in_scope(lead, rules):
        return False
    if lead.is_gone(side) or lead.person(side.other) is None:
        return False
    return (
        side is Side.MA
        or rules.mirror_all
        or any(each is Milestone.MQL and at > lead.history_until for (_, each), at in life.milestones.items())
    )


def is_offered(lead: Lead, life: Lifecycle) -> bool:
    """Return whether inside sales is to have the lead."""
    return is_to_be_handed(lead, life, Milestone.MQL) and not life.closed


def is_to_be_handed(lead: Lead, life: Lifecycle, milestone: Milestone) -> bool:
    """Return whether the present cycle reached *milestone*, not as a history that the first filling met."""
    at = life.reached(milestone)
    return at is not None and at > lead.history_until
