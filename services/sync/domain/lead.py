"""
A lead as the sync service holds it: what was seen of it on both sides, and nothing derived that isn't told.

Everything here is a set, or a register that keeps the latest, so that the same changes in any order, with
any repeats, give the same lead.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.register import NEVER, Register
from services.sync.domain.rules import Milestone
from services.sync.domain.tasks import Tasks


@dataclass(slots=True)
class Person:
    """
    A record that is, or was, the lead's person on one side; the instants are of our own clock.

    Seen and deleted at the same instant means deleted: one batch often tells of a change and of the end. `marked`:
    it carries an id of ours. `moved`: another took its place; `successor`: it took another's.
    """

    ref: RecordRef
    seen_at: int = NEVER
    deleted_at: int = NEVER
    moved: bool = False
    marked: bool = False
    successor: bool = False

    @property
    def alive(self) -> bool:
        """Whether writes may go to it."""
        return not self.moved and (self.deleted_at == NEVER or self.seen_at > self.deleted_at)


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


@dataclass(slots=True)
class Lead:
    """
    One lead.

    `persons` are its records on each side, by id; `slots` the other records that tasuki made ("task:1").
    `history` is all that people said of the fields that score or tell milestones, by `history_keys` and
    instant; what was only read, at an instant that may be later than the change, stands beside it. `sent`
    is the echo ledger of opportunities' fields. `refused`: by `slot_key` a hash of the values that the
    vendor won't take, by `field_key` one of the only value that it won't. `erased_at`, by our own clock: since
    then nothing personal is kept of it, see services.sync.domain.erasure. `forgotten`: how often it was
    told since what is left of it; 0 where nothing was known before, or nothing of that can be read. `taken_over`: the leads that turned out
    to be this one, and when (our clock). `opt_outs`: by field; `fights`: by `field_key`, of values that were set
    back. `merged_into`: the lead that this one is; nothing else is kept of it then. `history_until`: what it reached
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
        """Return whether the lead stands on *side* and none of its records there carries an id of ours."""
        alive = [each for each in self.persons.get(side, _NOBODY).values() if each.alive]
        return bool(alive) and not any(each.marked for each in alive)

    def is_gone(self, side: Side) -> bool:
        """Return whether the lead stood on *side* once and was deleted there: it isn't made again."""
        return bool(self.persons.get(side)) and self.person(side) is None

    def register(self, name: str, side: Side) -> Register:
        """Return the register of field *name* on *side*, made if need be."""
        sides = self.fields.setdefault(name, {})
        if side not in sides:
            sides[side] = Register()
        return sides[side]

    def seen(self, name: str, side: Side) -> Register:
        """Return the register of field *name* on *side* for reading; an empty one if there is none."""
        return self.fields.get(name, _NO_SIDES).get(side, _NOTHING)


_NOTHING = Register()
_NOBODY: dict[str, Person] = {}
_NO_SIDES: dict[Side, Register] = {}

PERSON_SLOT = "lead"

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
    "lead": Kind.LEAD,
    "task": Kind.ACTIVITY,
    "alert": Kind.ACTIVITY,
    "opportunity": Kind.OPPORTUNITY,
}
