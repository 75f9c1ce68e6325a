"""
Reading the KPIs: metrics over windows and segments, summed from the shards' counters when asked.

All figures of one answer are of the same instant of each shard; the answer says which, by its offset.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from services.kpi.application.ports import Counters, CounterStore, Names, Wanted
from services.kpi.domain.calendar import Bucket, Calendar
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.counters import KNOWN, cohort, money
from services.kpi.domain.goals import Goals
from services.kpi.domain.metric import Counted, Metric, Money, People, Share, Spent
from services.kpi.domain.places import ALL_TIME, counts_name, spreads_name
from services.kpi.domain.rates import Interval, rate, wilson
from services.kpi.domain.rules import DAY_MS, CountingRules
from services.kpi.domain.sketch import quantile
from services.kpi.domain.windows import Range, cover
from services.runtime.pacing import paced


class Reading(StrEnum):
    """
    Which of the two readings of a rate.

    Period: what happened in the window over what happened in the window. Cohort: of those that entered in the
    window, the share that got on, by now or within so many days. Never mixed. What is no rate, or carries its
    outcome with it as a call does, reads the same in both.
    """

    PERIOD = "period"
    COHORT = "cohort"


class Unanswerable(ValueError):
    """An ask for a metric, a dimension or a horizon that isn't counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    What is wanted.

    Args:
        metric: A name of the catalogue.
        range: Which time; the figure says which time it is really of.
        segment: Dimension and value ("" for those without one); None for the whole.
        within_days: Cohort reading only: one of the horizons of the rules; None for by now.
        currency: Of money.
    """

    metric: str
    range: Range
    reading: Reading = Reading.PERIOD
    segment: tuple[str, str] | None = None
    within_days: int | None = None
    currency: str = "JPY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    One metric's value.

    Args:
        ask: What was asked.
        range: Which time it is of: the one asked for, or a little more where finer counters are gone.
        value: A count, people, money in minor units, a share, or the median in ms; None: no data.
        numerator, denominator: Of a rate; `numerator` of a duration is how many there were.
        interval: Of a rate, 95 %, Wilson; None where there is none, as in a period reading above 1.
        p90_ms: Of a duration.
        settled: Whether everybody of the cohort has had `within_days` by now; None where that isn't asked.
    """

    ask: Ask
    range: Range
    value: float | None
    numerator: int
    denominator: int | None = None
    interval: Interval | None = None
    p90_ms: int | None = None
    settled: bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Figures of one instant.

    Args:
        figures: In the order of the asks.
        offsets: Partition to the last offset of the lifecycle topic that the figures reflect.
        complete: False while leads are counted anew after the rules changed: the figures are too low then.
    """

    figures: Sequence[Figure]
    offsets: Mapping[int, int]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Held:
    """The buckets that are summed, which time they are, and the names of the keys with their counts."""

    buckets: Sequence[Bucket]
    range: Range
    names: Names


_Read = Callable[[Counters], Figure]
_COVERS = 256


class Readings:
    """
    The KPIs, for whoever asks.

    Args:
        store: Where the counters are read.
        rules: How the firm counts.
        metrics: The catalogue by name, with the firm's own targets where it has any.
        goals: What the firm wants of a year, if it says so.
        currency: The firm's own, ISO 4217: that of its goal, and of money where none is asked for.
    """

    def __init__(
        self,
        store: CounterStore,
        rules: CountingRules,
        metrics: Mapping[str, Metric] = METRICS,
        *,
        goals: Goals | None = None,
        currency: str = "JPY",
    ) -> None:
        self.metrics = metrics
        self.goals = goals
        self.currency = currency
        self._store = store
        self._rules = rules
        self._generation = rules.generation
        self.calendar = calendar = Calendar(rules.time_zone)

        @lru_cache(_COVERS)
        def covered(asked: Range, now: int, grains: str) -> _Held:
            found = cover(asked, now, calendar, rules, grains)
            names = tuple(counts_name(self._generation, bucket) for bucket in found.buckets)
            return _Held(found.buckets, found.range, names)

        self._held = covered  # one answer has many figures of few ranges

    @property
    def generation(self) -> str:
        """That of the rules in force."""
        return self._generation

    @property
    def rules(self) -> CountingRules:
        """How the firm counts."""
        return self._rules

    async def versions(self) -> Mapping[int, int]:
        """Return how many commits each shard has had: a cheap way to learn of a change. Raises StoreUnavailable."""
        return await self._store.versions()

    def covered(self, ask: Ask, *, now: int) -> Range:
        """Return which time the figure of *ask* is of as of *now*, without reading it. Raises Unanswerable."""
        metric = self._checked(ask)
        by_days = isinstance(metric.formula, Spent | People) or _is_cohort(metric, ask)
        return self._covered(ask, now, "d" if by_days else "mhd").range

    async def window(self, ask: Ask, *, now: int) -> Answer:
        """Return the figure that *ask* asks for as of *now*, epoch ms. Raises Unanswerable, StoreUnavailable."""
        return await self.many([ask], now=now)

    async def many(self, asks: Sequence[Ask], *, now: int) -> Answer:
        """Return the figures of *asks*, all of one instant of each shard. Raises Unanswerable, StoreUnavailable."""
        wanted = Wanted()
        reads = [self._prepare(each, now, wanted) async for each in paced(asks)]
        counters = await self._store.read(wanted)
        complete = counters.generations <= {self._generation}
        return Answer([read(counters) async for read in paced(reads)], counters.offsets, complete)

    async def values(self, dimension: str) -> Sequence[str]:
        """Return the values of *dimension* that any lead has or had, sorted. Raises Unanswerable, StoreUnavailable."""
        self._check_dimension(dimension)
        name = counts_name(self._generation, ALL_TIME)
        head = f"{KNOWN}:{dimension}="
        found = (await self._store.read(Wanted(keys={name: None}))).amounts.get(name, {})
        return sorted(field.removeprefix(head) for field in found if field.startswith(head))

    def _prepare(self, ask: Ask, now: int, wanted: Wanted) -> _Read:
        """Add to *wanted* what *ask* takes, and return what makes the figure of it."""
        metric = self._checked(ask)
        segment = "" if ask.segment is None else f":{ask.segment[0]}={ask.segment[1]}"
        match metric.formula:
            case Counted(codes):
                return self._counted(ask, codes, segment, now, wanted)
            case Money():
                return self._counted(ask, (money(ask.currency),), segment, now, wanted)
            case Share():
                return self._share(ask, metric.formula, segment, now, wanted)
            case Spent(code):
                return self._spent(ask, code, segment, now, wanted)
            case People(code):
                return self._people(ask, code, segment, now, wanted)

    def _checked(self, ask: Ask) -> Metric:
        metric = METRICS.get(ask.metric)
        if metric is None:
            raise Unanswerable(f"there is no metric {ask.metric!r}")
        if ask.segment is not None:
            self._check_dimension(ask.segment[0])
        if ask.within_days is not None and ask.within_days not in self._rules.horizons_days:
            raise Unanswerable(f"{ask.within_days} days is none of the horizons {self._rules.horizons_days}")
        return metric

    def _check_dimension(self, dimension: str) -> None:
        if dimension not in self._rules.dimensions:
            raise Unanswerable(f"{dimension!r} is none of the dimensions {self._rules.dimensions}")

    def _covered(self, ask: Ask, now: int, grains: str) -> _Held:
        return self._held(ask.range, now, grains)

    def _sum_of(
        self, held: _Held, codes: Sequence[str], segment: str, wanted: Wanted
    ) -> Callable[[Counters], int]:
        """Add the counters of *codes* to *wanted*, and return what adds them up."""
        fields = [code + segment for code in codes]
        names = held.names
        wanted.add(names, fields)

        def total(counters: Counters) -> int:
            found = counters.sums[names]
            return sum(found[each] for each in fields)

        return total

    def _counted(self, ask: Ask, codes: Sequence[str], segment: str, now: int, wanted: Wanted) -> _Read:
        held = self._covered(ask, now, "mhd")
        total = self._sum_of(held, codes, segment, wanted)

        def figure(counters: Counters) -> Figure:
            count = total(counters)
            return Figure(ask=ask, range=held.range, value=count, numerator=count)

        return figure

    def _share(self, ask: Ask, share: Share, segment: str, now: int, wanted: Wanted) -> _Read:
        pair = share.cohort if ask.reading is Reading.COHORT else None
        held = self._covered(ask, now, "mhd" if pair is None else "d")
        codes, settled = share.numerator.codes, None
        if pair is not None:
            codes = (cohort(*pair, ask.within_days),)
            if ask.within_days is not None:
                settled = held.range.to_at + ask.within_days * DAY_MS <= now
        above = self._sum_of(held, codes, segment, wanted)
        below = self._sum_of(held, share.denominator.codes, segment, wanted)

        def figure(counters: Counters) -> Figure:
            numerator, denominator = above(counters), below(counters)
            return Figure(
                ask=ask,
                range=held.range,
                value=rate(numerator, denominator),
                numerator=numerator,
                denominator=denominator,
                interval=wilson(numerator, denominator),
                settled=settled,
            )

        return figure

    def _spread(
        self, held: _Held, segment: str, wanted: Wanted, code: str, sign: str
    ) -> Callable[[Counters], Sequence[Mapping[int, int]]]:
        """Add what is spread over bins or gaps under *code*; return what gives it for each bucket, by number."""
        names = [spreads_name(self._generation, bucket, segment) for bucket in held.buckets]
        wanted.keys.update(dict.fromkeys(names))
        return lambda counters: [counters.numbered(name, code + sign) for name in names]

    def _spent(self, ask: Ask, code: str, segment: str, now: int, wanted: Wanted) -> _Read:
        held = self._covered(ask, now, "d")
        bins = self._spread(held, segment, wanted, code, "/")

        def figure(counters: Counters) -> Figure:
            merged: dict[int, int] = {}
            for each in bins(counters):
                for number, amount in each.items():
                    merged[number] = merged.get(number, 0) + amount
            return Figure(
                ask=ask,
                range=held.range,
                value=quantile(merged, 0.5),
                numerator=sum(merged.values()),
                p90_ms=quantile(merged, 0.9),
            )

        return figure

    def _people(self, ask: Ask, code: str, segment: str, now: int, wanted: Wanted) -> _Read:
        held = self._covered(ask, now, "d")
        gaps = self._spread(held, segment, wanted, code, "~")
        days = [bucket.number for bucket in held.buckets]

        def figure(counters: Counters) -> Figure:
            # Whoever was active before within the range has been counted then.
            count = sum(
                amount
                for day, by_gap in zip(days, gaps(counters), strict=True)
                for gap, amount in by_gap.items()
                if gap == 0 or day - gap < days[0]
            )
            return Figure(ask=ask, range=held.range, value=count, numerator=count)

        return figure


def _is_cohort(metric: Metric, ask: Ask) -> bool:
    return (
        isinstance(metric.formula, Share)
        and metric.formula.cohort is not None
        and ask.reading is Reading.COHORT
    )
