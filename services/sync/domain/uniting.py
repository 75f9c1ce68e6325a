"""
Two leads that turn out to be one person: which of them stays, and what the one that stays amounts to.

Uniting is a join: it commutes with observing and with itself, and doing it twice changes nothing. So the lead that
stays ends as it would be had everything been seen of it alone, whenever the two are united.
"""

from collections.abc import Mapping

from services.sync.domain.consent import join
from services.sync.domain.erasure import erase, kept_fields
from services.sync.domain.lead import NEVER, Activity, Lead, Opportunity, Person, Told
from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.register import Register, later, order_key
from services.sync.domain.rules import Rules


def staying(one: str, other: str) -> tuple[str, str]:
    """
    Return which lead stays and which goes: the one with the lesser id stays, which was heard of first.

    It doesn't matter which record won where: both sides may be merged at once, in opposite directions, and each
    shard decides the same without asking another.
    """
    return min(one, other), max(one, other)


class Uniter:
    """Unites leads by a firm's rules."""

    def __init__(self, rules: Rules) -> None:
        self._consents = rules.consents
        self._kept = kept_fields(rules)
        self._stage_fields = frozenset(each.field for each in rules.stages if each.kind is Kind.OPPORTUNITY)

    def unite(self, lead: Lead, other: Lead, at: int) -> None:
        """
        Take all of *other* into *lead*; *other* isn't used any more afterwards.

        What was refused of *other* is forgotten: it is another record that stands for the lead now. *at* is when
        the two were united, by our own clock.
        """
        for lead_id, when in {**other.taken_over, other.id: at}.items():
            lead.taken_over[lead_id] = min(when, lead.taken_over.get(lead_id, when))
        lead.created_at = _earliest(lead.created_at, other.created_at)
        lead.erased_at = _earliest(lead.erased_at, other.erased_at)
        for side, persons in other.persons.items():
            for each in persons.values():
                _person(lead.enter(side, each.ref), each)
        self._fields(lead, other)
        for deal_id, deal in other.opportunities.items():
            _opportunity(lead.opportunities.setdefault(deal_id, Opportunity(deal.ref)), deal)
        for key, activity in other.activities.items():
            _activity(lead.activities.setdefault(key, Activity(activity.side)), activity)
        join(lead, other.opt_outs)
        _employment(lead, other)
        lead.tasks.join(other.tasks)
        for slot, ref in other.slots.items():
            lead.slots[slot] = min(ref, lead.slots.get(slot, ref), key=str)
        if lead.erased_at != NEVER:
            erase(lead, self._kept, self._stage_fields)

    def _fields(self, lead: Lead, other: Lead) -> None:
        for side in Side:
            for person in other.persons.get(side, {}).values():
                for name in other.names():
                    self._field(lead, side, name, person.ref, other.seen_in(name, side, person.ref))
        for name, sides in other.fields.items():
            for side, register in sides.items():
                if register.sent:
                    lead.register(name, side).join_sent(register)
        for key, said in other.history.items():
            _said(lead.history.setdefault(key, {}), said)
        for name, marks in other.sent.items():
            kept = lead.sent.get(name, ())
            lead.sent[name] = (*(each for each in marks if each not in kept), *kept)

    def _field(self, lead: Lead, side: Side, name: str, ref: RecordRef, seen: Register) -> None:
        if seen.there_at != NEVER:
            lead.register(name, side, ref).join(seen, consent=name in self._consents)


def told_of_both(one: Told, other: Told) -> Told:
    """Return what was told of either of two leads: each milestone with its earliest time, the higher score."""
    milestones, amounts = dict(other.milestones), {**other.amounts, **one.amounts}
    for key, at in one.milestones.items():
        milestones[key] = min(at, milestones.get(key, at))
    return Told(max(one.score, other.score), milestones, amounts, {**other.offered, **one.offered})


def _employment(lead: Lead, other: Lead) -> None:
    for side, each in other.employments.items():
        known = lead.employments.get(side)
        if known is None or (each.at, *each) > (known.at, *known):
            lead.employments[side] = each
    for lead_id, since in other.members.items():
        lead.members[lead_id] = max(since, lead.members.get(lead_id, since))


def _person(person: Person, other: Person) -> None:
    person.seen_at = max(person.seen_at, other.seen_at)
    person.deleted_at = max(person.deleted_at, other.deleted_at)
    person.moved = person.moved or other.moved
    person.for_good = person.for_good or other.for_good
    person.marked = person.marked or other.marked
    person.successor = person.successor or other.successor


def _opportunity(deal: Opportunity, other: Opportunity) -> None:
    deal.created_at = _earliest(deal.created_at, other.created_at)
    deal.cycle = max(deal.cycle, other.cycle)
    if later(other.deleted, other.seen_at, deal.deleted, deal.seen_at):
        deal.deleted, deal.seen_at = other.deleted, other.seen_at
    for name, register in other.fields.items():
        deal.fields.setdefault(name, Register()).join(register)
    _said(deal.stages, other.stages)


def _activity(activity: Activity, other: Activity) -> None:
    if later(other.deleted, other.seen_at, activity.deleted, activity.seen_at):
        activity.deleted, activity.seen_at = other.deleted, other.seen_at
    activity.created_at = _earliest(activity.created_at, other.created_at)
    for name, (value, at) in other.fields.items():
        if later(value, at, *activity.fields.get(name, (None, NEVER))):
            activity.fields[name] = (value, at)


def _said(said: dict[int, Scalar], other: Mapping[int, Scalar]) -> None:
    for at, value in other.items():
        if at not in said or order_key(value) > order_key(said[at]):
            said[at] = value


def _earliest(known: int, told: int) -> int:
    if NEVER in (known, told):
        return known or told
    return min(known, told)
