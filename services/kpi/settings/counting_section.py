"""The shape of [kpi]: what is counted, by what it is cut, what is wanted, and what figures should be."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from services.configuration.quantities import DurationBetween, FieldName, Text, Whole, wrong
from services.configuration.sections import Section
from services.kpi.domain.rules import OWNER, ROLE, TEAM, CountingRules
from services.kpi.settings.written import Day, SegmentValue, Wanted

_STANDARD = CountingRules()


def _days(horizons: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(horizons)) != len(horizons):
        raise wrong("names a horizon twice", "keep one of the two")
    return horizons


class GoalsTable(Section):
    """
    The firm's own goal, from which orders, opportunities and leads are worked out.

    Revenue ÷ average order = orders; ÷ win rate = opportunities; ÷ opportunity rate = leads.
    """

    revenue: Annotated[Whole, Field(ge=0, le=10**15)] = Field(
        description="The year's goal, in the smallest unit of the firm's currency (円, cents)."
    )
    average_order: Annotated[Whole, Field(ge=1, le=10**15)] = Field(
        description="What an order is worth on average, in the same unit."
    )
    win_rate: Annotated[float, Field(gt=0, le=1, strict=True)] = Field(
        description="Orders of opportunities, above 0 to 1."
    )
    opportunity_rate: Annotated[float, Field(gt=0, le=1, strict=True)] = Field(
        description="Opportunities of leads (商談化率), above 0 to 1."
    )


class RoleTargets(Section):
    """
    What a metric should be: one number, or a range; a share is 0.3 for 30 %, a time is "24h".

    The key is the metric's name, see `GET /kpi/metrics`: `[kpi.targets] sql_rate = { sdr = 0.35 }`. A role that is left
    out keeps the catalogue's target; `"none"` takes it away.
    """

    sdr: Wanted = Field(default=None, description="For inbound (SDR, 反響型).")
    bdr: Wanted = Field(default=None, description="For outbound (BDR, 新規開拓型).")


class KpiSection(Section):
    """How the KPIs are counted. Time zone, currency and language are those of `[firm]`."""

    dimensions: tuple[FieldName, ...] = Field(
        default=_STANDARD.dimensions,
        description=f"What figures are cut by, each by itself: `{ROLE}` (SDR, BDR), `{OWNER}`, `{TEAM}` (see `[[people]]`), "
        "or a field of `[sync] segments`; each multiplies the counters by its values, 8 at most.",
        max_length=8,
    )
    horizons_days: Annotated[tuple[Annotated[Whole, Field(ge=1, le=1_000)], ...], AfterValidator(_days)] = (
        Field(
            default=_STANDARD.horizons_days,
            description="Cohort readings tell how many of those who entered got on within so many days.",
            max_length=8,
        )
    )
    outcomes: dict[Text, Literal["none", "connected", "contact", "effective"]] = Field(
        default_factory=dict[str, Literal["none", "connected", "contact", "effective"]],
        description="What the outcome of a call or mail means, beside what tasuki knows: `connected` (通電, 返信), "
        "`contact` (the person was reached), `effective` (有効会話), `none`. Width and capitals don't matter.",
    )
    customer: FieldName = Field(
        default=_STANDARD.customer,
        description="The field of `[sync] segments` that tells new from existing customers; without it all are new.",
    )
    existing: tuple[SegmentValue, ...] = Field(
        default=tuple(sorted(_STANDARD.existing)), description="Its values that mean an existing customer."
    )
    keep_minutes_ms: Annotated[int, DurationBetween("2h", "31d")] = Field(
        default=_STANDARD.keep_minutes_ms,
        alias="keep_minutes",
        description="How long counts by the minute are kept; windows that reach back further are a little wider.",
    )
    keep_hours_ms: Annotated[int, DurationBetween("2d", "1000d")] = Field(
        default=_STANDARD.keep_hours_ms,
        alias="keep_hours",
        description="How long counts by the hour are kept; days are kept for ever.",
    )
    first_weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(
        default="mon", description="With which day a week begins."
    )
    fiscal_month: Annotated[Whole, Field(ge=1, le=12)] = Field(
        default=_STANDARD.fiscal_month, description="With which month the firm's year begins, 1 to 12."
    )
    clock_grace_ms: Annotated[int, DurationBetween("0s", "10m")] = Field(
        default=30_000,
        alias="clock_grace",
        description="So long an alert waits for facts that came in and aren't read yet.",
    )
    clock_batch: Annotated[Whole, Field(ge=1, le=10_000)] = Field(
        default=200, description="So many clocks fire in one commit at most."
    )
    promised_from: Day | None = Field(
        default=None,
        description="Promises are held from this day on; left out: from the first start of this installation on, so "
        "that nobody is told of old leads.",
    )
    snapshot_windows: Annotated[
        tuple[
            Literal["1h", "24h", "7d", "30d", "today", "this-week", "this-month", "this-quarter"],
            ...,
        ],
        Field(min_length=1),
    ] = Field(
        default=("30d", "7d", "today"),
        description="Over which windows the topic `tasuki.kpi.v1` tells the figures; the first is that of the metric "
        "`tasuki_kpi_value`.",
    )
    snapshot_every_ms: Annotated[int, DurationBetween("1s", "1h")] = Field(
        default=10_000, alias="snapshot_every", description="At most so often a figure is told there."
    )
    goals: GoalsTable | None = Field(
        default=None, description="The firm's own goal; left out: none is shown."
    )
    targets: dict[Text, RoleTargets] = Field(
        default_factory=dict[str, RoleTargets], description="Targets of the firm's own, by metric."
    )
