"""Lifecycle → the counters of the KPIs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.reading import Unreadable, read
from schemas.topics import LIFECYCLE
from services.kpi.application.told import Implausible, fact_of
from services.kpi.consumers.dead_letters import dead_letter
from services.kpi.consumers.recount import Recount
from services.kpi.consumers.shard_counts import Decode, Encode, ShardCounts
from services.kpi.domain.calendar import Calendar
from services.kpi.domain.contributions import Counting
from services.kpi.domain.facts import Fact
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import WHOLE, KpiLead, parts_of, take
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import Clock
from services.runtime.log.port import LogRecord
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.processor import Fold
from services.runtime.shard import Shard

YIELD_EVERY = 64
"""After so many records the event loop gets its turn, so that readers are answered during a large batch."""


@dataclass(slots=True)
class _Held:
    counts: ShardCounts
    recount: Recount


class CountProcessor:
    """
    See `Processor` in services.runtime.processor.

    Args:
        failed: Told of the unexpected end of a recount; it is to end the process.
        set_aside: Told the reason of each record that went to dead letters, for the metrics.
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
        self._held: dict[int, _Held] = {}

    async def opened(self, shard: Shard) -> None:
        """Take up *shard*; count its leads anew, beside the work, where they were counted by other rules."""
        counts = ShardCounts(shard, self._generation, encode=self._encode, decode=self._decode)
        recount = Recount(shard, counts, self._again, self._failed)
        await recount.start_if_due()
        self._held[shard.id.partition] = _Held(counts, recount)

    async def closed(self, shard: Shard) -> None:
        """Let go of *shard*; a recount goes on with the next owner."""
        held = self._held.pop(shard.id.partition, None)
        if held is not None:
            await held.recount.stop()

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Take *records* into their leads, and move the counters by what that changes."""
        counts = self._held[shard.id.partition].counts
        told: dict[str, list[Fact]] = {}
        emissions: list[Emission] = []
        for number, record in enumerate(records, start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            self._read(record, told, emissions)
        increments = Increments(self._rules, self._calendar, now=max(each.appended_at for each in records))
        operations = Operations()
        known = await counts.load(list(told))
        for number, (lead_id, facts) in enumerate(told.items(), start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            lead, generation = known.get(lead_id) or (KpiLead(lead_id), self._generation)
            self._take(lead, generation, facts, increments)
            counts.keep(operations, lead)
        await counts.count(operations, increments)
        return Fold(operations, emissions)

    def _read(self, record: LogRecord, told: dict[str, list[Fact]], emissions: list[Emission]) -> None:
        try:
            event = read(LIFECYCLE, record.value)
            fact = fact_of(event, record.key, record.appended_at)
        except (Unreadable, Implausible) as error:
            emissions.append(dead_letter(record, error.reason, str(error)))
            self._set_aside(error.reason)
            return
        if fact is not None:
            told.setdefault(record.key, []).append(fact)

    def _take(self, lead: KpiLead, generation: str, facts: Sequence[Fact], increments: Increments) -> None:
        stale = generation != self._generation  # under the rules in force nothing of it is counted yet
        parts = WHOLE if stale else parts_of(lead, facts)
        before = {} if stale else self._counting.of(lead, parts)
        for fact in facts:
            take(lead, fact)
        increments.change(before, self._counting.of(lead, parts))

    async def _again(self, counts: ShardCounts, lead_ids: Sequence[str]) -> Operations:
        """Return what counts those of *lead_ids* that were counted by other rules; within a turn."""
        operations = Operations()
        increments = Increments(self._rules, self._calendar, now=self._clock())
        for lead, generation in (await counts.load(lead_ids)).values():
            if generation != self._generation:
                self._take(lead, generation, (), increments)
                counts.keep(operations, lead)
        await counts.count(operations, increments)
        return operations
