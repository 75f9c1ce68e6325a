"""Grafana's dashboard against what the services export."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import draw
from deploy.grafana.panels import Panel
from deploy.grafana.rows import ROWS
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.metric import Unit
from services.runtime.metric_catalogue import CATALOGUE
from tests import promql

GRAFANA = Path(__file__).parents[3] / "deploy" / "grafana"
KEPT = GRAFANA / "dashboards" / "tasuki.json"
DRAWN: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [each for each in DRAWN["panels"] if each["type"] != "row"]
TARGETS = [(each["title"], target) for each in PANELS for target in each["targets"]]
UNITS = {"short", "s", "ms", "ops", "reqps", "percentunit", "bytes"}
"""Grafana's ids of units: a misspelt one is shown as text behind the number."""


def test_the_file_is_what_the_rows_say() -> None:
    """`python -m deploy.grafana.draw > deploy/grafana/dashboards/tasuki.json` writes it."""
    assert KEPT.read_text(encoding="utf-8") == draw.text()


@pytest.mark.parametrize(("title", "target"), TARGETS)
def test_each_question_names_what_is_exported(title: str, target: dict[str, Any]) -> None:
    """Series, labels and the values of closed lists; the legend shows labels that are there."""
    assert title
    assert promql.wrong(target["expr"]) == []
    question = promql.asked(target["expr"])
    shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert shown <= (question.labels or promql.SCRAPED)


@pytest.mark.parametrize("panel", PANELS, ids=lambda each: each["title"])
def test_each_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    """A title, what it tells, a unit that Grafana knows, a question, and the source that is chosen."""
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["targets"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.mark.parametrize("target", [target for _, target in TARGETS])
def test_each_question_is_of_the_jobs_chosen(target: dict[str, Any]) -> None:
    """Two installations in one Prometheus don't mix."""
    assert all(("job", "$job") in each.matched for each in promql.asked(target["expr"]).series)


def test_each_metric_of_the_catalogue_is_on_it() -> None:
    """Nothing is exported that nobody looks at."""
    named = {each.name for _, target in TARGETS for each in promql.asked(target["expr"]).series}
    unseen = {each.name for each in CATALOGUE if not any(name.startswith(each.name) for name in named)}
    assert unseen == set()


def test_panels_lie_side_by_side() -> None:
    """None covers another, none leaves the page, each has an id of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in DRAWN["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DRAWN["panels"]}) == len(DRAWN["panels"])


def kpi_panel(title: str) -> Panel:
    """Return the panel of the KPIs with that title."""
    return next(panel for row in ROWS if row.title == "KPIs" for panel in row.panels if panel.title == title)


def shown_in(title: str) -> set[str]:
    """Return the KPIs that the panel's matcher lets through."""
    ((_, matcher),) = (
        (name, value)
        for each in promql.asked(kpi_panel(title).queries[0].expr).series
        for name, value in each.matched
        if name == "metric"
    )
    negated = "metric!~" in kpi_panel(title).queries[0].expr
    return {each.name for each in METRICS.values() if bool(re.fullmatch(matcher, each.name)) is not negated}


@pytest.mark.parametrize(
    ("title", "units"),
    [
        ("Counts", {Unit.COUNT, Unit.PEOPLE}),
        ("Shares", {Unit.RATE}),
        ("Times", {Unit.DURATION}),
        ("Money", {Unit.MONEY}),
    ],
)
def test_each_kpi_is_shown_in_its_unit(title: str, units: set[Unit]) -> None:
    """A share among counts would be an invisible bar."""
    assert shown_in(title) == {each.name for each in METRICS.values() if each.unit in units}


@pytest.mark.parametrize("title", ["Funnel over time: SDR", "Funnel over time: BDR"])
def test_the_funnel_names_kpis_that_exist(title: str) -> None:
    """Each alternative of the matcher is a metric."""
    (matcher,) = re.findall(r'metric=~"([^"]+)"', kpi_panel(title).queries[0].expr)
    assert set(matcher.split("|")) <= {each.name for each in METRICS.values()}


def test_provisioning_leads_to_the_dashboard_and_its_source() -> None:
    """Grafana comes up with both; docker-compose.yml mounts the dashboards where the provider looks."""
    provisioning = GRAFANA / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert [each["type"] for each in sources] == ["prometheus"]
    providers = yaml.safe_load((provisioning / "dashboards" / "tasuki.yml").read_text())["providers"]
    assert [each["options"]["path"] for each in providers] == ["/var/lib/grafana/dashboards"]
