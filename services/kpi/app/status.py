"""Gathers what `GET /status` of the KPI service shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from services.errors import Retryable
from services.kpi.adapters.feed.status_routes import ClocksStatus, KpiStatusBody, SinkStatus
from services.kpi.app.gauges import ShardsOf, standing
from services.kpi.consumers.notice_figures import NoticeFigures
from services.runtime.clock import Clock
from services.runtime.health import Health
from services.runtime.topic_status import topic_status
from services.runtime.worker import ShardWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSource:
    """Where the status comes from; what is filled as the parts start is asked for each time."""

    health: Health
    workers: Mapping[str, ShardWorker]
    shards: ShardsOf
    promised_from: Callable[[], int | None]
    waiting: Callable[[], Mapping[str, int]]
    notices: NoticeFigures
    listening: Callable[[], int]
    clock: Clock

    async def __call__(self) -> KpiStatusBody:
        """Return how the service does now."""
        verdict = await self.health.verdict()
        return KpiStatusBody(
            version=version("tasuki"),
            ready=verdict.ready,
            live=verdict.live,
            reasons=list(verdict.reasons),
            topics={topic: await topic_status(worker) for topic, worker in self.workers.items()},
            promised_from=self.promised_from(),
            clocks=await self._clocks(),
            sinks={
                name: SinkStatus(waiting=count, failing=name in self.notices.failing)
                for name, count in sorted(self.waiting().items())
            },
            feed_clients=self.listening(),
        )

    async def _clocks(self) -> ClocksStatus | None:
        try:
            timers, running, overdue = await standing(self.shards, self.clock())
        except Retryable:  # the store is away
            return None
        return ClocksStatus(timers=timers, running=running, overdue=overdue)
