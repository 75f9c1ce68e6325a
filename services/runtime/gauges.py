"""Gauges that are set before each scrape: series that come and go, and how the workers of a process stand."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from services.errors import Retryable
from services.runtime.metric_catalogue import GaugeName
from services.runtime.metrics import Metrics
from services.runtime.worker import ShardWorker


class Series:
    """The series of one gauge: those that are set no more are forgotten, lest they stay as they were."""

    def __init__(self, metrics: Metrics, name: GaugeName) -> None:
        self._metrics = metrics
        self._name: GaugeName = name
        self._shown: list[dict[str, str | int]] = []

    def show(self, values: Sequence[tuple[dict[str, str | int], float]]) -> None:
        """Make *values* (labels, value) all there is."""
        labels = [each for each, _ in values]
        for gone in self._shown:
            if gone not in labels:
                self._metrics.forget(self._name, **gone)
        for each, value in values:
            self._metrics.set(self._name, value, **each)
        self._shown = labels


def watch_workers(metrics: Metrics, workers: Mapping[str, ShardWorker]) -> None:
    """Set the outbox and the lag of each partition that is held here; *workers* by topic, filled as they start."""
    outboxes = Series(metrics, "tasuki_outbox_records")
    lags = Series(metrics, "tasuki_lag_records")

    async def refresh() -> None:
        outboxes.show(
            [
                ({"topic": topic, "partition": partition}, len(shard.outbox))
                for topic, worker in workers.items()
                for partition, shard in worker.shards.items()
            ]
        )
        with suppress(Retryable):  # the log is away: the last lag stays, health tells
            lags.show(
                [
                    ({"topic": topic, "partition": partition}, lag)
                    for topic, worker in list(workers.items())
                    for partition, lag in (await worker.subscription.lag()).items()
                ]
            )

    metrics.on_scrape(refresh)
