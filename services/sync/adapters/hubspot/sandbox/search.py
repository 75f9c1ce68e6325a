"""Search over the simulated portal: filters, sorts, pages, the 10,000 cap, and an index that lags behind."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from services.sync.adapters.hubspot.sandbox.refusal import invalid
from services.sync.adapters.hubspot.sandbox.rows import Change, Row
from services.sync.adapters.hubspot.sandbox.schema import ALIASES
from services.sync.adapters.hubspot.sandbox.shapes import parts_of
from services.sync.adapters.hubspot.sandbox.store import Store

MAX_PAGE = 200
MAX_GROUPS = 6

Values = Mapping[str, str]


class SearchIndex:
    """
    Answers searches from what the portal held `lag_ms` ago.

    Source: https://developers.hubspot.com/docs/api/crm/search
    """

    def __init__(self, store: Store, lag_ms: int, cap: int) -> None:
        self._store = store
        self._cap = cap
        self._lag = lag_ms / 1000
        self._seen: dict[tuple[str, str], dict[str, str]] = {}
        self._due: deque[tuple[float, str, str]] = deque()
        if lag_ms:
            store.listeners.append(self._note)

    @property
    def behind(self) -> int:
        """How many changes it doesn't show yet."""
        self._catch_up()
        return len(self._due)

    def search(self, of: str, asked: Mapping[str, Any]) -> tuple[Sequence[Row], int, int | None]:
        """Return a page of records, the total, and where the next page begins."""
        limit, start = _page(asked, self._cap)
        groups = [_group(self._kinds(of), each) for each in parts_of(asked, "filterGroups")]
        if len(groups) > MAX_GROUPS:
            raise invalid(f"The maximum number of filter groups is {MAX_GROUPS}")
        in_time = self._in_time(of, asked)
        if in_time is not None:
            rows = [
                self._store.rows[of][str(self._store.by_time[of].at(each))]
                for each in in_time[start : start + limit]
            ]
            return rows, len(in_time), start + limit if start + limit < len(in_time) else None
        words = str(asked.get("query") or "").lower().split()
        found = [
            (values, row)
            for values, row in self._indexed(of)
            if (not groups or any(matches(values) for matches in groups)) and _says(values, words)
        ]
        for sort in reversed(asked.get("sorts") or ["hs_object_id"]):
            name, down = _sort(sort)
            kind = self._kinds(of).get(name, "string")
            found.sort(key=lambda each: _key(kind, each[0].get(name, "")), reverse=down)
        page = [self._shown(row, values) for values, row in found[start : start + limit]]
        following = start + limit if start + limit < len(found) else None
        return page, len(found), following

    def _in_time(self, of: str, asked: Mapping[str, Any]) -> range | None:
        """Return the places, in the listing by time, of what is asked for; None where that takes a look at each."""
        modified = ALIASES[of].modified
        groups = parts_of(asked, "filterGroups")
        if self._lag or asked.get("query") or len(groups) != 1 or asked.get("sorts") != [modified]:
            return None
        low: int | None = None
        high: int | None = None
        for each in parts_of(groups[0], "filters"):
            at = _key("datetime", str(each.get("value", "")))[0]
            if each["propertyName"] != modified or each["operator"] not in {"GTE", "LTE"}:
                return None
            if each["operator"] == "GTE":
                low = int(at) if low is None else max(low, int(at))
            else:
                high = int(at) if high is None else min(high, int(at))
        return self._store.by_time[of].between(low, high)

    def _shown(self, row: Row, values: Values) -> Row:
        """Return *row* with the values that the index knows."""
        return replace(row, values=dict(values)) if self._lag else row

    def _kinds(self, of: str) -> Mapping[str, str]:
        kinds = {name: each.type for name, each in self._store.properties[of].items()}
        return kinds | {"hs_object_id": "number"}

    def _indexed(self, of: str) -> Iterable[tuple[Values, Row]]:
        self._catch_up()
        for row in self._store.rows[of].values():
            values = self._seen.get((of, row.id)) if self._lag else row.values
            if values is not None and not row.archived:
                yield values, row

    def _note(self, change: Change) -> None:
        self._due.append((time.monotonic() + self._lag, change.object, change.id))

    def _catch_up(self) -> None:
        present = time.monotonic()
        while self._due and self._due[0][0] <= present:
            _, of, row_id = self._due.popleft()
            row = self._store.rows[of].get(row_id)
            if row is None:
                self._seen.pop((of, row_id), None)
            else:
                self._seen[(of, row_id)] = dict(row.values)


def _page(asked: Mapping[str, Any], cap: int) -> tuple[int, int]:
    limit = int(asked.get("limit") or 10)
    start = int(asked.get("after") or 0)
    if limit > MAX_PAGE:
        raise invalid(f"The maximum page size is {MAX_PAGE}")
    if start + limit > cap:
        raise invalid(f"Paging beyond {cap} results is not supported")
    return limit, start


def _group(kinds: Mapping[str, str], group: Mapping[str, Any]) -> Callable[[Values], bool]:
    tests = [_filter(kinds, each) for each in parts_of(group, "filters")]
    return lambda values: all(test(values) for test in tests)


def _filter(kinds: Mapping[str, str], asked: Mapping[str, Any]) -> Callable[[Values], bool]:
    name, operator = str(asked["propertyName"]), str(asked["operator"])
    kind = kinds.get(name)
    if kind is None:
        raise invalid(f'There was a problem with the request: unknown property "{name}"')
    wanted = _key(kind, str(asked.get("value", "")))
    several = {_key(kind, str(each)) for each in asked.get("values") or ()}
    high = _key(kind, str(asked.get("highValue", "")))
    tests: Mapping[str, Callable[[Any], bool]] = {
        "EQ": lambda key: key == wanted,
        "NEQ": lambda key: key != wanted,
        "GT": lambda key: key > wanted,
        "GTE": lambda key: key >= wanted,
        "LT": lambda key: key < wanted,
        "LTE": lambda key: key <= wanted,
        "BETWEEN": lambda key: wanted <= key <= high,
        "IN": lambda key: key in several,
        "NOT_IN": lambda key: key not in several,
        "CONTAINS_TOKEN": lambda key: str(wanted[1]).strip("*") in str(key[1]),
        "NOT_CONTAINS_TOKEN": lambda key: str(wanted[1]).strip("*") not in str(key[1]),
    }
    if operator == "HAS_PROPERTY":
        return lambda values: bool(values.get(name))
    if operator == "NOT_HAS_PROPERTY":
        return lambda values: not values.get(name)
    if operator not in tests:
        raise invalid(f'Unknown operator "{operator}"')
    test = tests[operator]
    return lambda values: bool(values.get(name)) and test(_key(kind, values[name]))


def _key(kind: str, value: str) -> tuple[float, str]:
    """Return what values of *kind* are compared by: numbers and instants by size, texts without case."""
    if kind in {"number", "date", "datetime"} and value:
        try:
            return float(value), ""
        except ValueError:
            pass
        try:
            return round(datetime.fromisoformat(value).timestamp() * 1000), ""
        except ValueError:
            return 0.0, value
    return 0.0, value.lower()


def _sort(sort: Any) -> tuple[str, bool]:
    if isinstance(sort, Mapping):
        named = cast("Mapping[str, Any]", sort)
        return str(named["propertyName"]), named.get("direction") == "DESCENDING"
    return str(sort).removeprefix("-"), str(sort).startswith("-")


def _says(values: Values, words: Sequence[str]) -> bool:
    if not words:
        return True
    names = ("email", "firstname", "lastname", "company", "phone", "name", "domain", "dealname")
    text = " ".join(values.get(each, "") for each in names).lower()
    return all(word in text for word in words)
