"""Windows of time, and the buckets that make them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from services.kpi.domain.calendar import MINUTE_MS, Bucket, Calendar
from services.kpi.domain.rules import DAY_MS, HOUR_MS, CountingRules

_QUARTER = 3
_LONGEST_DAY_MS = 25 * HOUR_MS


class Window(StrEnum):
    """A window that ends now, or holds now: the last so long, or this day, week, month, quarter of the firm."""

    LAST_HOUR = "1h"
    LAST_24_HOURS = "24h"
    LAST_7_DAYS = "7d"
    LAST_30_DAYS = "30d"
    TODAY = "today"
    THIS_WEEK = "this-week"
    THIS_MONTH = "this-month"
    THIS_QUARTER = "this-quarter"


_ROLLING_MS = {
    Window.LAST_HOUR: HOUR_MS,
    Window.LAST_24_HOURS: DAY_MS,
    Window.LAST_7_DAYS: 7 * DAY_MS,
    Window.LAST_30_DAYS: 30 * DAY_MS,
}


@dataclass(frozen=True, slots=True)
class Range:
    """From `from_at` on, up to but without `to_at`, epoch ms. Raises ValueError where it ends before it begins."""

    from_at: int
    to_at: int

    def __post_init__(self) -> None:
        if self.to_at < self.from_at:
            raise ValueError("a range ends before it begins")


@dataclass(frozen=True, slots=True)
class Cover:
    """The buckets that are summed, in order, and the range that they are: the one asked for, or a little more."""

    buckets: Sequence[Bucket]
    range: Range


def range_of(window: Window, now: int, calendar: Calendar, rules: CountingRules) -> Range:
    """Return *window* as of *now*, epoch ms; to the end of the present minute, or of the day, week …."""
    rolling_ms = _ROLLING_MS.get(window)
    if rolling_ms is not None:
        to_at = (now // MINUTE_MS + 1) * MINUTE_MS
        return Range(to_at - rolling_ms, to_at)
    first, after = _days(window, date.fromordinal(calendar.day_of(now)), rules)
    return days_range(first, after, calendar)


def days_range(first: date, after: date, calendar: Calendar) -> Range:
    """Return the days from *first* on, up to but without *after*."""
    return Range(calendar.day_start(first.toordinal()), calendar.day_start(after.toordinal()))


def steps(over: Range, grain: str, calendar: Calendar) -> Sequence[Range]:
    """Return the buckets of *grain* (m, h, d) that *over* touches, each as a range: the points of a chart."""
    found: list[Range] = []
    at = over.from_at
    while at < over.to_at:
        bucket = calendar.around(at, grain)
        found.append(Range(calendar.start(bucket), calendar.end(bucket)))
        at = calendar.end(bucket)
    return found


def periods(over: Range, grain: str, calendar: Calendar, rules: CountingRules) -> Sequence[Range]:
    """Return the weeks (``w``) or months (``M``) of the firm that *over* touches, whole ones; else see `steps`."""
    if grain not in _LONG_GRAINS:
        return steps(over, grain, calendar)
    found: list[Range] = []
    at = over.from_at
    while at < over.to_at:
        first, after = _days(_LONG_GRAINS[grain], date.fromordinal(calendar.day_of(at)), rules)
        found.append(days_range(first, after, calendar))
        at = found[-1].to_at
    return found


def previous(over: Range, calendar: Calendar) -> Range:
    """
    Return the time of equal length right before *over*.

    Whole days are counted as days, so that a day of 23 hours doesn't shift the edges.
    """
    first, after = calendar.day_of(over.from_at), calendar.day_of(over.to_at)
    if calendar.day_start(first) == over.from_at and calendar.day_start(after) == over.to_at:
        return Range(calendar.day_start(2 * first - after), over.from_at)
    return Range(2 * over.from_at - over.to_at, over.from_at)


_LONG_GRAINS = {"w": Window.THIS_WEEK, "M": Window.THIS_MONTH}


def _days(window: Window, today: date, rules: CountingRules) -> tuple[date, date]:
    if window is Window.TODAY:
        return today, today + timedelta(days=1)
    if window is Window.THIS_WEEK:
        first = today - timedelta(days=(today.weekday() - rules.first_weekday) % 7)
        return first, first + timedelta(days=7)
    months = 1 if window is Window.THIS_MONTH else _QUARTER
    back = (today.month - rules.fiscal_month) % months
    return _month(today, -back), _month(today, months - back)


def _month(day: date, ahead: int) -> date:
    """Return the first day of the month that is *ahead* months after that of *day*."""
    years, month = divmod(day.month - 1 + ahead, 12)
    return date(day.year + years, month + 1, 1)


def cover(asked: Range, now: int, calendar: Calendar, rules: CountingRules, grains: str = "mhd") -> Cover:
    """
    Return the fewest buckets of *grains* that hold *asked*.

    Where the finest buckets are gone by *now*, or aren't among *grains*, the range grows to the edges of those
    that are there.
    """
    # What leads from the edge of a larger bucket to the range's end must be there as well: an hour of minutes, a
    # day of hours.
    since = {"m": now - rules.keep_minutes_ms + HOUR_MS, "h": now - rules.keep_hours_ms + _LONGEST_DAY_MS}
    usable = [grain for grain in "mhd" if grain in grains]

    def finest(at: int) -> Bucket:
        """The smallest bucket with *at* that is still there; days always are."""
        grain = next(grain for grain in usable if at >= since.get(grain, at))
        return calendar.around(at, grain)

    if asked.from_at == asked.to_at:
        return Cover((), asked)
    start = calendar.start(finest(asked.from_at))
    end = max(calendar.end(finest(asked.to_at - 1)), start)
    buckets: list[Bucket] = []
    at = start
    while at < end:
        bucket = _largest(at, end, grains, calendar)
        buckets.append(bucket)
        at = calendar.end(bucket)
    return Cover(buckets, Range(start, at))


def _largest(at: int, end: int, grains: str, calendar: Calendar) -> Bucket:
    """Return the largest bucket that begins at *at* and ends by *end*; the smallest of *grains* where none does."""
    bucket = calendar.around(at, "d")
    for grain in "dhm":
        if grain in grains:
            bucket = calendar.around(at, grain)
            if calendar.start(bucket) == at and calendar.end(bucket) <= end:
                return bucket
    return bucket
