"""
The clocks of the leads that are held: worked out anew with the facts of each batch, fired when they come due, and
brought to other rules when the promises change.

What a batch makes certain (a breach that was none, a promise kept late) is told by the batch, as of the instant at
which its last record was appended: of that instant all is known. The rest is told by timers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from services.kpi.consumers.known import Known
from services.kpi.consumers.promised import Forms, Promised
from services.kpi.consumers.recompute import PAGE, Recompute
from services.kpi.consumers.shard_clocks import Brought, ShardClocks, Tallying
from services.kpi.consumers.shard_eras import ShardEras
from services.kpi.consumers.timers import Fired, Timers
from services.kpi.domain.facts import CycleTold
from services.kpi.domain.facts import Fact as Told
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import ClockState, concerned, misplaced, note_traits
from services.kpi.domain.sla.rulebook import BookEra, differing
from services.runtime.clock import Clock
from services.runtime.log.port import Log
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.shard import Shard

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    known: tuple[Known, Known]
    timers: Timers
    recompute: Recompute


class LeadClocks:
    """
    The clocks of the shards that are held; beside the counting, in its commits.

    Args:
        failed: Told of the unexpected end of a shard's timers or recompute; it is to end the process.
        page: So many leads a recompute works out in one commit.
    """

    def __init__(
        self,
        *,
        promised: Promised,
        log: Log,
        forms: Forms,
        clock: Clock,
        failed: Callable[[BaseException], None],
        fired: Fired = lambda _emissions: None,
        page: int = PAGE,
    ) -> None:
        self._promised = promised
        self._log = log
        self._forms = forms
        self._clock = clock
        self._failed = failed
        self._fired = fired
        self._page = page
        self._held: dict[int, _Held] = {}
        self._said = ""

    async def prepared(self, shard: Shard, tallying: Tallying) -> ShardClocks:
        """Read by which rules the clocks of *shard* run; a new era begins where these are others now."""
        eras = ShardEras(shard, self._forms, self._clock)
        before = await eras.open(self._promised)
        if before is not None:
            self._say(before, eras.era)
        return ShardClocks(shard, eras, tallying, self._forms, self._clock)

    def opened(self, clocks: ShardClocks) -> None:
        """Let the timers of a shard run, and work out its clocks anew where their rules are others."""
        shard = clocks.shard
        known = Known(shard, self._log, self._clock), Known(shard, self._log, self._clock)
        timers = Timers(
            clocks, known[0], self._promised, clock=self._clock, fired=self._fired, failed=self._failed
        )
        recompute = Recompute(clocks, known[1], fired=self._fired, failed=self._failed, page=self._page)
        self._held[shard.id.partition] = _Held(known, timers, recompute)
        timers.start()
        if clocks.eras.is_behind:
            recompute.start()

    async def closed(self, shard: Shard) -> None:
        """Let go of *shard*; what comes due, and what is left of a recompute, is the next owner's."""
        held = self._held.pop(shard.id.partition, None)
        if held is not None:
            await held.timers.stop()
            await held.recompute.stop()

    def applied(self, shard: Shard) -> None:
        """Note that a batch was committed: timers may have moved, and more is known."""
        held = self._held.get(shard.id.partition)
        if held is not None:
            for each in held.known:
                each.moved()

    def _say(self, before: BookEra, era: BookEra) -> None:
        if self._said != era.fingerprint:  # the first shard says it for all
            self._said = era.fingerprint
            added, removed, changed = differing(before.book, era.book)
            _log.info("promises.changed", added=added, removed=removed, changed=changed)


def take(
    clocks: ShardClocks,
    lead: KpiLead,
    state: ClockState | None,
    told: Sequence[Told],
    cycles: Sequence[CycleTold],
    now: int,
    *,
    increments: Increments,
    operations: Operations,
) -> list[Emission]:
    """Work out the clocks of *lead* after *told* were taken into it; return what that makes certain."""
    kept, eras = state or ClockState(), clocks.eras
    for each in cycles:
        told_last = kept.cycles.get(each.cycle, (-1, each.started_at))
        kept.cycles[each.cycle] = max((each.order, each.started_at), told_last)
    moved = note_traits(kept, lead, eras.traits, now) or bool(cycles)
    generation = clocks.tallying.counts.in_force
    again = state is not None and (
        state.generation != generation
        or clocks.is_outdated(state)
        or misplaced(state, clocks.tallying.segments(lead.standing))
    )
    if not (moved or again or concerned(told, eras.rules)):
        return []
    clocks.forget(operations, lead, told)
    brought = Brought()
    clocks.bring(lead, kept, now, increments=increments, operations=operations, brought=brought)
    return brought.emissions
