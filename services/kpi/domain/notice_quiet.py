"""Quiet hours: when a sink holds messages back, and until when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.kpi.domain.notices import Notice, Severity

EVERY_DAY = frozenset(range(7))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MOST_SPANS = (
    16  # a week of spans that touch each other; beyond it everything is quiet, and one looks again then
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietSpan:
    """
    Quiet from `starts` to `ends`, in minutes of the local day, on `days` (0 is Monday).

    `ends` at or before `starts` is on the next day; 1440 is midnight.
    """

    starts: int
    ends: int
    days: frozenset[int] = EVERY_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """
    When a sink holds messages back, in the time zone `zone`.

    Alerts of severity `passes` and above go out all the same, None: none; of all promises, or of those named
    in `policies`.
    """

    zone: str
    spans: tuple[QuietSpan, ...]
    passes: Severity | None = None
    policies: frozenset[str] = frozenset()

    def lets_pass(self, notice: Notice) -> bool:
        """Return whether *notice* goes out in quiet hours too."""
        if self.passes is None or notice.severity < self.passes:
            return False
        return not self.policies or notice.policy in self.policies


def quiet_until(at: int, quiet: QuietHours | None) -> int | None:
    """Return when the quiet that *at* lies in ends, epoch ms, or None if *at* isn't quiet."""
    if quiet is None:
        return None
    zone, until = ZoneInfo(quiet.zone), at
    for _ in range(_MOST_SPANS):
        ends = [ends for starts, ends in _around(until, quiet, zone) if starts <= until < ends]
        if not ends:
            break
        until = max(ends)
    return None if until == at else until


def _around(at: int, quiet: QuietHours, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Yield the spans that begin on the local day of *at* or the day before."""
    today = (_EPOCH + at * _MILLISECOND).astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        for span in quiet.spans:
            if day.weekday() in span.days:
                ends = span.ends if span.ends > span.starts else span.ends + 1440
                yield _instant(day, span.starts, zone), _instant(day, ends, zone)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    # Adding to an aware local time moves the hands of the clock on the wall, which is what is meant.
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minutes)
    return (local.astimezone(UTC) - _EPOCH) // _MILLISECOND
