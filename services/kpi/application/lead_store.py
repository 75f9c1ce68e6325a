"""What is asked of the store about leads and their clocks: the port."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import ClockId, ClockState
from services.kpi.domain.lead_index import Entry


class KnownLead(NamedTuple):
    """What is kept of a lead: the facts, the generation of the rules it was counted under, its clocks."""

    lead: KpiLead
    generation: str
    clocks: ClockState | None


@dataclass(frozen=True, slots=True)
class Leads:
    """
    Leads, each shard's as they stood at one instant.

    Args:
        known: The leads, in no order.
        offsets: Partition to the last offset of the lifecycle topic that they reflect, -1 before the first.
        generations: Of the rules that the shards were counted by.
    """

    known: Sequence[KnownLead]
    offsets: Mapping[int, int]
    generations: frozenset[str]


class Queued(NamedTuple):
    """
    The place of an open clock: `paused` 0 with its deadline in `at`, or 1 with its start, while it stands still.

    In this order they are listed: by what comes due first, those that stand still last. `member` is the clock.
    """

    paused: int
    at: int
    member: str

    @property
    def which(self) -> ClockId:
        """The cycle and the policy."""
        cycle, policy, _ = self.member.split("/", 2)
        return int(cycle), policy

    @property
    def lead_id(self) -> str:
        """Whose it is."""
        return self.member.split("/", 2)[2]


@dataclass(frozen=True, slots=True)
class Queue:
    """Open clocks in order, and the offsets that they reflect."""

    places: Sequence[Queued]
    offsets: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many clocks are open, how many of these overdue, due soon, or standing still before their deadline."""

    overdue: int
    due_soon: int
    open: int
    paused: int

    def __add__(self, other: "Counts") -> "Counts":
        """Return how many there are in both places together."""
        return Counts(
            overdue=self.overdue + other.overdue,
            due_soon=self.due_soon + other.due_soon,
            open=self.open + other.open,
            paused=self.paused + other.paused,
        )


NONE_OPEN = Counts(overdue=0, due_soon=0, open=0, paused=0)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How the open clocks of one shard stand at one instant.

    Args:
        counts: How many there are.
        overdue: The places of those that are overdue, the first of them, in order.
        changes_at: When that changes by itself, epoch ms; None: never.
        offset: The last one of the lifecycle topic that it reflects, -1 before the first.
    """

    counts: Counts
    overdue: Sequence[Queued]
    changes_at: int | None
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Deadlines from `from_at` to `to_at`, both included; None: no such edge. Paused ones if `paused`."""

    from_at: int | None = None
    to_at: int | None = None
    running: bool = True
    paused: bool = True


class TooMany(ValueError):
    """More leads than may be looked at in one go."""


class LeadStore(Protocol):
    """Where the leads are. All raise StoreUnavailable."""

    async def lead(self, lead_id: str) -> tuple[KnownLead | None, Mapping[int, int]]:
        """Return the lead, None where nobody told of it, and the offset of its shard."""
        ...

    async def leads(self, lead_ids: Collection[str]) -> Mapping[str, KnownLead]:
        """Return those of *lead_ids* that are known."""
        ...

    async def under(self, entries: Collection[Entry], *, most: int) -> Leads:
        """Return the leads under any of *entries*. Raises TooMany where there are more than *most*."""
        ...

    async def counts(self, now: int, soon_at: int) -> Counts:
        """Return how many clocks are open at *now*; due soon: by *soon_at*."""
        ...

    async def standing(self, partition: int, now: int, soon_at: int, *, most: int) -> Standing:
        """Return how the clocks of one shard stand at *now*, with the first *most* that are overdue."""
        ...

    async def queue(self, over: Span, *, after: Queued | None = None, most: int) -> Queue:
        """Return the first *most* places within *over*, behind *after*, in order."""
        ...

    async def versions(self) -> Mapping[int, int]:
        """Return how many commits each shard has had: a cheap way to learn of a change."""
        ...
