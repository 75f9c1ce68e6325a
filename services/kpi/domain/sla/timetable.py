"""
When something is open, as sorted instants with running sums, grown on demand.

Both questions, how much open time lies between two instants and when an amount of it is used up, are one
binary search.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TypeAlias

from services.errors import Misconfigured, Rejected

OpenSpan: TypeAlias = tuple[int, int]
"""From an instant on, up to another, which is outside."""

DAY_MS = 86_400_000
EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_DAY = date(1900, 1, 1).toordinal()
LAST_DAY = date(2200, 1, 1).toordinal()
"""No lead lives outside these; an instant beyond them is a mistake, not business."""

MARGIN = 2  # days: a zone is up to 14 h from UTC, and a skipped time moves on
BLOCK = 366  # days: what is computed at once, at least


class Timetable:
    """
    Open time over as many days as were asked for.

    Args:
        spans_of: The open spans of a day, given by its proleptic Gregorian ordinal, in any order; they may
            overlap, within a day and with the next one's.
    """

    __slots__ = ("_closes", "_days", "_from_at", "_opens", "_raw", "_spans_of", "_sums", "_until_at")

    def __init__(self, spans_of: Callable[[int], Iterable[OpenSpan]]) -> None:
        self._spans_of = spans_of
        self._days = (0, 0)
        self._from_at = self._until_at = 0
        self._raw: list[OpenSpan] = []
        self._opens: list[int] = []
        self._closes: list[int] = []
        self._sums: list[int] = []  # open ms up to the end of each span

    def after(self, start_at: int, ms: int) -> int:
        """
        Return the earliest instant at which *ms* of open time have passed since *start_at*.

        What ends exactly at closing time ends at closing time. 0 ms ends at *start_at*, open or not.

        Raises:
            Misconfigured: It doesn't open often enough for that, ever.
            Rejected: *start_at* lies outside the years 1900 to 2199.
        """
        if ms <= 0:
            return start_at
        target = self._passed(start_at) + ms
        while not self._sums or self._sums[-1] < target:
            self._grow_forward(start_at, ms)
        place = bisect_left(self._sums, target)
        return self._closes[place] - (self._sums[place] - target)

    def between(self, from_at: int, to_at: int) -> int:
        """Return the open ms from *from_at* to *to_at*; 0 if that is no later."""
        if to_at <= from_at:
            return 0
        self._cover(from_at)  # what is added in front moves all sums: first this, then both sums
        self._cover(to_at)
        return self._passed(to_at) - self._passed(from_at)

    def _passed(self, at: int) -> int:
        """Return the open ms from the table's beginning to *at*."""
        if not self._from_at <= at < self._until_at:
            self._cover(at)
        place = bisect_right(self._opens, at) - 1
        if place < 0:
            return 0
        left = self._closes[place] - at
        return self._sums[place] - left if left > 0 else self._sums[place]

    def _cover(self, at: int) -> None:
        if self._from_at <= at < self._until_at:
            return
        day = at // DAY_MS + EPOCH_DAY
        if not FIRST_DAY <= day < LAST_DAY:
            raise Rejected(f"{at} ms lies outside the years 1900 to 2199", reason="impossible-time")
        first, last = self._days
        if first == last:
            first = last = day
        length = max(BLOCK, last - first)
        if day - MARGIN < first or first == last:
            first = max(min(first, day) - length, FIRST_DAY - MARGIN)
        if day + MARGIN >= last:
            last = min(max(last, day) + length, LAST_DAY + MARGIN)
        self._compute(first, last)

    def _grow_forward(self, start_at: int, ms: int) -> None:
        first, last = self._days
        if last >= LAST_DAY + MARGIN:
            raise Misconfigured(
                f"{ms} ms of open time after {start_at} ms end in no year up to 2199: the calendar hardly opens"
            )
        self._compute(first, min(last + max(BLOCK, last - first), LAST_DAY + MARGIN))

    def _compute(self, first: int, last: int) -> None:
        """Hold the days from *first* up to *last*, which contain what is held."""
        held_first, held_last = self._days if self._days[0] != self._days[1] else (last, last)
        before = [span for day in range(first, held_first) for span in self._spans_of(day)]
        behind = [span for day in range(held_last, last) for span in self._spans_of(day)]
        self._raw = [*before, *self._raw, *behind]
        self._opens, self._closes, self._sums = [], [], []
        total = 0
        for opens_at, closes_at in _merged(self._raw):
            total += closes_at - opens_at
            self._opens.append(opens_at)
            self._closes.append(closes_at)
            self._sums.append(total)
        self._days = first, last
        self._from_at = (first + MARGIN - EPOCH_DAY) * DAY_MS
        self._until_at = (last - MARGIN - EPOCH_DAY) * DAY_MS


def _merged(spans: Iterable[OpenSpan]) -> Iterator[OpenSpan]:
    """Yield *spans* in order, joined where they touch or overlap."""
    current: OpenSpan | None = None
    for opens_at, closes_at in sorted(spans):
        if current is None or opens_at > current[1]:
            if current is not None:
                yield current
            current = opens_at, closes_at
        else:
            current = current[0], max(current[1], closes_at)
    if current is not None:
        yield current
