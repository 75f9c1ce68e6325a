"""Questions to Prometheus, read by a real parser: which series they name, by which labels, and whether those exist."""

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser

from services.runtime.metric_catalogue import CATALOGUE, CONFIGURED, Metric
from services.runtime.metrics import Metrics

SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes."""
# What the dashboard leaves to Grafana; any duration reads the same.
_GRAFANA = {"$__rate_interval": "5m", "$__range": "1h"}


@dataclass(frozen=True, slots=True)
class Selected:
    """A series that a question names; `matched` holds the values that its matchers compare with."""

    name: str
    matched: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What a question names: its series, and the labels that it groups or joins by."""

    series: tuple[Selected, ...]
    labels: frozenset[str]


def asked(expr: str) -> Question:
    """Return what *expr* names. Raises ValueError where it is no PromQL."""
    for variable, duration in _GRAFANA.items():
        expr = expr.replace(variable, duration)
    series: list[Selected] = []
    labels: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            matched = tuple((each.name, each.value) for each in node.matchers.matchers)
            series.append(Selected(node.name or "", matched))
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            labels.update(node.modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier and node.modifier.matching:
            labels.update(node.modifier.matching.labels)

    promql_parser.walk(promql_parser.parse(expr), visit)
    return Question(tuple(series), frozenset(labels))


def exported() -> dict[str, frozenset[str]]:
    """Return every series that a process exports, with its labels."""
    found = {name: frozenset(labels) | SCRAPED for metric in CATALOGUE for name, labels in _series(metric)}
    of_process = {
        each.name for family in Metrics(process=True).registry.collect() for each in family.samples
    } - {name.removesuffix("_bucket") for name in found}
    of_prometheus = {"up": SCRAPED}
    return found | of_prometheus | {name: SCRAPED for name in of_process if name.startswith("process_")}


def _series(metric: Metric) -> Iterator[tuple[str, set[str]]]:
    labels = set(metric.labels)
    if metric.kind != "histogram":
        yield metric.name, labels
        return
    yield f"{metric.name}_bucket", labels | {"le"}
    yield f"{metric.name}_sum", labels
    yield f"{metric.name}_count", labels


def wrong(expr: str) -> list[str]:
    """Return what *expr* names that no process exports: series, labels, and values of closed lists."""
    known, question = exported(), asked(expr)
    found = [f"no series {each.name}" for each in question.series if each.name not in known]
    found += [
        f"{each.name} has no label {label}"
        for each in question.series
        for label, _ in each.matched
        if label not in known.get(each.name, {label})
    ]
    available = frozenset[str]().union(*(known.get(each.name, frozenset()) for each in question.series))
    found += [f"nothing has the label {label}" for label in sorted(question.labels - available)]
    return found + [
        f"{each.name} has no {label}={value}"
        for each in question.series
        for label, values in each.matched
        for value in values.split("|")  # alternatives of a pattern
        if value not in closed(each.name, label, value)
    ]


def closed(name: str, label: str, value: str) -> tuple[str, ...]:
    """Return which values the label of a series may have; *value* itself where the catalogue leaves it open."""
    return closed_values(name, label) or (value,)


def closed_values(name: str, label: str) -> tuple[str, ...]:
    """Return the closed list of a label's values, or nothing where the configuration bounds them."""
    for metric in CATALOGUE:
        if name.startswith(metric.name) and label in metric.labels:
            values = metric.labels[label]
            return () if values == CONFIGURED else values
    return ()
