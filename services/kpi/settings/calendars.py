"""Turns the tables of [calendars] into calendars of the domain."""

from collections.abc import Iterator
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from services.kpi.domain.sla.calendar import WEEKDAYS, BusinessCalendar, Day
from services.kpi.settings.calendar_section import CalendarTable
from services.kpi.settings.holiday_list import holiday_dates

YEARS: Final = range(2015, 2100)
"""In which holidays are known: no promise is older than these, and no list reaches further."""


def week_of(table: CalendarTable) -> tuple[Day, ...]:
    """Return the hours of the seven days from Monday on."""
    named = (getattr(table, name) for name in WEEKDAYS)
    usual = [table.weekdays if place < WEEKDAYS.index("sat") else () for place in range(len(WEEKDAYS))]
    return tuple(usual[place] if own is None else own for place, own in enumerate(named))


def calendar_of(name: str, table: CalendarTable, time_zone: str) -> BusinessCalendar:
    """Return the calendar *name*, in *time_zone* unless it names its own. Raises Misconfigured."""
    return BusinessCalendar(
        name=name,
        zone=ZoneInfo(table.time_zone or time_zone),
        week=week_of(table),
        holidays=closed_dates(table),
        special=dict(table.special),
    )


def closed_dates(table: CalendarTable) -> frozenset[date]:
    """Return the dates on which it is closed. Raises Misconfigured where the country's holidays aren't known."""
    own = frozenset({*table.closed, *_every_year(table)})
    if table.holidays is None:
        return own
    return holiday_dates(
        table.holidays, YEARS, subdivision=table.subdivision, categories=table.categories, own=own
    )


def _every_year(table: CalendarTable) -> Iterator[date]:
    for year in YEARS:
        for month, day in table.closed_yearly:
            try:
                yield date(year, month, day)
            except ValueError:  # 29 February
                continue
