"""The file's sections that the KPI service reads, each validated by itself; see services.configuration.tables."""

from dataclasses import dataclass
from typing import Any, Final, cast

from services.configuration.document import Document
from services.configuration.platform import PLATFORM, PlatformDraft, read_platform
from services.configuration.sections import Firm, Section
from services.configuration.tables import Entry, check_names, read_elements, read_named, read_table
from services.kpi.settings.alert_sections import AlertsSection, PersonEntry, RoleEntry, RouteEntry, SinkEntry
from services.kpi.settings.calendar_section import CalendarTable
from services.kpi.settings.counting_section import KpiSection
from services.kpi.settings.feed_section import FeedSection
from services.kpi.settings.promise_section import PromiseEntry

OWN: Final[dict[str, type[Section]]] = {
    "kpi": KpiSection,
    "calendars": CalendarTable,
    "sla": PromiseEntry,
    "people": PersonEntry,
    "roles": RoleEntry,
    "sinks": SinkEntry,
    "routes": RouteEntry,
    "alerts": AlertsSection,
    "feed": FeedSection,
}
"""The sections that no other service reads, in the order of the reference."""

SECTIONS: Final[dict[str, type[Section]]] = {"firm": Firm, **OWN, **PLATFORM}

REQUIRED: Final = ("firm",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Names as they stand in the file, of broken tables too: what refers to one isn't another mistake."""

    calendars: frozenset[str]
    promises: frozenset[str]
    people: frozenset[str]
    roles: frozenset[str]
    sinks: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What of the file has the right shape; `sla` None: the file says nothing of promises."""

    platform: PlatformDraft
    kpi: KpiSection | None
    calendars: tuple[Entry[CalendarTable], ...]
    sla: tuple[Entry[PromiseEntry], ...] | None
    people: tuple[Entry[PersonEntry], ...]
    roles: tuple[Entry[RoleEntry], ...]
    sinks: tuple[Entry[SinkEntry], ...]
    routes: tuple[Entry[RouteEntry], ...]
    alerts: AlertsSection | None
    feed: FeedSection | None
    written: Written


def read_draft(document: Document) -> Draft:
    """Validate each section of *document*, reporting what is wrong into it."""
    check_names(document, REQUIRED)
    promises = tuple(read_elements(document, ("sla",), PromiseEntry))
    return Draft(
        platform=read_platform(document),
        kpi=read_table(document, "kpi", KpiSection),
        calendars=tuple(read_named(document, "calendars", CalendarTable)),
        sla=promises if "sla" in document.data else None,
        people=tuple(read_elements(document, ("people",), PersonEntry)),
        roles=tuple(read_elements(document, ("roles",), RoleEntry)),
        sinks=tuple(read_elements(document, ("sinks",), SinkEntry)),
        routes=tuple(read_elements(document, ("routes",), RouteEntry)),
        alerts=read_table(document, "alerts", AlertsSection),
        feed=read_table(document, "feed", FeedSection),
        written=_written(document),
    )


def _written(document: Document) -> Written:
    calendars = document.value("calendars")
    return Written(
        calendars=frozenset(cast("dict[str, Any]", calendars) if isinstance(calendars, dict) else ()),
        promises=_texts(document, "sla", "name"),
        people=_texts(document, "people", "email"),
        roles=_texts(document, "roles", "role"),
        sinks=_texts(document, "sinks", "name"),
    )


def _texts(document: Document, section: str, key: str) -> frozenset[str]:
    tables = document.value(section)
    count = len(cast("list[Any]", tables)) if isinstance(tables, list) else 0
    found = (document.value(section, index, key) for index in range(count))
    return frozenset(each for each in found if isinstance(each, str))
