"""
Draws the dashboard as Grafana reads it, from rows.py.

    python -m deploy.grafana.draw > deploy/grafana/dashboards/tasuki.json

Every series is of the jobs chosen at the top of the page, so several installations may share one Prometheus.
"""

import json
import re
import sys
from typing import Any

from deploy.grafana.panels import Panel, Query, Row
from deploy.grafana.rows import ROWS

WIDTH = 24
HEIGHTS = {"timeseries": 8, "stat": 4, "bargauge": 9}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_SERIES = re.compile(r"\b((?:tasuki|process)_[a-z0-9_]+)(\{)?")

Json = dict[str, Any]


def scoped(expr: str) -> str:
    """Return *expr* with every series limited to the jobs that are chosen."""
    return _SERIES.sub(lambda found: f'{found[1]}{{job=~"$job"' + (", " if found[2] else "}"), expr)


def dashboard() -> Json:
    """Return the whole dashboard."""
    return {
        "uid": "tasuki",
        "title": "tasuki",
        "description": "Handoffs, the log, the vendors, promises and KPIs of tasuki. Drawn from deploy/grafana/rows.py.",
        "tags": ["tasuki"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": _variables()},
        "panels": _panels(),
    }


def _variables() -> list[Json]:
    return [
        {
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
            "hide": 0,
        },
        {
            "name": "job",
            "label": "Job",
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": "label_values(tasuki_ready, job)", "refId": "job"},
            "definition": "label_values(tasuki_ready, job)",
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "sort": 1,
        },
    ]


def _panels() -> list[Json]:
    drawn: list[Json] = []
    top = 0
    for row in ROWS:
        drawn.append(_heading(row, top))
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                left, top, tallest = 0, top + tallest, 0
            drawn.append(_panel(panel, left, top))
            left, tallest = left + panel.width, max(tallest, HEIGHTS[panel.kind])
        top += tallest
    return [{"id": number, **each} for number, each in enumerate(drawn, start=1)]


def _heading(row: Row, top: int) -> Json:
    place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {"type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, left: int, top: int) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": HEIGHTS[panel.kind]},
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        "targets": [
            _target(query, place, instant=panel.kind != "timeseries")
            for place, query in enumerate(panel.queries)
        ],
    }


def _field(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    field: Json = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        field["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 0,
            "showPoints": "auto",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if panel.bad_from is None else "dashed"},
        }
    else:
        field["color"] = {"mode": "thresholds"}
    return field


def _options(panel: Panel) -> Json:
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    if panel.kind == "stat":
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none", "textMode": "value"}
    if panel.kind == "bargauge":
        return {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "basic"}
    return {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _target(query: Query, place: int, *, instant: bool) -> Json:
    return {
        "refId": chr(ord("A") + place),
        "datasource": SOURCE,
        "expr": scoped(query.expr),
        "legendFormat": query.legend or "__auto",
        "instant": instant,
        "range": not instant,
    }


def text() -> str:
    """Return the dashboard as its file holds it."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
