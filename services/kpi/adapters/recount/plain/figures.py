"""Figures by the catalogue's definitions, out of the counted tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from services.kpi.adapters.recount.figures import Figures, Key, Span, Value
from services.kpi.adapters.recount.plain.definitions import (
    DEFINITIONS,
    MONEY,
    PEOPLE_TERMS,
    Count,
    Definition,
    Distinct,
    Durations,
    Ratio,
    Sum,
    cohort_term,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_Amounts: TypeAlias = Mapping[tuple[str, str], int]
"""(term, segment) → amount."""
_Times: TypeAlias = Mapping[tuple[str, str], tuple[int, int, int]]
"""(term, segment) → how many, median, p90."""


class Asked:
    """One window of the tables: by instants for what is counted by minutes, whole days for the rest."""

    def __init__(self, database: "DuckDBPyConnection", exact: Span, days: Span) -> None:
        within, whole = _within(exact), _within(days)
        self.exact: _Amounts = _amounts(database, "sum(amount)", within)
        self.by_days: _Amounts = self.exact if exact == days else _amounts(database, "sum(amount)", whole)
        people = ", ".join(f"'{each}'" for each in sorted(PEOPLE_TERMS))
        self.people: _Amounts = _amounts(database, "count(DISTINCT lead)", f"{whole} AND term IN ({people})")
        self.times: _Times = _times(database, whole)

    def figures(
        self, window: str, segments: Sequence[str], currencies: Sequence[str], days: Sequence[int]
    ) -> Figures:
        """Return all figures of the catalogue, of each of *segments*; cohorts also within each of *days*."""
        return {
            Key(metric, reading, window, segment): value
            for segment in segments
            for name, definition in DEFINITIONS.items()
            for metric, reading, value in self._of(name, definition, segment, currencies, days)
        }

    def unsure(self, segment: str) -> int:
        """Return how many promises came due so lately that they may not count yet."""
        return self.exact.get(("sla:unsure", segment), 0)

    def _of(
        self, name: str, definition: Definition, segment: str, currencies: Sequence[str], days: Sequence[int]
    ) -> Iterator[tuple[str, str, Value]]:
        match definition:
            case Count(term):
                yield name, "", Value(self.exact.get((term, segment), 0))
            case Distinct(term):
                yield name, "", Value(self.people.get((term, segment), 0))
            case Sum():
                for currency in currencies:
                    yield f"{name}:{currency}", "", Value(self.exact.get((MONEY + currency, segment), 0))
            case Durations(term):
                many, median, p90 = self.times.get((term, segment), (0, None, None))
                yield name, "", Value(many, None, median, p90)
            case Ratio(above, below, cohort):
                top, bottom = (
                    sum(self.exact.get((term, segment), 0) for term in terms) for terms in (above, below)
                )
                yield name, "" if cohort is None else "period", Value(top, bottom)
                if cohort is not None:
                    entered = self.by_days.get((cohort[0], segment), 0)
                    for limit in (None, *days):
                        got_on = self.by_days.get((cohort_term(cohort, limit), segment), 0)
                        yield name, "cohort" if limit is None else f"cohort/{limit}", Value(got_on, entered)


def segments(database: "DuckDBPyConnection") -> set[str]:
    """Return the segments in which anything counts, ``""`` for the whole."""
    found = database.execute("SELECT segment FROM counted UNION SELECT segment FROM spent").fetchall()
    return {str(each) for (each,) in found}


def currencies(database: "DuckDBPyConnection") -> set[str]:
    """Return the currencies of won deals."""
    found = database.execute("SELECT DISTINCT currency FROM mark WHERE milestone = 'won' AND amount <> 0")
    return {str(each) for (each,) in found.fetchall()}


def active_days(database: "DuckDBPyConnection") -> Mapping[str, set[str]]:
    """Return the days (ISO) on which anything counts, each with its segments."""
    rows = database.execute(
        "SELECT strftime(day, '%Y-%m-%d'), segment FROM counted UNION"
        " SELECT strftime(day, '%Y-%m-%d'), segment FROM spent"
    )
    found: dict[str, set[str]] = {}
    for day, segment in rows.fetchall():
        found.setdefault(day, set()).add(segment)
    return found


def _within(span: Span) -> str:
    return f"happened_at >= {span.from_at} AND happened_at < {span.to_at}"


def _amounts(database: "DuckDBPyConnection", what: str, within: str) -> _Amounts:
    rows = database.execute(f"SELECT term, segment, {what} FROM counted WHERE {within} GROUP BY ALL")  # noqa: S608 (numbers)
    return {(term, segment): int(amount) for term, segment, amount in rows.fetchall()}


def _times(database: "DuckDBPyConnection", within: str) -> _Times:
    # The smallest duration that at least so large a share doesn't exceed.
    rows = database.execute(
        "SELECT term, segment, many, spread[ceil(many * 0.5)::BIGINT], spread[ceil(many * 0.9)::BIGINT] FROM ("  # noqa: S608 (numbers)
        f"SELECT term, segment, count(*) AS many, list(ms ORDER BY ms) AS spread FROM spent WHERE {within} GROUP BY ALL)"
    )
    return {(term, segment): (many, median, p90) for term, segment, many, median, p90 in rows.fetchall()}
