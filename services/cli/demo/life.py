"""What a life is: who somebody is, what they will do, and how sales will work them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from services.sync.domain.records import Side

WON, LOST = "Closed Won", "Closed Lost"
"""The stages that an opportunity ends in."""


class Kind(StrEnum):
    """How somebody comes and goes."""

    PASSERBY = "passerby"  # looks around and leaves
    LEARNER = "learner"  # busy, but no buyer
    STEADY = "steady"  # warms up over time
    HOT = "hot"  # knows what they want
    OUTBOUND = "outbound"  # put into the sales tool by a rep (BDR)
    KNOWN = "known"  # marketing knows them when a rep enters them once more


@dataclass(frozen=True, slots=True)
class Grows:
    """They do something that marketing counts: `counter` is the canonical field."""

    counter: str
    by: int = 1


@dataclass(frozen=True, slots=True)
class Edits:
    """Somebody changes their `fields` (canonical), on `side` or on both sides at once with other values."""

    side: Side
    fields: Mapping[str, str]
    against: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class OptsOut:
    """They want no more mail, and say so to marketing or to sales."""

    side: Side


@dataclass(frozen=True, slots=True)
class Entered:
    """A rep enters them into the sales tool by hand."""


Deed: TypeAlias = Grows | Edits | OptsOut | Entered


@dataclass(frozen=True, slots=True)
class Step:
    """After `wait_s` seconds, `deed` is done."""

    wait_s: float
    deed: Deed


class Judgement(StrEnum):
    """What inside sales makes of an MQL, as the sales tool's status."""

    QUALIFIED = "Qualified"
    RECYCLED = "Recycled"
    UNQUALIFIED = "Unqualified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """
    How sales works one handoff.

    `stages` is the way of the opportunity, each after `pace_s`; `amount` is in whole yen. `corrects` are fields
    that the rep mends during the call, `opts_out` that the person asks for no more mail in it. `converts`:
    the rep converts the Lead, so that sales makes the opportunity itself.
    """

    answers_after_s: float
    call: str
    judgement: Judgement
    pace_s: float
    stages: tuple[str, ...] = ()
    amount: int = 0
    lost_reason: str = ""
    corrects: Mapping[str, str] = field(default_factory=dict[str, str])
    opts_out: bool = False
    converts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """
    One person's life.

    `fields` are what is known of them at first; `steps` what happens; `return_steps` what happens once sales
    gave them back; `handlings` how sales works them, by cycle.
    """

    number: int
    kind: Kind
    fields: Mapping[str, str]
    steps: tuple[Step, ...]
    return_steps: tuple[Step, ...]
    handlings: tuple[Handling, ...]

    @property
    def email(self) -> str:
        """Their address, which nobody else has."""
        return self.fields["email"]

    @property
    def made_by(self) -> Side:
        """Which side knows them first."""
        return Side.SFA if self.kind is Kind.OUTBOUND else Side.MA
