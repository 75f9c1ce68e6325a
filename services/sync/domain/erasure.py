"""Erasing a person from a lead: what names or describes them goes for good, what is only counted stays."""

from services.sync.domain.lead import Lead
from services.sync.domain.records import Kind
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Rules

_ALWAYS_KEPT = frozenset({"owner", "source"})
"""Who of the firm works the lead, and where it comes from: the KPIs count by both."""

KEPT_OF_DEALS = frozenset({"amount", "close_on", "owner"})
KEPT_OF_ACTIVITIES = frozenset({"type", "at", "owner", "outcome"})


def kept_fields(rules: Rules) -> frozenset[str]:
    """Return the fields of a person that outlive an erasure: counters, stages, segments; no other."""
    counters = {each.counter for each in rules.scoring.behaviours if each.counter is not None}
    stages = {each.field for each in rules.stages if each.kind is Kind.LEAD}
    score = {rules.scoring.read_from} if rules.scoring.read_from is not None else set[str]()
    return frozenset({*counters, *stages, *score, *rules.segments, *_ALWAYS_KEPT})


def addresses(lead: Lead) -> frozenset[str]:
    """Return every e-mail address that *lead* still holds, of either side."""
    found: set[str] = set()
    for register in lead.all_seen("email"):
        values = (register.said, register.there, register.certain[0], *(each[2] for each in register.sights))
        found.update(str(value) for value in values if not is_blank(value))
    return frozenset(found)


def erase(lead: Lead, kept: frozenset[str], stage_fields: frozenset[str]) -> None:
    """
    Take the personal values out of *lead*. Can be repeated.

    The ids of its records stay, so that late news of them finds an erased lead and not a new one; milestones,
    counters and what was told stay too.
    """
    lead.fields = {name: sides for name, sides in lead.fields.items() if name in kept}
    for person in (each for persons in lead.persons.values() for each in persons.values()):
        person.fields = {name: each for name, each in person.fields.items() if name in kept}
    lead.history = {
        key: seen for key, seen in lead.history.items() if key.partition(":")[2].rstrip("?") in kept
    }
    for deal in lead.opportunities.values():
        deal.fields = {
            name: each for name, each in deal.fields.items() if name in KEPT_OF_DEALS | stage_fields
        }
    for activity in lead.activities.values():
        activity.fields = {name: each for name, each in activity.fields.items() if name in KEPT_OF_ACTIVITIES}
    lead.refused = {}
    lead.tasks.erase()
