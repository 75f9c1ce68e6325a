"""
A lead as the sync service holds it: what was seen of it on both sides, and nothing derived that isn't told.

Everything here is a set, or a register that keeps the latest, so that the same changes in any order, with
any repeats, give the same lead.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeAlias

from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.register import NEVER, Register
from services.sync.domain.rules import Milestone
from services.sync.domain.standing import as_one, latest, together
from services.sync.domain.tasks import Tasks


@dataclass(slots=True)
class Person:
    """
    A record that is, or was, the lead's person on one side; the instants are of our own clock.

    Seen and deleted at the same instant means deleted: one batch often tells of a change and of the end. `marked`:
    it carries an id of ours. `moved`: another took its place, `for_good` or while it lies in the bin; `successor`: it
    took another's. `fields` are what was
    seen in it; of the first of its side, by name, that stands in the lead's own.
    """

    ref: RecordRef
    seen_at: int = NEVER
    deleted_at: int = NEVER
    moved: bool = False
    marked: bool = False
    successor: bool = False
    for_good: bool = False
    fields: dict[str, Register] = field(default_factory=dict[str, Register])

    @property
    def alive(self) -> bool:
        """Whether writes may go to it."""
        return not self.for_good and (self.deleted_at == NEVER or self.seen_at > self.deleted_at)

    @property
    def is_apart(self) -> bool:
        """Whether it is a record of its own, not one with those whose place it took, or that took its own."""
        return self.alive if self.moved else not self.successor


@dataclass(slots=True)
class Activity:
    """
    Something somebody did, or is to do.

    Each of `fields` is the latest value with the vendor's time of it. `deleted` is how it was at `seen_at`, by
    our own clock: somebody may take it out of the bin again. `told` is what was last published: when it was
    done, and a hash of the rest.
    """

    side: Side
    fields: dict[str, tuple[Scalar, int]] = field(default_factory=dict[str, tuple[Scalar, int]])
    created_at: int = NEVER
    seen_at: int = NEVER
    deleted: bool = False
    told: tuple[int, int] | None = None

    def get(self, name: str) -> Scalar:
        """Return the value of *name*, None if it isn't known."""
        return self.fields.get(name, (None, NEVER))[0]

    @property
    def type(self) -> str:
        """What kind of thing: call, email, meeting, task …"""
        return str(self.get("type") or "")

    @property
    def at(self) -> int:
        """When it was done; when it was entered, if the tool doesn't say more."""
        at = self.get("at")
        return at if isinstance(at, int) else self.created_at


@dataclass(slots=True)
class Opportunity:
    """
    A deal of the lead in the sales tool; `stages` is every stage it was seen in, with its time.

    `deleted` is how it was at `seen_at`, by our own clock: somebody may take it out of the bin again.
    """

    ref: RecordRef
    created_at: int = NEVER
    cycle: int = 0  # the cycle it was made for by tasuki; 0: made by sales
    deleted: bool = False
    fields: dict[str, Register] = field(default_factory=dict[str, Register])
    stages: dict[int, Scalar] = field(default_factory=dict[int, Scalar])
    seen_at: int = NEVER


@dataclass(slots=True)
class Told:
    """
    What was last published about the lead, so that only changes are.

    `amounts`: what the milestones' deals were worth. `offered`: "mql:1" → when the handoff stood in the sales tool.
    """

    score: int = 0
    milestones: dict[tuple[int, Milestone], int] = field(default_factory=dict[tuple[int, Milestone], int])
    amounts: dict[tuple[int, Milestone], int] = field(default_factory=dict[tuple[int, Milestone], int])
    offered: dict[str, int] = field(default_factory=dict[str, int])


class Evidence(NamedTuple):
    """
    An opt-out: when (the vendor's time), on which side, of which record.

    `via` is the vendor's word for how (a form, a link in a mail, a screen), `by` its word for who; empty where it
    doesn't say.
    """

    at: int
    side: Side
    record: str
    via: str = ""
    by: str = ""


class OptOuts(NamedTuple):
    """The first opt-out of a lead and the last, of one field."""

    first: Evidence
    last: Evidence


class Fight(NamedTuple):
    """How often a value was set back since when, and since when there stood what it was last sent over."""

    rounds: int
    since_at: int
    over_at: int


class Employment(NamedTuple):
    """Which company's record `record` a person's record hangs on, and whose it is; seen at `at` by our own clock."""

    record: str
    company: str
    at: int


@dataclass(slots=True)
class Employer:
    """
    The company that a lead works for, as it was told last: its id, the ids that it had too, its values.

    What a company says is news of its own shard, in that shard's order. `heard`: it answered since the lead joined it,
    at `joined_at` by our own clock.
    """

    id: str
    joined_at: int = NEVER
    heard: bool = False
    names: frozenset[str] = frozenset()
    values: dict[str, Scalar] = field(default_factory=dict[str, Scalar])


COMPANY_PREFIX = "company:"
"""Begins the id of a company, which is kept in the form of a lead."""


@dataclass(slots=True)
class Lead:
    """
    One lead; or a company, see services.sync.domain.company.

    `persons` are its records on each side, by id; `fields` what was seen in the first of them, by name, and what was
    sent to the side; `slots` the other records that tasuki made ("task:1").
    `history` is all that people said of the fields that score or tell milestones, by `history_keys` and
    instant; what was only read, at an instant that may be later than the change, stands beside it. `sent`
    is the echo ledger of opportunities' fields. `refused`: by `slot_key` a hash of the values that the
    vendor won't take, by `field_key` one of the only value that it won't. `erased_at`, by our own clock: since
    then nothing personal is kept of it, see services.sync.domain.erasure. `forgotten`: how often it was
    told since what is left of it; 0 where nothing was known before, or nothing of that can be read. `taken_over`: the leads that turned out
    to be this one, and when (our clock). `opt_outs`: by field; `fights`: by `field_key`, of values that were set
    back. `employments`: the companies that its records hang on; `employer`: the one that it told of itself. Of a company,
    `members` are its leads, each since when it is one, and `told_members` what they were told last. `merged_into`: the
    lead that this one is; nothing else is kept of it then. `history_until`: what it reached
    up to then was met by the first filling, and is handed over to nobody. `unhurried_since`: when it met the lead, if
    nobody did anything since; what such a lead lacks is the least urgent. `tasks`: those that alerts asked for.

    `as_of`: the latest instant (our clock) at which something was taken in: points get old up to then. `scored_by`: the
    mark of the scoring rules that it was scored by, 0 before it was. `rules_since`: up to then it was judged by other
    rules, by which it `qualified` at those instants; see services.sync.domain.rescoring.
    """

    id: str
    created_at: int = NEVER
    erased_at: int = NEVER
    forgotten: int = 0
    history_until: int = NEVER
    unhurried_since: int = NEVER
    as_of: int = NEVER
    scored_by: int = 0
    rules_since: int = NEVER
    qualified: tuple[int, ...] = ()
    persons: dict[Side, dict[str, Person]] = field(default_factory=dict[Side, dict[str, Person]])
    fields: dict[str, dict[Side, Register]] = field(default_factory=dict[str, dict[Side, Register]])
    history: dict[str, dict[int, Scalar]] = field(default_factory=dict[str, dict[int, Scalar]])
    opportunities: dict[str, Opportunity] = field(default_factory=dict[str, Opportunity])
    activities: dict[str, Activity] = field(default_factory=dict[str, Activity])
    slots: dict[str, RecordRef] = field(default_factory=dict[str, RecordRef])
    sent: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    refused: dict[str, int] = field(default_factory=dict[str, int])
    told: Told = field(default_factory=Told)
    opt_outs: dict[str, OptOuts] = field(default_factory=dict[str, OptOuts])
    fights: dict[str, Fight] = field(default_factory=dict[str, Fight])
    merged_into: str = ""
    taken_over: dict[str, int] = field(default_factory=dict[str, int])
    tasks: Tasks = field(default_factory=Tasks)
    employments: dict[Side, Employment] = field(default_factory=dict[Side, Employment])
    employer: Employer | None = None
    members: dict[str, int] = field(default_factory=dict[str, int])
    told_members: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    is_company: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Note what it is, which is asked often."""
        self.is_company = self.id.startswith(COMPANY_PREFIX)

    def is_named(self, lead_id: str) -> bool:
        """Return whether *lead_id* is this lead's id, or was that of one that it took over."""
        return lead_id == self.id or lead_id in self.taken_over

    def person(self, side: Side) -> RecordRef | None:
        """
        Return the record that stands for the lead on *side*; of several always the same, in any order.

        One that took another's place (a conversion, a merge) goes before others, then one that carries our id, then
        the first by name.
        """
        alive = self._alive(side)
        return alive[0] if alive else None

    def duplicates(self, side: Side) -> list[RecordRef]:
        """Return the lead's other records on *side*: they are heard, but nothing is written to them."""
        return self._alive(side)[1:]

    def _alive(self, side: Side) -> list[RecordRef]:
        persons = self.persons.get(side)
        if not persons:
            return []
        alive = [each for each in persons.values() if each.alive]
        if len(alive) > 1:
            alive.sort(key=lambda each: (not each.successor, not each.marked, str(each.ref)))
        return [each.ref for each in alive]

    def lacks_mark(self, side: Side) -> bool:
        """
        Return whether the lead stands on *side* and none of its records there carries an id of ours.

        Of one that was only named, by a record whose place it took, nobody knows.
        """
        alive = [each for each in self.persons.get(side, _NOBODY).values() if each.alive]
        return any(each.seen_at != NEVER for each in alive) and not any(each.marked for each in alive)

    def is_gone(self, side: Side) -> bool:
        """Return whether the lead stood on *side* once and was deleted there: it isn't made again."""
        return bool(self.persons.get(side)) and self.person(side) is None

    def enter(self, side: Side, ref: RecordRef) -> Person:
        """Return what is known of the record *ref* on *side*, made if need be."""
        persons, key = self.persons.setdefault(side, {}), str(ref)
        if key not in persons:
            first = min(persons, default=key)
            persons[key] = Person(ref)
            if key < first:
                self._give(side, persons[first])
        return persons[key]

    def _give(self, side: Side, person: Person) -> None:
        """Give *person*, until now the first of *side*, what was seen in it; what was sent stays with the side."""
        for name, sides in list(self.fields.items()):
            if (register := sides.pop(side, None)) is None:
                continue
            if register.sent:
                sides[side] = Register(sent=register.sent, sent_on=register.sent_on)
                register.sent, register.sent_on = (), (0, 0)
            if register != _NOTHING:
                person.fields[name] = register
            if not sides:
                del self.fields[name]

    def register(self, name: str, side: Side, ref: RecordRef | None = None) -> Register:
        """
        Return the register of field *name* in the record *ref* on *side*, made if need be.

        Without *ref* it is the one that holds what was sent to the side.
        """
        if ref is not None and (person := self._further(side, ref)) is not None:
            return person.fields.setdefault(name, Register())
        sides = self.fields.setdefault(name, {})
        if side not in sides:
            sides[side] = Register()
        return sides[side]

    def _further(self, side: Side, ref: RecordRef) -> Person | None:
        """Return the person of *ref* if what was seen in it stands there."""
        persons = self.persons.get(side, _NOBODY)
        key = str(ref)
        return persons[key] if len(persons) > 1 and key in persons and key != min(persons) else None

    def seen(self, name: str, side: Side) -> Register:
        """
        Return the register of field *name* on *side* for reading; an empty one if there is none.

        Where the lead has several records there: what stands in the one that stands for it, and what was said in any.
        Of a company only the one that stands for it counts: each of the others is a branch's.
        """
        if self.is_company:
            main = self.person(side)
            return _NOTHING if main is None else self.seen_in(name, side, main)
        first = self.fields.get(name, _NO_SIDES).get(side, _NOTHING)
        return (
            first if len(self.persons.get(side, _NOBODY)) < _SEVERAL else self._of_several(name, side, first)
        )

    def on_both(self, names: Iterable[str], side: Side) -> Iterator[tuple[str, Register, Register]]:
        """Yield each of *names* with what is `seen` of it on *side* and on the other; the same twice where nothing is."""
        other = side.other
        if self.is_company or any(len(each) >= _SEVERAL for each in self.persons.values()):
            for name in names:
                yield name, self.seen(name, side), self.seen(name, other)
            return
        for name in names:
            sides = self.fields.get(name, _NO_SIDES)
            yield name, sides.get(side, _NOTHING), sides.get(other, _NOTHING)

    def _of_several(self, name: str, side: Side, ledger: Register) -> Register:
        persons, main = self.persons[side], self.person(side)
        known = {key: register for key, register in self._registers(name, side) if register.there_at != NEVER}
        if main is None:
            stands = latest(known.values())
        elif str(main) not in known and persons[str(main)].successor:
            stands = latest(each for key, each in known.items() if persons[key].moved)
        else:
            stands = known.get(str(main), _NOTHING)
        apart = {key: persons[key].is_apart for key in known}
        consent = name in self.opt_outs
        registers = [each for key, each in known.items() if apart[key]]
        registers += as_one((each for key, each in known.items() if not apart[key]), consent=consent)
        return together(registers, stands, ledger, consent=consent)

    def _registers(self, name: str, side: Side) -> Iterator[tuple[str, Register]]:
        """Yield the registers of field *name* in the records on *side*, with the records' ids."""
        persons = self.persons.get(side, _NOBODY)
        for place, (key, person) in enumerate(sorted(persons.items())):
            register = person.fields.get(name) if place else self.fields.get(name, _NO_SIDES).get(side)
            if register is not None:
                yield key, register

    def seen_in(self, name: str, side: Side, ref: RecordRef) -> Register:
        """Return the register of field *name* in the record *ref* alone, for reading; an empty one if there is none."""
        return dict(self._registers(name, side)).get(str(ref), _NOTHING)

    def all_seen(self, name: str) -> list[Register]:
        """Return the registers of field *name* in each record, for reading."""
        return [register for side in Side for _, register in self._registers(name, side)]

    def sent_to(self, name: str, side: Side) -> tuple[int, ...]:
        """Return the hashes of what was sent to field *name* on *side*: the echo ledger."""
        return self.fields.get(name, _NO_SIDES).get(side, _NOTHING).sent

    def names(self) -> set[str]:
        """Return the names of the fields of which anything is known."""
        further = (person.fields for persons in self.persons.values() for person in persons.values())
        return {*self.fields, *chain.from_iterable(further)}

    def of_company(self, name: str) -> Scalar:
        """Return the value of field *name* of the company that the lead works for, None where there is none."""
        return None if self.employer is None else self.employer.values.get(name)


_SEVERAL = 2
_NOTHING = Register()
_NOBODY: dict[str, Person] = {}
_NO_SIDES: dict[Side, Register] = {}

PERSON_SLOT = "lead"
COMPANY_SLOT = "company"
OWN_SLOTS = frozenset({PERSON_SLOT, COMPANY_SLOT})
"""The slots of records that are the lead, or the company, itself; others hang on these."""

OWN_ID = "lead_id"
"""Our own id among the fields of a person: written where it is missing, never taken over from a side."""


UNSURE = "?"
HistoryKeys: TypeAlias = tuple[tuple[str, str], tuple[str, str]]


@lru_cache(maxsize=4096)
def history_keys(name: str) -> HistoryKeys:
    """
    Return the keys of a field's histories: of marketing, then of sales.

    Each of what was said, then of what was only read: ``ma:visits``, ``ma:visits?``.
    """
    ma, sfa = f"{Side.MA}:{name}", f"{Side.SFA}:{name}"
    return (ma, ma + UNSURE), (sfa, sfa + UNSURE)


def slot_key(side: Side, slot: str) -> str:
    """Return the key of a record within the lead, for instance ``sfa:task:1``."""
    return f"{side}:{slot}"


def field_key(side: Side, slot: str, name: str) -> str:
    """Return the key of a field of a record within the lead, for instance ``sfa:lead#phone``."""
    return f"{side}:{slot}#{name}"


def kind_of_slot(slot: str) -> Kind:
    """Return what kind of record stands in *slot*."""
    head = slot.partition(":")[0]
    return _KINDS[head]


_KINDS = {
    PERSON_SLOT: Kind.LEAD,
    COMPANY_SLOT: Kind.COMPANY,
    "task": Kind.ACTIVITY,
    "alert": Kind.ACTIVITY,
    "opportunity": Kind.OPPORTUNITY,
}
