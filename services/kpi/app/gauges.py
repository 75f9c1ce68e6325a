"""What is asked for when somebody looks: the clocks of the shards that are held, the KPIs, the feed, failing sinks."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from services.errors import Retryable
from services.kpi.application.reading import Figure
from services.kpi.consumers.notice_figures import NoticeFigures
from services.kpi.consumers.shard_clocks import DEADLINES, TIMERS
from services.kpi.domain.rules import ROLE
from services.kpi.domain.windows import Window
from services.runtime.clock import Clock
from services.runtime.gauges import Series
from services.runtime.health import Condition, Probe, Report
from services.runtime.metrics import Metrics
from services.runtime.shard import Shard

ShardsOf = Callable[[], Mapping[int, Shard]]
"""The shards that count, held now."""


async def standing(shards: ShardsOf, now: int) -> tuple[int, int, int]:
    """Return of the shards held how many timers, clocks that run, and overdue ones they have. Raises StoreUnavailable."""

    async def of(shard: Shard) -> tuple[int, int, int]:
        deadlines = shard.key(DEADLINES)
        timers, running, overdue = await shard.store.read(
            [("ZCARD", shard.key(TIMERS)), ("ZCARD", deadlines), ("ZCOUNT", deadlines, "-inf", now)]
        )
        return int(timers), int(running), int(overdue)

    found = await asyncio.gather(*(of(each) for each in shards().values()))
    return sum(each[0] for each in found), sum(each[1] for each in found), sum(each[2] for each in found)


def watch_clocks(metrics: Metrics, shards: ShardsOf, clock: Clock) -> None:
    """Set how many timers and clocks there are in the shards held here."""

    async def refresh() -> None:
        with suppress(Retryable):  # the store is away: the last count stays, health tells
            timers, running, overdue = await standing(shards, clock())
            metrics.set("tasuki_timers_open", timers)
            metrics.set("tasuki_clocks_open", running)
            metrics.set("tasuki_clocks_overdue", overdue)

    metrics.on_scrape(refresh)


def watch_feed(metrics: Metrics, listening: Callable[[], int]) -> None:
    """Set how many listen."""

    async def refresh() -> None:
        metrics.set("tasuki_feed_clients", listening())

    metrics.on_scrape(refresh)


def kpi_gauges(metrics: Metrics, window: Window) -> Callable[[Sequence[tuple[Window, Figure]] | None], None]:
    """Return what shows the figures of *window* that were read; None shows none any more."""
    series = Series(metrics, "tasuki_kpi_value")

    def seen(figures: Sequence[tuple[Window, Figure]] | None) -> None:
        series.show(
            [
                ({"metric": each.ask.metric, "role": _role(each)}, each.value)
                for over, each in figures or ()
                if over is window and each.value is not None
            ]
        )

    return seen


def _role(figure: Figure) -> str:
    segment = figure.ask.segment
    return segment[1] if segment is not None and segment[0] == ROLE else "all"


def sinks_probe(figures: NoticeFigures) -> Probe:
    """Return a probe that is DEGRADED while the last message to a sink failed: the others go on."""

    async def probe() -> Report:
        failing = sorted(figures.failing)
        if failing:
            return Report(Condition.DEGRADED, f"the last message failed: {', '.join(failing)}")
        return Report(Condition.OK)

    return probe
