"""What is missing on a side of what it is to hold of a lead. Level-triggered: no commands, only states."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.sync.domain.belonging import belongs, is_offered, is_to_be_handed
from services.sync.domain.fold import fields_hash
from services.sync.domain.handoff_records import alert_task_fields, opportunity_fields, task_fields
from services.sync.domain.lead import (
    OWN_ID,
    PERSON_SLOT,
    Lead,
    field_key,
    kind_of_slot,
    slot_key,
)
from services.sync.domain.lifecycle import Lifecycle, cycle_of
from services.sync.domain.person_fields import person_difference
from services.sync.domain.priority import Priority
from services.sync.domain.produced import SALES_FIELDS, SCORE_FIELDS
from services.sync.domain.records import Kind, Scalar, Side
from services.sync.domain.register import NEVER, value_hash
from services.sync.domain.rules import Milestone, Rules
from services.sync.domain.scope import in_scope
from services.sync.domain.tasks import DONE


@dataclass(frozen=True, slots=True)
class Missing:
    """
    A record that is not yet as it is to be: `fields` are the values that differ there.

    `named`: the lead id that it carries, where that is one that the lead had before.
    """

    side: Side
    slot: str
    fields: dict[str, Scalar]
    priority: Priority
    named: str = ""

    @property
    def kind(self) -> Kind:
        """What kind of record it is."""
        return kind_of_slot(self.slot)


def missing(
    lead: Lead, life: Lifecycle, rules: Rules, side: Side, *, outlined: bool = False
) -> list[Missing]:
    """
    Return what is to be written on *side*, the person first; empty when the side is as it should be.

    *outlined*: what tasks and opportunities are to say is left out, unless it counts for what is missing at all.

    Of a lead that was erased nothing is written any more.

    What the vendor refused is left out until it would be something else, and what hangs on a person that
    isn't there waits for it.
    """
    if lead.erased_at != NEVER or not belongs(lead, life, rules, side):
        return []
    found = [*_differences(lead, life, rules, side, outlined=outlined and not lead.refused)]
    if found and lead.refused:
        found = [*_acceptable(lead, found)]
    if found and (_waits_for_company(lead, rules) or (rules.scope and not in_scope(lead, rules))):
        found = [] if lead.person(side) is None else [*_consents(found, rules)]
    if found and found[0].slot != PERSON_SLOT and lead.person(side) is None:
        return []
    return found


def _waits_for_company(lead: Lead, rules: Rules) -> bool:
    """Return whether who gets the lead hangs on its company, which hasn't answered yet: that takes a moment."""
    if rules.companies is None or lead.employer is None or lead.employer.heard:
        return False
    return rules.assignment.account_owner in rules.companies.told


def _consents(found: list[Missing], rules: Rules) -> Iterator[Missing]:
    """Yield what is missing of consents alone: that goes past the scope, to those who stand there."""
    for each in found:
        fields = {name: value for name, value in each.fields.items() if name in rules.consents}
        if fields and each.slot == PERSON_SLOT:
            yield replace(each, fields=fields)


def _acceptable(lead: Lead, found: list[Missing]) -> Iterator[Missing]:
    """Yield what is missing without the values that the vendor refused."""
    for each in found:
        fields = {
            name: value
            for name, value in each.fields.items()
            if lead.refused.get(field_key(each.side, each.slot, name)) != value_hash(value)
        }
        if fields.keys() == {OWN_ID} and lead.person(each.side) is None:
            continue  # nobody is made for our id alone
        if fields and lead.refused.get(slot_key(each.side, each.slot)) != fields_hash(fields):
            yield replace(each, fields=fields)


def _differences(
    lead: Lead, life: Lifecycle, rules: Rules, side: Side, *, outlined: bool
) -> Iterator[Missing]:
    person = person_difference(lead, life, rules, side)
    if person if lead.person(side) is None else _is_to_be_marked(lead, life, rules, side):
        person[OWN_ID] = lead.id
    if person:
        yield Missing(side, PERSON_SLOT, person, _priority(lead, life, rules, side, person))
    if side is Side.SFA and not life.closed:
        yield from _handoff_records(lead, life, rules, outlined=outlined)
    if side is Side.SFA and lead.tasks.asked:
        yield from _alert_tasks(lead, life, rules)


def _is_to_be_marked(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> bool:
    """Who stands, or is to stand, on both sides carries our id on both: it outlives another e-mail address."""
    return lead.lacks_mark(side) and belongs(lead, life, rules, side.other)


def _priority(lead: Lead, life: Lifecycle, rules: Rules, side: Side, differs: dict[str, Scalar]) -> Priority:
    if lead.unhurried_since != NEVER:
        return Priority.BACKFILL
    if any(differs.get(name) for name in rules.consents):
        return Priority.CONSENT
    if side is Side.SFA and is_offered(lead, life) and f"task:{life.cycle}" not in lead.slots:
        return _heat(lead, life)
    if differs.keys() <= SCORE_FIELDS:
        return Priority.RECONCILE
    if not differs.keys().isdisjoint(SALES_FIELDS):
        return Priority.HANDOFF
    return Priority.RECONCILE if differs.keys() == {OWN_ID} else Priority.EDIT


def _handoff_records(lead: Lead, life: Lifecycle, rules: Rules, *, outlined: bool) -> Iterator[Missing]:
    """The task of an MQL, and the opportunity of an SQL unless sales made one itself in that cycle."""
    task, deal = f"task:{life.cycle}", f"opportunity:{life.cycle}"
    if is_to_be_handed(lead, life, Milestone.MQL) and task not in lead.slots:
        fields = {} if outlined else task_fields(lead, life, rules)
        yield Missing(Side.SFA, task, fields, _hurry(lead, _heat(lead, life)))
    if not is_to_be_handed(lead, life, Milestone.SQL) or deal in lead.slots:
        return
    if not any(cycle_of(each, life) == life.cycle for each in lead.opportunities.values()):
        fields = {} if outlined else opportunity_fields(lead, life, rules)
        yield Missing(Side.SFA, deal, fields, _hurry(lead, Priority.HANDOFF))


def _alert_tasks(lead: Lead, life: Lifecycle, rules: Rules) -> Iterator[Missing]:
    """
    The tasks that alerts asked for. They are part of a handoff that is late, so they go with the handoffs.

    A completion can wait: nobody is kept from anything by a task that is open for some time longer.
    """
    for slot, task in lead.tasks.unmade():
        fields = alert_task_fields(lead, life, rules, slot, task)
        yield Missing(Side.SFA, slot, fields, Priority.HANDOFF, named=task.promise.lead_id)
    for slot, task in lead.tasks.unclosed():
        yield Missing(Side.SFA, slot, dict(DONE), Priority.EDIT, named=task.promise.lead_id)


def may_have_tasks(lead: Lead, life: Lifecycle, rules: Rules) -> bool:
    """Return whether the lead stands in the sales tool, or is to."""
    return belongs(lead, life, rules, Side.SFA)


def _heat(lead: Lead, life: Lifecycle) -> Priority:
    """Return how urgent a new MQL is: one that only changed rules made comes after everything else."""
    at = life.reached(Milestone.MQL)
    by_rules = at is not None and at > lead.rules_since and at in lead.qualified
    return Priority.BACKFILL if by_rules else Priority.HOT


def _hurry(lead: Lead, priority: Priority) -> Priority:
    return Priority.BACKFILL if lead.unhurried_since != NEVER else priority
