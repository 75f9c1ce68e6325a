"""
The composition root of the KPI service, and the order in which it starts and stops.

Starts: store and log, sinks, promises, the shards of the facts, that of the alerts, the feed. Stops the other way
round: first whoever listens is let go, then what is under way ends.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from schemas.topics import ALERTS, LIFECYCLE
from services.configuration.parts import make_log, make_store, needs_embedded, topic_specs
from services.kpi.adapters.feed.lead_parts import make_lead_parts
from services.kpi.adapters.stored_clocks import StoredClocks
from services.kpi.adapters.stored_counts import StoredCounts
from services.kpi.adapters.sync_status import SyncStatus
from services.kpi.app.counting import SERVICE, Promises, make_counting
from services.kpi.app.feed import FeedPart
from services.kpi.app.gauges import kpi_gauges, sinks_probe, watch_clocks, watch_feed
from services.kpi.app.sinks import Sinks, make_sinks
from services.kpi.app.status import StatusSource
from services.kpi.application.reading import Readings
from services.kpi.consumers.notice_figures import NoticeFigures
from services.kpi.consumers.notices import NoticeProcessor
from services.kpi.consumers.snapshots import Snapshots
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.targets import with_targets
from services.kpi.settings import Settings
from services.runtime import lifecycle
from services.runtime.clock import Clock, now_ms
from services.runtime.collector import calm_collector
from services.runtime.gauges import watch_workers
from services.runtime.health import Health
from services.runtime.health_probes import LoopWatch, ping_probe
from services.runtime.lifecycle import Component
from services.runtime.log.port import Log
from services.runtime.mechanism import Mechanism
from services.runtime.metrics import Metrics
from services.runtime.processor import Processor
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.workers import Workers

PREFIX = "kpi."
"""Before the names of the components: sync may run in the same process."""


STANDS_BY_MS = 10_000
"""The topic of the alerts has one partition (ADR 0016): of several processes all but one stand by."""


@dataclass(slots=True)
class Kpi:
    """The service, put together; `feed` answers once it has started."""

    settings: Settings
    log: Log
    store: Store
    clock: Clock
    health: Health
    metrics: Metrics
    readings: Readings
    promises: Promises
    sinks: Sinks
    notices: NoticeFigures
    workers: Workers
    failures: list[BaseException]
    notifier: list[NoticeProcessor] = field(default_factory=list[NoticeProcessor])
    feed: FeedPart = field(init=False)
    components: list[Component] = field(default_factory=list[Component])


def build(settings: Settings, *, embedded_url: str | None, clock: Clock = now_ms) -> Kpi:
    """Put the service together; nothing is started. Raises Misconfigured."""
    metrics, health = Metrics(process=True), Health(clock)
    log, store = make_log(settings, embedded_url, clock=clock), make_store(settings, embedded_url)
    failures: list[BaseException] = []
    counts = StoredCounts(store, service=SERVICE, partitions=settings.log.partitions)
    mechanism = Mechanism(store=store, log=log, clock=clock, metrics=metrics)
    kpi = Kpi(
        settings=settings,
        log=log,
        store=store,
        clock=clock,
        health=health,
        metrics=metrics,
        readings=Readings(
            counts,
            settings.counting,
            with_targets(METRICS, settings.targets),
            goals=settings.goals,
            currency=settings.firm.currency,
        ),
        promises=Promises(settings, store, clock),
        sinks=make_sinks(settings, clock),
        notices=NoticeFigures(metrics),
        workers=Workers(SERVICE, mechanism, health, failures, PREFIX),
        failures=failures,
    )
    kpi.feed = _feed(kpi)
    _watch(kpi)
    kpi.components = [*_components(kpi)]
    return kpi


def _components(kpi: Kpi) -> list[Component]:
    loop = LoopWatch(kpi.metrics)
    kpi.health.register("loop", loop)

    async def start_log() -> None:
        await kpi.log.start()
        await kpi.log.ensure_topics(topic_specs(kpi.settings.log.partitions))

    return [
        Component(name=f"{PREFIX}loop", start=loop.start, stop=loop.stop),
        Component(name=f"{PREFIX}store", start=kpi.store.start, stop=kpi.store.close),
        Component(name=f"{PREFIX}log", start=start_log, stop=kpi.log.close),
        Component(name=f"{PREFIX}sinks", start=kpi.sinks.start, stop=kpi.sinks.stop),
        Component(name=f"{PREFIX}promises", start=kpi.promises.start),
        kpi.workers.component("facts", LIFECYCLE.name, lambda: _counting(kpi)),
        kpi.workers.component("alerts", ALERTS.name, lambda: _notifier(kpi), stands_by_ms=STANDS_BY_MS),
        Component(name=f"{PREFIX}feed", start=kpi.feed.start, stop=kpi.feed.stop),
    ]


def _counting(kpi: Kpi) -> Processor:
    snapshots = kpi.settings.snapshots
    told = Snapshots(
        kpi.readings,
        windows=snapshots.windows,
        currency=kpi.settings.firm.currency,
        every_ms=snapshots.every_ms,
        clock=kpi.clock,
        failed=kpi.failures.append,
        seen=kpi_gauges(kpi.metrics, snapshots.windows[0]),
    )
    return make_counting(
        kpi.settings,
        kpi.promises,
        log=kpi.log,
        clock=kpi.clock,
        metrics=kpi.metrics,
        failed=kpi.failures.append,
        companions=[told],
    )


def _notifier(kpi: Kpi) -> NoticeProcessor:
    settings = kpi.settings
    made = NoticeProcessor(
        rules=settings.notices,
        sinks=kpi.sinks.by_name,
        clock=kpi.clock,
        failed=kpi.failures.append,
        clocks=StoredClocks(kpi.store, service=SERVICE, partitions=settings.log.partitions),
        counted=kpi.notices.counted,
        sent=kpi.notices.sent,
        set_aside=kpi.notices.set_aside,
    )
    kpi.notices.watch(made)
    kpi.notifier.append(made)
    return made


def _watch(kpi: Kpi) -> None:
    kpi.health.register("store", ping_probe(kpi.store.ping))
    kpi.health.register("log", ping_probe(kpi.log.ping))
    kpi.health.register("sinks", sinks_probe(kpi.notices))
    watch_workers(kpi.metrics, kpi.workers.by_topic)
    watch_clocks(kpi.metrics, lambda: _shards(kpi), kpi.clock)
    watch_feed(kpi.metrics, lambda: kpi.feed.listening)


def _feed(kpi: Kpi) -> FeedPart:
    source = StatusSource(
        health=kpi.health,
        workers=kpi.workers.by_topic,
        shards=lambda: _shards(kpi),
        promised_from=lambda: kpi.promises.from_at,
        waiting=lambda: _waiting(kpi),
        notices=kpi.notices,
        listening=lambda: kpi.feed.listening,
        clock=kpi.clock,
    )
    return FeedPart(
        kpi.settings.feed,
        kpi.readings,
        clock=kpi.clock,
        failed=kpi.failures.append,
        health=kpi.health,
        metrics=kpi.metrics,
        status=source,
        sync=_sync_status(kpi.settings),
        leads=make_lead_parts(
            store=kpi.store,
            log=kpi.log,
            readings=kpi.readings,
            rules=lambda: kpi.promises.rules,
            service=SERVICE,
            partitions=kpi.settings.log.partitions,
            names=kpi.settings.notices.policy_names,
        ),
    )


def _sync_status(settings: Settings) -> SyncStatus | None:
    """Return who asks the sync service, at its address in the same file; None where that isn't known beforehand."""
    if not settings.http.port:
        return None
    host = "127.0.0.1" if settings.http.host in {"0.0.0.0", "::"} else settings.http.host  # noqa: S104 -- all addresses
    key = settings.secrets.api_key
    return SyncStatus(f"http://{host}:{settings.http.port}", key.get_secret_value() if key else None)


def _shards(kpi: Kpi) -> Mapping[int, Shard]:
    worker = kpi.workers.by_topic.get(LIFECYCLE.name)
    return {} if worker is None else worker.shards


def _waiting(kpi: Kpi) -> Mapping[str, int]:
    return kpi.notifier[0].waiting() if kpi.notifier else dict.fromkeys(kpi.settings.notices.sinks, 0)


async def run(settings: Settings) -> lifecycle.ExitCode:
    """Run the service until SIGTERM; with embedded parts where *settings* say so."""
    async with AsyncExitStack() as stack:
        url = None
        if needs_embedded(settings):
            url = (await stack.enter_async_context(EmbeddedServer(settings.data_folder))).url
        return await lifecycle.run([*build(settings, embedded_url=url).components, calm_collector()])
