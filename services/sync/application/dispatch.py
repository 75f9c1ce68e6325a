"""
Dispatch: bring a system to what it is to hold, for the leads of one shard. Level-triggered, not a queue.

It takes the leads that are not as they are to be, the most urgent first; writes into the log what it is about
to send (the echo ledger), sends the differences by upsert, and writes into the log how that ended. The state
changes when the log comes round. A crash anywhere repeats an upsert, which is harmless.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from random import Random
from typing import Protocol

from schemas.instants import rfc3339
from schemas.lead import LeadChange, LeadWriteSettled, LeadWriteStarted, Ref, WriteSettled, WriteStarted
from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.endings import carried_out, ended
from services.sync.application.aiming import write_of
from services.sync.application.circuit import Circuit, Cut
from services.sync.application.gate import Gate
from services.sync.application.lane import Lane
from services.sync.application.meeting import Adopt, Met, same_people
from services.sync.application.ports import BatchRefused, Connector, Forbidden
from services.sync.application.quota import UNGOVERNED, Admitting, OutOfQuota, working_as
from services.sync.application.tell import SOURCE
from services.sync.application.trouble import report
from services.sync.domain.desired import Missing
from services.sync.domain.echoes import asked_for
from services.sync.domain.lead import OWN_SLOTS, PERSON_SLOT, Lead
from services.sync.domain.priority import Priority
from services.sync.domain.quota import LEAST_URGENT_WITH_RESERVE
from services.sync.domain.records import (
    Confirmed,
    Deferred,
    RecordRef,
    Refused,
    Scalar,
    Side,
    Write,
    WriteResult,
)

FIRST_WAIT_MS = 200
LONGEST_WAIT_MS = 60_000
BATCHES_AT_ONCE = 4
URGENT_BATCHES = 1
"""Beside those, for what may use the reserve: it must not queue up behind work that waits for the quota."""


class DispatchShard(Protocol):
    """What dispatch needs of the shard whose leads it serves."""

    async def dirty(
        self, side: Side, *, limit: int, skip: Collection[str], least: Priority = Priority.BACKFILL
    ) -> Sequence[str]:
        """
        Return up to *limit* leads that lack something on *side*, most urgent first, without *skip*.

        Those that are less urgent than *least* are left out.
        """
        ...

    async def load(self, lead_ids: Sequence[str]) -> Mapping[str, Lead]:
        """Return the leads as they are now."""
        ...

    async def clean(self, side: Side, lead_ids: Sequence[str]) -> None:
        """Take leads out of the dirty set: they lack nothing any more."""
        ...

    async def append(self, events: Sequence[tuple[str, LeadChange]]) -> None:
        """Append changes of leads to the log; durable when it returns. Raises LogUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """One record to write: what it lacks, the times of the values it will replace, and what asks for the new ones."""

    lead: Lead
    missing: Missing
    write_id: str
    over: Mapping[str, int]
    asked: Mapping[str, int]


class Dispatcher:
    """
    Serves one side of one shard.

    Args:
        lacks: What a lead lacks on a side, by the rules.
        circuit: Of the system's writes: it stops them when everything is refused.
        name: Unique for this owner of the shard (its epoch is in it); write ids start with it.
        sending: Told of each batch that leaves, for the metrics: the plans and the time, epoch ms.
        around: Entered around the sending of a batch, for the trace.
        quota: Says which work may begin.
        adopt: Links the records that a write met; None where nobody asks whose they are.
    """

    def __init__(
        self,
        *,
        connector: Connector,
        shard: DispatchShard,
        lacks: Callable[[Lead, Side], list[Missing]],
        gate: Gate,
        circuit: Circuit,
        clock: Clock,
        name: str,
        sending: Callable[[Sequence[Plan], int], None] = lambda _plans, _now: None,
        around: Callable[[Sequence[Plan]], AbstractContextManager[object]] = nullcontext,
        quota: Admitting = UNGOVERNED,
        adopt: Adopt | None = None,
    ) -> None:
        self._quota = quota
        self._adopt = adopt
        self._admitted_at: int | None = None
        self._connector = connector
        self._side = connector.side
        self._shard = shard
        self._lacks = lacks
        self._gate = gate
        self._clock = clock
        self._name = name
        self._sending = sending
        self._around = around
        self._random = Random()
        self._count = 0
        self._busy: dict[str, set[str]] = {}
        self._waiting: dict[str, tuple[int, str]] = {}
        self._tries: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._lane = Lane(circuit, self.wake)
        self._running: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> Mapping[str, tuple[int, str]]:
        """The leads that wait: until when (epoch ms), and why."""
        return self._waiting

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def settled(self, lead_id: str, write_id: str) -> None:
        """The log came round with the end of a write: its lead may be taken again."""
        writes = self._busy.get(lead_id)
        if writes is not None:
            writes.discard(write_id)
            if not writes:
                del self._busy[lead_id]
                self.wake()

    async def run(self) -> None:
        """Serve until cancelled; an error that isn't a vendor's ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    await self._serve_all(group)
                finally:
                    # A group cancels its tasks once, and on Python 3.11 that may be lost.
                    await carried_out(ended(*self._running))
        finally:
            self._lane.leave()
            self._running.clear()

    async def _serve_all(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            room = len(self._running) < BATCHES_AT_ONCE + URGENT_BATCHES
            if room and (plans := await self._take()):
                task = group.create_task(self._serve(plans))
                self._running.add(task)
                task.add_done_callback(self._ended)
                continue
            await self._sleep()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _sleep(self) -> None:
        """Wait to be woken, or until the first of those that wait may be tried again."""
        waits = (until for until, _ in self._waiting.values())
        others = (self._lane.due_at, self._admitted_at)
        due = min((*waits, *(each for each in others if each)), default=None)
        timeout = None if due is None else max(0.001, (due - self._clock()) / 1000)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take(self) -> list[Plan]:
        """Choose the next leads and mark them busy."""
        now = self._clock()
        self._waiting = {each: hold for each, hold in self._waiting.items() if hold[0] > now}
        ids = await self._most_urgent()
        if not ids:
            return []
        leads = await self._shard.load(ids)
        plans = [
            self._plan(leads[each], lack)
            for each in ids
            if each in leads
            for lack in self._lacks(leads[each], self._side)
        ]
        planned = {plan.lead.id for plan in plans}
        if stale := [each for each in ids if each not in planned]:
            await self._shard.clean(self._side, stale)
        for plan in plans:
            self._busy.setdefault(plan.lead.id, set()).add(plan.write_id)
        return plans

    async def _most_urgent(self) -> Sequence[str]:
        """Return the next leads that the quota, and the batches under way, leave room for."""
        admission = await self._quota.admits()
        least, self._admitted_at = admission.least, admission.until
        if least is None:
            return []
        if len(self._running) >= BATCHES_AT_ONCE:
            least = min(least, LEAST_URGENT_WITH_RESERVE)
        return await self._lane.pick(
            lambda limit, skip: self._shard.dirty(self._side, limit=limit, skip=skip, least=least),
            self._connector.write_batch,
            self._busy.keys() | self._waiting.keys(),
        )

    def _plan(self, lead: Lead, lack: Missing) -> Plan:
        self._count += 1
        names = lack.fields if lack.slot in OWN_SLOTS else ()
        over = {name: lead.seen(name, self._side).there_at for name in names}
        asked = {name: asked_for(lead, name, self._side) for name in names}
        return Plan(lead, lack, f"{self._name}-{self._count}", over, asked)

    async def _serve(self, plans: list[Plan]) -> None:
        """Persons first: what hangs on a person needs its record."""
        persons = {plan.lead.id: None for plan in plans if plan.missing.slot == PERSON_SLOT}
        refs: dict[str, RecordRef | None] = {plan.lead.id: plan.lead.person(self._side) for plan in plans}
        for kind in sorted({plan.missing.kind for plan in plans}, key=lambda each: each != "lead"):
            batch = [plan for plan in plans if plan.missing.kind == kind]
            if kind != "lead":
                orphans = [plan for plan in batch if refs[plan.lead.id] is None and plan.lead.id in persons]
                self._release(orphans)
                batch = [plan for plan in batch if plan not in orphans]
            results = await self._send(batch, refs)
            for plan, result in zip(batch, results, strict=True):
                if isinstance(result, Confirmed) and plan.missing.slot == PERSON_SLOT:
                    refs[plan.lead.id] = result.ref

    async def _send(
        self, plans: list[Plan], refs: Mapping[str, RecordRef | None]
    ) -> list[WriteResult | None]:
        if not plans:
            return []
        before = await self._gate.wait()
        with self._around(plans):
            return await self._send_now(plans, refs, before)

    async def _send_now(
        self, plans: list[Plan], refs: Mapping[str, RecordRef | None], before: int
    ) -> list[WriteResult | None]:
        now = self._clock()
        try:
            await self._shard.append([(plan.lead.id, self._started(plan, now)) for plan in plans])
            self._sending(plans, self._clock())
            writes = [write_of(plan.lead, plan.missing, refs.get(plan.lead.id)) for plan in plans]
            with working_as(urgency([plan.missing for plan in plans])):
                results = await self._halving(writes, self._lane.cut())
            self._gate.succeed()
            await self._settle(plans, results)
        except OutOfQuota:  # the vendor works, and more urgent work may go on: they stay dirty
            self._release(plans)
            return [None] * len(plans)
        except Forbidden as error:
            report("vendor.write_failed", error, system=self._connector.system)
            self._lane.forbid(error, [plan.lead.id for plan in plans])
            self._release(plans)
            return [None] * len(plans)
        except Retryable as error:
            self._gate.fail(error, before)
            report("vendor.write_failed", error, system=self._connector.system)
            for plan in plans:
                self._hold(plan, self._gate.closed_until, str(error))
            return [None] * len(plans)
        return list(results)

    async def _halving(self, writes: Sequence[Write], cut: Cut) -> list[WriteResult | None]:
        """
        Send; a batch that is refused as a whole is halved until the bad record stands alone.

        None for those that weren't sent, since each before them was refused by itself.
        """
        if cut.over:
            return [None] * len(writes)
        try:
            results = list(await self._connector.write(writes))
            cut.note(results)
        except BatchRefused as error:
            if len(writes) == 1:
                cut.refused += 1
                return [Refused(code=error.code, detail=error.detail)]
        else:
            return [*results]
        middle = len(writes) // 2
        return [*await self._halving(writes[:middle], cut), *await self._halving(writes[middle:], cut)]

    async def _settle(self, plans: Sequence[Plan], results: Sequence[WriteResult | None]) -> None:
        now = self._clock()
        ended: list[tuple[str, LeadChange]] = []
        verdicts = self._lane.judge(
            [(plan.lead.id, result) for plan, result in zip(plans, results, strict=True)]
        )
        for plan, result, stands in zip(plans, results, verdicts, strict=True):
            if result is None or not stands:
                self._release([plan])
            elif isinstance(result, Deferred):
                self._defer(plan, result, now)
            else:
                self._tries.pop(plan.lead.id, None)
                ended.append((plan.lead.id, self._settled(plan, result, now)))
        if ended:
            await self._shard.append([*await self._same_people(plans, results, now), *ended])

    async def _same_people(
        self, plans: Sequence[Plan], results: Sequence[WriteResult | None], now: int
    ) -> Sequence[tuple[str, LeadChange]]:
        """Link the records that writes met to their leads; return which leads are one, since one met another's."""
        if self._adopt is None:
            return []
        met = [
            Met(plan.lead, result.ref, plan.write_id)
            for plan, result in zip(plans, results, strict=True)
            if isinstance(result, Confirmed) and _is_news(plan, result.ref, self._side)
        ]
        return await same_people(met, self._side, self._adopt, now)

    def _defer(self, plan: Plan, result: Deferred, now: int) -> None:
        tries = self._tries[plan.lead.id] = self._tries.get(plan.lead.id, 0) + 1
        ceiling = min(FIRST_WAIT_MS * 2 ** min(tries - 1, 20), LONGEST_WAIT_MS)
        wait_ms = result.retry_after_ms or round(ceiling * self._random.uniform(0.5, 1))
        self._hold(plan, now + wait_ms, f"{result.code}: {result.detail}")

    def _hold(self, plan: Plan, until: int, reason: str) -> None:
        self._waiting[plan.lead.id] = (until, reason)
        self.settled(plan.lead.id, plan.write_id)

    def _release(self, plans: Collection[Plan]) -> None:
        """They were not sent, nor is there anything against them: they come again by themselves."""
        for plan in plans:
            self.settled(plan.lead.id, plan.write_id)

    def _started(self, plan: Plan, now: int) -> LeadWriteStarted:
        lack = plan.missing
        data = WriteStarted(
            write_id=plan.write_id,
            side=self._side.value,
            slot=lack.slot,
            kind=lack.kind.value,
            fields=lack.fields,
            started_at=now,
            ref=None if not plan.over or (ref := plan.lead.person(self._side)) is None else _ref(ref),
            over=dict(plan.over),
            asked=dict(plan.asked),
        )
        return LeadWriteStarted(
            id=f"{plan.write_id}-s", source=SOURCE, subject=plan.lead.id, time=rfc3339(now), data=data
        )

    def _settled(self, plan: Plan, result: Confirmed | Refused, now: int) -> LeadWriteSettled:
        lack = plan.missing
        fields: dict[str, Scalar] = lack.fields
        moved_from = _moved_from(plan, result, self._side)
        data = WriteSettled(
            write_id=plan.write_id,
            side=self._side.value,
            slot=lack.slot,
            kind=lack.kind.value,
            outcome="confirmed" if isinstance(result, Confirmed) else "refused",
            fields=fields,
            over=dict(plan.over),
            settled_at=now,
            ref=_ref(result.ref) if isinstance(result, Confirmed) else None,
            created=isinstance(result, Confirmed) and result.created,
            code=None if isinstance(result, Confirmed) else result.code,
            detail=None if isinstance(result, Confirmed) else result.detail,
            refused_fields=[] if isinstance(result, Confirmed) else list(result.fields),
            moved_from=None if moved_from is None else _ref(moved_from),
        )
        return LeadWriteSettled(
            id=f"{plan.write_id}-e", source=SOURCE, subject=plan.lead.id, time=rfc3339(now), data=data
        )


def _is_news(plan: Plan, ref: RecordRef, side: Side) -> bool:
    """Return whether the lead's person, as it was planned, wasn't *ref*: it was made, met, or took that one's place."""
    return plan.missing.slot == PERSON_SLOT and plan.lead.person(side) != ref


def _moved_from(plan: Plan, result: Confirmed | Refused, side: Side) -> RecordRef | None:
    """Return the record that was meant, where the vendor wrote to another: its id leads to that one since a merge."""
    if plan.missing.slot not in OWN_SLOTS or not isinstance(result, Confirmed):
        return None
    meant = plan.lead.person(side)
    return None if meant == result.ref else meant


def _ref(ref: RecordRef) -> Ref:
    return Ref(system=ref.system, object=ref.object, id=ref.id)


def urgency(missing: Sequence[Missing]) -> Priority:
    """Return how urgent a lead is: as urgent as the most urgent of what it lacks."""
    return min(each.priority for each in missing)
