"""Lifecycle → the counters of the KPIs and the clocks of the promises, in one commit for each batch."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from schemas.reading import Unreadable, read
from schemas.topics import LIFECYCLE
from services.kpi.application.told import Implausible, fact_of
from services.kpi.consumers import clocks as sla
from services.kpi.consumers.alerts import SOURCE
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.recount import Recount
from services.kpi.consumers.shard_clocks import ShardClocks, Tallying
from services.kpi.consumers.shard_counts import Decode, Encode, ShardCounts
from services.kpi.domain.calendar import Calendar
from services.kpi.domain.contributions import Counting
from services.kpi.domain.facts import CycleTold, Fact
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import WHOLE, KpiLead, parts_of, take
from services.kpi.domain.lead_clocks import ClockState
from services.kpi.domain.lead_index import moved, touched
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import Clock
from services.runtime.log.port import LogRecord
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.processor import Fold
from services.runtime.set_aside import set_aside
from services.runtime.shard import Shard

YIELD_EVERY = 64
"""After so many records the event loop gets its turn, so that readers are answered during a large batch."""


@dataclass(slots=True)
class _Batch:
    """What a batch tells: facts by lead, starts of cycles by lead; and what goes out because of it."""

    leads: dict[str, list[Fact]] = field(default_factory=dict[str, list[Fact]])
    cycles: dict[str, list[CycleTold]] = field(default_factory=dict[str, list[CycleTold]])
    emissions: list[Emission] = field(default_factory=list[Emission])


@dataclass(slots=True)
class _Held:
    counts: ShardCounts
    recount: Recount
    clocks: ShardClocks | None


class CountProcessor:
    """
    See `Processor` in services.runtime.processor.

    Args:
        failed: Told of the unexpected end of a recount; it is to end the process.
        set_aside: Told the reason of each record that went to dead letters, for the metrics.
        clocks: The promises; None where nothing is promised.
    """

    def __init__(
        self,
        *,
        rules: CountingRules,
        encode: Encode,
        decode: Decode,
        clock: Clock,
        failed: Callable[[BaseException], None],
        set_aside: Callable[[str], None] = lambda _reason: None,
        clocks: LeadClocks | None = None,
    ) -> None:
        self._rules = rules
        self._generation = rules.generation
        self._calendar = Calendar(rules.time_zone)
        self._counting = Counting(rules, self._calendar)
        self._encode = encode
        self._decode = decode
        self._clock = clock
        self._failed = failed
        self._set_aside = set_aside
        self._clocks = clocks
        self._held: dict[int, _Held] = {}

    async def opened(self, shard: Shard) -> None:
        """Take up *shard*; count its leads anew, beside the work, where they were counted by other rules."""
        counts = ShardCounts(shard, self._generation, encode=self._encode, decode=self._decode)
        clocks = None
        if self._clocks is not None:
            tallying = Tallying(counts, self._counting.segments, self._increments)
            clocks = await self._clocks.prepared(shard, tallying)
        recount = Recount(shard, counts, partial(self._again, clocks), self._failed)
        await recount.start_if_due()
        self._held[shard.id.partition] = _Held(counts, recount, clocks)
        if self._clocks is not None and clocks is not None:
            self._clocks.opened(clocks)

    async def closed(self, shard: Shard) -> None:
        """Let go of *shard*; a recount goes on with the next owner."""
        if self._clocks is not None:
            await self._clocks.closed(shard)
        held = self._held.pop(shard.id.partition, None)
        if held is not None:
            await held.recount.stop()

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Take *records* into their leads, and move the counters by what that changes."""
        held = self._held[shard.id.partition]
        counts, clocks = held.counts, held.clocks
        told = _Batch()
        for number, record in enumerate(records, start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            self._read(record, told)
        now = max(each.appended_at for each in records)
        increments = self._increments(now)
        operations = Operations()
        lead_ids = list(told.leads)
        known = await counts.load(lead_ids)
        states: Mapping[str, ClockState] = {} if clocks is None else await clocks.load(lead_ids)
        for number, (lead_id, facts) in enumerate(told.leads.items(), start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            lead, generation = known.get(lead_id) or (KpiLead(lead_id), self._generation)
            if facts:
                before = touched(lead, facts)
                self._take(lead, generation, facts, increments)
                counts.keep(operations, lead)
                counts.index(operations, lead_id, *moved(lead, before, touched(lead, facts)))
            if clocks is not None:
                told.emissions += sla.take(
                    clocks,
                    lead,
                    states.get(lead_id),
                    facts,
                    told.cycles.get(lead_id, ()),
                    now,
                    increments=increments,
                    operations=operations,
                )
        await counts.count(operations, increments)
        every = self._clocks
        return Fold(operations, told.emissions, None if every is None else lambda: every.applied(shard))

    def _increments(self, now: int) -> Increments:
        return Increments(self._rules, self._calendar, now=now)

    def _read(self, record: LogRecord, told: _Batch) -> None:
        try:
            event = read(LIFECYCLE, record.value)
            fact = fact_of(event, record.key, record.appended_at)
        except (Unreadable, Implausible) as error:
            told.emissions.append(set_aside(record, error.reason, str(error), source=SOURCE))
            self._set_aside(error.reason)
            return
        if isinstance(fact, CycleTold):
            if self._clocks is not None:
                told.leads.setdefault(record.key, [])
                told.cycles.setdefault(record.key, []).append(fact)
        elif fact is not None:
            told.leads.setdefault(record.key, []).append(fact)

    def _take(self, lead: KpiLead, generation: str, facts: Sequence[Fact], increments: Increments) -> None:
        stale = generation != self._generation  # under the rules in force nothing of it is counted yet
        parts = WHOLE if stale else parts_of(lead, facts)
        if not stale and lead.stood >= 0:
            self._counting.add(increments.sums, lead, parts, sign=-1)
        for fact in facts:
            take(lead, fact)
        self._counting.add(increments.sums, lead, parts)

    async def _again(
        self, clocks: ShardClocks | None, counts: ShardCounts, lead_ids: Sequence[str]
    ) -> Operations:
        """Return what counts those of *lead_ids* that were counted by other rules; within a turn."""
        operations = Operations()
        increments = Increments(self._rules, self._calendar, now=self._clock())
        known = await counts.load(lead_ids)
        for lead, generation in known.values():
            if generation != self._generation:
                self._take(lead, generation, (), increments)
                counts.keep(operations, lead)
        if clocks is not None:
            leads = {lead_id: lead for lead_id, (lead, _) in known.items()}
            await clocks.recount(leads, increments=increments, operations=operations)
        await counts.count(operations, increments)
        return operations
