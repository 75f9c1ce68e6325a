"""
What a clock is worked out from: facts by name, the lead's traits, and the rules in force, each with its time.

All three are sets: their order and repeats say nothing. A fact that was corrected takes the place of the old one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from services.errors import Misconfigured
from services.kpi.domain.sla.deadlines import WALL_CLOCK, Hours
from services.kpi.domain.sla.policy import Policy, Target

TraitValue: TypeAlias = str | int | float | bool | None


class Fact(NamedTuple):
    """
    Something happened to a lead at an instant.

    `name` is what policies name: ``mql``, ``offered:mql``, ``activity:call``, ``stage:waiting``. `cycle` is
    the cycle it belongs to, and such a fact lasts; 0 for what only has a time, as an activity. `key` tells
    two of one name and instant apart.
    """

    at: int
    name: str
    cycle: int = 0
    key: str = ""


class Trait(NamedTuple):
    """A lead's trait (source, owner, temperature …) has a value from an instant on."""

    at: int
    name: str
    value: TraitValue


CYCLE_STARTED = "cycle-started"
"""The fact with which a cycle after the first begins; it ends what is open in the cycle before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    A policy with the calendars that its targets name.

    Raises:
        Misconfigured: A target names a calendar that isn't there.
    """

    policy: Policy
    calendars: Mapping[str, Hours] = field(default_factory=dict[str, Hours])

    def __post_init__(self) -> None:
        """Check that each calendar is there."""
        named = {target.calendar for target in self.policy.targets} - {None}
        if missing := sorted(str(name) for name in named - self.calendars.keys()):
            raise Misconfigured(f"SLA {self.policy.name}: there is no calendar {', '.join(missing)}")

    def hours(self, target: Target) -> Hours:
        """Return the time that counts for *target*: its calendar's, or all of it."""
        return WALL_CLOCK if target.calendar is None else self.calendars[target.calendar]


class Era(NamedTuple):
    """
    From an instant on these terms hold, until the next era; None: there is no such promise.

    What ended before the next era stays judged by the terms of its own.
    """

    from_at: int
    terms: Terms | None


def in_force(eras: Sequence[Era], at: int) -> Terms | None:
    """Return the terms that hold at *at*; *eras* are in the order of time. None before the first."""
    found: Terms | None = None
    for era in eras:
        if era.from_at > at:
            break
        found = era.terms
    return found


def traits_at(traits: Iterable[Trait], at: int) -> dict[str, TraitValue]:
    """
    Return the traits as they stood at *at*: of each name the latest value, before its first the first.

    Two values of one instant fall by their text.
    """
    found: dict[str, Trait] = {}
    for trait in sorted(traits, key=_by_time):
        if trait.name not in found or trait.at <= at:
            found[trait.name] = trait
    return {name: trait.value for name, trait in found.items()}


def _by_time(trait: Trait) -> tuple[int, str, str]:
    return trait.at, trait.name, repr(trait.value)
