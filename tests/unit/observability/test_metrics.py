"""Metrics: the catalogue is what exists, the page says so, and counting cannot go wrong quietly."""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.runtime.metric_catalogue import (
    CATALOGUE,
    CONFIGURED,
    SECONDS,
    CounterName,
    GaugeName,
    HistogramName,
    as_markdown,
)
from services.runtime.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_is_what_the_catalogue_says() -> None:
    """Run `python -m services.runtime.metric_catalogue > docs/metrics.md` after a change."""
    assert PAGE.read_text() == as_markdown()


def test_the_catalogue_holds_each_name_once() -> None:
    """Each name that type-checks has a meaning, and none has two."""
    names = [metric.name for metric in CATALOGUE]

    assert sorted(names) == sorted([*get_args(CounterName), *get_args(GaugeName), *get_args(HistogramName)])


def _set_by_name(tree: ast.AST) -> Iterator[str]:
    """Yield the texts in *tree*, without those that only ask for a metric's value or take one away."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            asks = isinstance(node.func, ast.Attribute) and node.func.attr in {"value", "forget"}
            yield from (
                each.value
                for each in (*node.args, *(word.value for word in node.keywords))
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and not asks
            )


def test_each_metric_is_set_by_somebody() -> None:
    """A metric that nobody counts, sets or observes shows nothing, which looks like all is well."""
    services = Path(__file__).parents[3] / "services"
    sources = [path for part in ("runtime", "sync", "kpi") for path in (services / part).rglob("*.py")]
    named = {
        name
        for path in sources
        if path.name != "metric_catalogue.py"
        for name in _set_by_name(ast.parse(path.read_text()))
    }

    assert {metric.name for metric in CATALOGUE} - named == set()


def test_names_say_kind_and_unit() -> None:
    """Counters end in _total, durations in _seconds and nothing else does."""
    for metric in CATALOGUE:
        assert re.fullmatch(r"tasuki_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.name.endswith("_seconds") == (metric.unit == "seconds")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.meaning.endswith((".", "0"))


def test_durations_are_told_apart_from_1_ms_to_60_s() -> None:
    """The promised figures are borders of buckets, so that a quantile near them is not a guess."""
    assert SECONDS[0] == 0.001
    assert SECONDS[-1] == 60.0
    assert list(SECONDS) == sorted(SECONDS)
    assert {0.03, 0.15, 0.3} <= set(SECONDS)


def test_what_is_counted_is_what_prometheus_reads() -> None:
    """Counter, gauge and histogram come out of the text format with their labels."""
    metrics = Metrics()
    metrics.count("tasuki_door_requests_total", system="hubspot", outcome="accepted")
    metrics.count("tasuki_door_requests_total", 2, system="hubspot", outcome="accepted")
    metrics.set("tasuki_lag_records", 7, topic="tasuki.inbox.v1", partition=3)
    metrics.observe("tasuki_handoff_seconds", 0.029, system="salesforce")
    with metrics.timed("tasuki_fold_seconds", topic="tasuki.inbox.v1"):
        pass

    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }
    door = ("tasuki_door_requests_total", ("outcome", "accepted"), ("system", "hubspot"))
    assert samples[door] == 3
    assert samples["tasuki_lag_records", ("partition", "3"), ("topic", "tasuki.inbox.v1")] == 7
    assert samples["tasuki_handoff_seconds_bucket", ("le", "0.03"), ("system", "salesforce")] == 1
    assert samples["tasuki_handoff_seconds_bucket", ("le", "0.02"), ("system", "salesforce")] == 0
    assert samples["tasuki_fold_seconds_count", ("topic", "tasuki.inbox.v1")] == 1
    assert not any("created" in key[0] for key in samples)


def test_two_instances_do_not_meet() -> None:
    """Each process part or test may have its own; nothing is registered globally."""
    one, other = Metrics(), Metrics()
    one.count("tasuki_notifications_total", system="hubspot")

    assert one.value("tasuki_notifications_total", system="hubspot") == 1
    assert other.value("tasuki_notifications_total", system="hubspot") == 0


def test_a_value_outside_the_closed_list_counts_as_other() -> None:
    """A vendor's new word must neither break the work nor make a series for each word."""
    metrics = Metrics()
    metrics.count("tasuki_door_requests_total", system="hubspot", outcome="weather")

    assert metrics.value("tasuki_door_requests_total", system="hubspot", outcome="other") == 1


def test_configured_labels_are_bounded_too() -> None:
    """A reason that carries an id by mistake can't fill the memory."""
    metrics = Metrics()
    for number in range(1_000):
        metrics.count("tasuki_dead_letters_total", reason=f"reason-{number}")

    assert metrics.render().count(b'tasuki_dead_letters_total{reason="') == 201
    assert metrics.value("tasuki_dead_letters_total", reason="other") == 800


def test_a_wrong_label_is_a_bug_and_says_which_there_are() -> None:
    """Labels can't be checked by type, so the first call in any test tells."""
    with pytest.raises(ValueError, match=r"tasuki_lag_records has the labels \['topic', 'partition'\]"):
        Metrics().set("tasuki_lag_records", 1, topic="x")


def test_a_forgotten_series_is_gone() -> None:
    """A partition that moved to another process takes its lag along."""
    metrics = Metrics()
    metrics.set("tasuki_lag_records", 9, topic="t", partition=1)
    metrics.set("tasuki_lag_records", 4, topic="t", partition=2)
    metrics.forget("tasuki_lag_records", topic="t", partition=1)
    metrics.forget("tasuki_lag_records", topic="t", partition=77)

    text = metrics.render().decode()
    assert 'partition="1"' not in text
    assert 'tasuki_lag_records{partition="2",topic="t"} 4.0' in text


async def test_gauges_are_refreshed_when_read() -> None:
    """What is cheap to ask for but changes always is asked for at the scrape."""
    metrics = Metrics()

    async def refresh() -> None:
        metrics.set("tasuki_dispatch_dirty_leads", 5, system="salesforce")

    metrics.on_scrape(refresh)

    assert b'tasuki_dispatch_dirty_leads{system="salesforce"} 5.0' in await metrics.scrape()


async def test_a_refresh_that_hangs_does_not_hide_the_other_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are needed most when something hangs."""
    monkeypatch.setattr("services.runtime.metrics._REFRESH_SECONDS", 0.01)
    metrics = Metrics()
    metrics.count("tasuki_notifications_total", system="hubspot")
    metrics.on_scrape(asyncio.Event().wait)  # pyright: ignore[reportArgumentType]

    assert b'tasuki_notifications_total{system="hubspot"} 1.0' in await metrics.scrape()


def test_labels_that_the_configuration_bounds_are_marked() -> None:
    """Everything else is a closed list of words."""
    for metric in CATALOGUE:
        for label, values in metric.labels.items():
            open_by_design = label in {
                "system",
                "sink",
                "topic",
                "partition",
                "limit",
                "channel",
                "reason",
                "metric",
                "object",
                "field",
            }
            assert values != CONFIGURED or open_by_design, f"{metric.name} {label}"
