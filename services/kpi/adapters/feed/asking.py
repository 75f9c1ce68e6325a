"""What a request asks for, read from its query; whatever can't be understood is refused by name, with the mend."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Query, Request

from services.kpi.application.reading import Ask, Reading, Readings
from services.kpi.domain.metric import Metric
from services.kpi.domain.rules import DAY_MS
from services.kpi.domain.windows import Range, Window, days_range, range_of
from services.runtime.clock import Clock
from services.runtime.problems import Problem

LONGEST_DAYS = 3_700
MOST_ROWS = 1_000
_YEARS = range(2000, 2200)

Text: TypeAlias = str | None
Chosen = TypeVar("Chosen", bound=StrEnum)


def unfit(parameter: str, what: str, mend: str) -> Problem:
    """Return the refusal of a query parameter. The value isn't repeated: it may be a person's."""
    return Problem(400, "bad-parameter", f"the parameter `{parameter}` {what}", mend=mend)


def known_metric(name: str, metrics: Mapping[str, Metric]) -> Metric:
    """Return the metric *name* of the catalogue *metrics*. Raises Problem."""
    metric = metrics.get(name)
    if metric is None:
        raise Problem(404, "no-such-metric", "there is no metric of this name", mend="see GET /kpi/metrics")
    return metric


def only(request: Request, names: Sequence[str]) -> None:
    """Refuse parameters that nobody reads, for a misspelt one would silently be its default. Raises Problem."""
    allowed = {*names, "format"}
    for name, _ in request.query_params.multi_items():
        if name not in allowed:
            shown = name if name.isidentifier() else "…"
            raise unfit(shown[:40], "isn't known here", f"known: {', '.join(sorted(allowed))}")
        if len(request.query_params.getlist(name)) > 1:
            raise unfit(name, "is given twice", "give it once")


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of an ask that many metrics may share, and whether its range is a window that moves with the clock."""

    range: Range
    window: Window | None
    reading: Reading
    segment: tuple[str, str] | None
    within_days: int | None
    currency: str

    def of(self, metric: str, over: Range | None = None, segment: tuple[str, str] | None = None) -> Ask:
        """Return the ask for *metric*, over another range or segment where one is given."""
        return Ask(
            metric=metric,
            range=over or self.range,
            reading=self.reading,
            segment=segment or self.segment,
            within_days=self.within_days,
            currency=self.currency,
        )

    def of_cohort(self, metric: str, over: Range, within_days: int | None) -> Ask:
        """Return the ask for those who entered in *over*, and got on within so many days, or by now."""
        return replace(self.of(metric, over), reading=Reading.COHORT, within_days=within_days)

    def timeless(self) -> "Asked":
        """Return what is equal for equal windows, whenever they were asked for; see `Asking.moved`."""
        return self if self.window is None else replace(self, range=Range(0, 0))


ASKED = ("window", "from", "to", "reading", "segment", "within_days", "currency")
"""The parameters that `Asking.asked` reads."""
PAGED = ("limit", "cursor")


class Asking:
    """Reads queries; its methods are dependencies of the routes."""

    def __init__(self, readings: Readings, clock: Clock) -> None:
        self.metrics = readings.metrics
        self._readings = readings
        self._clock = clock

    def asked(
        self,
        window: Annotated[Text, Query(description="1h, 24h, 7d, 30d (default), today, this-week …")] = None,
        start: Annotated[
            Text, Query(alias="from", description="A day, or an instant with its offset; the first.")
        ] = None,
        end: Annotated[
            Text, Query(alias="to", description="A day, the last; or an instant, no longer in the range.")
        ] = None,
        reading: Annotated[Text, Query(description="period (default) or cohort.")] = None,
        segment: Annotated[Text, Query(description="dimension:value, as owner:sato@firm.example.")] = None,
        within_days: Annotated[Text, Query(description="Cohort only: one of the firm's horizons.")] = None,
        currency: Annotated[Text, Query(description="Of money; the firm's own unless given.")] = None,
    ) -> Asked:
        """Return what is asked. Raises Problem."""
        chosen, over = self._range(window, start, end)
        read_as = one_of("reading", reading, Reading, Reading.PERIOD)
        return Asked(
            over,
            chosen,
            read_as,
            self.segment(segment),
            self._horizon(within_days, read_as),
            self._currency(currency),
        )

    def moved(self, asked: Asked, now: int) -> Asked:
        """Return *asked* with its window as of *now*."""
        if asked.window is None:
            return asked
        rules, calendar = self._readings.rules, self._readings.calendar
        return replace(asked, range=range_of(asked.window, now, calendar, rules))

    def dimension(self, parameter: str, name: str | None) -> str:
        """Return *name*, which must be a dimension. Raises Problem."""
        dimensions = self._readings.rules.dimensions
        if name is None or name not in dimensions:
            raise unfit(parameter, "is no dimension that is counted by", f"one of {', '.join(dimensions)}")
        return name

    def _range(self, window: Text, start: Text, end: Text) -> tuple[Window | None, Range]:
        calendar = self._readings.calendar
        if start is None and end is None:
            chosen = one_of("window", window, Window, Window.LAST_30_DAYS)
            return chosen, range_of(chosen, self._clock(), calendar, self._readings.rules)
        if window is not None:
            raise unfit("window", "doesn't go with `from` and `to`", "give the one or the others")
        if start is None or end is None:
            missing = "from" if start is None else "to"
            raise unfit(missing, "is missing", "give both `from` and `to`, or `window`")
        from_at, to_at = self._edge("from", start, 0), self._edge("to", end, 1)
        if to_at <= from_at:
            raise unfit("to", "isn't after `from`", "give a later day or instant")
        if to_at - from_at > LONGEST_DAYS * DAY_MS:
            raise unfit("from", f"is more than {LONGEST_DAYS} days before `to`", "ask for a shorter range")
        return None, Range(from_at, to_at)

    def _edge(self, parameter: str, text: str, after: int) -> int:
        """Return the instant; of a day its start, or the start of the day *after* days later."""
        mend = "write a day as 2026-04-01, or an instant as 2026-04-01T09:00:00+09:00 (+ as %2B)"
        try:
            if len(text) == len("2026-04-01"):
                day = date.fromisoformat(text)
                if day.year in _YEARS:
                    return days_range(day, day + timedelta(days=after), self._readings.calendar).to_at
            else:
                instant = datetime.fromisoformat(text)
                if instant.tzinfo is not None and instant.year in _YEARS:
                    return round(instant.timestamp() * 1000)
        except ValueError as error:
            raise unfit(parameter, "isn't a day or an instant", mend) from error
        raise unfit(parameter, "has no offset, or is before 2000 or after 2199", mend)

    def segment(self, text: Text) -> tuple[str, str] | None:
        """Return the dimension and the value, None where none is asked for. Raises Problem."""
        if text is None:
            return None
        dimension, colon, value = text.partition(":")
        if not colon:
            raise unfit("segment", "isn't a dimension and a value", "write segment=owner:sato@firm.example")
        return self.dimension("segment", dimension), value

    def _horizon(self, text: Text, reading: Reading) -> int | None:
        if text is None:
            return None
        horizons = self._readings.rules.horizons_days
        if reading is not Reading.COHORT:
            raise unfit("within_days", "is for the cohort reading", "add reading=cohort, or leave it out")
        if text not in {str(each) for each in horizons}:
            raise unfit("within_days", "is no horizon that is counted", f"one of {horizons}")
        return int(text)

    def _currency(self, text: Text) -> str:
        if text is None:
            return self._readings.currency
        if not (len(text) == len("JPY") and text.isascii() and text.isalpha() and text.isupper()):
            raise unfit("currency", "isn't a currency", "three capital letters, as JPY")
        return text


def one_of(parameter: str, text: Text, kind: type[Chosen], default: Chosen) -> Chosen:
    """Return the member of *kind* that *text* names. Raises Problem."""
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError as error:
        raise unfit(parameter, "isn't one of those there are", f"one of {', '.join(kind)}") from error


def row_limit(limit: Text) -> int:
    """Return how many rows are asked for. Raises Problem."""
    if limit is None:
        return 200
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= MOST_ROWS):  # noqa: PLR2004 -- digits
        raise unfit("limit", "isn't a number of rows", f"1 to {MOST_ROWS}")
    return int(limit)


def cursor_of(last: str) -> str:
    """Return the cursor that goes on after *last*."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def after_cursor(cursor: Text) -> str | None:
    """Return after what to go on, None from the start. Raises Problem."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise unfit("cursor", "isn't one that was given out", "take `next_cursor` of an answer") from error
