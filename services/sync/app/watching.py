"""What looks after sweeps: who fell silent, how old each sweep is, in metrics and health."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.health import Condition, Health, Probe, Report
from services.runtime.metrics import Metrics
from services.runtime.store import Store
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.app.letters import SERVICE
from services.sync.app.sweep_report import SweepReport
from services.sync.application.ports import Connector
from services.sync.consumers.hearing import Hearing
from services.sync.settings import Settings


def make_hearing(
    settings: Settings, store: Store, connectors: Iterable[Connector], clock: Clock, metrics: Metrics
) -> Hearing:
    """Return what looks for silences."""

    def told(system: str, name: str, silent_ms: int) -> None:
        metrics.set("tasuki_silent_seconds", silent_ms / 1000, system=system, object=name)

    return Hearing(
        store=store,
        service=SERVICE,
        partitions=settings.log.partitions,
        objects={each.system: each.objects for each in connectors},
        orders=SweepOrders(store),
        after_ms=settings.sync.silence_after_ms,
        clock=clock,
        told=told,
    )


def silence_probe(hearing: Hearing, system: str, clock: Clock) -> Probe:
    """Return a probe for a system's notifications: DEGRADED while an object is silent that usually speaks."""

    async def probe() -> Report:
        now = clock()
        words = [
            f"nothing came of {name} for {(now - each.since) // 60_000} min, usually {each.usual} by then"
            for (one, name), each in sorted(hearing.silent.items())
            if one == system
        ]
        if not words:
            return Report(Condition.OK)
        return Report(Condition.DEGRADED, f"silent: {'; '.join(words)}; it is being swept instead")

    return probe


def watch_sweeps(metrics: Metrics, report: SweepReport, clock: Clock) -> None:
    """Set how long ago each object was swept, and how far the first filling came."""

    async def refresh() -> None:
        with suppress(Retryable):  # the store is away: what was known stays
            now = clock()
            for (system, name), state in (await report.states()).items():
                swept_at = state.until if state.last is None else state.last.at
                metrics.set(
                    "tasuki_sweep_age_seconds", max(0, now - swept_at) / 1000, system=system, object=name
                )
            filling = await report.backfill()
            for key, read in (filling.read if filling else {}).items():
                system, _, name = key.partition(":")
                metrics.set("tasuki_backfill_records", read, system=system, object=name)

    metrics.on_scrape(refresh)


def watch_reconciling(
    settings: Settings,
    store: Store,
    connectors: Sequence[Connector],
    clock: Clock,
    metrics: Metrics,
    health: Health,
) -> tuple[SweepReport, Hearing]:
    """Return what tells of sweeps and of silences, with their metrics and health in place."""
    swept = {each.system: each.objects for each in connectors}
    report = SweepReport(store, swept, settings.log.partitions)
    hearing = make_hearing(settings, store, connectors, clock, metrics)
    watch_sweeps(metrics, report, clock)
    for system in swept:
        health.register(f"silence.{system}", silence_probe(hearing, system, clock))
    return report, hearing
