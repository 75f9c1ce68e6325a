"""Laws of buckets, windows and distributions: nothing is counted twice or left out, whatever the time zone."""

from datetime import UTC, datetime
from math import ceil
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kpi.domain.calendar import MINUTE_MS, Calendar
from services.kpi.domain.rates import wilson
from services.kpi.domain.rules import DAY_MS, HOUR_MS, CountingRules
from services.kpi.domain.sketch import ACCURACY, bin_of, quantile
from services.kpi.domain.windows import Range, Window, cover, range_of

ZONES = (
    *("Asia/Tokyo", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"),
    *(
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Africa/Cairo",
        "Asia/Beirut",
        "Pacific/Apia",
        "America/St_Johns",
        "America/Havana",
        "Atlantic/Azores",
    ),
)
"""With days of 23, 23.5, 24.5 and 25 hours, midnights that never come or come twice, and one day left out."""

zones = st.sampled_from(ZONES)
minutes = st.integers(946_684_800_000 // MINUTE_MS, 2_000_000_000_000 // MINUTE_MS)
CALENDARS = {zone: Calendar(zone) for zone in ZONES}


def changes(zone: str) -> list[int]:
    """Return the hours from 2000 to 2030 after which the offset of *zone* is another one, epoch ms."""
    tz, found, last = ZoneInfo(zone), list[int](), None
    for day in range(30 * 366):
        at = 946_684_800_000 + day * DAY_MS
        offset = datetime.fromtimestamp(at / 1000, tz).utcoffset()
        if last is not None and offset != last:
            found.append(at - DAY_MS)
        last = offset
    return found or [946_684_800_000]


CHANGES = {zone: changes(zone) for zone in ZONES}


@st.composite
def places(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and a minute in it, often near a change of its clocks."""
    zone = draw(zones)
    if draw(st.booleans()):
        return zone, draw(minutes)
    return zone, draw(st.sampled_from(CHANGES[zone])) // MINUTE_MS + draw(st.integers(-2_000, 4_000))


@given(place=places())
@settings(max_examples=500)
def test_a_bucket_holds_what_is_placed_in_it(place: tuple[str, int]) -> None:
    """Hours tile days, days tile time, and a day is the one that the clock on the wall shows."""
    zone, minute = place
    calendar, at = CALENDARS[zone], minute * MINUTE_MS
    hour, day = calendar.place(minute)
    assert calendar.day_start(day) <= hour * MINUTE_MS <= at < calendar.day_start(day + 1)
    assert at < hour * MINUTE_MS + HOUR_MS
    shown = datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date().toordinal()
    if zone != "America/St_Johns":  # until 2011 its clocks went back at a minute past midnight
        assert day == shown
    for grain in "mhd":
        bucket = calendar.around(at, grain)
        assert calendar.start(bucket) <= at < calendar.end(bucket)
        assert calendar.around(calendar.end(bucket), grain) != bucket
        assert calendar.start(calendar.around(calendar.end(bucket), grain)) == calendar.end(bucket)


@pytest.mark.parametrize("zone", ZONES)
def test_days_are_those_on_the_wall_where_the_clocks_change(zone: str) -> None:
    """Around each change of the last years, every quarter of an hour is in the day that a clock shows."""
    calendar, tz = Calendar(zone), ZoneInfo(zone)
    for change in CHANGES[zone][-12:]:
        for step in range(-48, 192):
            at = change // HOUR_MS * HOUR_MS + step * HOUR_MS // 4
            assert calendar.day_of(at) == datetime.fromtimestamp(at / 1000, tz).date().toordinal()


@given(
    place=places(),
    length=st.integers(0, 200 * 1_440),
    ago=st.one_of(
        st.integers(0, 150 * 1_440), st.integers(91 * 1_440, 93 * 1_440), st.integers(2_600, 3_000)
    ),
    grains=st.sampled_from(["mhd", "d"]),
)
@settings(max_examples=300)
def test_a_cover_is_the_range_and_nothing_is_missing_or_double(
    place: tuple[str, int], length: int, ago: int, grains: str
) -> None:
    """Buckets follow each other without gaps, hold the range, and are all still there to be read."""
    zone, minute = place
    calendar, rules = CALENDARS[zone], CountingRules(time_zone=zone)
    asked = Range(minute * MINUTE_MS, (minute + length) * MINUTE_MS)
    now = asked.to_at + ago * MINUTE_MS
    held = cover(asked, now, calendar, rules, grains)

    at = held.range.from_at
    for bucket in held.buckets:
        assert calendar.start(bucket) == at
        at = calendar.end(bucket)
        if bucket.grain != "d":
            kept = {"m": rules.keep_minutes_ms, "h": rules.keep_hours_ms}[bucket.grain]
            assert calendar.start(bucket) >= now - kept
    assert at == held.range.to_at
    assert held.range.from_at <= asked.from_at
    assert held.range.to_at >= asked.to_at or not length
    assert len(held.buckets) <= length / 1_440 + 2 * (25 + 60) + 2


@given(
    durations=st.lists(st.integers(0, 400 * DAY_MS), min_size=1, max_size=60),
    share=st.sampled_from([0.5, 0.9]),
)
@settings(max_examples=200)
def test_a_quantile_is_as_exact_as_it_says(durations: list[int], share: float) -> None:
    """It is off by at most ACCURACY of the true one, rounded to a millisecond; below a second, by less than one."""
    counts: dict[int, int] = {}
    for each in durations:
        counts[bin_of(each)] = counts.get(bin_of(each), 0) + 1
    true = sorted(durations)[ceil(share * len(durations)) - 1]
    found = quantile(counts, share)
    assert found is not None
    assert abs(found - true) <= (1_000 if true < 1_000 else true * ACCURACY * 1.0001 + 0.5)


@given(total=st.integers(1, 10**6), share=st.floats(0, 1))
def test_an_interval_holds_its_share_and_stays_within_0_and_1(total: int, share: float) -> None:
    """Wilson's interval never leaves what a share can be."""
    part = round(total * share)
    interval = wilson(part, total)
    assert interval is not None
    assert 0 <= interval.low <= part / total <= interval.high <= 1


@pytest.mark.parametrize("zone", ZONES)
def test_windows_hold_now(zone: str) -> None:
    """Each window has the present in it, on an ordinary day and on each day on which the clocks change."""
    calendar, rules = CALENDARS[zone], CountingRules(time_zone=zone)
    for at in [1_790_000_000_000, *(each + step * HOUR_MS for each in CHANGES[zone] for step in (0, 12, 24))]:
        for window in Window:
            held = range_of(window, at, calendar, rules)
            assert held.from_at <= at < held.to_at


def test_a_quarter_follows_the_firms_year() -> None:
    """A year from April has its quarters from April, July, October and January; a week begins on Monday."""
    calendar, rules = Calendar("Asia/Tokyo"), CountingRules(fiscal_month=2, first_weekday=0)
    now = int(datetime(2026, 9, 23, 3, tzinfo=UTC).timestamp() * 1000)

    def span(window: Window, firm: CountingRules) -> tuple[str, str]:
        held = range_of(window, now, calendar, firm)
        ends = (
            datetime.fromtimestamp(at / 1000, ZoneInfo("Asia/Tokyo")) for at in (held.from_at, held.to_at)
        )
        first, after = (f"{each:%m-%d}" for each in ends)
        return first, after

    assert span(Window.THIS_QUARTER, CountingRules()) == ("07-01", "10-01")
    assert span(Window.THIS_QUARTER, rules) == ("08-01", "11-01")
    assert span(Window.THIS_WEEK, rules) == ("09-21", "09-28")
    assert span(Window.THIS_MONTH, rules) == ("09-01", "10-01")
    assert span(Window.TODAY, rules) == ("09-23", "09-24")
