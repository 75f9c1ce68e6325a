"""The shape of [calendars.<name>]: when a firm, a team or a shift works."""

from datetime import date

from pydantic import Field

from services.configuration.quantities import Text
from services.configuration.sections import Section, TimeZone
from services.kpi.domain.sla.calendar import Interval
from services.kpi.settings.written import Day, Hours, Yearly

_ANY_DAY = "Of that day; left out: {}. `[]` is a closed day."


class CalendarTable(Section):
    """
    When somebody works. A promise that names the calendar counts only this time: 24 h of eight-hour days are three days.

    A day may have several spans of hours. One that closes before it opens runs over midnight; the part after midnight
    belongs to the next date. A holiday closes its date from midnight to midnight.
    """

    time_zone: TimeZone | None = Field(
        default=None, description="Where the hours are read (tz database name); left out: the firm's."
    )
    weekdays: tuple[Hours, ...] = Field(
        default=(), description='Monday to Friday: `["09:00-12:00", "13:00-18:00"]`.'
    )
    mon: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("`weekdays`"))
    tue: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("`weekdays`"))
    wed: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("`weekdays`"))
    thu: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("`weekdays`"))
    fri: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("`weekdays`"))
    sat: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("closed"))
    sun: tuple[Hours, ...] | None = Field(default=None, description=_ANY_DAY.format("closed"))
    holidays: Text | None = Field(
        default=None,
        description="Country whose public holidays are closed (ISO 3166-1: `JP`); left out: no holidays.",
    )
    subdivision: Text | None = Field(
        default=None, description="Part of the country with holidays of its own (ISO 3166-2: `BY`)."
    )
    categories: tuple[Text, ...] = Field(
        default=("public",),
        description="Kinds of holidays that are closed; which there are depends on the country: `public`, `bank`.",
        min_length=1,
    )
    closed: tuple[Day, ...] = Field(default=(), description="The firm's own holidays: `[2026-12-28]`.")
    closed_yearly: tuple[Yearly, ...] = Field(
        default=(), description='Those of every year: `["12-29", "12-30", "12-31", "01-02", "01-03"]`.'
    )
    special: dict[Day, tuple[Hours, ...]] = Field(
        default_factory=dict[date, tuple[Interval, ...]],
        description="Dates with hours of their own, which win over weekday and holiday: "
        '`"2026-11-28" = ["10:00-15:00"]`.',
    )
