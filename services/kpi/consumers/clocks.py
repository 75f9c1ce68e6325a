"""
The clocks of the leads that are held: worked out anew with the facts of each batch, and fired when they come due.

| name       | type       | holds                                                                              |
|------------|------------|------------------------------------------------------------------------------------|
| clock:<id> | string     | the lead's clocks, see services.kpi.adapters.clock_codec; beside ``lead:<id>``      |
| timers     | sorted set | ``<cycle>/<policy>/<lead>`` by when that clock has something to tell next, epoch ms |
| deadlines  | sorted set | the same member, of each clock that runs, by its deadline; those past are overdue   |
| paused     | sorted set | the same member, of each clock that stands still before its deadline, by its start  |
| by:s:…     | set        | the leads with a promise that counts on a day, see services.kpi.domain.lead_index   |

What a batch makes certain (a breach that was none, a promise kept late) is told by the batch, as of the instant at
which its last record was appended: of that instant all is known. The rest is told by timers.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from schemas.envelope import Envelope
from schemas.lifecycle import CycleStarted
from schemas.order import told_order
from services.errors import Retryable
from services.kpi.consumers.alerts import alert
from services.kpi.consumers.shard_counts import ShardCounts
from services.kpi.domain.facts import Fact as Told
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import (
    ClockId,
    ClockRules,
    ClockState,
    SegmentsOf,
    concerned,
    counted_days,
    evaluate,
    note_traits,
    recounted,
    undone,
)
from services.kpi.domain.lead_index import VERDICT, entry_name
from services.runtime.clock import Clock
from services.runtime.endings import ended
from services.runtime.ledger import ShardEnded
from services.runtime.log.port import Log
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.shard import Shard

TIMERS, DEADLINES, PAUSED = "timers", "deadlines", "paused"
_PAUSE_S = 1.0
_log = structlog.get_logger(__name__)

CycleTold = tuple[int, int, int]
"""The cycle, the order in which it was told, when it started."""


@dataclass(slots=True)
class _Held:
    shard: Shard
    counts: ShardCounts
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class LeadClocks:
    """
    The clocks of the shards that are held; beside the counting, in its commits.

    Args:
        segments: Where a lead's verdicts count.
        failed: Told of the unexpected end of a shard's timers; it is to end the process.
    """

    def __init__(
        self,
        *,
        rules: ClockRules,
        log: Log,
        encode: Callable[[ClockState], bytes],
        decode: Callable[[bytes], ClockState],
        clock: Clock,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._rules = rules
        self._traits = rules.traits
        self._log = log
        self._encode = encode
        self._decode = decode
        self._clock = clock
        self._failed = failed
        self._held: dict[int, _Held] = {}

    def opened(
        self, shard: Shard, counts: ShardCounts, segments: SegmentsOf, increments: Callable[[int], Increments]
    ) -> None:
        """Let the timers of *shard* run."""
        held = self._held[shard.id.partition] = _Held(shard, counts)
        held.task = asyncio.create_task(self._run(held, segments, increments), name=f"timers {shard.id}")
        held.task.add_done_callback(self._report)

    async def closed(self, shard: Shard) -> None:
        """Let go of *shard*; what comes due is the next owner's to tell."""
        held = self._held.pop(shard.id.partition, None)
        if held is not None:
            await ended(held.task)

    def applied(self, shard: Shard) -> None:
        """Note that a batch was committed: timers may have moved, and more is known."""
        held = self._held.get(shard.id.partition)
        if held is not None:
            held.wake.set()

    async def load(self, shard: Shard, lead_ids: Sequence[str]) -> Mapping[str, ClockState]:
        """Return what is kept of the clocks of those leads that have any."""
        blobs = await shard.store.mget([shard.key(f"clock:{each}") for each in lead_ids])
        return {
            each: self._decode(blob) for each, blob in zip(lead_ids, blobs, strict=True) if blob is not None
        }

    def take(
        self,
        shard: Shard,
        lead: KpiLead,
        state: ClockState | None,
        told: Sequence[Told],
        cycles: Sequence[CycleTold],
        now: int,
        *,
        generation: str,
        segments: SegmentsOf,
        increments: Increments,
        operations: Operations,
    ) -> list[Emission]:
        """Work out the clocks of *lead* after *told* were taken into it; return what that makes certain."""
        kept = state or ClockState()
        for cycle, order, at in cycles:
            kept.cycles[cycle] = max((order, at), kept.cycles.get(cycle, (-1, at)))
        moved = note_traits(kept, lead, self._traits, now) or bool(cycles)
        again = state is not None and state.generation != generation
        if not (moved or again or concerned(told, self._rules)):
            return []
        if gone := [_member(lead.id, each) for each in undone(lead, told, self._rules)]:
            for name in (TIMERS, DEADLINES, PAUSED):
                operations.zrem(shard.key(name), gone)
        told_now = self._bring(
            shard,
            lead,
            kept,
            now,
            generation=generation,
            segments=segments,
            increments=increments,
            operations=operations,
        )
        return [emission for _, emission in told_now]

    async def recount(
        self,
        shard: Shard,
        leads: Mapping[str, KpiLead],
        *,
        generation: str,
        segments: SegmentsOf,
        increments: Increments,
        operations: Operations,
    ) -> None:
        """Count the verdicts of *leads* by other rules, where they aren't yet; nothing is told."""
        for lead_id, state in (await self.load(shard, list(leads))).items():
            if state.generation != generation:
                increments.change({}, recounted(state, leads[lead_id], generation, segments))
                operations.set(shard.key(f"clock:{lead_id}"), self._encode(state))

    def _bring(
        self,
        shard: Shard,
        lead: KpiLead,
        state: ClockState,
        now: int,
        *,
        generation: str,
        segments: SegmentsOf,
        increments: Increments,
        operations: Operations,
    ) -> list[tuple[int, Emission]]:
        """Bring the clocks of *lead* up to *now*; return the alerts, each with when it came due."""
        stood = counted_days(state)
        found = evaluate(lead, state, self._rules, now, generation=generation, segments=segments)
        increments.change(found.before, found.after)
        _index(shard, operations, lead.id, stood, counted_days(state))
        for name, instants in (
            (TIMERS, found.timers),
            (DEADLINES, found.deadlines),
            (PAUSED, found.paused),
        ):
            key = shard.key(name)
            for which, at in instants.items():
                if at is None:
                    operations.zrem(key, [_member(lead.id, which)])
                else:
                    operations.zadd(key, {_member(lead.id, which): at})
        if found.timers or state.traits or state.cycles:
            operations.set(shard.key(f"clock:{lead.id}"), self._encode(state))
        told_at = self._clock()
        return [(tell.due_at, alert(lead, which, tell, told_at)) for which, tell in found.tells]

    async def _run(self, held: _Held, segments: SegmentsOf, increments: Callable[[int], Increments]) -> None:
        while True:
            held.wake.clear()
            try:
                next_at = await self._next_at(held)
                if next_at is not None and next_at <= self._clock():
                    await self._fire(held, await self._known_up_to(held), segments, increments)
                    continue
            except Retryable as error:
                _log.warning("timers.delayed", shard=str(held.shard.id), reason=str(error))
                await asyncio.sleep(_PAUSE_S)
                continue
            await _woken(held, None if next_at is None else max(0.001, (next_at - self._clock()) / 1000))

    async def _next_at(self, held: _Held) -> int | None:
        """Return when the first timer comes due; None where there is none."""
        shard = held.shard
        (found,) = await shard.store.read([("ZRANGE", shard.key(TIMERS), 0, 0, "WITHSCORES")])
        return int(float(found[1])) if found else None

    async def _known_up_to(self, held: _Held) -> int:
        """
        Return an instant up to which everything in the log is read; now, where that took longer than the grace.

        The clock is looked at before the log's end: what was appended before that instant lies below the end.
        """
        shard, now = held.shard, self._clock()
        end = (await self._log.offsets(shard.id.topic))[shard.id.partition]
        if end.begin == end.end:
            return now
        while shard.ledger.offset + 1 < end.end:
            left_ms = now + self._rules.grace_ms - self._clock()
            if left_ms <= 0:
                _log.warning("timers.unheld", shard=str(shard.id), waited_ms=self._rules.grace_ms)
                return self._clock()
            held.wake.clear()
            await _woken(held, left_ms / 1000)
        return now

    async def _fire(
        self, held: _Held, now: int, segments: SegmentsOf, increments: Callable[[int], Increments]
    ) -> None:
        """Tell what has come due by *now*, a batch of it: marks, timers, counters and alerts in one commit."""
        shard, counts = held.shard, held.counts
        async with shard.turn() as turn:
            asked = ("ZRANGE", shard.key(TIMERS), "-inf", now, "BYSCORE", "LIMIT", 0, self._rules.batch)
            (members,) = await shard.store.read([asked])
            leads = list(dict.fromkeys(_lead_of(each.decode()) for each in members))
            if not leads:
                return
            known, states = await counts.load(leads), await self.load(shard, leads)
            moved, operations = increments(now), Operations()
            told: list[tuple[int, Emission]] = []
            # A lead that is gone from the store tells nothing any more, nor does a clock whose start was taken back.
            for name in (TIMERS, DEADLINES, PAUSED):
                operations.zrem(shard.key(name), [each.decode() for each in members])
            for lead_id in leads:
                if lead_id in known:
                    told += self._bring(
                        shard,
                        known[lead_id][0],
                        states.get(lead_id) or ClockState(),
                        now,
                        generation=counts.in_force,
                        segments=segments,
                        increments=moved,
                        operations=operations,
                    )
            await counts.count(operations, moved)
            told.sort(key=lambda each: each[0])
            await turn.commit(operations, emissions=[emission for _, emission in told])
        _log.debug("timers.fired", shard=str(shard.id), timers=len(members), records=len(told))

    def _report(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ShardEnded):
            self._failed(error)


def cycle_told(event: Envelope) -> CycleTold | None:
    """Return the start of a cycle, if that is what *event* tells."""
    if isinstance(event, CycleStarted):
        return event.data.cycle, told_order(event), event.data.started_at
    return None


def _index(shard: Shard, operations: Operations, lead_id: str, before: set[int], after: set[int]) -> None:
    """Let *lead_id* be found under the days on which its promises count."""
    for day in sorted(after - before):
        operations.sadd(shard.key(entry_name((VERDICT, day))), [lead_id])
    for day in sorted(before - after):
        operations.srem(shard.key(entry_name((VERDICT, day))), [lead_id])


def _member(lead_id: str, which: ClockId) -> str:
    cycle, policy = which
    return f"{cycle}/{policy}/{lead_id}"


def _lead_of(member: str) -> str:
    return member.split("/", 2)[2]


async def _woken(held: _Held, within_s: float | None) -> None:
    try:
        async with asyncio.timeout(within_s):
            await held.wake.wait()
    except TimeoutError:
        return
