"""Days, hours and minutes of a firm's time zone, as buckets that tile time: no instant is in two, none in no one."""

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.kpi.domain.rules import DAY_MS, HOUR_MS

MINUTE_MS = 60_000
_EPOCH = date(1970, 1, 1).toordinal()
_FARTHEST_MS = 15 * HOUR_MS
"""No zone is further ahead of UTC."""


class Bucket(NamedTuple):
    """
    One bucket: `grain` d with `number` the day's ordinal, h or m with `number` the epoch minute of its start.

    Hours are counted from the day's first instant, so a day has 23 to 25 of them, the last one shorter where the
    clocks moved by half an hour.
    """

    grain: str
    number: int

    def __str__(self) -> str:
        """Return the form in keys."""
        return f"{self.grain}{self.number}"


class Calendar:
    """The days of *time_zone*, an IANA name. A day is its `date.toordinal()`."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._starts: dict[int, int] = {}
        self._hours: dict[int, int] = {}

    def day_start(self, day: int) -> int:
        """Return the first instant of *day*, epoch ms; that of the next one, where the zone left the day out."""
        start = self._starts.get(day)
        if start is None:
            midnight = datetime.combine(date.fromordinal(day), datetime.min.time(), self._zone)
            # Where clocks go forward over midnight it never comes: the later reading is the instant of the change.
            # Where they go back over it, it comes twice: the day begins with the second, unless they go back only
            # to midnight itself, from 01:00.
            first, second = (round(midnight.replace(fold=fold).timestamp() * 1000) for fold in (0, 1))
            start = max(first, second)
            if first < second and self._shown(second - 1) == day:
                start = first
            self._starts[day] = start
        return start

    def _shown(self, at: int) -> int:
        """Return the day that a clock on the wall shows at the instant *at*."""
        return datetime.fromtimestamp(at / 1000, self._zone).date().toordinal()

    def day_of(self, at: int) -> int:
        """Return the day in which the instant *at* is."""
        hour = at // HOUR_MS
        day = self._hours.get(hour)
        if day is None:
            day = self._search(hour * HOUR_MS)
            if self.day_start(day + 1) >= (hour + 1) * HOUR_MS:
                self._hours[hour] = day
            elif self.day_start(day + 1) <= at:  # midnight is within this hour of UTC
                day += 1
        return day

    def _search(self, at: int) -> int:
        day = _EPOCH + (at + _FARTHEST_MS) // DAY_MS
        while self.day_start(day) > at:
            day -= 1
        return day

    def place(self, minute: int) -> tuple[int, int]:
        """Return the number of the hour in which the epoch minute *minute* is, and the day."""
        day = self._hours.get(
            minute // 60
        )  # looked up here as well, for it is asked for each thing that is counted
        if day is None:
            day = self.day_of(minute * MINUTE_MS)
        start = self.day_start(day) // MINUTE_MS
        return minute - (minute - start) % 60, day

    def start(self, bucket: Bucket) -> int:
        """Return the first instant of *bucket*, epoch ms."""
        return self.day_start(bucket.number) if bucket.grain == "d" else bucket.number * MINUTE_MS

    def end(self, bucket: Bucket) -> int:
        """Return the first instant after *bucket*, epoch ms."""
        if bucket.grain == "d":
            return self.day_start(bucket.number + 1)
        at = bucket.number * MINUTE_MS
        if bucket.grain == "m":
            return at + MINUTE_MS
        return min(at + HOUR_MS, self.day_start(self.day_of(at) + 1))

    def around(self, at: int, grain: str) -> Bucket:
        """Return the bucket of *grain* in which *at* is."""
        if grain == "d":
            return Bucket("d", self.day_of(at))
        minute = at // MINUTE_MS
        return Bucket(grain, minute if grain == "m" else self.place(minute)[0])
