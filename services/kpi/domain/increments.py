"""What a batch of facts adds to which counter of which bucket and segment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

from services.kpi.domain.calendar import MINUTE_MS, Bucket, Calendar
from services.kpi.domain.contribution import Segments, Sums, Tally
from services.kpi.domain.counters import KNOWN
from services.kpi.domain.places import ALL_TIME, counts_name, spreads_name
from services.kpi.domain.rules import HOUR_MS, CountingRules

Amounts: TypeAlias = dict[str, int]
_Buckets: TypeAlias = defaultdict[int, Amounts]

_GRACE_MS = HOUR_MS
"""Clocks may differ by so much: a bucket is still written so long after its time, and stands once more as long."""

_REMEMBERED = 16_384
"""So many codes with their segments are remembered with their fields, some 0.5 KB each."""


class Increments:
    """
    What a batch adds to the counters of a shard, gathered.

    `sums` is where leads add what they add now, and take back what they added before.

    Args:
        now: When the batch is, epoch ms; buckets that are over by then aren't written any more.
    """

    def __init__(self, rules: CountingRules, calendar: Calendar, now: int) -> None:
        self.sums = Sums()
        self._generation = rules.generation
        self._calendar = calendar
        self._keep_ms = {"m": rules.keep_minutes_ms, "h": rules.keep_hours_ms}
        self._from = {
            grain: (now - keep_ms - _GRACE_MS) / MINUTE_MS for grain, keep_ms in self._keep_ms.items()
        }

    def change(self, before: Mapping[Tally, int], after: Mapping[Tally, int]) -> None:
        """Take back *before* and add *after*."""
        tallies = self.sums.tallies
        for held, sign in ((before, -1), (after, 1)):
            for what, amount in held.items():
                tallies[what] = tallies.get(what, 0) + sign * amount

    def gathered(self) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, int]]:
        """Return what to add to which field of which key, never 0, and when keys vanish, epoch ms."""
        minutes, hours, days = self._buckets()
        named: list[tuple[str, Amounts]] = [(counts_name(self._generation, ALL_TIME), self._known())]
        for grain, buckets in (("m", minutes), ("h", hours), ("d", days)):
            named += [
                (counts_name(self._generation, Bucket(grain, number)), fields)
                for number, fields in buckets.items()
            ]
        named += self._spreads()
        added = {name: changed for name, fields in named if (changed := _without_zeros(fields))}
        expiries = {
            name: number * MINUTE_MS + self._keep_ms[grain] + 2 * _GRACE_MS
            for grain, buckets in (("m", minutes), ("h", hours))
            for number in buckets
            if (name := counts_name(self._generation, Bucket(grain, number))) in added
        }
        return added, expiries

    def _known(self) -> Amounts:
        fields: Amounts = {}
        for segments, amount in self.sums.known.items():
            _add(fields, _fields(KNOWN, segments)[1:], amount)
        return fields

    def _buckets(self) -> tuple[_Buckets, _Buckets, _Buckets]:
        """Return what to add in each minute, hour and day, without those that are over."""
        minutes, hours, days = (_Buckets(dict) for _ in range(3))
        place, first_minute, first_hour = self._calendar.place, self._from["m"], self._from["h"]
        for (code, minute, segments), amount in self.sums.tallies.items():
            if amount:
                fields = _fields(code, segments)
                hour, day = place(minute)
                _add(days[day], fields, amount)
                if hour >= first_hour:
                    _add(hours[hour], fields, amount)
                if minute >= first_minute:
                    _add(minutes[minute], fields, amount)
        for (code, minute, segments), amount in self.sums.cohorts.items():
            if amount:
                _add(days[place(minute)[1]], _fields(code, segments), amount)
        return minutes, hours, days

    def _spreads(self) -> Iterable[tuple[str, Amounts]]:
        held: defaultdict[tuple[int, str], Amounts] = defaultdict(dict)
        for (field, day, segments), amount in self.sums.spreads.items():
            if amount:
                for segment in segments:
                    fields = held[day, segment]
                    fields[field] = fields.get(field, 0) + amount
        return [
            (spreads_name(self._generation, Bucket("d", day), segment), fields)
            for (day, segment), fields in held.items()
        ]


@lru_cache(_REMEMBERED)
def _fields(code: str, segments: Segments) -> tuple[str, ...]:
    """Return the fields in which *code* counts."""
    return tuple([code + segment for segment in segments])


def _add(held: Amounts, fields: Iterable[str], amount: int) -> None:
    for field in fields:
        held[field] = held.get(field, 0) + amount


def _without_zeros(fields: Amounts) -> Amounts:
    return {field: by for field, by in fields.items() if by} if 0 in fields.values() else fields
