"""Windows as they should be: by the firm's calendar in SQL, the rolling ones by their length."""

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

from services.kpi.adapters.recount.figures import Span
from services.kpi.domain.rules import DAY_MS, HOUR_MS, CountingRules

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROLLING_MS = {"1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}
_MINUTE_MS = 60_000
_MOST_MS = DAY_MS + HOUR_MS
"""Where finer counters are gone a rolling window may grow by a day at either end."""


def calendar_windows(database: "DuckDBPyConnection", rules: CountingRules, now: int) -> Mapping[str, Span]:
    """Return the windows of the firm's calendar that hold *now*, epoch ms."""
    text = (files("services.kpi.adapters.recount.plain") / "sql" / "windows.sql").read_text("utf-8")
    given = {
        "zone": rules.time_zone,
        "now": now,
        "first_weekday": rules.first_weekday,
        "fiscal_month": rules.fiscal_month,
    }
    return {name: Span(from_at, to_at) for name, from_at, to_at in database.execute(text, given).fetchall()}


def rolling_holds(window: str, span: Span, now: int) -> bool:
    """Return whether *span* is the rolling *window* as of *now*, or no more than a day longer at either end."""
    length_ms = _ROLLING_MS.get(window)
    if length_ms is None:
        return True
    to_at = (now // _MINUTE_MS + 1) * _MINUTE_MS
    early_ms, late_ms = to_at - length_ms - span.from_at, span.to_at - to_at
    return 0 <= early_ms <= _MOST_MS and 0 <= late_ms <= _MOST_MS
