"""Bodies as tables, and tables as CSV that Excel opens as it is meant."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel

from services.kpi.adapters.feed.bodies import (
    CohortsBody,
    DefinitionBody,
    DefinitionsBody,
    FigureBody,
    FiguresBody,
    MetricBody,
    TableBody,
    TargetBody,
)
from services.kpi.adapters.feed.goal_bodies import GoalBody
from services.kpi.adapters.feed.lead_bodies import AlertsBody, BehindBody, ClocksBody, LeadBody, TimelineBody

Row: TypeAlias = Mapping[str, Any]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_csv(rows: Sequence[Row]) -> bytes:
    """
    Return *rows* as CSV in UTF-8 with a byte order mark, without which Excel takes it for Shift_JIS.

    Text that Excel would run as a formula gets an apostrophe in front; numbers stay numbers.
    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    out = io.StringIO()
    if rows:
        writer = csv.writer(out)
        writer.writerow(rows[0])
        writer.writerows([_cell(each) for each in row.values()] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def rows_of(body: object) -> Sequence[Row]:
    """Return the rows of *body*'s table."""
    match body:
        case DefinitionsBody():
            return [_definition(each) for each in body.metrics]
        case MetricBody():
            return [_figure(body.figure)]
        case FiguresBody():
            return [_figure(each) for each in body.figures]
        case CohortsBody():
            return [_figure(figure) for each in body.cohorts for figure in each.figures]
        case GoalBody():
            return [
                {**_figure(each.figure), "year": each.year, "by_now": each.by_now, "status": each.status}
                for each in body.items
            ]
        case TableBody():
            return list(_items(body))
        case ClocksBody() | BehindBody() | AlertsBody() | TimelineBody():
            return [_flat(each) for each in body.items]
        case LeadBody():
            return [_flat(each) for each in body.facts]
        case _:
            raise TypeError(f"{type(body).__name__} is no table")


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def _flat(each: BaseModel) -> Row:
    """What has parts is one cell, as JSON: a table's columns are the same for all its rows."""
    row = each.model_dump()
    return {
        name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if isinstance(value, (dict, list, tuple))
        else value
        for name, value in row.items()
    }


def _definition(each: DefinitionBody) -> Row:
    row = each.model_dump(exclude={"sdr", "bdr"})
    for name, role in (("sdr", each.sdr), ("bdr", each.bdr)):
        row |= {name: role.need, **_target(f"{name}_", role.target)}
    return row


def _target(head: str, of: TargetBody | None) -> Row:
    names = ("low", "high", "per", "of", "from_goal")
    return {f"{head}target_{name}": None if of is None else getattr(of, name) for name in names}


def _figure(each: FigureBody) -> Row:
    row = each.model_dump(exclude={"range", "interval"})
    interval = each.interval
    return row | {
        "from_at": each.range.from_at,
        "to_at": each.range.to_at,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
    }


def _items(body: TableBody) -> Iterable[Row]:
    for item in body.items:
        for name, role in item.roles.items():
            yield {
                "name": item.definition.name,
                "ja": item.definition.ja,
                "en": item.definition.en,
                "unit": item.definition.unit,
                "role": name,
                "need": role.need,
                "value": role.figure.value,
                "numerator": role.figure.numerator,
                "denominator": role.figure.denominator,
                "no_data": role.figure.no_data,
                "previous": role.previous.value,
                "delta": role.delta,
                "status": role.status,
                **_target("", role.target),
            }
