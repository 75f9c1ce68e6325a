"""What is new about a lead since it was last told: the difference between its lifecycle and what was published."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from zlib import crc32

from services.sync.domain.lead import NEVER, Activity, Lead
from services.sync.domain.lifecycle import PLACE, Lifecycle
from services.sync.domain.rules import Milestone


@dataclass(frozen=True, slots=True)
class ScoreMoved:
    """The score went from `previous` to `score`."""

    score: int
    previous: int
    points: dict[str, int]


@dataclass(frozen=True, slots=True)
class Reached:
    """
    A milestone is reached; `previous_at` if it was told before, with another time or amount.

    `amount`, in minor units, is what the deal is worth, where that is known.
    """

    milestone: Milestone
    cycle: int
    at: int
    previous_at: int | None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Retracted:
    """A milestone that was told isn't reached after all."""

    milestone: Milestone
    cycle: int
    previous_at: int


@dataclass(frozen=True, slots=True)
class CycleBegun:
    """The lead qualified again after it was recycled."""

    cycle: int
    at: int


@dataclass(frozen=True, slots=True)
class Done:
    """Somebody did something; told again when anything of it is corrected, with the time told before."""

    key: str
    activity: str
    at: int
    previous_at: int | None
    owner: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What was told as done doesn't stand any more: it was deleted, or isn't known to have been done."""

    key: str
    activity: str
    previous_at: int


@dataclass(frozen=True, slots=True)
class Erased:
    """The person asked to be forgotten: nothing personal is kept of the lead since `at`."""

    at: int


@dataclass(frozen=True, slots=True)
class MergedInto:
    """The lead turned out to be the lead `into`: nothing more is told of it."""

    into: str
    at: int


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A handoff stands in the sales tool: `handoff` is "mql" or "sql"."""

    handoff: str
    cycle: int
    qualified_at: int
    offered_at: int


Fact: TypeAlias = (
    ScoreMoved | Reached | Retracted | CycleBegun | Done | Undone | HandedOver | Erased | MergedInto
)


def tell(lead: Lead, life: Lifecycle, seen: Collection[str] = (), *, scoped: bool = True) -> list[Fact]:
    """
    Return what is news about *lead* and note in it that it was told.

    Args:
        lead: As it is now.
        life: What it amounts to.
        seen: The keys of the activities that were seen, in order.
        scoped: Whether the lead is in scope; of one that isn't only activities are told, the rest when it is back.
    """
    found = [*_score(lead, life), *_milestones(lead, life)] if scoped else []
    for key in seen:
        if key in lead.activities:
            found += _activity(key, lead.activities[key])
    return found


def _score(lead: Lead, life: Lifecycle) -> Iterator[Fact]:
    if life.score != lead.told.score:
        yield ScoreMoved(life.score, lead.told.score, life.points)
        lead.told.score = life.score


def _milestones(lead: Lead, life: Lifecycle) -> Iterator[Fact]:
    told, amounts = lead.told.milestones, lead.told.amounts
    if told == life.milestones and amounts == life.amounts:
        return
    for cycle, milestone in sorted(told.keys() - life.milestones.keys(), key=_in_order):
        yield Retracted(milestone, cycle, told[cycle, milestone])
    known = {1, *(cycle for cycle, _ in told)}
    for key in sorted(life.milestones, key=_in_order):
        cycle, milestone = key
        at, previous_at, amount = life.milestones[key], told.get(key), life.amounts.get(key)
        if cycle not in known:
            known.add(cycle)
            yield CycleBegun(cycle, life.starts[cycle])
        if previous_at != at or amounts.get(key) != amount:
            yield Reached(milestone, cycle, at, previous_at, amount)
    lead.told.milestones, lead.told.amounts = dict(life.milestones), dict(life.amounts)


def _in_order(key: tuple[int, Milestone]) -> tuple[int, int]:
    return key[0], PLACE[key[1]]


def _activity(key: str, activity: Activity) -> Iterator[Fact]:
    told, activity.told = activity.told, None
    if activity.deleted or not activity.type or activity.at == NEVER:
        if told is not None:
            yield Undone(key, activity.type, told[0])
        return
    activity.told = (activity.at, _mark(activity))
    if activity.told != told:
        owner, outcome = activity.get("owner"), activity.get("outcome")
        yield Done(
            key,
            activity.type,
            activity.at,
            None if told is None else told[0],
            None if owner is None else str(owner),
            None if outcome is None else str(outcome),
        )


def _mark(activity: Activity) -> int:
    """Return a hash of what is told of *activity* beside its time."""
    return crc32(repr([activity.get(name) for name in ("type", "owner", "outcome")]).encode())


def tell_handover(lead: Lead, life: Lifecycle, slot: str, offered_at: int) -> list[Fact]:
    """Return the handoff that the confirmed record in *slot* completes, if it wasn't told yet."""
    head, _, number = slot.partition(":")
    handoff, milestone = {"task": ("mql", Milestone.MQL), "opportunity": ("sql", Milestone.SQL)}.get(
        head, ("", Milestone.LEAD)
    )
    key = f"{handoff}:{number}"
    if not handoff or key in lead.told.offered:
        return []
    qualified_at = life.reached(milestone, int(number))
    if qualified_at is None:
        return []
    lead.told.offered[key] = offered_at
    return [HandedOver(handoff, int(number), qualified_at, offered_at)]


def tell_found(lead: Lead, life: Lifecycle, slot: str, seen_at: int) -> list[Fact]:
    """
    Return the handoff of an SQL whose opportunity was seen, made by tasuki for *slot*, if it wasn't told yet.

    A process that is killed between a write and its answer never confirms it. What a first filling finds was handed over
    before.
    """
    if not slot:
        return []
    reached = life.reached(Milestone.SQL, int(slot.partition(":")[2]))
    return (
        [] if reached is None or reached <= lead.history_until else tell_handover(lead, life, slot, seen_at)
    )


def tell_offers(lead: Lead, life: Lifecycle, offered: Mapping[str, int]) -> list[Fact]:
    """Return the handoffs *offered* of a lead that was taken over, where they are new, or earlier than known."""
    found: list[Fact] = []
    for key, at in sorted(offered.items()):
        handoff, _, number = key.partition(":")
        qualified_at = life.reached(_OFFERED[handoff], int(number))
        if qualified_at is not None and lead.told.offered.get(key, at + 1) > at:
            lead.told.offered[key] = at
            found.append(HandedOver(handoff, int(number), qualified_at, at))
    return found


_OFFERED = {"mql": Milestone.MQL, "sql": Milestone.SQL}
