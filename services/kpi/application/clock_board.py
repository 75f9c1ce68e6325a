"""The open clocks of promises, as a board: what is overdue, due soon, or stands still, and how each stands now."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.kpi.application.lead_store import Counts, KnownLead, LeadStore, Queued, Span
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.clock_view import HoursAhead, RoundView, view
from services.kpi.domain.lead_clocks import ClockId, clocks_of
from services.kpi.domain.rules import CountingRules

LOOKED_AT = 20_000
"""So many open clocks are looked at where they are chosen by what is known of the lead."""
SOON_MS = 7_200_000
_YIELD_EVERY = 64


class Standing(StrEnum):
    """Which clocks are listed. Of the open ones each is overdue, paused, or runs; some of the last are due soon."""

    OVERDUE = "overdue"
    DUE_SOON = "due-soon"
    OPEN = "open"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which clocks are meant: of a policy, of leads with an owner, a team, a segment. None: of any."""

    policy: str | None = None
    owner: str | None = None
    team: str | None = None
    segment: tuple[str, str] | None = None

    @property
    def by_lead(self) -> bool:
        """Whether the lead must be known to tell."""
        return (self.owner, self.team, self.segment) != (None, None, None)

    @property
    def any(self) -> bool:
        """Whether all clocks are meant."""
        return self == Chosen()


@dataclass(frozen=True, slots=True)
class OpenClock:
    """An open clock, its place on the board, and the lead it is about."""

    place: Queued
    known: KnownLead
    round: RoundView

    @property
    def which(self) -> ClockId:
        """The cycle and the policy."""
        return self.place.which


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    Open clocks in order.

    Args:
        counts: Of all that are chosen, whatever is listed.
        exact: False where more than `LOOKED_AT` are open, and only the first of them were looked at.
        after: The place to go on behind, None at the end.
    """

    items: Sequence[OpenClock]
    counts: Counts
    exact: bool
    offsets: Mapping[int, int]
    after: Queued | None


class ClockBoard:
    """
    Reads the board.

    Args:
        rules: The promises in force.
        counting: Who is of which team.
    """

    def __init__(self, store: LeadStore, rules: Callable[[], ClockRules], counting: CountingRules) -> None:
        self.store = store
        self._rules = rules
        self._teams = counting.teams

    @property
    def policies(self) -> Sequence[str]:
        """The names of all promises."""
        return sorted(self._rules().eras)

    async def page(
        self, standing: Standing, chosen: Chosen, now: int, *, soon_ms: int, after: Queued | None, most: int
    ) -> Page:
        """Return the first *most* clocks behind *after*, as of *now*. Raises StoreUnavailable."""
        soon_at = now + soon_ms
        if chosen.any:
            return await self._all(standing, now, soon_at, after, most)
        queue = await self.store.queue(Span(), most=LOOKED_AT + 1)
        exact = len(queue.places) <= LOOKED_AT
        policy = chosen.policy
        places = [each for each in queue.places[:LOOKED_AT] if policy in {None, each.which[1]}]
        if chosen.by_lead:
            leads = await self.store.leads({each.lead_id for each in places})
            meant = {lead_id for lead_id, known in leads.items() if self._is_meant(known, chosen)}
            places = [each for each in places if each.lead_id in meant]
        listed = [
            each for each in places if _in(each, standing, now, soon_at) and (after is None or each > after)
        ]
        return Page(
            items=await self._open(listed[:most], now),
            counts=_counted(places, now, soon_at),
            exact=exact,
            offsets=queue.offsets,
            after=listed[most - 1] if len(listed) > most else None,
        )

    def team(self, owner: str) -> str:
        """Return the team of *owner*, "" without one."""
        return self._teams.get(owner, "")

    async def _all(self, standing: Standing, now: int, soon_at: int, after: Queued | None, most: int) -> Page:
        counts = await self.store.counts(now, soon_at)
        queue = await self.store.queue(_span(standing, now, soon_at), after=after, most=most + 1)
        listed = queue.places
        return Page(
            items=await self._open(listed[:most], now),
            counts=counts,
            exact=True,
            offsets=queue.offsets,
            after=listed[most - 1] if len(listed) > most else None,
        )

    async def _open(self, places: Sequence[Queued], now: int) -> Sequence[OpenClock]:
        """Return how those at *places* stand; one that has ended meanwhile is left out."""
        leads = await self.store.leads({each.lead_id for each in places})
        found: list[OpenClock] = []
        rules, ahead = self._rules(), HoursAhead(now)
        for number, place in enumerate(places, start=1):
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            known = leads.get(place.lead_id)
            if known is None or known.clocks is None:
                continue
            clock = clocks_of(known.lead, known.clocks, rules).get(place.which)
            present = None if clock is None else clock.round
            if present is not None and present.ended_at is None:
                marks = known.clocks.marks.get(place.which, {})
                found.append(OpenClock(place, known, view(present, marks, now, ahead)))
        return found

    def _is_meant(self, known: KnownLead, chosen: Chosen) -> bool:
        standing = known.lead.standing
        values = {
            **dict(standing.segments),
            "role": standing.origin,
            "owner": standing.owner,
            "team": self.team(standing.owner),
        }
        segment = chosen.segment
        return (
            chosen.owner in {None, standing.owner}
            and chosen.team in {None, values["team"]}
            and (segment is None or values.get(segment[0], "") == segment[1])
        )


def _span(standing: Standing, now: int, soon_at: int) -> Span:
    match standing:
        case Standing.OVERDUE:
            return Span(to_at=now, paused=False)
        case Standing.DUE_SOON:
            return Span(from_at=now + 1, to_at=soon_at, paused=False)
        case Standing.OPEN:
            return Span()
        case Standing.PAUSED:
            return Span(running=False)


def _in(place: Queued, standing: Standing, now: int, soon_at: int) -> bool:
    span = _span(standing, now, soon_at)
    if place.paused:
        return span.paused
    return (
        span.running
        and (span.from_at is None or span.from_at <= place.at)
        and (span.to_at is None or place.at <= span.to_at)
    )


def _counted(places: Collection[Queued], now: int, soon_at: int) -> Counts:
    of = {each: sum(_in(place, each, now, soon_at) for place in places) for each in Standing}
    return Counts(
        overdue=of[Standing.OVERDUE],
        due_soon=of[Standing.DUE_SOON],
        open=len(places),
        paused=of[Standing.PAUSED],
    )
