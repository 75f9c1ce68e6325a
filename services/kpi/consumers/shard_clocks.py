"""
The clocks of one shard in the store, and what brings them up to an instant and to the rules in force.

| name       | type       | holds                                                                                 |
|------------|------------|---------------------------------------------------------------------------------------|
| clock:<id> | string     | the lead's clocks, see services.kpi.adapters.clock_codec; beside ``lead:<id>``         |
| timers     | sorted set | ``<cycle>/<policy>/<lead>`` by when that clock has something to tell next, epoch ms    |
| deadlines  | sorted set | the same member, of each clock that runs, by its deadline; those past are overdue      |
| paused     | sorted set | the same member, of each clock that stands still before its deadline, by its start     |
| by:s:…     | set        | the leads with a promise that counts on a day, see services.kpi.domain.lead_index      |

The rules by which they run: services.kpi.consumers.shard_eras.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.kpi.consumers.alerts import alert, recomputed
from services.kpi.consumers.promised import Forms
from services.kpi.consumers.shard_counts import ShardCounts
from services.kpi.consumers.shard_eras import ShardEras
from services.kpi.domain.facts import Fact as Told
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import (
    ClockId,
    ClockState,
    Outcome,
    SegmentsOf,
    counted_days,
    evaluate,
    note_traits,
    recounted,
    undone,
)
from services.kpi.domain.lead_index import VERDICT
from services.runtime.clock import Clock
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.shard import Shard, Turn

TIMERS, DEADLINES, PAUSED = "timers", "deadlines", "paused"


@dataclass(frozen=True, slots=True)
class Tallying:
    """The counting in whose commits clocks move: the shard's counters, where verdicts count, and what moves them."""

    counts: ShardCounts
    segments: SegmentsOf
    increments: Callable[[int], Increments]


@dataclass(slots=True)
class Brought:
    """What was told when clocks were brought up: alerts, each with when it came due; deadlines that moved."""

    alerts: list[tuple[int, Emission]] = field(default_factory=list[tuple[int, Emission]])
    moves: list[Emission] = field(default_factory=list[Emission])

    @property
    def emissions(self) -> list[Emission]:
        """All of it: first what moved, then the alerts, in the order in which they came due."""
        return self.moves + self.told

    @property
    def told(self) -> list[Emission]:
        """The alerts, in the order in which they came due."""
        return [each for _, each in sorted(self.alerts, key=lambda each: each[0])]


class ShardClocks:
    """Reads and writes the clocks of *shard*, by the rules of its *eras*."""

    def __init__(self, shard: Shard, eras: ShardEras, tallying: Tallying, forms: Forms, clock: Clock) -> None:
        self.shard = shard
        self.eras = eras
        self.tallying = tallying
        self._forms = forms
        self._clock = clock

    async def load(self, lead_ids: Sequence[str]) -> Mapping[str, ClockState]:
        """Return what is kept of the clocks of those leads that have any."""
        blobs = await self.shard.store.mget([self.shard.key(f"clock:{each}") for each in lead_ids])
        return {
            each: self._forms.decode(blob)
            for each, blob in zip(lead_ids, blobs, strict=True)
            if blob is not None
        }

    def is_outdated(self, state: ClockState) -> bool:
        """Return whether the clocks of *state* were worked out by older rules."""
        return self.eras.older(state.era) is not None

    def bring(
        self,
        lead: KpiLead,
        state: ClockState,
        now: int,
        *,
        increments: Increments,
        operations: Operations,
        brought: Brought,
    ) -> None:
        """Bring the clocks of *lead* up to *now* and to the rules in force; put what that tells into *brought*."""
        before = self.eras.older(state.era)
        if before is not None or not state.era:
            note_traits(state, lead, self.eras.traits, now)
        stood = counted_days(state)
        found = evaluate(
            lead,
            state,
            self.eras.rules,
            now,
            generation=self.tallying.counts.in_force,
            segments=self.tallying.segments,
            before=before,
        )
        increments.change(found.before, found.after)
        self._set(operations, lead.id, TIMERS, found.timers)
        self._set(operations, lead.id, DEADLINES, found.deadlines)
        self._set(operations, lead.id, PAUSED, found.paused)
        days = counted_days(state)
        self.tallying.counts.index(
            operations,
            lead.id,
            [(VERDICT, day) for day in days - stood],
            [(VERDICT, day) for day in stood - days],
        )
        if found.timers or state.traits or state.cycles:
            operations.set(self.shard.key(f"clock:{lead.id}"), self._forms.encode(state))
        self.eras.note(operations, [move for _, move in found.moves])
        self._tell(lead, found, now, brought, anew=before is not None)

    async def bring_all(
        self,
        turn: Turn,
        leads: Iterable[KpiLead],
        states: Mapping[str, ClockState],
        now: int,
        operations: Operations,
    ) -> Brought:
        """Commit *operations* with what brings the clocks of *leads* up to *now*; return what was told."""
        increments, brought = self.tallying.increments(now), Brought()
        for lead in leads:
            state = states.get(lead.id) or ClockState()
            self.bring(lead, state, now, increments=increments, operations=operations, brought=brought)
        await self.tallying.counts.count(operations, increments)
        await turn.commit(operations, emissions=brought.emissions)
        return brought

    async def recount(
        self, leads: Mapping[str, KpiLead], *, increments: Increments, operations: Operations
    ) -> None:
        """Count the verdicts of *leads* by other counting rules, where they aren't yet; nothing is told."""
        generation = self.tallying.counts.in_force
        for lead_id, state in (await self.load(list(leads))).items():
            if state.generation != generation:
                counted = recounted(state, leads[lead_id], generation, self.tallying.segments)
                increments.change({}, counted)
                operations.set(self.shard.key(f"clock:{lead_id}"), self._forms.encode(state))

    async def next_at(self) -> int | None:
        """Return when the first timer comes due; None where there is none."""
        asked = ("ZRANGE", self.shard.key(TIMERS), 0, 0, "WITHSCORES")
        (found,) = await self.shard.store.read([asked])
        return int(float(found[1])) if found else None

    async def due(self, now: int, most: int) -> list[str]:
        """Return the members of timers that have come due by *now*, in order."""
        asked = ("ZRANGE", self.shard.key(TIMERS), "-inf", now, "BYSCORE", "LIMIT", 0, most)
        (members,) = await self.shard.store.read([asked])
        return [each.decode() for each in members]

    def drop(self, operations: Operations, members: Sequence[str]) -> None:
        """Add to *operations* what takes *members* off the sorted sets."""
        for name in (TIMERS, DEADLINES, PAUSED):
            operations.zrem(self.shard.key(name), members)

    def forget(self, operations: Operations, lead: KpiLead, told: Sequence[Told]) -> None:
        """Add to *operations* what takes off the clocks of *lead* that *told* may have ended without a trace."""
        if gone := [_member(lead.id, each) for each in undone(lead, told, self.eras.rules)]:
            self.drop(operations, gone)

    def _set(
        self, operations: Operations, lead_id: str, name: str, instants: Mapping[ClockId, int | None]
    ) -> None:
        key = self.shard.key(name)
        for which, at in instants.items():
            if at is None:
                operations.zrem(key, [_member(lead_id, which)])
            else:
                operations.zadd(key, {_member(lead_id, which): at})

    def _tell(self, lead: KpiLead, found: Outcome, now: int, brought: Brought, *, anew: bool) -> None:
        told_at = max(now, self._clock())
        brought.moves += (
            recomputed(lead, which, move, self.eras.era.changed_at, told_at) for which, move in found.moves
        )
        past = (
            anew and self.eras.era.reaches_back
        )  # what has ended is judged anew, and nobody can do anything about it
        brought.alerts += (
            (tell.due_at, alert(lead, which, tell, told_at))
            for which, tell in found.tells
            if not (past and found.is_over(which, tell, now))
        )


def lead_of(member: str) -> str:
    """Return the lead of a member of the sorted sets."""
    return member.split("/", 2)[2]


def _member(lead_id: str, which: ClockId) -> str:
    cycle, policy = which
    return f"{cycle}/{policy}/{lead_id}"
