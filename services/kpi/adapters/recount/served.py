"""What the service answers: its own readings of the dumped counters, in the words of the comparison."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from services.kpi.adapters.recount.codes import codes_of
from services.kpi.adapters.recount.dump import Dump
from services.kpi.adapters.recount.figures import Figures, Key, Span, Value
from services.kpi.application.reading import Ask, Figure, Reading, Readings
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.counters import money
from services.kpi.domain.metric import Money, Share, Spent
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.windows import Range, Window, days_range, range_of

ALL = "all"
"""The window with everything that was ever counted."""
_CURRENCY_HEAD = money("")


class Served:
    """
    The service's figures.

    Args:
        now: As of when windows are, epoch ms.
    """

    def __init__(self, dump: Dump, rules: CountingRules, *, now: int) -> None:
        self._dump = dump
        self._rules = rules
        self._readings = Readings(dump, rules)
        self._now = now
        self._active = dump.active_days()

    def currencies(self) -> set[str]:
        """Return the currencies of won deals."""
        return {
            code.removeprefix(_CURRENCY_HEAD)
            for code in self._dump.codes()
            if code.startswith(_CURRENCY_HEAD)
        }

    def windows(self, first: str, last: str) -> dict[str, Range]:
        """Return each window that people look at, and `ALL`, the days (ISO) from *first* to *last*."""
        found = {
            str(each): range_of(each, self._now, self._readings.calendar, self._rules) for each in Window
        }
        found[ALL] = self._days(first, last)
        return found

    def active_days(self) -> Sequence[str]:
        """Return the days (ISO) that have a counter."""
        return sorted(self._active)

    def range_of_day(self, day: str) -> Range:
        """Return the range of *day* (ISO)."""
        return self._days(day, day)

    def spans(self, over: Range) -> tuple[Span, Span]:
        """Return which time figures over *over* are of: those counted by minutes, those counted by days."""
        exact, days = (
            self._readings.covered(Ask(metric=metric, range=over), now=self._now)
            for metric in ("leads", "people_called")
        )
        return Span(exact.from_at, exact.to_at), Span(days.from_at, days.to_at)

    async def figures(
        self, window: str, over: Range, segments: Sequence[str], currencies: Sequence[str]
    ) -> Figures:
        """Return all figures of the catalogue over *over*, of each of *segments*."""
        asks = {
            Key(metric, reading, window, segment): ask
            for segment in segments
            for metric, reading, ask in self._asks(over, segment, currencies)
        }
        return await self._answers(asks)

    async def day(self, day: str, currencies: Sequence[str]) -> Figures:
        """Return the figures of *day* (ISO) that have anything, of each segment."""
        over = self.range_of_day(day)
        asks: dict[Key, Ask] = {}
        for segment, active in self._active.get(day, {}).items():
            for metric, reading, ask in self._asks(over, segment, currencies):
                key = Key(metric, reading, day, segment)
                above, below, _ = codes_of(key)
                if not active.isdisjoint((*above, *below)):
                    asks[key] = ask
        return await self._answers(asks)

    async def _answers(self, asks: Mapping[Key, Ask]) -> Figures:
        answer = await self._readings.many(list(asks.values()), now=self._now)
        return {key: _value(figure) for key, figure in zip(asks, answer.figures, strict=True)}

    def _asks(self, over: Range, segment: str, currencies: Sequence[str]) -> Iterator[tuple[str, str, Ask]]:
        name, _, value = segment.partition("=")
        part = (name, value) if segment else None
        for metric in METRICS.values():
            ask = Ask(metric=metric.name, range=over, segment=part)
            match metric.formula:
                case Money():
                    for currency in currencies:
                        told = Ask(metric=metric.name, range=over, segment=part, currency=currency)
                        yield f"{metric.name}:{currency}", "", told
                case Share(cohort=pair) if pair is not None:
                    yield metric.name, "period", ask
                    for days in (None, *self._rules.horizons_days):
                        reading = "cohort" if days is None else f"cohort/{days}"
                        of = Reading.COHORT
                        yield (
                            metric.name,
                            reading,
                            Ask(metric=metric.name, range=over, segment=part, reading=of, within_days=days),
                        )
                case _:
                    yield metric.name, "", ask

    def _days(self, first: str, last: str) -> Range:
        after = date.fromisoformat(last) + timedelta(days=1)
        return days_range(date.fromisoformat(first), after, self._readings.calendar)


def _value(figure: Figure) -> Value:
    if isinstance(METRICS[figure.ask.metric].formula, Spent):
        median = None if figure.value is None else int(figure.value)
        return Value(figure.numerator, None, median, figure.p90_ms)
    return Value(figure.numerator, figure.denominator)
