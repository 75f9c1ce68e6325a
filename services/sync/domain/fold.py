"""
Taking in what was seen or written: the only functions that change a lead.

Each is idempotent, and observations commute: any order, with any repeats, leaves the same lead.
"""

from collections.abc import Mapping
from zlib import crc32

from services.sync.domain.lead import (
    NEVER,
    PERSON_SLOT,
    Activity,
    Lead,
    Opportunity,
    Person,
    Register,
    later,
    order_key,
    slot_key,
)
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Scalar, Side
from services.sync.domain.rules import Policy, Rules
from services.sync.domain.scoring import tracked_fields

REMEMBERED_WRITES = 4
"""How many values sent to a field are remembered, to know them again when they come back."""


def value_hash(value: Scalar) -> int:
    """Return a 32-bit hash of *value*, the same in each process."""
    return crc32(f"{type(value).__name__}:{value}".encode())


def fields_hash(fields: Mapping[str, Scalar]) -> int:
    """Return a 32-bit hash of *fields*, whatever their order."""
    return crc32(repr(sorted(fields.items())).encode())


class Folder:
    """Takes changes into leads by a firm's rules, worked out once."""

    def __init__(self, rules: Rules) -> None:
        lead_stages = {each.field for each in rules.stages if each.kind is Kind.LEAD}
        self._tracked = tracked_fields(rules.scoring) | lead_stages
        self._stage_fields = {each.field for each in rules.stages if each.kind is Kind.OPPORTUNITY}
        self._consents = {each.name for each in rules.fields.values() if each.policy is Policy.NEVER_LOOSEN}
        self._only = {
            each.name: Side(each.policy.value)
            for each in rules.fields.values()
            if each.policy in (Policy.MA, Policy.SFA)
        }

    def observe(self, lead: Lead, side: Side, seen: Observation) -> set[str]:
        """Take *seen* into *lead*; return the names of the person's fields with news."""
        if seen.kind is Kind.ACTIVITY:
            self._observe_activity(lead, side, seen)
            return set()
        if seen.kind is Kind.OPPORTUNITY:
            self._observe_opportunity(lead, seen)
            return set()
        return self._observe_person(lead, side, seen)

    def _observe_person(self, lead: Lead, side: Side, seen: Observation) -> set[str]:
        person = _person(lead, side, seen.ref)
        if seen.moved_to is not None:
            person.moved = True
            person = _person(lead, side, seen.moved_to)
        elif seen.deleted:
            person.deleted_at = max(person.deleted_at, seen.observed_at)
            return set()
        person.seen_at = max(person.seen_at, seen.observed_at)
        lead.created_at = _earliest(lead.created_at, seen.created_at)
        return {change.name for change in seen.fields if self._change(lead, side, change)}

    def _change(self, lead: Lead, side: Side, change: FieldChange) -> bool:
        register = lead.register(change.name, side)
        if not change.exact and register.there_at != NEVER and register.there == change.value:
            return False
        own = change.own and self.was_sent(lead, side, PERSON_SLOT, change.name, change.value)
        if not own and change.name in self._tracked and self._only.get(change.name, side) is side:
            _remember(lead.history.setdefault(change.name, {}), change)
        if change.name in self._consents:
            return register.observe_consent(change.value, change.changed_at, own=own)
        return register.observe(change.value, change.changed_at, own=own)

    def was_sent(self, lead: Lead, side: Side, slot: str, name: str, value: Scalar) -> bool:
        """Return whether the echo ledger knows *value* as one that tasuki sent to that field."""
        return value_hash(value) in lead.sent.get(f"{side}:{slot}:{name}", ())

    def _observe_opportunity(self, lead: Lead, seen: Observation) -> None:
        opportunity = lead.opportunities.get(seen.ref.id)
        if opportunity is None:
            opportunity = lead.opportunities[seen.ref.id] = Opportunity(seen.ref)
        if seen.external_id is not None:
            opportunity.cycle = _cycle_in(seen.external_id, lead.id) or opportunity.cycle
        opportunity.created_at = _earliest(opportunity.created_at, seen.created_at)
        opportunity.deleted = opportunity.deleted or seen.deleted
        for change in seen.fields:
            slot = f"opportunity:{opportunity.cycle}"
            own = change.own and self.was_sent(lead, Side.SFA, slot, change.name, change.value)
            if change.name in self._stage_fields and not own:
                _remember(opportunity.stages, change)
            opportunity.fields.setdefault(change.name, Register()).observe(
                change.value, change.changed_at, own=own
            )

    def _observe_activity(self, lead: Lead, side: Side, seen: Observation) -> None:
        """Tasks that tasuki made are its own reminders, not what a person did."""
        if seen.external_id is not None and seen.external_id.startswith(lead.id):
            return
        activity = lead.activities.setdefault(str(seen.ref), Activity(side))
        activity.deleted = activity.deleted or seen.deleted
        activity.created_at = _earliest(activity.created_at, seen.created_at)
        for change in seen.fields:
            value, at = activity.fields.get(change.name, (None, NEVER))
            if later(change.value, change.changed_at, value, at):
                activity.fields[change.name] = (change.value, change.changed_at)

    def start_write(self, lead: Lead, side: Side, slot: str, fields: Mapping[str, Scalar]) -> None:
        """Enter the values into the echo ledger: they are about to be sent."""
        for name, value in fields.items():
            hashes = lead.sent.setdefault(f"{side}:{slot}:{name}", [])
            mark = value_hash(value)
            if mark in hashes:
                hashes.remove(mark)
            hashes.append(mark)
            del hashes[:-REMEMBERED_WRITES]

    def confirm_write(
        self,
        lead: Lead,
        side: Side,
        slot: str,
        ref: RecordRef,
        fields: Mapping[str, Scalar],
        over: Mapping[str, int],
        settled_at: int,
    ) -> None:
        """
        The vendor took the write. It stands a millisecond after what it replaced, by the vendor's clock:
        whatever somebody did there since is later still, and its own echo will tell the true time.
        """
        lead.refused.pop(slot_key(side, slot), None)
        if slot != PERSON_SLOT:
            lead.slots.setdefault(slot, ref)
            if slot.startswith("opportunity:"):
                opportunity = lead.opportunities.setdefault(ref.id, Opportunity(ref))
                opportunity.cycle = int(slot.partition(":")[2])
            return
        person = _person(lead, side, ref)
        person.seen_at = max(person.seen_at, settled_at)
        for name, value in fields.items():
            lead.register(name, side).observe(value, over.get(name, NEVER) + 1, own=True)

    def refuse_write(self, lead: Lead, side: Side, slot: str, fields: Mapping[str, Scalar]) -> None:
        """The vendor will never take these values: don't send the same again."""
        lead.refused[slot_key(side, slot)] = fields_hash(fields)


def _person(lead: Lead, side: Side, ref: RecordRef) -> Person:
    return lead.persons.setdefault(side, {}).setdefault(str(ref), Person(ref))


def _earliest(known: int, told: int) -> int:
    """Return the earlier of two instants, NEVER meaning unknown."""
    if NEVER in (known, told):
        return known or told
    return min(known, told)


def _remember(seen: dict[int, Scalar], change: FieldChange) -> None:
    """Keep every (instant, value); two values of one instant fall by their fixed order."""
    present = seen.get(change.changed_at)
    if change.changed_at not in seen or order_key(change.value) > order_key(present):
        seen[change.changed_at] = change.value


def _cycle_in(external_id: str, lead_id: str) -> int:
    head, _, cycle = external_id.partition(":")
    return int(cycle) if head == lead_id and cycle.isdigit() else 0
