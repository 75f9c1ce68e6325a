"""Runs parsed SOQL over the tables, through an index where the condition allows it."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from services.sync.adapters.salesforce.sandbox import ids, soql
from services.sync.adapters.salesforce.sandbox.fields import Field, ObjectType, Schema
from services.sync.adapters.salesforce.sandbox.refusal import CallError, Refusal
from services.sync.adapters.salesforce.sandbox.soql import Comparison, Condition, Junction, Query
from services.sync.adapters.salesforce.sandbox.table import STAMP, Row, Table
from services.sync.adapters.salesforce.sandbox.values import rendered

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BY_TIME = (soql.Order(STAMP), soql.Order("Id"))
"""The order in which tables keep their records, so that a listing by it ends with its limit."""

Bounds: TypeAlias = tuple[int | None, int | None]
_ENDS: Mapping[str, Callable[[int], Bounds]] = {
    "=": lambda at: (at, at),
    "<": lambda at: (None, at - 1),
    "<=": lambda at: (None, at),
    ">": lambda at: (at + 1, None),
    ">=": lambda at: (at, None),
}
_TEXTUAL = frozenset({"string", "textarea", "email", "phone", "url", "picklist", "id", "reference", "date"})


def run(schema: Schema, tables: Mapping[str, Table], text: str, *, deleted: bool) -> list[dict[str, Any]]:
    """Return the records that the SOQL *text* selects, as the REST API's JSON. Raises CallError."""
    query = soql.parse(text)
    kind = schema.objects.get(query.source)
    if kind is None:
        raise CallError(400, "INVALID_TYPE", f"sObject type '{query.source}' is not supported.")
    fields = [_field(kind, each) for each in query.fields]
    selected = _selected(tables[query.source], query)
    rows: Iterable[Row] = (each for each in selected if deleted or not each["IsDeleted"])
    if query.order != _BY_TIME:
        rows = list(rows)
        for order in reversed(query.order):
            rows.sort(key=_sort_key(_field(kind, order.field), order), reverse=order.descending)
    return [record(kind, fields, each) for each in islice(rows, query.limit)]


def record(kind: ObjectType, fields: Iterable[Field], row: Row) -> dict[str, Any]:
    """Return *fields* of *row* as a record of a response."""
    attributes = {"type": kind.name, "url": f"/services/data/v67.0/sobjects/{kind.name}/{row['Id']}"}
    return {
        "attributes": attributes,
        **{each.name: rendered(each, row.get(each.name)) for each in fields},
    }


def _field(kind: ObjectType, name: str) -> Field:
    field = kind.fields.get(name)
    if field is None:
        raise CallError(
            400, "INVALID_FIELD", f"No such column '{name}' on entity '{kind.name}'. If you are attempting to "
            "use a custom field, be sure to append the '__c' after the custom field name."
        )  # fmt: skip
    return field


def _selected(table: Table, query: Query) -> Iterator[Row]:
    """Yield the records that match; in the order of time where that is asked for."""
    matches = _predicate(table.kind, query.where) if query.where is not None else _any
    if query.order == _BY_TIME:
        low, high = _bounds(query.where)
        candidates = (table.rows[table.by_time.at(each)] for each in table.by_time.between(low, high))
    else:
        found = None if query.where is None else _candidates(table, query.where)
        candidates = iter((table.rows if found is None else found).values())
    yield from (row for row in candidates if matches(row))


def _any(_row: Row) -> bool:
    return True


def _bounds(where: Condition | None) -> Bounds:
    """Return between which two changes everything lies that *where* may take; None for no end."""
    if isinstance(where, Comparison):
        if where.field != STAMP or not isinstance(at := where.values[0], int) or where.operator not in _ENDS:
            return None, None
        return _ENDS[where.operator](at)
    if where is None or where.operator == "NOT":
        return None, None
    lows, highs = zip(*(_bounds(each) for each in where.parts), strict=True)
    if where.operator == "AND":
        known = [each for each in lows if each is not None], [each for each in highs if each is not None]
        return max(known[0], default=None), min(known[1], default=None)
    return None if None in lows else min(lows), None if None in highs else max(highs)


def _candidates(table: Table, where: Condition) -> dict[str, Row] | None:
    """Return the records that an index says may match, or None where all must be looked at."""
    if isinstance(where, Comparison):
        if where.operator not in {"=", "IN"} or not table.indexed(where.field) or None in where.values:
            return None
        values = [_as_id(each) if where.field == "Id" else each for each in where.values]
        return {row["Id"]: row for value in values for row in table.find(where.field, value)}
    if where.operator == "NOT":
        return None
    parts = [_candidates(table, each) for each in where.parts]
    known = [each for each in parts if each is not None]
    if where.operator == "AND":
        return min(known, key=len) if known else None
    if len(known) < len(parts):
        return None
    return {identity: row for part in known for identity, row in part.items()}


def _predicate(kind: ObjectType, where: Condition) -> Callable[[Row], bool]:
    if isinstance(where, Junction):
        parts = [_predicate(kind, each) for each in where.parts]
        if where.operator == "AND":
            return lambda row: all(each(row) for each in parts)
        if where.operator == "OR":
            return lambda row: any(each(row) for each in parts)
        return lambda row: not parts[0](row)
    field = _field(kind, where.field)
    values = tuple(_comparable(field, each) for each in where.values)
    return _comparing(field, where.operator, values)


def _comparing(field: Field, sign: str, values: tuple[Any, ...]) -> Callable[[Row], bool]:
    if sign in {"=", "IN"}:
        wanted = frozenset(values)
        return lambda row: _comparable(field, _value(field, row)) in wanted
    if sign in {"!=", "NOT IN"}:
        refused = frozenset(values)
        return lambda row: _comparable(field, _value(field, row)) not in refused
    if sign == "LIKE":
        pattern = _like(str(values[0]))
        return lambda row: pattern.fullmatch(str(_comparable(field, _value(field, row)) or "")) is not None
    compare, bound = _ORDERS[sign], values[0]
    if bound is None:
        raise CallError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {field.name} field")

    def ordered(row: Row) -> bool:
        value = _comparable(field, _value(field, row))
        return value is not None and compare(value, bound)

    return ordered


def _like(text: str) -> re.Pattern[str]:
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(each, re.escape(each)) for each in text), re.DOTALL)


def _value(field: Field, row: Row) -> Any:
    value = row.get(field.name)
    return False if value is None and field.type == "boolean" else value


def _comparable(field: Field, value: Any) -> Any:
    """Return *value* as it is compared: texts without case, ids in their long form. Raises CallError."""
    if value is None:
        return None
    if field.type in {"id", "reference"}:
        return _as_id(value)
    textual = field.type in _TEXTUAL
    if textual != isinstance(value, str) or (field.type == "boolean") != isinstance(value, bool):
        raise CallError(
            400, "INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {field.type}"
        )  # fmt: skip
    return value.lower() if textual else value


def _as_id(value: Any) -> str:
    try:
        return ids.normal(str(value))
    except Refusal:
        raise CallError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}") from None


def _sort_key(field: Field, order: soql.Order) -> Callable[[Row], tuple[bool, Any]]:
    """Return a key that puts nulls first, or last if asked, whichever way the values go."""
    has_value_sorts_high = order.descending == order.nulls_last

    def key(row: Row) -> tuple[bool, Any]:
        value = _comparable(field, _value(field, row))
        return ((value is not None) == has_value_sorts_high, 0 if value is None else value)

    return key
