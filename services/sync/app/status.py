"""Gathers what `GET /status` shows: nothing is measured for it that isn't known anyway."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.health import Condition, Health, Report
from services.runtime.topic_status import topic_status
from services.runtime.worker import ShardWorker
from services.sync.adapters.door.status import (
    LatencyStatus,
    QuotaStatus,
    SilenceStatus,
    StatusBody,
    StreamStatus,
    SystemStatus,
)
from services.sync.adapters.quota import QuotaGovernor
from services.sync.app.sweep_report import SweepReport
from services.sync.application.ports import Connector
from services.sync.consumers.figures import Figures
from services.sync.consumers.hearing import Hearing
from services.sync.consumers.leads import HeldShard
from services.sync.consumers.streams import Streams
from services.sync.domain.priority import Priority
from services.sync.domain.records import Side


@dataclass(frozen=True, slots=True)
class StatusSource:
    """Where the status comes from; `workers` by topic are filled as they start."""

    health: Health
    workers: Mapping[str, ShardWorker]
    held: Mapping[int, HeldShard]
    connectors: Mapping[Side, Connector]
    governors: Mapping[str, QuotaGovernor]
    streams: Streams
    figures: Figures
    sweeps: SweepReport
    hearing: Hearing
    clock: Clock

    async def __call__(self) -> StatusBody:
        """Return how the service does now."""
        verdict = await self.health.verdict()
        now = self.clock()
        return StatusBody(
            version=version("tasuki"),
            ready=verdict.ready,
            live=verdict.live,
            reasons=list(verdict.reasons),
            topics={topic: await topic_status(worker) for topic, worker in self.workers.items()},
            systems={
                each.system: await self._system(side, verdict.components.get(each.system))
                for side, each in self.connectors.items()
            },
            quotas=await _quotas(self.governors.values()),
            streams=[
                StreamStatus(system=system, channel=channel, age_ms=max(0, now - at))
                for (system, channel), at in sorted(self.streams.told_at.items())
            ],
            latency=_latency(self.figures.handoff_ms()),
            sweeps=await _or_none(self.sweeps.sweeps()),
            silent=[
                SilenceStatus(system=system, object=name, since=each.since, usual=each.usual)
                for (system, name), each in sorted(self.hearing.silent.items())
            ],
            backfill=await _or_none(self.sweeps.backfill()),
            drift=await _or_none(self.sweeps.drift()),
            echoes=await _or_none(self.sweeps.echoes()),
        )

    async def _system(self, side: Side, report: Report | None) -> SystemStatus:
        condition = Condition.OK if report is None else report.condition
        try:
            counts = await asyncio.gather(*(each.leads.dirty_count(side) for each in self.held.values()))
        except Retryable:  # the store is away
            counts = None
        return SystemStatus(
            condition=condition.value,
            reason="" if report is None else report.reason,
            dirty=None if counts is None else sum(counts),
        )


def _latency(found: tuple[int, int] | None) -> LatencyStatus | None:
    return None if found is None else LatencyStatus(p50_ms=found[0], p99_ms=found[1])


T = TypeVar("T")


async def _or_none(asked: Awaitable[T]) -> T | None:
    """Return what *asked* gives, None while the store is away."""
    try:
        return await asked
    except Retryable:
        return None


async def _quotas(governors: Iterable[QuotaGovernor]) -> list[QuotaStatus] | None:
    found: list[QuotaStatus] = []
    for governor in governors:
        try:
            standings = await governor.standings()
        except Retryable:  # the store is away
            return None
        held = {each: await governor.held(each) for each in Priority}
        words = {each: await governor.why(each) for each in Priority}
        found += [
            QuotaStatus(
                system=governor.system,
                limit=each.limit.name,
                most=each.most,
                left=each.left,
                ours=each.ours,
                told_at=each.told_at,
                held={
                    priority.name.lower(): words[priority] or ""
                    for priority, hold in held.items()
                    if hold is not None and hold.limit == each.limit
                },
            )
            for each in standings
        ]
    return found
