"""Business calendars: what they allow, what they refuse, and that they end."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from services.errors import Misconfigured, Rejected
from services.kpi.domain.sla.calendar import BusinessCalendar, Day, Interval, read_interval
from tests.unit.kpi.sla.worlds import DAY, HOUR, MINUTE, MONDAY, OFFICE, WORKDAY, at

TOKYO = ZoneInfo("Asia/Tokyo")


def week(**days: list[str]) -> tuple[Day, ...]:
    """Return a week in which only the days named have hours, as ``09:00-18:00``."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return tuple(tuple(read_interval(*each.split("-")) for each in days.get(name, [])) for name in names)


def made(hours: tuple[Day, ...], special: dict[date, Day] | None = None) -> BusinessCalendar:
    """Return a calendar in Tokyo."""
    return BusinessCalendar(name="c", zone=TOKYO, week=hours, special=special or {})


@pytest.mark.parametrize("text", ["9:00", "09:60", "24:01", "25:00", "0900", "", "-1:00", "０９:００"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    """Two digits each, up to 24:00."""
    with pytest.raises(ValueError, match=r"time of day|between 00:00"):
        read_interval("00:00", text)


@pytest.mark.parametrize(
    ("hours", "wrong"),
    [
        (week(), "never opens"),
        (week(mon=["09:00-09:00"]), "opens and closes at once"),
        (week(mon=["09:00-12:00", "11:59-18:00"]), "mon: 09:00-12:00 and 11:59-18:00 overlap"),
        (week(sun=["22:00-06:00"], mon=["05:00-09:00"]), "mon: 00:00-06:00 and 05:00-09:00 overlap"),
        (week(mon=["09:00-18:00"])[:6], "seven days"),
        (((Interval(-1, DAY),), *week()[1:]), "not within"),
    ],
)
def test_a_calendar_that_means_nothing_is_refused(hours: tuple[Day, ...], wrong: str) -> None:
    """With what is wrong, and where."""
    with pytest.raises(Misconfigured, match=wrong):
        made(hours)


def test_a_special_day_that_runs_over_midnight_is_refused() -> None:
    """The next date is a day of its own."""
    with pytest.raises(Misconfigured, match="2026-11-17: 22:00-06:00 runs over midnight"):
        made((WORKDAY,) * 7, {date(2026, 11, 17): (read_interval("22:00", "06:00"),)})


def test_special_days_win_over_weekdays_and_holidays() -> None:
    """A Saturday that is worked, a short day, a closed one."""
    calendar = BusinessCalendar(
        name="c",
        zone=TOKYO,
        week=OFFICE.week,
        holidays=frozenset({date(2026, 11, 21)}),
        special={
            date(2026, 11, 21): (read_interval("10:00", "12:00"),),
            date(2026, 11, 17): (),
        },
    )
    assert calendar.after(at(5 * 24 * 60), 2 * HOUR) == at(5 * 24 * 60 + 180)
    assert calendar.between(at(24 * 60), at(48 * 60)) == 0


def test_hours_that_touch_are_one() -> None:
    """Midnight doesn't close a firm that is always open, and 24:00 is 00:00 of the next day."""
    always = made(((Interval(0, DAY),),) * 7)
    assert always.after(MONDAY, 100 * DAY + 1) == MONDAY + 100 * DAY + 1
    night = made(week(mon=["22:00-00:00"], tue=["00:00-06:00"]))
    assert night.after(MONDAY, 8 * HOUR) == at(21 * 60)


def test_open_means_from_the_opening_on_up_to_the_closing() -> None:
    """The closing instant is outside."""
    assert [OFFICE.is_open(at(minutes)) for minutes in (-0.001, 0, 179.9, 180, 540)] == [
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.timeout(20)
def test_a_budget_that_no_year_holds_is_an_error_and_no_endless_loop() -> None:
    """Also in a calendar that holidays keep closed for ever."""
    with pytest.raises(Misconfigured, match="hardly opens"):
        made(week(mon=["09:00-09:01"])).after(MONDAY, 100 * DAY)
    sundays = frozenset(date.fromordinal(day) for day in range(700_000, 810_000) if day % 7 == 0)
    closed = BusinessCalendar(name="c", zone=TOKYO, week=week(sun=["09:00-18:00"]), holidays=sundays)
    with pytest.raises(Misconfigured, match="hardly opens"):
        closed.after(MONDAY, MINUTE)


@pytest.mark.parametrize("impossible", [-(10**14), 10**14, 1 << 80])
def test_an_instant_of_another_age_is_refused(impossible: int) -> None:
    """Rather than laying out the centuries in between."""
    with pytest.raises(Rejected, match="outside the years") as raised:
        OFFICE.after(impossible, 1)
    assert raised.value.reason == "impossible-time"


def test_what_is_asked_first_does_not_matter() -> None:
    """The table grows to both sides."""
    asked = [(MONDAY - 9_000 * DAY, MONDAY), (MONDAY, MONDAY + 9_000 * DAY), (MONDAY + DAY, MONDAY + 3 * DAY)]
    tables = [made(OFFICE.week) for _ in range(2)]
    forward = [tables[0].between(*each) for each in asked]
    assert [tables[1].between(*each) for each in reversed(asked)] == forward[::-1]
    assert forward[2] == 2 * 8 * HOUR
