"""What a batch of facts adds to which counter of which bucket and segment."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from services.kpi.domain.calendar import MINUTE_MS, Bucket, Calendar
from services.kpi.domain.contribution import Contribution, Segments, Span, Tally
from services.kpi.domain.counters import COHORT_SIGN
from services.kpi.domain.places import ALL_TIME, counts_name, duration_field, people_field, spreads_name
from services.kpi.domain.rules import HOUR_MS, CountingRules

Amounts: TypeAlias = dict[str, int]
Parts: TypeAlias = dict[Segments, Amounts]

_GRACE_MS = HOUR_MS
"""Clocks may differ by so much: a bucket is still written so long after its time, and stands once more as long."""


class Increments:
    """
    What a batch adds to the counters of a shard, gathered.

    Args:
        now: When the batch is, epoch ms; buckets that are over by then aren't written any more.
    """

    def __init__(self, rules: CountingRules, calendar: Calendar, now: int) -> None:
        self._generation = rules.generation
        self._calendar = calendar
        self._keep_ms = {"m": rules.keep_minutes_ms, "h": rules.keep_hours_ms}
        self._from = {grain: now - keep_ms - _GRACE_MS for grain, keep_ms in self._keep_ms.items()}
        self._tallies: dict[int, Parts] = {}
        self._cohorts: dict[int, Parts] = {}
        self._spreads: dict[int, Parts] = {}
        self._names: dict[str, Amounts] = {}
        self._expiries: dict[str, int] = {}

    def change(self, before: Mapping[Contribution, int], after: Mapping[Contribution, int]) -> None:
        """Take back *before* and add *after*; what is in both costs nothing."""
        for what, amount in after.items():
            delta = amount - before.get(what, 0)
            if delta:
                self._add(what, delta)
        for what, amount in before.items():
            if what not in after:
                self._add(what, -amount)

    def gathered(self) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, int]]:
        """
        Return what to add to which field of which key, never 0, and when keys vanish, epoch ms.

        Call it once, at the end.
        """
        known = self._tallies.pop(0, {})  # what belongs to no time
        self._expand(counts_name(self._generation, ALL_TIME), known, whole=False)
        for bucket, parts in self._buckets():
            name = counts_name(self._generation, bucket)
            self._expand(name, parts)
            if bucket.grain != "d":
                keep_ms = self._keep_ms[bucket.grain] + 2 * _GRACE_MS
                self._expiries[name] = bucket.number * MINUTE_MS + keep_ms
        for day, parts in self._spreads.items():
            self._expand_apart(Bucket("d", day), parts)
        added = {
            name: changed
            for name, fields in self._names.items()
            if (changed := {field: amount for field, amount in fields.items() if amount})
        }
        return added, {name: at for name, at in self._expiries.items() if name in added}

    def _add(self, what: Contribution, amount: int) -> None:
        if isinstance(what, Tally):
            held = self._cohorts if COHORT_SIGN in what.code else self._tallies
            fields = held.setdefault(what.minute, {}).setdefault(what.segments, {})
            field = what.code
        elif isinstance(what, Span):
            day = self._calendar.place(what.minute)[1]
            fields = self._spreads.setdefault(day, {}).setdefault(what.segments, {})
            field = duration_field(what.code, what.bin)
        else:
            fields = self._spreads.setdefault(what.day, {}).setdefault(what.segments, {})
            field = people_field(what.code, what.gap)
        fields[field] = fields.get(field, 0) + amount

    def _buckets(self) -> Iterator[tuple[Bucket, Parts]]:
        """Yield what is in each bucket: minutes, and their sums by hours and days, without those that are over."""
        hours: dict[int, Parts] = {}
        days: dict[int, Parts] = {}
        for minute, parts in self._tallies.items():
            hour, day = self._calendar.place(minute)
            _merge(hours.setdefault(hour, {}), parts)
            _merge(days.setdefault(day, {}), parts)
        for minute, parts in self._cohorts.items():
            _merge(days.setdefault(self._calendar.place(minute)[1], {}), parts)
        for grain, held in (("m", self._tallies), ("h", hours)):
            for number, parts in held.items():
                if number * MINUTE_MS >= self._from[grain]:
                    yield Bucket(grain, number), parts
        for day, parts in days.items():
            yield Bucket("d", day), parts

    def _expand(self, name: str, parts: Parts, *, whole: bool = True) -> None:
        held = self._names.setdefault(name, {})
        for segments, fields in parts.items():
            for code, amount in fields.items():
                for segment in segments if whole else segments[1:]:
                    field = code + segment
                    held[field] = held.get(field, 0) + amount

    def _expand_apart(self, bucket: Bucket, parts: Parts) -> None:
        for segments, fields in parts.items():
            for segment in segments:
                held = self._names.setdefault(spreads_name(self._generation, bucket, segment), {})
                for field, amount in fields.items():
                    held[field] = held.get(field, 0) + amount


def _merge(held: Parts, more: Parts) -> None:
    for segments, fields in more.items():
        into = held.setdefault(segments, {})
        for code, amount in fields.items():
            into[code] = into.get(code, 0) + amount
