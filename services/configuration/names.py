"""
Which sections the file may have: those of every service, since each reads its own and passes over the others'.

The services don't know each other; here they agree on who is called what.
"""

from typing import Final

SHARED: Final = ("firm", "log", "store", "data", "http", "logs", "tracing")
"""Read by all."""

SYNC: Final = (
    "ma",
    "sfa",
    "fields",
    "scoring",
    "stages",
    "scope",
    "owners",
    "assignment",
    "companies",
    "currencies",
    "handoffs",
    "sync",
)
KPI: Final = ("kpi", "calendars", "sla", "people", "roles", "sinks", "routes", "alerts", "feed")

ALL: Final = (*SHARED, *SYNC, *KPI)

LISTS: Final = frozenset(
    {"fields", "currencies", "stages", "scope", "sla", "people", "roles", "sinks", "routes"}
)
"""Those that are lists of tables."""

NAMED: Final = frozenset({"calendars"})
"""Those that hold a table for each name that the firm gives: `[calendars.office]`."""


def heading(key: str) -> str:
    """Return the heading under which the section *key* is written."""
    if key in NAMED:
        return f"[{key}.<name>]"
    return f"[[{key}]]" if key in LISTS else f"[{key}]"
