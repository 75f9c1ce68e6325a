"""
Taking in what was seen or written: the only functions that change a lead.

Each is idempotent, and observations commute: any order, with any repeats, leaves the same lead.
"""

from collections.abc import Collection, Mapping
from zlib import crc32

from services.sync.domain.consent import note
from services.sync.domain.echoes import Aim, Layer, goes_round
from services.sync.domain.erasure import KEPT_OF_ACTIVITIES, KEPT_OF_DEALS, erase, kept_fields
from services.sync.domain.fights import fought, given_up
from services.sync.domain.lead import (
    OWN_ID,
    OWN_SLOTS,
    Activity,
    Employment,
    Lead,
    Opportunity,
    field_key,
    history_keys,
    slot_key,
)
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Scalar, Side
from services.sync.domain.register import NEVER, Register, later, order_key, value_hash
from services.sync.domain.rules import Rules
from services.sync.domain.scoring import tracked_fields
from services.sync.domain.tasks import HEAD

BY_DEFAULT_MS = 1_000
"""What a record that we made holds from the start is ours or a default: said by nobody. Tools keep whole seconds."""

REMEMBERED_WRITES = 32
"""How many values sent to a field are remembered, to know them again: HubSpot tells a field's past anew each time."""


def fields_hash(fields: Mapping[str, Scalar]) -> int:
    """Return a 32-bit hash of *fields*, whatever their order."""
    return crc32(repr(sorted(fields.items())).encode())


class Folder:
    """Takes changes into leads by a firm's rules, worked out once."""

    def __init__(self, rules: Rules) -> None:
        scored = {(side, name) for name in tracked_fields(rules.scoring) for side in Side}
        staged = {(each.side, each.field) for each in rules.stages if each.kind is Kind.LEAD}
        self._tracked = {(side, name): history_keys(name)[side is Side.SFA] for side, name in scored | staged}
        self._stage_fields = {each.field for each in rules.stages if each.kind is Kind.OPPORTUNITY}
        self._kept = kept_fields(rules)
        self._kept_of_deals = KEPT_OF_DEALS | self._stage_fields
        self._shared = rules.fields.keys()
        self._produced = {side: rules.produced.get(side, frozenset[str]()) for side in Side}
        self._consents = rules.consents
        self._rules = rules

    def observe(self, lead: Lead, side: Side, seen: Observation) -> set[str]:
        """
        Take *seen* into *lead*; return the names of the person's fields with news.

        Opportunities live in the sales tool only; a company's record is a company's, and nobody else's.
        """
        if seen.kind is Kind.LEAD:
            return self._observe_person(lead, side, seen)
        if seen.kind is Kind.COMPANY:
            return self._observe_company(lead, side, seen)
        if seen.kind is Kind.ACTIVITY:
            self._observe_activity(lead, side, seen)
        elif seen.kind is Kind.OPPORTUNITY and side is Side.SFA:
            self._observe_opportunity(lead, seen)
        return set()

    def _observe_person(self, lead: Lead, side: Side, seen: Observation) -> set[str]:
        person = lead.enter(side, seen.ref)
        person.marked = person.marked or seen.external_id is not None
        if seen.moved_to is not None:
            self.move(lead, side, seen.ref, seen.moved_to, for_good=not seen.deleted)
        if seen.deleted:
            if seen.erased:
                lead.erased_at = _earliest(lead.erased_at, seen.observed_at)
                erase(lead, self._kept, frozenset(self._stage_fields))
            person.deleted_at = max(person.deleted_at, seen.observed_at)
            # Who opted out did so, though the record was gone before anybody read it.
            said = (each for each in seen.fields if each.name in self._consents)
            return {each.name for each in said if self._change(lead, side, each, seen)}
        if seen.moved_to is None:  # who was only named by another record may have been deleted since
            person.seen_at = max(person.seen_at, seen.observed_at)
        if not _is_made_by_us(seen):
            lead.created_at = _earliest(lead.created_at, seen.created_at)
        if seen.company is not None and lead.erased_at == NEVER:
            _employ(lead, side, seen)
        return {change.name for change in seen.fields if self._change(lead, side, change, seen)}

    def _observe_company(self, company: Lead, side: Side, seen: Observation) -> set[str]:
        """A record that left for another company is gone here, but not for the company itself: then it stayed."""
        if not company.is_company or (seen.deleted and company.is_named(seen.company or "")):
            return set()
        record = company.enter(side, seen.ref)
        if seen.moved_to is not None:
            self.move(company, side, seen.ref, seen.moved_to, for_good=not seen.deleted)
        if seen.deleted:
            record.deleted_at = max(record.deleted_at, seen.observed_at)
        elif seen.moved_to is None:
            record.seen_at = max(record.seen_at, seen.observed_at)
            return {each.name for each in seen.fields if self._change(company, side, each, seen)}
        return set()

    def _change(self, lead: Lead, side: Side, change: FieldChange, seen: Observation) -> bool:
        name, value, at = change.name, change.value, change.changed_at
        if lead.erased_at != NEVER and name not in self._kept:
            return False
        register = lead.register(name, side, seen.ref)
        own = change.own and (
            self._is_sent(lead, side, name, value) or 0 <= at - seen.created_at < BY_DEFAULT_MS
        )
        if not own and (keys := self._tracked.get((side, name))) is not None:
            _remember(lead.history.setdefault(keys[not change.exact], {}), change)
        if name not in self._shared:
            return register.observe_last(value, at, own=own)
        if name in self._consents:
            noted = not own and note(lead, side, seen.ref, change)
            return register.observe_consent(value, at, own=own) or noted
        return register.observe(value, at, own=own, exact=change.exact)

    def is_echo(self, lead: Lead, side: Side, change: FieldChange) -> bool:
        """Return whether a person's *change* is our own write coming back: marked so, of a value that was sent."""
        return change.own and self._is_sent(lead, side, change.name, change.value)

    def layer(self, lead: Lead, side: Side, change: FieldChange) -> Layer | None:
        """Return by what a person's *change* is known as our own write coming back; None where it isn't."""
        if not self.is_echo(lead, side, change):
            return None
        return Layer.MARKER if change.name in self._produced[side] else Layer.LEDGER

    def _is_sent(self, lead: Lead, side: Side, name: str, value: Scalar) -> bool:
        """Of fields that tasuki makes itself no ledger is kept: nobody else's value counts there."""
        return name in self._produced[side] or value_hash(value) in lead.sent_to(name, side)

    def _observe_opportunity(self, lead: Lead, seen: Observation) -> None:
        opportunity = lead.opportunities.get(seen.ref.id)
        if opportunity is None:
            opportunity = lead.opportunities[seen.ref.id] = Opportunity(seen.ref)
        if cycle := _cycle_in(lead, seen):
            opportunity.cycle = max(opportunity.cycle, cycle)
        if slot := own_deal(lead, seen):  # the vendor took our write, though its answer may have been lost
            lead.slots.setdefault(slot, seen.ref)
        opportunity.created_at = _earliest(opportunity.created_at, seen.created_at)
        if later(seen.deleted, seen.observed_at, opportunity.deleted, opportunity.seen_at):
            opportunity.deleted, opportunity.seen_at = seen.deleted, seen.observed_at
        for change in seen.fields:
            if lead.erased_at != NEVER and change.name not in self._kept_of_deals:
                continue
            own = change.own and value_hash(change.value) in lead.sent.get(change.name, ())
            if change.name in self._stage_fields and not own:
                _remember(opportunity.stages, change)
            opportunity.fields.setdefault(change.name, Register()).observe_last(
                change.value, change.changed_at, own=own
            )

    def _observe_activity(self, lead: Lead, side: Side, seen: Observation) -> None:
        """Tasks that tasuki made are its own reminders, not what a person did."""
        if seen.external_id is not None and lead.is_named(seen.external_id.partition(":")[0]):
            return
        activity = lead.activities.setdefault(str(seen.ref), Activity(side))
        if later(seen.deleted, seen.observed_at, activity.deleted, activity.seen_at):
            activity.deleted, activity.seen_at = seen.deleted, seen.observed_at
        activity.created_at = _earliest(activity.created_at, seen.created_at)
        for change in seen.fields:
            if lead.erased_at != NEVER and change.name not in KEPT_OF_ACTIVITIES:
                continue
            value, at = activity.fields.get(change.name, (None, NEVER))
            if later(change.value, change.changed_at, value, at):
                activity.fields[change.name] = (change.value, change.changed_at)

    def start_write(
        self,
        lead: Lead,
        side: Side,
        slot: str,
        fields: Mapping[str, Scalar],
        at: int,
        aim: Aim | None = None,
    ) -> tuple[list[str], list[str]]:
        """
        Enter the values into the echo ledger: they are about to be sent, at *at* by our clock.

        *aim* is what the write was planned on. Only of fields on which something is decided does it matter who set them.

        Returns:
            The fields that were set back once too often: they are left alone after this write. Consents never are.
            And those that are a loop: our own write leads to this one.
        """
        lost: list[str] = []
        loops: list[str] = []
        if lead.erased_at != NEVER:
            return lost, loops
        if slot in OWN_SLOTS:
            for name in sorted(fields.keys() & self._shared):
                register = lead.register(name, side)
                mark = value_hash(fields[name])
                if goes_round(lead, name, side, fields[name], mark, aim):
                    loops.append(name)
                stands = lead.seen(name, side)
                if mark in register.sent and fought(lead, side, slot, name, stands, at, self._rules):
                    lost.append(name)
                    if name not in self._consents:
                        lead.refused[field_key(side, slot, name)] = mark
                register.sent = _with_mark(register.sent, fields[name])
        elif slot.startswith(HEAD):
            lead.tasks.note_sent(slot)
        elif slot.startswith("opportunity:"):
            for name in fields.keys() & self._stage_fields:
                lead.sent[name] = _with_mark(lead.sent.get(name, ()), fields[name])
        return lost, loops

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
        """Take in that the vendor took the write, at *settled_at* by our clock."""
        if lead.refused:
            for key in (slot_key(side, slot), *(field_key(side, slot, name) for name in fields)):
                if not given_up(lead, key, self._rules):
                    lead.refused.pop(key, None)
        if slot not in OWN_SLOTS:
            lead.slots.setdefault(slot, ref)
            if slot.startswith(HEAD):
                lead.tasks.note_written(slot, fields)
            if slot.startswith("opportunity:"):
                opportunity = lead.opportunities.setdefault(ref.id, Opportunity(ref))
                opportunity.cycle = max(opportunity.cycle, int(slot.partition(":")[2]))
            return
        person = lead.enter(side, ref)
        person.marked = person.marked or OWN_ID in fields  # not seen by that: it may have been deleted since
        for name, value in fields.items():
            if name != OWN_ID and (lead.erased_at == NEVER or name in self._kept):
                self._confirm(lead, side, ref, name, value, over.get(name, NEVER), settled_at)

    def _confirm(
        self, lead: Lead, side: Side, ref: RecordRef, name: str, value: Scalar, over_at: int, settled_at: int
    ) -> None:
        register = lead.register(name, side, ref)
        if name not in self._shared or name in self._consents:
            register.observe_last(value, over_at + 1, own=True)
            return
        if lead.sent_to(name, side):
            lead.register(name, side).settle(value, value_hash(str(ref)))
        register.confirm(value, over_at, settled_at)

    def move(self, lead: Lead, side: Side, ref: RecordRef, there: RecordRef, *, for_good: bool) -> None:
        """Take in that the record *there* took the place of *ref*, *for_good* unless somebody may restore that."""
        person = lead.enter(side, ref)
        person.moved, person.for_good = True, person.for_good or for_good
        if not lead.is_company:
            lead.enter(side, there).successor = True

    def refuse_write(
        self, lead: Lead, side: Side, slot: str, fields: Mapping[str, Scalar], only: Collection[str] = ()
    ) -> None:
        """
        The vendor will never take these values: don't send the same again.

        Where it refuses *only* some of the fields, the rest of the record may go without them.
        """
        if lead.erased_at != NEVER:
            return
        named = fields.keys() & only
        for name in named:
            lead.refused[field_key(side, slot, name)] = value_hash(fields[name])
        if not named:
            lead.refused[slot_key(side, slot)] = fields_hash(fields)

    def retry_write(self, lead: Lead, side: Side, slot: str) -> None:
        """Forget what the vendor refused of the record: it is sent once more."""
        refused = slot_key(side, slot)
        for key in [each for each in lead.refused if each.partition("#")[0] == refused]:
            del lead.refused[key]
        for key in [each for each in lead.fights if each.partition("#")[0] == refused]:
            del lead.fights[key]


def _employ(lead: Lead, side: Side, seen: Observation) -> None:
    """Note which company the record hangs on; of two things seen at one instant the same one wins in any order."""
    record = "" if not seen.employers else str(seen.employers[0])
    told = Employment(record, seen.company or "", seen.observed_at)
    known = lead.employments.get(side)
    if known is None or (told.at, *told) > (known.at, *known):
        lead.employments[side] = told


def _is_made_by_us(seen: Observation) -> bool:
    """Return whether the oldest that is seen of a record is our own write: then it says nothing of the lead's age."""
    return bool(seen.fields) and min(seen.fields, key=lambda change: change.changed_at).own


def _earliest(known: int, told: int) -> int:
    """Return the earlier of two instants, NEVER meaning unknown."""
    if NEVER in (known, told):
        return known or told
    return min(known, told)


def _remember(seen: dict[int, Scalar], change: FieldChange) -> None:
    """Keep every (instant, value); two values of one instant fall by their fixed order."""
    at = change.changed_at
    if at not in seen or order_key(change.value) > order_key(seen[at]):
        seen[at] = change.value


def _with_mark(marks: tuple[int, ...], value: Scalar) -> tuple[int, ...]:
    """Return the hashes with that of *value* as the latest."""
    mark = value_hash(value)
    return (*(each for each in marks if each != mark), mark)[-REMEMBERED_WRITES:]


def own_deal(lead: Lead, seen: Observation) -> str:
    """Return the slot for which tasuki made the opportunity *seen*; empty for any other record, or a deleted one."""
    cycle = 0 if seen.kind is not Kind.OPPORTUNITY or seen.deleted else _cycle_in(lead, seen)
    return f"opportunity:{cycle}" if cycle else ""


def _cycle_in(lead: Lead, seen: Observation) -> int:
    head, _, cycle = (seen.external_id or "").partition(":")
    return int(cycle) if lead.is_named(head) and cycle.isdigit() else 0
