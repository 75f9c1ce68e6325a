"""
Observe: notifications in, canonical changes out, keyed by the lead they belong to.

A notification is a hint. Many hints at one record become one read where the connector has to read; hints
that carry their values are used as they are.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import structlog

from schemas.dead_letters import DeadLetter, DeadLettered, enclosed
from schemas.instants import rfc3339
from schemas.lead import Change, LeadMergedInto, LeadObserved, MergedInto, Observed, Ref, SweepCause
from services.errors import Rejected, Retryable
from services.runtime.clock import Clock
from services.sync.application.circuit import Circuit
from services.sync.application.employers import Employers, Seen
from services.sync.application.gate import Gate
from services.sync.application.identify import Identified, Identify, Same, Sighting, is_person
from services.sync.application.orders import NOBODY_SWEEPS, Order, Orders
from services.sync.application.ports import Connector, Forbidden
from services.sync.application.quota import OutOfQuota, working_as
from services.sync.application.tell import SOURCE
from services.sync.application.trouble import report
from services.sync.domain.priority import Priority
from services.sync.domain.records import Kind, Notification, Observation, RecordRef
from services.sync.domain.rules import CompanyRules

log = structlog.get_logger()

LONGEST_WAIT_MS = 5_000
"""So often reading asks again whether the quota allows it."""

EVERYTHING = "*"
"""The id in a notification that asks for a whole object: the stream lost some of its changes."""

READ = ""
"""The body of a notification that asks for its record to be read."""

FOREIGN = frozenset({"unknown-system", "unknown-object", "unknown-record"})
"""Reasons that speak of what the notification is about, not of our reading: they don't stop the line."""


@dataclass(frozen=True, slots=True)
class Hint:
    """
    A notification at its place in the inbox; `event_id` is unique for that place.

    `sweep`: no notification, a sweep asks for the record, and why. `history_until`: see `Observed`.
    """

    offset: int
    event_id: str
    notification: Notification
    traceparent: str | None = None
    sweep: SweepCause | None = None
    history_until: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a hint led to: an event for *key* (a lead_id, or the hint's own key for a dead letter)."""

    offset: int
    key: str
    event: LeadObserved | LeadMergedInto | DeadLettered


class Observe:
    """
    The first half of sync: read and identify.

    Args:
        circuits: Of each system's reads: they stop when nothing can be read.
        observed: Told what was seen of a system's records, for the metrics.
        around: Entered around the work on some hints; it gives them with the contexts to hand on.
        companies: How companies are kept; None: they aren't.
        consents: The fields that count of a person whose record is gone: who opted out before did so.
    """

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        orders: Orders = NOBODY_SWEEPS,
        gates: Mapping[str, Gate],
        circuits: Mapping[str, Circuit],
        identify: Identify,
        clock: Clock,
        observed: Callable[[str, Sequence[Observation]], None] = lambda _system, _seen: None,
        around: Callable[[Sequence[Hint]], AbstractContextManager[Sequence[Hint]]] = nullcontext,
        companies: CompanyRules | None = None,
        consents: Collection[str] = (),
    ) -> None:
        self._consents = consents
        self._employers = None if companies is None else Employers(companies, identify)
        self._observed = observed
        self._around = around
        self._connectors = connectors
        self._orders = orders
        self._gates = gates
        self._circuits = circuits
        self._identify = identify
        self._clock = clock

    async def run(self, hints: Sequence[Hint]) -> list[Found]:
        """
        Return what *hints* (in the order of their offsets) led to, in that order.

        Waits while a vendor is down; raises StoreUnavailable, in which case it is to be repeated.
        """
        with self._around(hints) as traced:
            return await self._run(traced)

    async def _run(self, hints: Sequence[Hint]) -> list[Found]:
        systems = sorted({each.notification.ref.system for each in hints})
        parts = await asyncio.gather(
            *(
                self._of_system(name, [each for each in hints if each.notification.ref.system == name])
                for name in systems
            )
        )
        return sorted((each for part in parts for each in part), key=lambda each: each.offset)

    async def _of_system(self, system: str, hints: list[Hint]) -> list[Found]:
        connector = self._connectors.get(system)
        if connector is None:
            return [
                _set_aside(
                    each, "unknown-system", f"no connector is configured for {system!r}", self._clock()
                )
                for each in hints
            ]
        whole = [each.notification for each in hints if each.notification.ref.id == EVERYTHING]
        rejected = [] if not whole else await self._order(connector, hints)
        hints = [each for each in hints if each.notification.ref.id != EVERYTHING]
        if not hints:
            return rejected
        observations, refused = await self._read(connector, hints)
        rejected += refused
        latest = {each.notification.ref: each for each in hints}
        first = {each.notification.ref: each for each in reversed(hints)}
        pairs = [(latest.get(seen.ref, hints[-1]), seen) for seen in observations]
        received = {ref: each.notification.received_at for ref, each in first.items()}
        found = await self._identified(connector, pairs, received)
        return found + rejected

    async def _order(self, connector: Connector, hints: Sequence[Hint]) -> list[Found]:
        """Have those objects swept of which a notification asks for the whole; return what can't be understood."""
        rejected: list[Found] = []
        for each in hints:
            ref = each.notification.ref
            if ref.id != EVERYTHING:
                continue
            try:
                since = connector.since(each.notification)
            except Rejected as error:
                rejected.append(_set_aside(each, error.reason, str(error), self._clock()))
                continue
            log.warning("stream.gapped", system=ref.system, object=ref.object, since=since)
            await self._orders.order(Order(ref.system, ref.object, "gap", since))
        return rejected

    async def _read(self, connector: Connector, hints: list[Hint]) -> tuple[list[Observation], list[Found]]:
        """Ask the connector, again and again while the vendor is away; a bad hint stands alone."""
        gate, circuit = self._gates[connector.system], self._circuits[connector.system]
        while True:
            before = await gate.wait()
            await circuit.turn()
            try:
                with working_as(_priority(hints)):
                    seen = await connector.observe([each.notification for each in hints])
            except OutOfQuota as error:
                await asyncio.sleep(min(max(error.until - self._clock(), 1), LONGEST_WAIT_MS) / 1000)
            except Forbidden as error:
                circuit.forbid(error)
                report("vendor.read_failed", error, system=connector.system)
            except Retryable as error:
                gate.fail(error, before)
                report("vendor.read_failed", error, system=connector.system)
            except Rejected as error:
                if len(hints) == 1:
                    if error.reason not in FOREIGN:
                        circuit.refuse(str(hints[0].notification.ref), error.reason)
                    return [], [_set_aside(hints[0], error.reason, str(error), self._clock())]
                parts = [await self._read(connector, [each]) for each in hints]
                return [s for some, _ in parts for s in some], [f for _, some in parts for f in some]
            else:
                gate.succeed()
                circuit.succeed()
                self._observed(connector.system, seen)
                return [self._what_counts(each) for each in seen], []

    def _what_counts(self, seen: Observation) -> Observation:
        """Return *seen*, of a person who is gone with what they consented to alone."""
        if not (seen.deleted and is_person(seen)):
            return seen
        return replace(seen, fields=tuple(each for each in seen.fields if each.name in self._consents))

    async def _identified(
        self, connector: Connector, pairs: list[tuple[Hint, Observation]], received: Mapping[RecordRef, int]
    ) -> list[Found]:
        def sighting(hint: Hint, seen: Observation) -> Sighting:
            return Sighting(seen, received.get(seen.ref, hint.notification.received_at))

        persons = [(hint, sighting(hint, seen)) for hint, seen in pairs if is_person(seen)]
        companies = [(hint, sighting(hint, seen)) for hint, seen in pairs if seen.kind is Kind.COMPANY]
        children = [
            (hint, sighting(hint, seen))
            for hint, seen in pairs
            if not is_person(seen) and seen.kind is not Kind.COMPANY
        ]
        if persons:
            strangers = await self._strangers(connector, persons)
            persons = [*((hint, sighting(hint, seen)) for hint, seen in strangers), *persons]
        employing = Seen[Hint]()
        if self._employers is not None:
            read = partial(self._read_whole, connector)
            persons, employing = await self._employers.persons(persons, read)
            of_companies = await self._employers.companies(companies, read)
            employing.told += of_companies.told
        known = await self._identify.persons([each for _, each in persons]) if persons else Identified([], [])
        found = [
            _found(connector, hint, each, owner, number)
            for number, ((hint, each), owner) in enumerate(zip(persons, known.owners, strict=True))
        ]
        found += [
            _merged(connector, *persons[each.place], each, number)
            for number, each in enumerate(known.same, start=len(found))
        ]
        found += [
            _found(connector, hint, each, company_id, number)
            for number, (hint, each, company_id) in enumerate(employing.told, start=len(found))
        ]
        return found + await self._children(connector, children, len(found)) if children else found

    async def _strangers(
        self, connector: Connector, persons: list[tuple[Hint, Sighting]]
    ) -> list[tuple[Hint, Observation]]:
        """Read the persons of whom a change tells too little to know who they are."""
        refs = set(await self._identify.strangers([each for _, each in persons]))
        hints = {each.seen.ref: hint for hint, each in persons if each.seen.ref in refs}
        asked = [
            replace(hint, notification=replace(hint.notification, ref=ref, body=READ))
            for ref, hint in hints.items()
            if hint.notification.body != READ
        ]
        observations, _ = await self._read(connector, asked) if asked else ([], [])
        return [(hints[seen.ref], seen) for seen in observations if seen.ref in hints and is_person(seen)]

    async def _children(
        self, connector: Connector, children: list[tuple[Hint, Sighting]], number: int
    ) -> list[Found]:
        """Opportunities and activities; one whose lead isn't known is read, and so is its parent."""
        owners = await self._identify.children([each for _, each in children])
        found: list[Found] = []
        if None in owners:
            strays = [pair for pair, owner in zip(children, owners, strict=True) if owner is None]
            children = [*await self._reread(connector, strays), *children]
            found = await self._parents(connector, [pair for pair in children if pair[1].seen.parents])
            owners = await self._identify.children([each for _, each in children])
        for place, ((hint, each), owner) in enumerate(
            zip(children, owners, strict=True), start=number + len(found)
        ):
            if owner is None:
                log.info("record.unrelated", system=connector.system, object=each.seen.ref.object)
            else:
                found.append(_found(connector, hint, each, owner, place))
        return found

    async def _reread(
        self, connector: Connector, strays: list[tuple[Hint, Sighting]]
    ) -> list[tuple[Hint, Sighting]]:
        """Read records of which a change tells too little to know whose they are."""
        return await self._read_whole(
            connector, {each.seen.ref: hint for hint, each in strays if hint.notification.body != READ}
        )

    async def _read_whole(
        self, connector: Connector, hints: Mapping[RecordRef, Hint]
    ) -> list[tuple[Hint, Sighting]]:
        """Read records, each for the hint that led to it, unless that asked to read it anyway."""
        asked = [
            replace(hint, notification=replace(hint.notification, ref=ref, body=READ))
            for ref, hint in hints.items()
            if (hint.notification.ref, hint.notification.body) != (ref, READ)
        ]
        observations, _ = await self._read(connector, asked) if asked else ([], [])
        return [
            (hints[seen.ref], Sighting(seen, hints[seen.ref].notification.received_at))
            for seen in observations
            if seen.ref in hints
        ]

    async def _parents(self, connector: Connector, children: list[tuple[Hint, Sighting]]) -> list[Found]:
        """Read and identify the persons that *children* hang on."""
        hints = {each.seen.parents[0]: hint for hint, each in children}
        asked = [
            replace(hint, notification=replace(hint.notification, ref=ref, body=READ))
            for ref, hint in hints.items()
        ]
        observations, _ = await self._read(connector, asked) if asked else ([], [])
        pairs = [(hints[seen.ref], seen) for seen in observations if seen.ref in hints and is_person(seen)]
        return await self._identified(connector, pairs, {}) if pairs else []


def _priority(hints: Sequence[Hint]) -> Priority:
    """
    Return how urgent it is to read what *hints* are about.

    What just changed may be an opt-out or make an MQL; nobody knows before it is read.
    """
    if any(each.sweep is None for each in hints):
        return Priority.HANDOFF
    filling = all(each.sweep == "backfill" for each in hints)
    return Priority.BACKFILL if filling else Priority.RECONCILE


def _found(connector: Connector, hint: Hint, sighting: Sighting, lead_id: str, number: int) -> Found:
    seen = sighting.seen
    data = Observed(
        side=connector.side.value,
        kind=seen.kind.value,
        ref=_ref(seen.ref),
        observed_at=seen.observed_at,
        received_at=sighting.received_at,
        created_at=seen.created_at,
        fields=[
            Change(
                name=each.name,
                value=each.value,
                changed_at=each.changed_at,
                own=each.own,
                exact=each.exact,
                via=each.via or None,
                by=each.by or None,
            )
            for each in seen.fields
        ],
        external_id=seen.external_id,
        moved_to=None if seen.moved_to is None else _ref(seen.moved_to),
        deleted=seen.deleted,
        erased=seen.erased,
        sweep=hint.sweep,
        employer=_ref(seen.employers[0]) if seen.employers else None,
        company=seen.company,
        history_until=hint.history_until,
    )
    event = LeadObserved(
        id=f"{hint.event_id}-{seen.ref}-{number}",
        source=SOURCE,
        subject=lead_id,
        time=rfc3339(seen.observed_at),
        traceparent=hint.traceparent,
        data=data,
    )
    return Found(hint.offset, lead_id, event)


def _merged(connector: Connector, hint: Hint, sighting: Sighting, same: Same, number: int) -> Found:
    seen = sighting.seen
    data = MergedInto(
        into=same.stays,
        side=connector.side.value,
        ref=_ref(seen.ref),
        moved_to=_ref(seen.moved_to or seen.ref),
        noticed_at=seen.observed_at,
    )
    event = LeadMergedInto(
        id=f"{hint.event_id}-{seen.ref}-{number}",
        source=SOURCE,
        subject=same.goes,
        time=rfc3339(seen.observed_at),
        traceparent=hint.traceparent,
        data=data,
    )
    return Found(hint.offset, same.goes, event)


def _ref(ref: RecordRef) -> Ref:
    return Ref(system=ref.system, object=ref.object, id=ref.id)


def _set_aside(hint: Hint, reason: str, detail: str, now: int) -> Found:
    notification = hint.notification
    letter = DeadLetter(
        reason=reason,
        detail=detail,
        origin=notification.ref.system,
        key=str(notification.ref),
        body=enclosed(notification.body.encode()),
        attempts=1,
        failed_at=now,
    )
    event = DeadLettered(
        id=f"{hint.event_id}-x",
        source=SOURCE,
        subject=str(notification.ref),
        time=rfc3339(now),
        traceparent=hint.traceparent,
        data=letter,
    )
    return Found(hint.offset, str(notification.ref), event)
