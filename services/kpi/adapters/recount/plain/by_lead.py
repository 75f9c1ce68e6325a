"""A figure shared out among its leads, to name the one that a difference comes from."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from services.kpi.adapters.recount.figures import Key, Span
from services.kpi.adapters.recount.plain.definitions import (
    DEFINITIONS,
    MONEY,
    Count,
    Distinct,
    Durations,
    Ratio,
    Sum,
    cohort_term,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Part(NamedTuple):
    """What one lead adds to a figure: to its two terms, or durations in ms, ascending."""

    above: int = 0
    below: int = 0
    durations_ms: tuple[int, ...] = ()


def by_lead(database: "DuckDBPyConnection", key: Key, exact: Span, days: Span) -> Mapping[str, Part]:
    """Return what each lead adds to the figure *key* of a window that is of *exact*, or by whole days of *days*."""
    name, _, currency = key.metric.partition(":")
    match DEFINITIONS[name]:
        case Count(term):
            return _shared(database, key.segment, exact, (term,), ())
        case Sum():
            return _shared(database, key.segment, exact, (MONEY + currency,), ())
        case Distinct(term):
            found = _shared(database, key.segment, days, (term,), ())
            return {lead: Part(1) for lead in found}
        case Durations(term):
            return _durations(database, key.segment, days, term)
        case Ratio(above, below, cohort):
            if cohort is None or key.reading == "period":
                return _shared(database, key.segment, exact, above, below)
            limit = key.reading.partition("/")[2]
            term = cohort_term(cohort, int(limit) if limit else None)
            return _shared(database, key.segment, days, (term,), (cohort[0],))


def _shared(
    database: "DuckDBPyConnection", segment: str, span: Span, above: Iterable[str], below: Iterable[str]
) -> Mapping[str, Part]:
    rows = database.execute(
        "SELECT lead, coalesce(sum(amount) FILTER (list_contains($above, term)), 0),"
        " coalesce(sum(amount) FILTER (list_contains($below, term)), 0)"
        " FROM counted WHERE segment = $segment AND happened_at >= $from_at AND happened_at < $to_at"
        " AND (list_contains($above, term) OR list_contains($below, term)) GROUP BY lead",
        {**_given(segment, span), "above": list(above), "below": list(below)},
    )
    return {lead: Part(int(top), int(bottom)) for lead, top, bottom in rows.fetchall()}


def _durations(database: "DuckDBPyConnection", segment: str, span: Span, term: str) -> Mapping[str, Part]:
    rows = database.execute(
        "SELECT lead, list(ms ORDER BY ms) FROM spent"
        " WHERE segment = $segment AND happened_at >= $from_at AND happened_at < $to_at AND term = $term GROUP BY lead",
        {**_given(segment, span), "term": term},
    )
    return {lead: Part(len(all_ms), 0, tuple(all_ms)) for lead, all_ms in rows.fetchall()}


def _given(segment: str, span: Span) -> dict[str, Any]:
    return {"segment": segment, "from_at": span.from_at, "to_at": span.to_at}
