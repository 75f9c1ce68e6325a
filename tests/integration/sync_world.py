"""Sync's door, inbox and leads over the memory log, with two small vendors that keep what is written to them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

import httpx2
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from schemas.topics import INBOX, LEAD_CHANGES
from services.errors import Rejected
from services.runtime.clock import now_ms
from services.runtime.gauges import watch_workers
from services.runtime.health import Health
from services.runtime.mechanism import Mechanism
from services.runtime.metrics import Metrics
from services.runtime.store import Store
from services.runtime.tracing import Tracing
from services.runtime.worker import ShardWorker
from services.sync.adapters.door import make_door
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.lead_codec import decode, encode
from services.sync.adapters.measured import MeasuredConnector
from services.sync.app import topic_specs
from services.sync.app.gauges import (
    register_streams,
    vendor_probe,
    watch_dirty,
    watch_lines,
    watch_vendors,
)
from services.sync.application.circuit import Circuits, make_circuits
from services.sync.application.decide import Decide
from services.sync.application.dispatch import Dispatcher
from services.sync.application.gate import Gate
from services.sync.application.identify import Identify
from services.sync.application.observe import Observe
from services.sync.application.ports import Connector, StreamBatch, StreamPosition, Unavailable
from services.sync.consumers.inbox import InboxProcessor
from services.sync.consumers.leads import HeldShard, LeadProcessor
from services.sync.consumers.streams import Streams
from services.sync.consumers.traces import Traces
from services.sync.domain.records import (
    Confirmed,
    FieldChange,
    Kind,
    Notification,
    Observation,
    RecordRef,
    Refused,
    Side,
    Write,
    WriteResult,
)
from tests import firm
from tests.fakes.memory_log import MemoryLog
from tests.integration.door_world import PUBLIC_URL, Acme, signed
from tests.private_store import running_store

CHANNEL = "/data/Toy"
MOST_REFUSALS = 4
"""So many refusals in a row stop a line of this world."""


class Marketing(Acme):
    """Each of its persons is an MQL at first sight; not read while `away`, for good while `unreadable`."""

    def __init__(self) -> None:
        self.away = False
        self.domain = f"{uuid4().hex}.example"
        self.unreadable = False

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        if self.away:
            raise Unavailable("away", retry_after_ms=20)
        if self.unreadable:
            raise Rejected("a mapped field is gone", reason="read-refused")
        return [self._seen(ref) for ref in dict.fromkeys(each.ref for each in notifications)]

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        return [Confirmed(ref=each.ref or RecordRef("acme", "person", each.lead_id)) for each in writes]

    def _seen(self, ref: RecordRef) -> Observation:
        values = {"email": f"p{ref.id}@{self.domain}", "last_name": "山田", "company": "試験", "forms": 3}
        changes = tuple(FieldChange(name, value, firm.START) for name, value in values.items())
        return Observation(
            ref=ref, kind=Kind.LEAD, observed_at=now_ms(), created_at=firm.START, fields=changes
        )


class Sales(Acme):
    """
    It has a change stream; while `away` it takes no writes, while it `refuses` none of them.

    `deaf`, it misses one order to stop listening; `stubborn`, one to stop writing.
    """

    system = "sales"
    side = Side.SFA
    channels = (CHANNEL,)

    def __init__(self) -> None:
        self.away = False
        self.deaf = False
        self.followed = False
        self.refuses = False
        self.stubborn = False
        self.asked = 0
        self.tell = asyncio.Event()

    async def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        self.followed = True
        while True:
            try:
                await self.tell.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
                self.deaf = False
                continue
            self.tell.clear()
            yield StreamBatch(position, ())

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        if self.away:
            raise Unavailable("away", retry_after_ms=20)
        self.asked += len(writes)
        if self.stubborn:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            self.stubborn = False
            await asyncio.Event().wait()
        if self.refuses:
            return [Refused(code="NO_RIGHT", detail="not allowed")] * len(writes)
        return [
            Confirmed(
                ref=each.ref or RecordRef("sales", each.kind.value, each.external_id), created=not each.ref
            )
            for each in writes
        ]


class Now:
    """A clock that a test may move on, or let stand: then only the test moves it."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self._stands_at: int | None = None

    def stand(self) -> None:
        """Stay at the present."""
        self._stands_at = now_ms()

    def __call__(self) -> int:
        """Return the present, epoch ms."""
        return (now_ms() if self._stands_at is None else self._stands_at) + self.ahead_ms


@dataclass
class SyncWorld:
    """What a test may look at and disturb."""

    log: MemoryLog
    client: httpx2.AsyncClient
    metrics: Metrics
    health: Health
    clock: Now
    marketing: Marketing
    sales: Sales
    exporter: InMemorySpanExporter
    circuits: Circuits
    store: Store
    service: str
    held: Mapping[int, HeldShard] = field(default_factory=dict[int, HeldShard])
    failures: list[BaseException] = field(default_factory=list[BaseException])

    async def notify(self, person: int, **headers: str) -> None:
        """Let marketing's tool call the door."""
        body = b'[{"object": "person", "id": %d}]' % person
        answer = await self.client.post("/webhooks/acme", content=body, headers={**signed(body), **headers})
        assert answer.is_success, answer.text

    def dispatchers(self, system: str) -> list[Dispatcher]:
        """Return what serves *system*."""
        side = {self.marketing.system: Side.MA, self.sales.system: Side.SFA}[system]
        return [each.dispatchers[side] for each in self.held.values()]

    def spans(self, name: str) -> list[ReadableSpan]:
        """Return the spans that ended."""
        return [each for each in self.exporter.get_finished_spans() if each.name == name]


@asynccontextmanager
async def sync_world(*, traced: bool = True) -> AsyncGenerator[SyncWorld]:
    """Give sync at work, wired as the composition root wires it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider if traced else None)
    log = MemoryLog()
    await log.ensure_topics(topic_specs(1))
    clock, marketing, sales = Now(), Marketing(), Sales()
    metrics, health = Metrics(), Health(clock, fresh_ms=0)
    async with running_store() as store:
        door = make_door(
            connectors={"acme": marketing},
            append=log.append,
            topic=INBOX.name,
            public_url=PUBLIC_URL,
            clock=clock,
            metrics=metrics,
            health=health,
            tracing=tracing,
        )
        transport = httpx2.ASGITransport(app=door)
        async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            circuits = make_circuits((marketing.system, sales.system), clock, most=MOST_REFUSALS)
            service = f"t{uuid4().hex[:10]}"
            world = SyncWorld(
                *(log, client, metrics, health, clock, marketing, sales, exporter, circuits, store, service)
            )
            workers = _workers(world, store, Traces(tracing))
            try:
                for each in workers:
                    await each.start()
                yield world
            finally:
                for each in workers:
                    await each.stop()
    for failure in (*world.failures, *(each.failure for each in workers)):
        if failure is not None:
            raise failure


def _workers(world: SyncWorld, store: Store, traces: Traces) -> list[ShardWorker]:
    metrics, clock, log = world.metrics, world.clock, world.log
    connectors: dict[Side, Connector] = {
        each.side: MeasuredConnector(each, metrics, traces.calling) for each in (world.marketing, world.sales)
    }
    gates = {each.system: Gate(clock) for each in connectors.values()}
    streams = Streams(
        connectors=list(connectors.values()),
        store=store,
        log=log,
        partitions=1,
        clock=clock,
        failed=world.failures.append,
    )
    identify = Identify(IdentityIndex(store))
    leads = LeadProcessor(
        decide=Decide(firm.rules()),
        store=store,
        log=log,
        encode=encode,
        decode=decode,
        connectors=connectors,
        gates=gates,
        circuits=world.circuits.writes,
        streams=streams,
        clock=clock,
        failed=world.failures.append,
        decided=traces.decided,
        forget=identify.forget,
        addresses_moved=identify.moved,
        deciding=traces.deciding if traces.on else None,
        dispatching=traces.dispatching,
    )
    world.held = leads.held
    observe = Observe(
        connectors={each.system: each for each in connectors.values()},
        gates=gates,
        circuits=world.circuits.reads,
        identify=identify,
        clock=clock,
        around=traces.observing,
    )
    mechanism = Mechanism(store=store, log=log, clock=clock, metrics=metrics)
    processors = {LEAD_CHANGES.name: leads, INBOX.name: InboxProcessor(observe)}
    workers = {
        topic: ShardWorker(service=world.service, topic=topic, processor=processor, mechanism=mechanism)
        for topic, processor in processors.items()
    }
    watch_vendors(metrics, _left, streams, clock)
    watch_workers(metrics, workers)
    watch_dirty(metrics, leads.held, connectors)
    watch_lines(metrics, gates, world.circuits)
    for system, gate in gates.items():
        world.health.register(system, vendor_probe(gate, world.circuits, system))
    register_streams(world.health, streams, connectors.values(), clock)
    return list(workers.values())


async def _left() -> list[tuple[str, str, int]]:
    """Return what is left of the vendors' limits."""
    return [("acme", "daily", 7)]
