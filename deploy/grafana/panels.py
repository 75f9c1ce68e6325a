"""What the dashboard shows: its rows and their panels, with the question in PromQL, the unit, and what it tells."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "bargauge"]

# What is promised of a handoff, in seconds: the median and the 99th percentile.
HANDOFF_P50_S = 0.03
HANDOFF_P99_S = 0.15


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus; `legend` may name labels: ``{{topic}}``."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """
    One panel. `unit` is Grafana's id of a unit, `width` of 24 columns; from `bad_from` on a value is red.
    """

    title: str
    unit: str
    tells: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = 8
    bad_from: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def quantile(share: float, metric: str, *labels: str, only: str = "") -> str:
    """Return the question for a quantile of a histogram, by *labels*, of the series that *only* selects."""
    by = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{only}[$__rate_interval])))"


def both(metric: str, *labels: str, only: str = "") -> tuple[Query, ...]:
    """Return the median and the 99th percentile, by *labels*."""
    named = "".join(f" {{{{{label}}}}}" for label in labels)
    return (
        Query(quantile(0.5, metric, *labels, only=only), f"p50{named}"),
        Query(quantile(0.99, metric, *labels, only=only), f"p99{named}"),
    )


def rate(metric: str, *labels: str, only: str = "") -> Query:
    """Return how much it grows a second, by *labels*."""
    return Query(
        f"sum by ({', '.join(labels)}) (rate({metric}{only}[$__rate_interval]))",
        " ".join(f"{{{{{label}}}}}" for label in labels),
    )


def increase(metric: str, window: str) -> str:
    """
    Return the question by how much each series of *metric* grew in *window*.

    A series may be born with its first event, which PromQL's increase doesn't see: one that wasn't there when the
    window began counts whole.
    """
    return f"({metric} unless {metric} offset {window}) or increase({metric}[{window}])"


def grown(metric: str, *labels: str, legend: str = "") -> Query:
    """Return by how much it grew in the time of one step, by *labels*: for what is rare."""
    grouped = f"sum by ({', '.join(labels)})" if labels else "sum"
    named = legend or " ".join(f"{{{{{label}}}}}" for label in labels)
    return Query(f"{grouped} ({increase(metric, '$__rate_interval')}) > 0", named)


def stat(title: str, unit: str, tells: str, expr: str, *, bad_from: float | None = None) -> Panel:
    """Return one figure for the top row."""
    return Panel(
        title=title,
        unit=unit,
        tells=tells,
        queries=(Query(expr),),
        kind="stat",
        width=3,
        bad_from=bad_from,
    )
