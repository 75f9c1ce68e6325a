"""
Business calendars: when a firm, a team or a shift works, on its own wall clock.

- A day has any number of intervals, from the opening minute up to the closing one, which is outside. ``24:00``
  closes at the end of the day. An interval that closes before it opens runs over midnight; the part after
  midnight belongs to the next date. Opening and closing at the same time is a mistake, and so are intervals
  that overlap.
- A holiday closes its own date, from midnight to midnight, in the calendar's time zone. `special` days have
  hours of their own, which win over the weekday and over a holiday.
- A local time that a clock change skips counts as that much later; one that comes twice counts as the first.
  An interval that thereby closes before it opens is left out. Time is counted as it really passes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from services.errors import Misconfigured
from services.kpi.domain.sla.timetable import DAY_MS, EPOCH_DAY, OpenSpan, Timetable

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (a wall clock's reading has no zone)
_MS = timedelta(milliseconds=1)
_MINUTE_MS = 60_000


class Interval(NamedTuple):
    """Open from one reading of the wall clock up to another, in ms since midnight; at most 24 h each."""

    opens_ms: int
    closes_ms: int

    def __str__(self) -> str:
        """Return it as ``09:00-18:00``."""
        return "-".join(f"{ms // 3_600_000:02d}:{ms // _MINUTE_MS % 60:02d}" for ms in self)


Day: TypeAlias = tuple[Interval, ...]
"""The intervals of a day; none on a closed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessCalendar:
    """
    A time zone, seven days from Monday on, and the dates that differ.

    Raises:
        Misconfigured: One of `mistakes`, all of which are in the text.
    """

    name: str
    zone: tzinfo
    week: tuple[Day, ...]
    holidays: frozenset[date] = frozenset()
    special: Mapping[date, Day] = field(default_factory=dict[date, Day])
    _table: Timetable = field(init=False, repr=False, compare=False)
    _days: tuple[Day, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check it and lay out the week."""
        if found := [*mistakes(self.week, self.special)]:
            raise Misconfigured(f"Calendar {self.name}: {'; '.join(found)}")
        object.__setattr__(self, "_days", _split_at_midnight(self.week))
        object.__setattr__(self, "_table", Timetable(self._spans))

    def after(self, start_at: int, ms: int) -> int:
        """Return when *ms* of business time have passed since *start_at*; closing time if it fits exactly."""
        return self._table.after(start_at, ms)

    def between(self, from_at: int, to_at: int) -> int:
        """Return the ms of business time from *from_at* to *to_at*; 0 if that is no later."""
        return self._table.between(from_at, to_at)

    def is_open(self, at: int) -> bool:
        """Return whether *at* is in business hours."""
        return self._table.between(at, at + 1) > 0

    def hours_of(self, on: date) -> Day:
        """Return the intervals of a date, split at midnight."""
        if on in self.special:
            return self.special[on]
        return () if on in self.holidays else self._days[on.weekday()]

    def _spans(self, ordinal: int) -> Iterator[OpenSpan]:
        midnight_ms = (ordinal - EPOCH_DAY) * DAY_MS
        hours = self.hours_of(date.fromordinal(ordinal))
        if not hours or self._instant(midnight_ms) >= self._instant(midnight_ms + DAY_MS):
            return  # closed, or a date that the zone left out
        for interval in hours:
            opens_at = self._instant(midnight_ms + interval.opens_ms)
            closes_at = self._instant(midnight_ms + interval.closes_ms)
            if opens_at < closes_at:
                yield opens_at, closes_at

    def _instant(self, local_ms: int) -> int:
        """Return the instant of a wall clock's reading, given as ms since 1970 on that wall."""
        offset = (_EPOCH + timedelta(milliseconds=local_ms)).replace(tzinfo=self.zone).utcoffset()
        return local_ms - (offset or timedelta()) // _MS


def read_interval(opens: str, closes: str) -> Interval:
    """
    Return the interval between two readings as ``HH:MM``, up to ``24:00``.

    Raises:
        ValueError: One of them is no such reading.
    """
    return Interval(_read(opens), _read(closes))


def _read(text: str) -> int:
    hours, _, minutes = text.partition(":")
    two = len(hours) == 2 and len(minutes) == 2  # noqa: PLR2004 (HH:MM)
    if not (two and (hours + minutes).isascii() and (hours + minutes).isdecimal()):
        raise ValueError(f"{text!r} isn't a time of day like 09:00")
    read = int(hours) * 60 + int(minutes)
    if int(minutes) >= 60 or read > 24 * 60:  # noqa: PLR2004 (a clock's face)
        raise ValueError(f"{text!r} isn't between 00:00 and 24:00")
    return read * _MINUTE_MS


def mistakes(week: tuple[Day, ...], special: Mapping[date, Day]) -> Iterator[str]:
    """Yield what is wrong with a calendar's hours."""
    if len(week) != len(WEEKDAYS):
        yield "a week has seven days"
        return
    if not any(week):
        yield "it never opens: no weekday has hours"
    named = [*zip(WEEKDAYS, week, strict=True), *((str(on), special[on]) for on in sorted(special))]
    for name, day in named:
        for interval in day:
            yield from _wrong(name, interval, over_midnight=name in WEEKDAYS)
    laid_out = zip(WEEKDAYS, _split_at_midnight(week), strict=True)
    for name, day in (*laid_out, *((str(on), special[on]) for on in sorted(special))):
        ordered = sorted(day)
        for one, other in pairwise(ordered):
            if other.opens_ms < one.closes_ms:
                yield f"{name}: {one} and {other} overlap"


def _wrong(name: str, interval: Interval, *, over_midnight: bool) -> Iterator[str]:
    opens_ms, closes_ms = interval
    if not (0 <= opens_ms < DAY_MS and 0 <= closes_ms <= DAY_MS):
        yield f"{name}: {interval} is not within 00:00 and 24:00"
    elif opens_ms == closes_ms:
        yield f"{name}: {interval} opens and closes at once; a whole day is 00:00-24:00"
    elif opens_ms > closes_ms and not over_midnight:
        yield f"{name}: {interval} runs over midnight; write its parts with their own dates"


def _split_at_midnight(week: tuple[Day, ...]) -> tuple[Day, ...]:
    """Return the week with each interval that runs over midnight as two."""
    days: list[list[Interval]] = [[] for _ in week]
    for place, day in enumerate(week):
        for opens_ms, closes_ms in day:
            if opens_ms < closes_ms:
                days[place].append(Interval(opens_ms, closes_ms))
            elif opens_ms > closes_ms:
                days[place].append(Interval(opens_ms, DAY_MS))
                if closes_ms:
                    days[(place + 1) % len(week)].append(Interval(0, closes_ms))
    return tuple(tuple(sorted(day)) for day in days)
