"""How the KPI service's sections write hours, days, dates, quiet spans and targets; each is read into the domain's form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, core_schema

from services.configuration.quantities import duration_ms, wrong
from services.kpi.domain.metric import Target
from services.kpi.domain.notice_quiet import EVERY_DAY, QuietSpan
from services.kpi.domain.sla.calendar import WEEKDAYS, Interval, read_interval

_MINUTE_MS: Final = 60_000
_DAYS: Final = re.compile(r"[a-z]{3}(?:[-,][a-z]{3})*")
_YEARLY: Final = re.compile(r"(\d{2})-(\d{2})")
_LEAP_YEAR: Final = 2000


class _Text:
    """A text with a form of its own; `parse` gives its value."""

    words: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Make pydantic call `parse`."""
        return core_schema.no_info_plain_validator_function(self.parse)

    def parse(self, value: object) -> object:
        """Return what *value* stands for."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class HoursText(_Text):
    """From an opening to a closing time: ``"09:00-18:00"``."""

    words = 'hours, "09:00-18:00"'

    def show(self, value: Interval) -> str:
        """Return *value* as the file writes it."""
        return f'"{value}"'

    def parse(self, value: object) -> Interval:
        """Return the interval; whether it fits its day the domain says."""
        opens, dash, closes = value.partition("-") if isinstance(value, str) else ("", "", "")
        try:
            if dash:
                return read_interval(opens.strip(), closes.strip())
        except ValueError as error:
            raise wrong(
                str(error).replace("'", '"'), 'write "09:00-18:00"; 24:00 is the end of the day'
            ) from None
        raise wrong("is no span of hours", 'write "09:00-18:00"; 24:00 is the end of the day')


@dataclass(frozen=True, slots=True)
class DateText(_Text):
    """A date, written as TOML's own or as a text: ``2026-12-29``."""

    words = "date, 2026-12-29"

    def show(self, value: date) -> str:
        """Return *value* as the file writes it."""
        return str(value)

    def parse(self, value: object) -> date:
        """Return the date."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value if isinstance(value, str) else "")
        except ValueError:
            raise wrong("is not a date", "write 2026-12-29, without a time") from None


@dataclass(frozen=True, slots=True)
class YearlyText(_Text):
    """A day of every year: ``"12-29"``; held as month and day."""

    words = 'day of each year, "12-29"'

    def show(self, value: tuple[int, int]) -> str:
        """Return *value* as the file writes it."""
        return f'"{value[0]:02d}-{value[1]:02d}"'

    def parse(self, value: object) -> tuple[int, int]:
        """Return month and day."""
        match = _YEARLY.fullmatch(value) if isinstance(value, str) else None
        try:
            if match:
                found = date(_LEAP_YEAR, int(match[1]), int(match[2]))
                return found.month, found.day
        except ValueError:
            pass
        raise wrong("is no day of the year", 'write month and day: "12-29"')


@dataclass(frozen=True, slots=True)
class QuietText(_Text):
    """Quiet hours, perhaps of certain days: ``"20:00-08:00"``, ``"sat-sun 00:00-24:00"``."""

    words = 'quiet hours, "20:00-08:00", "sat-sun 00:00-24:00"'

    def show(self, value: QuietSpan) -> str:
        """Return *value* as the file writes it, days apart."""
        return f'"{Interval(value.starts * _MINUTE_MS, value.ends * _MINUTE_MS)}"'

    def parse(self, value: object) -> QuietSpan:
        """Return the span; one that ends before it starts ends on the next day."""
        days, _, hours = (value if isinstance(value, str) else "").strip().rpartition(" ")
        starts_ms, ends_ms = HoursText().parse(hours)
        if starts_ms == ends_ms or starts_ms == 24 * 60 * _MINUTE_MS:
            raise wrong("is no span of hours", 'a whole day is "00:00-24:00"')
        held = _days(days.strip()) if days.strip() else EVERY_DAY
        return QuietSpan(starts=starts_ms // _MINUTE_MS, ends=ends_ms // _MINUTE_MS, days=held)


def _days(text: str) -> frozenset[int]:
    """Return the weekdays that ``mon-fri,sun`` names, 0 for Monday."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not _DAYS.fullmatch(text) or not {first, last or first} <= set(WEEKDAYS):
            raise wrong(
                f'"{text[:40]}" are no days', f'write "mon-fri" or "sat,sun"; known: {" ".join(WEEKDAYS)}'
            )
        begins, ends = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        found |= {each % 7 for each in range(begins, ends + 1 if ends >= begins else ends + 8)}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class TargetText(_Text):
    """A target: a number, a range of two, a duration, or ``"none"``; held as `Target`, without one as None."""

    words = 'number, [from, to], duration, or "none"'

    def show(self, value: Target | None) -> str:
        """Return *value* as the file writes it."""
        if value is None or value.low is None:
            return '"none"'
        return f"{value.low:g}" if value.high is None else f"[{value.low:g}, {value.high:g}]"

    def parse(self, value: object) -> Target | None:
        """Return the target."""
        if value == "none":
            return None
        edges = cast("Sequence[object]", value) if isinstance(value, list) else [value]
        found = [number for each in edges if (number := _number(each)) is not None]
        if len(found) != len(edges) or not 1 <= len(found) <= 2:  # noqa: PLR2004 (from, to)
            raise wrong("is no target", 'write 0.3, [0.15, 0.2], "24h", or "none"')
        if found != sorted(found):
            raise wrong("ends before it begins", "write the smaller number first")
        return Target(low=found[0], high=found[1] if len(found) > 1 else None)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return duration_ms(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 10**15 else None


def _share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("must be a number", "write share = 0.5 for half of the time promised")
    return float(value)


Hours: TypeAlias = Annotated[Interval, HoursText()]
Day: TypeAlias = Annotated[date, DateText()]
Yearly: TypeAlias = Annotated[tuple[int, int], YearlyText()]
Quiet: TypeAlias = Annotated[QuietSpan, QuietText()]
Wanted: TypeAlias = Annotated[Target | None, TargetText()]
ShareOfBudget: TypeAlias = Annotated[float, BeforeValidator(_share)]


def _segment_value(value: object) -> str:
    """Return a segment's value as leads carry it: as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise wrong(
        "must be a text, a whole number, or true or false", 'write it like "hot"; "" is for leads without'
    )


SegmentValue: TypeAlias = Annotated[str, PlainValidator(_segment_value)]
