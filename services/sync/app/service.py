"""
The composition root of sync: the only place that sees everything, and the order in which it starts and stops.

Starts: store and log, connectors, the shards of the leads, those of the inbox, the door. Stops the other way
round: first nothing new comes in, then what is under way ends.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from schemas.lead import LeadChange
from schemas.topics import INBOX, LEAD_CHANGES, REQUESTS
from services.configuration.parts import make_log, make_store, needs_embedded, topic_specs
from services.runtime import lifecycle
from services.runtime.clock import Clock, now_ms
from services.runtime.collector import calm_collector
from services.runtime.gauges import watch_workers
from services.runtime.health import Health
from services.runtime.health_probes import LoopWatch, ping_probe
from services.runtime.http import RunningServer, is_loopback, serve
from services.runtime.lifecycle import Component
from services.runtime.log.port import Log
from services.runtime.log.sealed import SealedLog
from services.runtime.mechanism import Mechanism
from services.runtime.metrics import Metrics
from services.runtime.store import Store
from services.runtime.tracing import Tracing, start_tracing
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.workers import Workers
from services.sync.adapters.door import (
    DoorLimits,
    make_door,
    make_leads_router,
    make_letters_router,
    make_whole_status_router,
)
from services.sync.adapters.filling_orders import FillingOrders
from services.sync.adapters.gathered import GatheredConnector
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.lead_codec import decode, encode
from services.sync.adapters.measured import MeasuredConnector
from services.sync.adapters.operator_marks import OperatorMarks
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.app.connectors import calls, make_connectors
from services.sync.app.gauges import (
    awaited,
    headroom,
    quota_probe,
    quotas_awaited,
    register_streams,
    vendor_probe,
    watch_calls,
    watch_dirty,
    watch_lines,
    watch_vendors,
)
from services.sync.app.letters import SERVICE, make_letter_box
from services.sync.app.quotas import counting_held, make_governors, why_waiting
from services.sync.app.status import StatusSource
from services.sync.app.sweeping import CountedOrders, Shared, make_residents
from services.sync.app.watching import watch_reconciling
from services.sync.application.backfill import HeldBack
from services.sync.application.circuit import Circuits, make_circuits
from services.sync.application.decide import Decide, Decided
from services.sync.application.gate import Gate
from services.sync.application.identify import Identify
from services.sync.application.observe import Observe
from services.sync.application.ports import Connector
from services.sync.consumers.bare import BareChanges
from services.sync.consumers.figures import Figures
from services.sync.consumers.hearing import Hearing
from services.sync.consumers.inbox import InboxProcessor
from services.sync.consumers.leads import LeadProcessor
from services.sync.consumers.letters import LetterBox
from services.sync.consumers.requests import RequestProcessor
from services.sync.consumers.resuming import watch
from services.sync.consumers.streams import Streams
from services.sync.consumers.timeline import Timeline
from services.sync.consumers.traces import Traces
from services.sync.domain.records import Side
from services.sync.settings import Settings


@dataclass(slots=True)
class Sync:
    """The service, put together. `server` is the door once it is open, `hearing` looks for silences."""

    settings: Settings
    log: Log
    store: Store
    connectors: Mapping[Side, Connector]
    timeline: Timeline
    letters: LetterBox
    health: Health
    metrics: Metrics
    leads: LeadProcessor
    hearing: Hearing
    components: Sequence[Component] = ()
    server: RunningServer | None = None
    failures: list[BaseException] = field(default_factory=list[BaseException])


def build(settings: Settings, *, embedded_url: str | None, clock: Clock = now_ms) -> Sync:
    """Put the service together; nothing is started."""
    metrics = Metrics(process=True)
    health = Health(clock)
    bare = {LEAD_CHANGES.name: BareChanges(settings.rules, encode, decode)}
    log, store = make_log(settings, embedded_url, clock=clock, bare=bare), make_store(settings, embedded_url)
    tracing = start_tracing(
        settings.tracing.endpoint if settings.tracing.exporter == "otlp" else None,
        service="tasuki-sync",
        sample_rate=settings.tracing.sample_rate,
    )
    traces = Traces(tracing)
    governors = make_governors(settings, store, clock, counting_held(metrics))
    vendors = make_connectors(settings, clock, governors)
    connectors: dict[Side, Connector] = {
        side: GatheredConnector(MeasuredConnector(each, metrics, traces.calling))
        for side, each in vendors.items()
    }
    gates = {each.system: Gate(clock) for each in connectors.values()}
    circuits = make_circuits(gates.keys(), clock, most=settings.sync.stop_after_refusals)
    identity, orders, fillings = IdentityIndex(store), SweepOrders(store), FillingOrders(store)
    identify = Identify(identity)
    figures = Figures(metrics, clock)
    failures: list[BaseException] = []
    streams = Streams(
        connectors=list(connectors.values()),
        store=store,
        log=log,
        partitions=settings.log.partitions,
        clock=clock,
        failed=failures.append,
        received=figures.received,
        orders=orders,
        lost=lambda system, name: figures.lost(system, name, "position-lost"),
    )
    observe = Observe(
        connectors={each.system: each for each in connectors.values()},
        orders=CountedOrders(orders, figures),
        gates=gates,
        circuits=circuits.reads,
        identify=identify,
        clock=clock,
        observed=figures.observed,
        around=traces.observing,
        companies=settings.rules.companies,
        consents=settings.rules.consents,
    )
    decide = Decide(settings.rules)
    residents = make_residents(
        settings,
        Shared(log, store, list(connectors.values()), observe, decide, identity, clock, failures.append),
        figures,
    )
    leads = LeadProcessor(
        decide=decide,
        store=store,
        log=log,
        encode=encode,
        decode=decode,
        connectors=connectors,
        gates=gates,
        circuits=circuits.writes,
        streams=streams,
        residents=residents,
        clock=clock,
        failed=failures.append,
        decided=_both(figures.decided, traces.decided) if traces.on else figures.decided,
        sending=figures.sending,
        forget=identify.forget,
        addresses_moved=identify.moved,
        link=identity.link,
        deciding=traces.deciding if traces.on else None,
        dispatching=traces.dispatching,
        adopt=identity.adopt,
        shredder=log if isinstance(log, SealedLog) else None,
        quotas={system: HeldBack(each, fillings, clock) for system, each in governors.items()},
    )
    timeline = Timeline(
        log=log,
        store=store,
        identity=identity,
        decode=decode,
        rules=settings.rules,
        service=SERVICE,
        why=why_waiting(governors, settings),
    )
    letters = make_letter_box(settings, log, store, clock)
    report, hearing = watch_reconciling(settings, store, list(connectors.values()), clock, metrics, health)
    sync = Sync(
        settings,
        log,
        store,
        connectors,
        timeline,
        letters,
        health,
        metrics,
        leads,
        hearing,
        failures=failures,
    )
    mechanism = Mechanism(store=store, log=log, clock=clock, metrics=metrics)
    workers = Workers(SERVICE, mechanism, health, failures)
    _register(sync, gates, circuits)
    for system, governor in governors.items():
        health.register(f"quota.{system}", quota_probe(governor))
    register_streams(health, streams, connectors.values(), clock)
    watch_vendors(metrics, headroom(governors), streams, clock)
    watch_calls(metrics, lambda: calls(vendors.values()))
    watch_workers(metrics, workers.by_topic)
    watch_dirty(metrics, leads.held, connectors)
    watch_lines(metrics, gates, circuits)
    status = StatusSource(
        health, workers.by_topic, leads.held, connectors, governors, streams, figures, report, hearing, clock
    )
    sync.components = [
        *_components(sync),
        Component(name="hearing", run=hearing.run),
        Component(name="orders", run=lambda: watch(circuits, OperatorMarks(store))),
        workers.component("leads", LEAD_CHANGES.name, lambda: leads),
        workers.component("requests", REQUESTS.name, RequestProcessor),
        workers.component(
            "inbox",
            INBOX.name,
            lambda: InboxProcessor(observe),
            waits_for=lambda: awaited(gates, circuits) or quotas_awaited(governors),
        ),
        _door(sync, tracing, clock, status),
    ]
    return sync


def _both(
    one: Callable[[LeadChange, Decided], None], other: Callable[[LeadChange, Decided], None]
) -> Callable[[LeadChange, Decided], None]:
    def told(event: LeadChange, decided: Decided) -> None:
        one(event, decided)
        other(event, decided)

    return told


def _register(sync: Sync, gates: Mapping[str, Gate], circuits: Circuits) -> None:
    sync.health.register("store", ping_probe(sync.store.ping))
    sync.health.register("log", ping_probe(sync.log.ping))
    for system, gate in gates.items():
        sync.health.register(system, vendor_probe(gate, circuits, system))


def _components(sync: Sync) -> list[Component]:
    watch = LoopWatch(sync.metrics)
    sync.health.register("loop", watch)

    async def start_log() -> None:
        await sync.log.start()
        await sync.log.ensure_topics(topic_specs(sync.settings.log.partitions))

    return [
        Component(name="loop", start=watch.start, stop=watch.stop),
        Component(name="store", start=sync.store.start, stop=sync.store.close),
        Component(name="log", start=start_log, stop=sync.log.close),
        *(
            Component(name=each.system, start=each.start, stop=each.close)
            for each in sync.connectors.values()
        ),
    ]


def _door(sync: Sync, tracing: Tracing, clock: Clock, status: StatusSource) -> Component:
    http = sync.settings.http
    key = _api_key(sync.settings)
    routers = [
        make_leads_router(sync.timeline.of, api_key=key, host=http.host),
        make_whole_status_router(status, api_key=key, host=http.host),
        make_letters_router(sync.letters, api_key=key, host=http.host),
    ]
    door = make_door(
        connectors={each.system: each for each in sync.connectors.values()},
        append=sync.log.append,
        topic=INBOX.name,
        public_url=sync.settings.firm.public_url,
        clock=clock,
        metrics=sync.metrics,
        health=sync.health,
        limits=DoorLimits(body_bytes=http.body_limit_bytes, json_depth=http.depth_limit),
        tracing=tracing,
        routers=routers if key or is_loopback(http.host) else (),
        version=version("tasuki"),
    )

    async def start() -> None:
        sync.server = await serve(door, http.host, http.port, metrics=sync.metrics)

    async def stop() -> None:
        if sync.server is not None:
            await sync.server.stop()
        await tracing.close()

    return Component(name="door", start=start, stop=stop)


def _api_key(settings: Settings) -> str | None:
    key = settings.secrets.api_key
    return key.get_secret_value() if key else None


@asynccontextmanager
async def open_timeline(settings: Settings, embedded_url: str | None) -> AsyncGenerator[Timeline]:
    """Give the timelines of leads, read beside the service or without it."""
    log, store = make_log(settings, embedded_url), make_store(settings, embedded_url)
    try:
        await store.start()
        await log.start()
        await log.ensure_topics(topic_specs(settings.log.partitions))
        yield Timeline(
            log=log,
            store=store,
            identity=IdentityIndex(store),
            decode=decode,
            rules=settings.rules,
            service=SERVICE,
            why=why_waiting(make_governors(settings, store), settings),
        )
    finally:
        await log.close()
        await store.close()


async def run(settings: Settings) -> lifecycle.ExitCode:
    """Run the service until SIGTERM; with embedded parts where *settings* say so."""
    async with AsyncExitStack() as stack:
        url = None
        if needs_embedded(settings):
            url = (await stack.enter_async_context(EmbeddedServer(settings.data_folder))).url
        components = build(settings, embedded_url=url).components
        return await lifecycle.run([*components, calm_collector()])
