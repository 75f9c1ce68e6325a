"""
Metrics at run time: the catalogue as Prometheus objects in a registry of their own, handed to who counts.

Two instances in one process don't meet: nothing is registered globally. Names are Literals, so a misspelt
one doesn't type-check; labels are checked when counted.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from services.runtime.metric_catalogue import (
    CATALOGUE,
    CONFIGURED,
    OTHER,
    CounterName,
    GaugeName,
    HistogramName,
    Metric,
    MetricName,
)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_MOST_VALUES = 200
_REFRESH_SECONDS = 2.0

Refresh = Callable[[], Awaitable[None]]
"""Sets gauges right before they are read; must be cheap and raise nothing but bugs."""


class Metrics:
    """
    Counts, sets and observes what the catalogue names.

    A value outside a label's closed list counts as "other", since a metric must never break the work it
    counts; a wrong label name is a bug and raises ValueError.
    """

    def __init__(self, *, process: bool = False) -> None:
        # Creation times double the number of series and say nothing that the process's start time doesn't.
        disable_created_metrics()
        self.registry = CollectorRegistry(auto_describe=False)
        if process:
            ProcessCollector(registry=self.registry)
        self._metrics: dict[str, Metric] = {metric.name: metric for metric in CATALOGUE}
        self._objects = {metric.name: _made(metric, self.registry) for metric in CATALOGUE}
        self._children: dict[tuple[str, ...], Counter | Gauge | Histogram] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._refreshes: list[Refresh] = []

    def count(self, name: CounterName, amount: float = 1, /, **labels: str | int) -> None:
        """Add *amount*, at least 0."""
        child = self._child(name, labels)
        if isinstance(child, Counter):
            child.inc(amount)

    def set(self, name: GaugeName, value: float, /, **labels: str | int) -> None:
        """Make *value* the present value."""
        child = self._child(name, labels)
        if isinstance(child, Gauge):
            child.set(value)

    def observe(self, name: HistogramName, value: float, /, **labels: str | int) -> None:
        """Add *value* to the distribution; durations are seconds."""
        child = self._child(name, labels)
        if isinstance(child, Histogram):
            child.observe(value)

    @contextmanager
    def timed(self, name: HistogramName, /, **labels: str | int) -> Generator[None]:
        """Observe how long the block took, also when it raised."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.observe(name, time.perf_counter() - began, **labels)

    def forget(self, name: GaugeName, /, **labels: str | int) -> None:
        """Remove a series: the lag of a partition that went elsewhere must not stay as it was."""
        values = self._values(self._metrics[name], labels)
        if self._children.pop((name, *values), None) is not None:
            self._objects[name].remove(*values)

    def value(self, name: MetricName, /, **labels: str | int) -> float:
        """Return a counter's or gauge's value, or a histogram's count; 0 where nothing was counted."""
        full = name + ("_count" if self._metrics[name].kind == "histogram" else "")
        texts = {key: str(value) for key, value in labels.items()}
        return self.registry.get_sample_value(full, texts) or 0.0

    def on_scrape(self, refresh: Refresh) -> None:
        """Await *refresh* before each `scrape`."""
        self._refreshes.append(refresh)

    async def scrape(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4, after the refreshes (at most 2 s)."""
        try:
            async with asyncio.timeout(_REFRESH_SECONDS):
                for refresh in self._refreshes:
                    await refresh()
        except TimeoutError:
            pass  # what was set earlier is still worth showing; health says why the refresh hangs
        return self.render()

    def render(self) -> bytes:
        """Return all metrics as they stand, in Prometheus' text format."""
        return generate_latest(self.registry)

    def _child(self, name: MetricName, labels: dict[str, str | int]) -> Counter | Gauge | Histogram:
        metric = self._metrics[name]
        values = self._values(metric, labels)
        key = (name, *values)
        child = self._children.get(key)
        if child is None:
            child = self._objects[name].labels(*values) if values else self._objects[name]
            self._children[key] = child
        return child

    def _values(self, metric: Metric, labels: dict[str, str | int]) -> tuple[str, ...]:
        if labels.keys() != metric.labels.keys():
            raise ValueError(f"{metric.name} has the labels {[*metric.labels]}, not {[*labels]}")
        return tuple(self._closed(metric, label, str(labels[label])) for label in metric.labels)

    def _closed(self, metric: Metric, label: str, value: str) -> str:
        allowed = metric.labels[label]
        if allowed != CONFIGURED:
            return value if value in allowed else OTHER
        seen = self._seen.setdefault((metric.name, label), set())
        if value in seen:
            return value
        if len(seen) >= _MOST_VALUES:
            return OTHER
        seen.add(value)
        return value


def _made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    labels = list(metric.labels)
    if metric.kind == "counter":
        return Counter(metric.name, metric.meaning, labels, registry=registry)
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.meaning, labels, registry=registry)
    return Histogram(metric.name, metric.meaning, labels, registry=registry, buckets=metric.buckets)
