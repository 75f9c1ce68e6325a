"""Which leads are in scope, by what they are now."""

from collections.abc import Iterable

from services.sync.domain.lead import Lead
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Condition, Rules
from services.sync.domain.scoring import matches


def in_scope(lead: Lead, rules: Rules) -> bool:
    """
    Return whether anything is to be made, changed or told of *lead*: consents always are.

    A lead that leaves the scope stays as it is on both sides, and what was told of it stands. When it comes back,
    what changed in the meantime is made up for.
    """
    return meets(lead, rules.scope)


def meets(lead: Lead, conditions: Iterable[Condition]) -> bool:
    """Return whether *lead* is as all *conditions* say."""
    return all(matches(each, _value(lead, each.field)) is not each.negated for each in conditions)


def _value(lead: Lead, name: str) -> Scalar:
    """Return what stands there now: of the lead's company, else marketing's value, sales' where marketing has none."""
    if not is_blank(value := lead.of_company(name)):
        return value
    there = lead.seen(name, Side.MA).there
    return lead.seen(name, Side.SFA).there if is_blank(there) else there
