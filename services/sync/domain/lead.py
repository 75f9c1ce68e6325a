"""
A lead as the sync service holds it: what was seen of it on both sides, and nothing derived that isn't told.

Everything here is a set, or a register that keeps the latest, so that the same changes in any order, with
any repeats, give the same lead.
"""

from dataclasses import dataclass, field

from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.rules import Milestone

NEVER = 0
"""The instant of a register that holds nothing yet."""


def order_key(value: Scalar) -> tuple[str, str]:
    """Return what values of the same instant are ordered by: any fixed order that is total."""
    return (type(value).__name__, str(value))


@dataclass(slots=True)
class Register:
    """
    One field on one side.

    `said` is what somebody other than tasuki last set there, at `said_at`; `there` is what stands there
    now whoever set it, since `there_at`. Both instants are the vendor's; NEVER means nothing is known.
    """

    said: Scalar = None
    said_at: int = NEVER
    there: Scalar = None
    there_at: int = NEVER

    def observe(self, value: Scalar, at: int, *, own: bool) -> bool:
        """Take in that the field had *value* from *at* on; return whether that was news."""
        news = False
        if later(value, at, self.there, self.there_at):
            self.there, self.there_at = value, at
            news = True
        if not own and later(value, at, self.said, self.said_at):
            self.said, self.said_at = value, at
            news = True
        return news

    def observe_consent(self, value: Scalar, at: int, *, own: bool) -> bool:
        """Take in an opt-out that only tightens: once somebody said True, no False unsays it, whatever its time."""
        if bool(self.said) and not value:
            own = True
        elif value and not self.said and not own:
            self.said_at = NEVER
        return self.observe(value, at, own=own)


def later(value: Scalar, at: int, than: Scalar, than_at: int) -> bool:
    """Return whether (*value*, *at*) is the later of two changes; ties fall by the values' fixed order."""
    return at > than_at or (at == than_at and order_key(value) > order_key(than))


@dataclass(slots=True)
class Person:
    """A record that is, or was, the lead's person on one side. Alive unless moved, or deleted after it was seen."""

    ref: RecordRef
    seen_at: int = NEVER
    deleted_at: int = NEVER
    moved: bool = False

    @property
    def alive(self) -> bool:
        """Whether writes may go to it."""
        return not self.moved and self.seen_at >= self.deleted_at


@dataclass(slots=True)
class Activity:
    """Something somebody did, or is to do; each of `fields` is the latest value with the vendor's time of it."""

    side: Side
    fields: dict[str, tuple[Scalar, int]] = field(default_factory=dict[str, tuple[Scalar, int]])
    created_at: int = NEVER
    deleted: bool = False

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
    """A deal of the lead in the sales tool; `stages` is every stage it was seen in, with its time."""

    ref: RecordRef
    created_at: int = NEVER
    cycle: int = 0  # the cycle it was made for by tasuki; 0: made by sales
    deleted: bool = False
    fields: dict[str, Register] = field(default_factory=dict[str, Register])
    stages: dict[int, Scalar] = field(default_factory=dict[int, Scalar])


@dataclass(slots=True)
class Told:
    """What was last published about the lead, so that only changes are."""

    score: int = 0
    milestones: dict[tuple[int, Milestone], int] = field(default_factory=dict[tuple[int, Milestone], int])
    offered: dict[str, int] = field(default_factory=dict[str, int])  # "mql:1" → instant
    activities: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(slots=True)
class Lead:
    """One lead. `persons` are its records on each side, by id; `slots` the other records that tasuki made."""

    id: str
    created_at: int = NEVER
    persons: dict[Side, dict[str, Person]] = field(default_factory=dict[Side, dict[str, Person]])
    fields: dict[str, dict[Side, Register]] = field(default_factory=dict[str, dict[Side, Register]])
    history: dict[str, dict[int, Scalar]] = field(default_factory=dict[str, dict[int, Scalar]])
    opportunities: dict[str, Opportunity] = field(default_factory=dict[str, Opportunity])
    activities: dict[str, Activity] = field(default_factory=dict[str, Activity])
    slots: dict[str, RecordRef] = field(default_factory=dict[str, RecordRef])  # "task:1" → record
    sent: dict[str, list[int]] = field(default_factory=dict[str, list[int]])  # "sfa:lead:score" → hashes
    refused: dict[str, int] = field(default_factory=dict[str, int])  # "sfa:lead" → hash of what was refused
    told: Told = field(default_factory=Told)

    def person(self, side: Side) -> RecordRef | None:
        """Return the record that stands for the lead on *side*; of several the first by name, in any order."""
        alive = [each.ref for each in self.persons.get(side, _NOBODY).values() if each.alive]
        return min(alive, key=str, default=None)

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


def slot_key(side: Side, slot: str) -> str:
    """Return the key of a record within the lead, for instance ``sfa:task:1``."""
    return f"{side}:{slot}"


def kind_of_slot(slot: str) -> Kind:
    """Return what kind of record stands in *slot*."""
    head = slot.partition(":")[0]
    return {"lead": Kind.LEAD, "task": Kind.ACTIVITY, "opportunity": Kind.OPPORTUNITY}[head]
