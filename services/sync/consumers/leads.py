"""Lead-changes → decide → lifecycle, decisions, dead letters; and the dispatchers of the shards that are held."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol, cast

from schemas.lead import (
    LeadChange,
    LeadForgotten,
    LeadMergedInto,
    LeadObserved,
    LeadReviewed,
    LeadTakenOver,
    LeadTaskOver,
    LeadTaskWanted,
    LeadWriteRetried,
    LeadWriteSettled,
    LeadWriteStarted,
)
from schemas.reading import Unreadable, read
from schemas.topics import DEAD_LETTERS, DECISIONS, LEAD_CHANGES, LIFECYCLE
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.log.port import Log, LogRecord
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.processor import Fold
from services.runtime.set_aside import set_aside
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.circuit import Circuit
from services.sync.application.decide import Decide, Decided
from services.sync.application.dispatch import Dispatcher, Plan
from services.sync.application.gate import Gate
from services.sync.application.meeting import Adopt
from services.sync.application.moving import Moving, Step, UnreadableLead
from services.sync.application.ports import Connector
from services.sync.application.quota import UNGOVERNED, Admitting
from services.sync.application.tell import SOURCE
from services.sync.consumers.emissions import emission, place_of, told, unreadable
from services.sync.consumers.shard_leads import Decode, Encode, ShardLeads
from services.sync.consumers.streams import Streams
from services.sync.domain.desired import Missing
from services.sync.domain.drift import counted
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.records import RecordRef, Side

YIELD_EVERY = 32
"""After so many records the event loop gets its turn, so that the door answers during a large batch."""


@dataclass(slots=True)
class HeldShard:
    """A shard this process owns: its leads, the dispatchers that serve it, and since when leads wait, for latency."""

    leads: ShardLeads
    dispatchers: dict[Side, Dispatcher] = field(default_factory=dict[Side, Dispatcher])
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])


@dataclass(slots=True)
class _Batch:
    """
    The leads that a batch changes, and what it tells.

    `waits`: what each side lacks of a lead, since when. `ages`: when a lead's score changes by itself, NEVER if not.
    `retired` and `shredded`: see `Step`.
    """

    leads: dict[str, Lead]
    emissions: list[Emission] = field(default_factory=list[Emission])
    waits: dict[str, tuple[Mapping[Side, Sequence[Missing]], int]] = field(
        default_factory=dict[str, tuple[Mapping[Side, Sequence[Missing]], int]]
    )
    settled: list[LeadWriteSettled] = field(default_factory=list[LeadWriteSettled])
    drifts: dict[str, int] = field(default_factory=dict[str, int])
    echoes: Counter[str] = field(default_factory=Counter[str])
    ages: dict[str, int] = field(default_factory=dict[str, int])
    retired: set[str] = field(default_factory=set[str])
    shredded: set[str] = field(default_factory=set[str])


class Resident(Protocol):
    """What lives in some of the shards beside the leads: its tasks run where the shard is held."""

    async def opened(self, shard: Shard) -> None:
        """Start what lives in *shard*."""
        ...

    async def closed(self, shard: Shard) -> None:
        """Stop it."""
        ...


class Shredder(Protocol):
    """Erases what is on the topics under record keys."""

    async def retire(self, keys: Collection[str]) -> None:
        """Let nothing personal be appended under *keys* from now on. Raises LogUnavailable."""
        ...

    async def destroy(self, keys: Collection[str]) -> None:
        """Retire *keys* and erase what was appended under them. Raises LogUnavailable."""
        ...


Forget = Callable[[Collection[str], Collection[str], Collection[RecordRef]], Awaitable[None]]
"""Gives up the addresses of a lead that was erased, by its ids, and marks its records. Durable when it returns."""

Moved = Callable[[Collection[str], Collection[str], Collection[str]], Awaitable[None]]
"""Gives up the first addresses of a lead, by its ids, and claims the others. Durable when it returns."""


def _untraced(_system: str, _plans: Sequence[Plan]) -> AbstractContextManager[object]:
    return nullcontext()


class LeadProcessor:
    """
    See `Processor` in services.runtime.processor.

    Args:
        decided: Told what came of each change, for the metrics.
        sending: Told of each batch that leaves for a vendor.
        failed: Told of a dispatcher's unexpected end; it is to end the process.
        forget: Told, before it is committed, of a lead that was erased: its ids, addresses and records.
        addresses_moved: Told, before it is committed, of a lead's addresses: its ids, what it had, what it has.
        deciding: Entered around the deciding of each change, for the trace; None costs nothing.
        dispatching: Entered around each sending of a batch to a system, for the trace.
        residents: What else lives in some of the shards.
        quotas: By system, what says which work may begin.
        adopt: Links records that a write met to their leads.
        shredder: Told, before it is committed, of whose values are to go; None: they stay readable.
    """

    def __init__(
        self,
        *,
        decide: Decide,
        store: Store,
        log: Log,
        encode: Encode,
        decode: Decode,
        connectors: Mapping[Side, Connector],
        gates: Mapping[str, Gate],
        circuits: Mapping[str, Circuit],
        streams: Streams,
        residents: Sequence[Resident] = (),
        clock: Clock,
        failed: Callable[[BaseException], None],
        decided: Callable[[LeadChange, Decided], None] = lambda _event, _decided: None,
        sending: Callable[[str, Sequence[Plan], int], None] = lambda _system, _plans, _now: None,
        forget: Forget | None = None,
        addresses_moved: Moved | None = None,
        deciding: Callable[[LeadChange], AbstractContextManager[object]] | None = None,
        dispatching: Callable[[str, Sequence[Plan]], AbstractContextManager[object]] = _untraced,
        quotas: Mapping[str, Admitting] = MappingProxyType({}),
        adopt: Adopt | None = None,
        shredder: Shredder | None = None,
    ) -> None:
        self._shredder = shredder
        self._adopt = adopt
        self._quotas = quotas
        self._decide = decide
        self._moving = Moving(decide, encode, decode)
        self._store = store
        self._log = log
        self._encode = encode
        self._decode = decode
        self._connectors = connectors
        self._gates = gates
        self._circuits = circuits
        self._residents: Sequence[Resident] = (streams, *residents)
        self._clock = clock
        self._failed = failed
        self._decided = decided
        self._sending = sending
        self._forget = forget
        self._addresses_moved = addresses_moved
        self._deciding = deciding
        self._dispatching = dispatching
        self.held: dict[int, HeldShard] = {}

    async def opened(self, shard: Shard) -> None:
        """Start the dispatchers of *shard*."""
        leads = ShardLeads(
            shard=shard, store=self._store, log=self._log, encode=self._encode, decode=self._decode
        )
        held = self.held[shard.id.partition] = HeldShard(leads)
        for side, connector in self._connectors.items():
            dispatcher = self._dispatcher(shard, leads, connector)
            held.dispatchers[side] = dispatcher
            task = asyncio.create_task(dispatcher.run(), name=f"dispatch {side} {shard.id}")
            task.add_done_callback(lambda done: report_end(done, self._failed))
            held.tasks.append(task)
        for each in self._residents:
            await each.opened(shard)

    def _dispatcher(self, shard: Shard, leads: ShardLeads, connector: Connector) -> Dispatcher:
        system = connector.system
        return Dispatcher(
            connector=connector,
            shard=leads,
            lacks=self._decide.lacks,
            gate=self._gates[system],
            circuit=self._circuits[system],
            clock=self._clock,
            name=f"{shard.id.partition}-{shard.ledger.epoch}-{connector.side}",
            sending=lambda plans, now: self._sending(system, plans, now),
            around=lambda plans: self._dispatching(system, plans),
            quota=self._quotas.get(system, UNGOVERNED),
            adopt=self._adopt,
        )

    async def closed(self, shard: Shard) -> None:
        """Stop the dispatchers of *shard*; what they had under way is repeated by the next owner."""
        for each in self._residents:
            await each.closed(shard)
        held = self.held.pop(shard.id.partition, None)
        if held is None:
            return
        await ended(*held.tasks)

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Take *records* into their leads."""
        held = self.held[shard.id.partition]
        batch = _Batch(await held.leads.take(list(dict.fromkeys(each.key for each in records))))
        for number, record in enumerate(records, start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            if (event := _read(record, batch.emissions)) is not None:
                await self._take(batch, event, record)
        await self._shred(batch)
        operations = Operations()
        for lead in batch.leads.values():
            held.leads.keep(operations, lead)
        held.leads.count_drift(operations, batch.drifts)
        held.leads.count_echoes(operations, batch.echoes)
        held.leads.await_age(operations, batch.ages)
        woken = [
            held.leads.mark(operations, lead_id, missing, since)
            for lead_id, (missing, since) in batch.waits.items()
        ]
        return Fold(operations, batch.emissions, applied=lambda: _applied(held, batch, woken=any(woken)))

    async def _take(self, batch: _Batch, event: LeadChange, record: LogRecord) -> None:
        """Take one change into its lead, or hand it on to where that lead went."""
        if isinstance(event, LeadWriteSettled):
            batch.settled.append(event)
        if isinstance(event, _OF_KNOWN_LEADS) and record.key not in batch.leads:
            self._note_unknown(batch, event, record)
            return
        lead = batch.leads.setdefault(record.key, Lead(record.key))
        step = self._step(lead, event, record, batch.emissions)
        batch.leads[lead.id] = step.lead
        batch.emissions += [emission(LEAD_CHANGES.name, *each, record.offset) for each in step.sent]
        decided = step.decided
        batch.retired.update(step.retired)
        batch.shredded.update(step.shredded)
        if isinstance(event, LeadReviewed):
            batch.ages[lead.id] = NEVER
        if decided is None:
            return
        await self._tell_identity(lead, decided)
        batch.emissions += _emissions(record, decided)
        if decided.unfit is not None:
            batch.emissions.append(_unfit(record, *decided.unfit))
        if decided.missing:
            batch.waits[lead.id] = (decided.missing, _since(event))
            if self._decide.rules.scoring.ages or lead.id in batch.ages:
                batch.ages[lead.id] = decided.changes_at
        self._count(batch, event, decided)

    async def _shred(self, batch: _Batch) -> None:
        """Erase what the batch says is to be erased: in every crash before its commit it is read, and done, again."""
        if self._shredder is None:
            return
        if batch.retired:
            await self._shredder.retire(batch.retired)
        if batch.shredded:
            await self._shredder.destroy(batch.shredded)

    def _note_unknown(self, batch: _Batch, event: LeadChange, record: LogRecord) -> None:
        """Note that the lead isn't there: nothing was refused of it, nothing of it gets old, and no task stands."""
        if isinstance(event, LeadReviewed):
            batch.ages[record.key] = NEVER
        elif isinstance(event, LeadTaskWanted):
            batch.emissions.append(_unfit(record, *_UNKNOWN_LEAD))
            self._decided(event, Decided(unfit=_UNKNOWN_LEAD))

    def _count(self, batch: _Batch, event: LeadChange, decided: Decided) -> None:
        """Count what came of *event*."""
        _add_drift(batch.drifts, event, decided)
        if isinstance(event, LeadObserved):
            _add_echoes(batch.echoes, event.data.ref.system, decided)
        elif isinstance(event, LeadWriteStarted):
            _add_echoes(batch.echoes, self._connectors[Side(event.data.side)].system, decided)
        self._decided(event, decided)

    async def _tell_identity(self, lead: Lead, decided: Decided) -> None:
        """Tell whoever knows people by their addresses what became of those of *lead*."""
        if decided.forgotten is not None and self._forget is not None:
            refs = [each.ref for persons in lead.persons.values() for each in persons.values()]
            await self._forget((lead.id, *lead.taken_over), decided.forgotten, refs)
        if decided.addresses is not None and self._addresses_moved is not None:
            await self._addresses_moved((lead.id, *lead.taken_over), *decided.addresses)

    def _step(self, lead: Lead, event: LeadChange, record: LogRecord, emissions: list[Emission]) -> Step:
        """Return what *event* does to *lead*; one that can't be taken in is added to *emissions* as a dead letter."""
        with nullcontext() if self._deciding is None else self._deciding(event):
            try:
                return self._moving.take(lead, event, place_of(record))
            except UnreadableLead as error:
                emissions.append(unreadable(record, Unreadable(str(error), reason="bad-event")))
                return Step(lead)


_OF_KNOWN_LEADS = (LeadWriteRetried, LeadReviewed, LeadTaskWanted, LeadTaskOver)
"""What says nothing by which a lead would come to be."""


_UNKNOWN_LEAD = ("unknown-lead", "nothing is known of this lead")


def _unfit(record: LogRecord, reason: str, detail: str) -> Emission:
    """Return the dead letter for a change that nothing can come of; of an erased person it keeps no words."""
    kept = replace(record, value=None) if reason == "lead-erased" else record
    return set_aside(kept, reason, detail, source=SOURCE)


def _add_drift(drifts: dict[str, int], event: LeadChange, decided: Decided) -> None:
    """Count in *drifts*, by system and field, what a sweep found."""
    if decided.drift and isinstance(event, LeadObserved):
        for name, count in counted(decided.drift).items():
            key = f"{event.data.ref.system}:{name}"
            drifts[key] = drifts.get(key, 0) + count


def _add_echoes(echoes: Counter[str], system: str, decided: Decided) -> None:
    """Count in *echoes* what came of our own writes in *system*, see services.sync.consumers.shard_leads."""
    for layer, count in decided.echoes.items():
        echoes[f"suppressed:{system}:{layer}"] += count
    for name in decided.false_drops:
        echoes[f"false-drop:{system}:{name}"] += 1
    for name in decided.loops:
        echoes[f"loop:{system}:{name}"] += 1


def _applied(held: HeldShard, batch: _Batch, *, woken: bool) -> None:
    held.leads.remember(batch.leads)
    for event in batch.settled:
        held.dispatchers[Side(event.data.side)].settled(event.subject, event.data.write_id)
    if woken:
        for dispatcher in held.dispatchers.values():
            dispatcher.wake()


def _since(event: LeadChange) -> int:  # noqa: PLR0911 - one for each type
    match event:
        case LeadObserved():
            return event.data.received_at
        case LeadWriteRetried():
            return event.data.retried_at
        case LeadWriteSettled():
            return event.data.settled_at
        case LeadMergedInto():
            return event.data.noticed_at
        case LeadTakenOver():
            return event.data.merged_at
        case LeadTaskWanted() | LeadTaskOver():
            return event.data.told_at
        case LeadReviewed():
            return event.data.reviewed_at
        case LeadForgotten():
            return event.data.erased_at
        case _:
            return event.data.started_at


def _read(record: LogRecord, emissions: list[Emission]) -> LeadChange | None:
    """Return the change in *record*; what isn't one goes to the dead letters with its bytes."""
    try:
        return cast("LeadChange", read(LEAD_CHANGES, record.value))
    except Unreadable as error:
        emissions.append(unreadable(record, error))
        return None


def _emissions(record: LogRecord, decided: Decided) -> list[Emission]:
    key, offset = record.key, record.offset
    return [
        *(told(LIFECYCLE.name, key, each, offset) for each in decided.facts),
        *(told(DECISIONS.name, key, each, offset) for each in decided.decisions),
        *(emission(DEAD_LETTERS.name, key, each, offset) for each in decided.dead_letters),
    ]
