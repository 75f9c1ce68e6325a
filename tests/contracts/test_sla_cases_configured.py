"""The calendars of the deadline cases can be written into tasuki.toml, and come out the same."""

import json
from pathlib import Path

import pytest

from services.kpi.domain.sla.calendar import BusinessCalendar
from services.kpi.settings import loads
from tests.contracts.sla_case_reader import CASES, Case, cases, hours_of
from tests.unit.kpi.settings.kpi_firm import SMALLEST

WITH_CALENDAR = [case for case in cases() if isinstance(hours_of(case), BusinessCalendar)]


def written(case: Case) -> str:
    """Return the case's calendar as a section."""
    given = case["calendar"]
    days = [
        f"{day} = {json.dumps(['-'.join(each) for each in spans])}" for day, spans in given["hours"].items()
    ]
    closed = ", ".join(given.get("holidays", ()))
    lines = [f'[calendars."{case["id"]}"]', f'time_zone = "{given["tz"]}"', *days, f"closed = [{closed}]"]
    return "\n".join(lines)


def test_each_calendar_of_the_cases_can_be_configured() -> None:
    """Several spans a day, 24:00, hours over midnight, zones with clock changes, holidays."""
    if not WITH_CALENDAR:
        pytest.skip(f"there are no SLA cases at {CASES}")
    text = "\n".join([SMALLEST, *map(written, WITH_CALENDAR)])

    calendars = loads(text, {}, file="cases.toml", folder=Path()).calendars

    assert calendars == {case["id"]: hours_of(case) for case in WITH_CALENDAR}
