"""
The law of business time: what the tables with sums say is what a count minute by minute says.

The count knows nothing of offsets or folds: it reads the wall clock at every minute of the window, and looks up
at which of them a calendar's reading stands on the wall; for one that a clock change skips, that much later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kpi.domain.sla.calendar import BusinessCalendar, Day, Interval
from services.kpi.domain.sla.deadlines import Stretch, spent, used_up

MINUTE_MS = 60_000
DAY_MINUTES = 1_440
WINDOW_DAYS = 24
CHANGES = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight is skipped
    ("America/Sao_Paulo", date(2018, 2, 18)),  # the hour before midnight comes twice
    ("America/Havana", date(2026, 11, 1)),  # midnight comes twice
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # by half an hour
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a date is left out
    ("Asia/Tokyo", date(2026, 5, 3)),  # none at all
]


@dataclass(frozen=True)
class Wall:
    """The wall clock's reading, in minutes since `first`, at each minute of the window."""

    from_at: int
    first: date
    readings: Sequence[int]
    shown: dict[int, int]  # a reading: the first minute that shows it

    def minute_of(self, reading: int) -> int:
        """Return the minute of the window at which *reading* stands on the wall, or would have."""
        while reading not in self.shown:
            before = max(each for each in self.shown if each < reading)
            after = min(each for each in self.shown if each > reading)
            reading += after - before - 1
        return self.shown[reading]


@lru_cache(maxsize=32)
def wall(zone: str, around: date) -> Wall:
    """Read the wall clock for some weeks."""
    first = around - timedelta(days=8)
    start = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    naive_start = datetime(first.year, first.month, first.day)  # noqa: DTZ001 (a wall clock's reading)
    readings: list[int] = []
    shown: dict[int, int] = {}
    for minute in range((WINDOW_DAYS + 2) * DAY_MINUTES):
        moment = (start + timedelta(minutes=minute)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        readings.append((moment - naive_start) // timedelta(minutes=1))
        shown.setdefault(readings[-1], minute)
    return Wall(int(start.timestamp()) * 1_000, first, readings, shown)


def open_minutes(here: Wall, calendar: BusinessCalendar) -> list[bool]:
    """Return for each minute of the window whether the calendar is open, by looking at the wall."""
    found = [False] * len(here.readings)
    for day in range(WINDOW_DAYS):
        on = here.first + timedelta(days=day)
        if on in calendar.holidays or day * DAY_MINUTES + 720 not in here.shown:
            continue  # no such noon: the date was left out
        for opens, closes in split(calendar.week, on.weekday()):
            first = here.minute_of(day * DAY_MINUTES + opens)
            last = here.minute_of(day * DAY_MINUTES + closes)
            found[first:last] = [True] * max(0, last - first)
    return found


def split(week: Sequence[Day], weekday: int) -> list[tuple[int, int]]:
    """Return a weekday's intervals in minutes, with what the night before left over."""
    found = [
        (opens, closes if closes > opens else DAY_MINUTES) for opens, closes in in_minutes(week[weekday])
    ]
    return found + [(0, closes) for opens, closes in in_minutes(week[weekday - 1]) if closes <= opens]


def in_minutes(day: Day) -> list[tuple[int, int]]:
    """Return the intervals in minutes."""
    return [(opens_ms // MINUTE_MS, closes_ms // MINUTE_MS) for opens_ms, closes_ms in day]


def counted(here: Wall, is_open: Sequence[bool], from_at: int, to_at: int) -> int:
    """Return the open ms from one instant to another, minute by minute."""
    total = 0
    for minute in range((from_at - here.from_at) // MINUTE_MS, len(is_open)):
        at = here.from_at + minute * MINUTE_MS
        if at >= to_at:
            break
        if is_open[minute]:
            total += min(to_at, at + MINUTE_MS) - max(from_at, at)
    return total


@st.composite
def days(draw: st.DrawFn) -> Day:
    """Up to three intervals of a day, at quarters of an hour, that don't overlap."""
    quarters = st.one_of(st.integers(0, 96), st.integers(4, 16))  # clocks change in the small hours
    marks = sorted(draw(st.lists(quarters, max_size=6, unique=True)))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    return tuple(Interval(opens * 15 * MINUTE_MS, closes * 15 * MINUTE_MS) for opens, closes in pairs)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Wall, BusinessCalendar]:
    """A calendar about a change of the clocks; with a night shift, where the mornings leave room for one."""
    zone, around = draw(st.sampled_from(CHANGES))
    week = draw(st.lists(days(), min_size=7, max_size=7).filter(any))
    night = draw(st.integers(0, 6))
    latest = max((each.closes_ms for each in week[night]), default=0)
    earliest = min((each.opens_ms for each in week[(night + 1) % 7]), default=24 * 60 * MINUTE_MS)
    if latest < 1_380 * MINUTE_MS and earliest > 0 and draw(st.booleans()):
        week[night] = (*week[night], Interval(1_380 * MINUTE_MS, min(earliest, 60 * MINUTE_MS)))
    closed = draw(st.sets(st.integers(0, WINDOW_DAYS - 1), max_size=4))
    here = wall(zone, around)
    return here, BusinessCalendar(
        name="c",
        zone=ZoneInfo(zone),
        week=tuple(week),
        holidays=frozenset(here.first + timedelta(days=day) for day in closed),
    )


offsets = st.integers(4 * 86_400_000, 11 * 86_400_000)
lengths = st.one_of(st.integers(0, 3 * 86_400_000), st.integers(0, 400).map(lambda n: n * 15 * MINUTE_MS))


@settings(max_examples=120)
@given(worlds(), offsets, offsets)
def test_the_time_between_two_instants_is_what_a_count_says(
    world: tuple[Wall, BusinessCalendar], one: int, other: int
) -> None:
    """To the millisecond, over changes of the clocks, holidays and nights."""
    here, calendar = world
    from_at, to_at = here.from_at + min(one, other), here.from_at + max(one, other)

    assert calendar.between(from_at, to_at) == counted(here, open_minutes(here, calendar), from_at, to_at)


@settings(max_examples=120)
@given(worlds(), offsets, lengths)
def test_a_deadline_is_where_a_count_ends(
    world: tuple[Wall, BusinessCalendar], offset: int, length_ms: int
) -> None:
    """The earliest instant by which so much open time has passed; no instant before it will do."""
    here, calendar = world
    start_at = here.from_at + offset
    is_open = open_minutes(here, calendar)

    deadline_at = calendar.after(start_at, length_ms)

    if deadline_at < here.from_at + (WINDOW_DAYS - 1) * DAY_MINUTES * MINUTE_MS:
        assert counted(here, is_open, start_at, deadline_at) == length_ms
        assert length_ms == 0 or counted(here, is_open, start_at, deadline_at - 1) == length_ms - 1
    assert calendar.between(start_at, deadline_at) == length_ms


@settings(max_examples=80)
@given(worlds(), st.lists(offsets, min_size=1, max_size=6, unique=True), lengths)
def test_pauses_are_left_out_of_the_count(
    world: tuple[Wall, BusinessCalendar], marks: list[int], budget_ms: int
) -> None:
    """What is used up by the deadline, in the stretches in which the clock ran, is the budget."""
    here, calendar = world
    edges = [here.from_at + mark for mark in sorted(marks)]
    last = edges.pop() if len(edges) % 2 else None
    stretches = [Stretch(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
    ran = tuple(stretches if last is None else [*stretches, Stretch(last, None)])
    is_open = open_minutes(here, calendar)
    now = here.from_at + 12 * 86_400_000
    counts = [counted(here, is_open, from_at, now if to_at is None else to_at) for from_at, to_at in ran]

    assert spent(calendar, ran, now) == sum(counts)
    deadline_at = used_up(calendar, ran, budget_ms)
    if deadline_at is None:
        assert last is None
        assert sum(counts) < budget_ms
    else:
        assert spent(calendar, ran, deadline_at) == budget_ms
