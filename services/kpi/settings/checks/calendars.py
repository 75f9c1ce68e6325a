"""Checks of [calendars]: that hours fit their days, and that the country's holidays are known."""

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.errors import Misconfigured
from services.kpi.domain.sla.calendar import WEEKDAYS, mistakes
from services.kpi.settings.calendar_section import CalendarTable
from services.kpi.settings.calendars import closed_dates, week_of
from services.kpi.settings.draft import Draft


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with the calendars of *draft*."""
    for entry in draft.calendars:
        _check_hours(document, entry.path, entry.value)
        _check_holidays(document, entry.path, entry.value)


def _check_hours(document: Document, path: KeyPath, table: CalendarTable) -> None:
    seen: set[tuple[KeyPath, str]] = set()
    for text in mistakes(week_of(table), table.special):
        day, _, problem = text.partition(": ")
        of_a_day = day in WEEKDAYS or document.value(*path, "special", day) is not None
        where, problem = ((*path, *_key_of(document, path, day)), problem) if of_a_day else (path, text)
        # Hours under `weekdays` are wrong once, not on five days.
        if (where, problem) not in seen:
            seen.add((where, problem))
            document.report(where, problem, 'give spans apart: ["09:00-12:00", "13:00-18:00"]')


def _key_of(document: Document, path: KeyPath, day: str) -> KeyPath:
    if document.value(*path, day) is not None:
        return (day,)
    return ("special", day) if document.value(*path, "special", day) is not None else ("weekdays",)


def _check_holidays(document: Document, path: KeyPath, table: CalendarTable) -> None:
    if table.holidays is None:
        for key in ("subdivision", "categories"):
            if key in table.model_fields_set:
                document.report(
                    (*path, key), "has no effect without a country", 'add holidays = "JP", or take it out'
                )
        return
    try:
        closed_dates(table)
    except Misconfigured as error:
        document.report(
            (*path, "holidays"),
            str(error).partition(": ")[2] or str(error),
            'write the country as ISO 3166-1 does: "JP"; with subdivision and categories that it has',
        )
