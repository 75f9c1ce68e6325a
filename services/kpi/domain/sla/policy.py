"""Promises as data: what starts and ends the clock, how long it may take for whom, and who hears of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

from services.errors import Misconfigured

LONGEST_MS = 366 * 86_400_000
"""No promise takes longer than a year of the time that counts."""


class Reopening(StrEnum):
    """What a fact in `reopens` does to a clock that has ended."""

    RESTART = "restart"  # the next round, with the whole budget
    RESUME = "resume"  # the same round goes on; the time in between was a pause


class Turn(IntEnum):
    """What happens to a clock, in the order in which it happens at one instant."""

    RULES = 0  # other rules hold from now on
    PAUSE = 1
    RESUME = 2
    START = 3
    REOPEN = 4
    STOP = 5
    CANCEL = 6
    RESET = 7
    NEXT_CYCLE = 8


class Overdue(StrEnum):
    """What is told of several steps that came due unheard, after downtime or a change of the rules."""

    COLLAPSE = "collapse"  # the breach, and the highest of the rest, which names those it stands for
    EACH = "each"  # every one, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    How long it may take for leads whose traits are as in `when`: each trait one of the values named.

    `budget_ms` counts on the calendar named, None: on the wall clock.
    """

    budget_ms: int
    calendar: str | None = None
    when: Mapping[str, tuple[str | int | float | bool | None, ...]] = field(
        default_factory=dict[str, tuple[str | int | float | bool | None, ...]]
    )

    def matches(self, traits: Mapping[str, object]) -> bool:
        """Return whether a lead with *traits* is meant."""
        return all(name in traits and traits[name] in values for name, values in self.when.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The clock stands still from a fact in `begins` on, until one in `ends`; pauses may overlap."""

    begins: tuple[str, ...]
    ends: tuple[str, ...]


Effect: TypeAlias = tuple[Turn, Pause | None]
"""What a fact does to a clock, and to which of its pauses."""

_REMEMBERED = 1_000  # names of facts come from outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Warn:
    """Tell `notify` when this share of the budget is used up and nothing has been done."""

    share: float
    notify: tuple[str, ...] = ("owner",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """
    A step of the ladder: tell `notify`, and give the lead to somebody else if `reassign`.

    Exactly one of the two: `after_ms` past the deadline, in the time that counts; at `share` of the budget.
    """

    notify: tuple[str, ...]
    after_ms: int | None = None
    share: float | None = None
    reassign: bool = False

    def threshold_ms(self, budget_ms: int) -> int:
        """Return how much of the time that counts is used up when the step comes due."""
        if self.share is not None:
            return round(budget_ms * self.share)
        return budget_ms + (self.after_ms or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    One promise about each cycle of a lead. Facts are named as in `facts.Fact`; a name that ends in ``*``
    stands for all that begin so.

    `stops` fulfil it; `cancels` end it without a verdict; `resets` begin it anew with the whole budget, for
    instance with another owner; `reopens` act on a clock that has ended. Of `targets` the first that matches
    holds; where none does there is no promise.

    Raises:
        Misconfigured: One of `mistakes`, all of which are in the text.
    """

    name: str
    starts: tuple[str, ...]
    stops: tuple[str, ...]
    targets: tuple[Target, ...]
    cancels: tuple[str, ...] = ()
    resets: tuple[str, ...] = ()
    reopens: tuple[str, ...] = ()
    reopening: Reopening = Reopening.RESTART
    pauses: tuple[Pause, ...] = ()
    warnings: tuple[Warn, ...] = ()
    breach_notify: tuple[str, ...] = ("owner",)
    escalations: tuple[Escalation, ...] = ()
    overdue: Overdue = Overdue.COLLAPSE
    _effects: dict[str, tuple[Effect, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict[str, tuple[Effect, ...]]
    )

    def __post_init__(self) -> None:
        """Check it."""
        if found := [*mistakes(self)]:
            raise Misconfigured(f"SLA {self.name}: {'; '.join(found)}")

    def target(self, traits: Mapping[str, object]) -> Target | None:
        """Return the first target that matches *traits*."""
        return next((target for target in self.targets if target.matches(traits)), None)

    def effects(self, name: str) -> tuple[Effect, ...]:
        """Return what a fact of that name does; nothing, if the policy doesn't name it."""
        found = self._effects.get(name)
        if found is None:
            if len(self._effects) >= _REMEMBERED:
                self._effects.clear()
            found = self._effects[name] = tuple(self._work_out(name))
        return found

    def _work_out(self, name: str) -> Iterator[Effect]:
        for pause in self.pauses:
            if names(pause.begins, name):
                yield Turn.PAUSE, pause
            if names(pause.ends, name):
                yield Turn.RESUME, pause
        for patterns, turn in (
            (self.starts, Turn.START),
            (self.reopens, Turn.REOPEN),
            (self.stops, Turn.STOP),
            (self.cancels, Turn.CANCEL),
            (self.resets, Turn.RESET),
        ):
            if names(patterns, name):
                yield turn, None


def names(patterns: tuple[str, ...], name: str) -> bool:
    """Return whether one of *patterns* names *name*."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


def mistakes(policy: Policy) -> Iterator[str]:
    """Yield what is wrong with *policy*."""
    for what in ("starts", "stops", "targets"):
        if not getattr(policy, what):
            yield f"{what} is empty"
    yield from _contradictions(policy)
    for target in policy.targets:
        if not 0 <= target.budget_ms <= LONGEST_MS:
            yield f"a budget of {target.budget_ms} ms isn't between 0 and a year"
    for warning in policy.warnings:
        if not 0 < warning.share < 1:
            yield f"a warning at {warning.share:g} of the budget isn't between 0 and 1"
    if len({each.share for each in policy.warnings}) < len(policy.warnings):
        yield "two warnings at one share"
    for step in policy.escalations:
        yield from _wrong(step)


def _contradictions(policy: Policy) -> Iterator[str]:
    """Yield the names that say two things at once."""
    for name in sorted({*policy.starts} & {*policy.stops, *policy.cancels}):
        yield f"{name} can't both start and end it"
    for name in sorted({*policy.stops} & {*policy.cancels}):
        yield f"{name} can't both fulfil and cancel it"
    for pause in policy.pauses:
        if not (pause.begins and pause.ends):
            yield "a pause needs what begins and what ends it"
        for name in sorted({*pause.begins} & {*pause.ends}):
            yield f"{name} can't both begin and end a pause"


def _wrong(step: Escalation) -> Iterator[str]:
    if (step.after_ms is None) == (step.share is None):
        yield "an escalation comes either so long after the deadline or at a share of the budget"
    elif step.after_ms is not None and not 0 <= step.after_ms <= LONGEST_MS:
        yield f"an escalation {step.after_ms} ms after the deadline isn't between 0 and a year"
    elif step.share is not None and not step.share > 0:
        yield f"an escalation at {step.share:g} of the budget isn't above 0"
    if not step.notify and not step.reassign:
        yield "an escalation tells nobody and changes nothing"
