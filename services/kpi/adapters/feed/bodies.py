"""The bodies of answers, as they are described in OpenAPI, and how they are made of figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pydantic import BaseModel, Field

from services.kpi.application.reading import Answer, Figure
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.metric import Metric, Target


class TargetBody(BaseModel):
    """What a metric should be: from `low`, to `high` where there is a range."""

    low: float | None
    high: float | None
    per: str | None = Field(description="`day and person`: a number of these.")
    of: str | None = Field(description="The metric that it is a share of, where that isn't its denominator.")
    from_goal: str | None = Field(description="Computed from the firm's own goal instead.")


class RoleBody(BaseModel):
    """What a metric is to a role."""

    need: str = Field(description="◎ must, ○ recommended, △ auxiliary, – not for this role.")
    target: TargetBody | None


class DefinitionBody(BaseModel):
    """One metric of the catalogue."""

    name: str
    ja: str
    en: str
    definition: str
    definition_ja: str
    unit: str = Field(description="count, people, rate (0 to 1), duration (ms) or money (minor units).")
    numerator: str
    denominator: str | None
    cohort: bool = Field(description="Whether its two readings differ.")
    direction: str = Field(description="Which way is better: up or down.")
    source: str = Field(description="Whose facts it is made of: ma, sfa, both or clock.")
    automatic: str = Field(description="◎ measured by itself, ○ mostly, △ somebody notes the outcome.")
    sdr: RoleBody
    bdr: RoleBody


class RangeBody(BaseModel):
    """From `from_at` on, up to but without `to_at`, epoch ms."""

    from_at: int
    to_at: int


class IntervalBody(BaseModel):
    """The 95 % Wilson interval of a share."""

    low: float
    high: float


class FigureBody(BaseModel):
    """One figure. Without data `value` is null and `no_data` says why."""

    metric: str
    segment: str | None = Field(description="dimension:value; null for the whole.")
    reading: str
    within_days: int | None
    currency: str | None = Field(description="Of money.")
    range: RangeBody = Field(description="Which time it is really of: as asked for, or a little more.")
    value: float | None = Field(description="A count, a share, money in minor units, or the median in ms.")
    numerator: int
    denominator: int | None
    interval: IntervalBody | None
    p90_ms: int | None
    settled: bool | None = Field(description="Whether all of the cohort have had `within_days` by now.")
    no_data: str | None = Field(description="`denominator-is-0` or `nothing-measured`.")


class ReflectsBody(BaseModel):
    """Of which facts an answer is."""

    offsets: Mapping[str, int] = Field(
        description="Partition to the last offset of the lifecycle topic that is in all figures; -1: none."
    )
    complete: bool = Field(description="False while leads are counted anew: the figures are too low then.")


class MetricBody(ReflectsBody):
    """A metric with its figure."""

    definition: DefinitionBody
    figure: FigureBody


class FiguresBody(ReflectsBody):
    """A metric over time, or by a segment's values."""

    definition: DefinitionBody
    figures: Sequence[FigureBody]
    next_cursor: str | None


class CohortBody(BaseModel):
    """Those that entered in a time, and how many of them got on within each horizon."""

    entered: RangeBody
    count: int
    figures: Sequence[FigureBody] = Field(description="By each horizon in turn, then by now.")


class CohortsBody(ReflectsBody):
    """The cohort table of a metric."""

    definition: DefinitionBody
    cohorts: Sequence[CohortBody]
    next_cursor: str | None


class DefinitionsBody(BaseModel):
    """The catalogue, in the order in which it is shown."""

    metrics: Sequence[DefinitionBody]
    dimensions: Sequence[str]
    horizons_days: Sequence[int]
    time_zone: str
    next_cursor: str | None


class ItemRoleBody(RoleBody):
    """A metric at a role."""

    figure: FigureBody
    previous: FigureBody = Field(description="Of the time of equal length right before.")
    delta: float | None = Field(description="Value less previous value; null where one of them has no data.")
    status: str = Field(description="met, missed, no-data, no-target or not-comparable.")


class ItemBody(BaseModel):
    """A row of the KPI table."""

    definition: DefinitionBody
    roles: Mapping[str, ItemRoleBody]


class TableBody(ReflectsBody):
    """The KPI table of the roles."""

    items: Sequence[ItemBody]


def definition(metric: Metric) -> DefinitionBody:
    """Return *metric* as a body."""
    return DefinitionBody(
        name=metric.name,
        ja=metric.ja,
        en=metric.en,
        definition=metric.definition,
        definition_ja=metric.definition_ja,
        unit=metric.unit,
        numerator=metric.numerator,
        denominator=metric.denominator or None,
        cohort=getattr(metric.formula, "cohort", None) is not None,
        direction=metric.direction,
        source=metric.source,
        automatic=metric.automatic,
        sdr=RoleBody(need=metric.sdr, target=target(metric.target_sdr)),
        bdr=RoleBody(need=metric.bdr, target=target(metric.target_bdr)),
    )


def target(of: Target | None) -> TargetBody | None:
    """Return a target as a body."""
    return None if of is None else TargetBody(**asdict(of))


def figure_body(figure: Figure) -> FigureBody:
    """Return *figure* as a body."""
    ask, interval = figure.ask, figure.interval
    without = "nothing-measured" if figure.denominator is None else "denominator-is-0"
    return FigureBody(
        metric=ask.metric,
        segment=None if ask.segment is None else ":".join(ask.segment),
        reading=ask.reading,
        within_days=ask.within_days,
        currency=ask.currency if METRICS[ask.metric].unit == "money" else None,
        range=RangeBody(from_at=figure.range.from_at, to_at=figure.range.to_at),
        value=figure.value,
        numerator=figure.numerator,
        denominator=figure.denominator,
        interval=None if interval is None else IntervalBody(low=interval.low, high=interval.high),
        p90_ms=figure.p90_ms,
        settled=figure.settled,
        no_data=without if figure.value is None else None,
    )


def offsets(answer: Answer) -> dict[str, int]:
    """Return the offsets of *answer*, by partition."""
    return {str(partition): offset for partition, offset in sorted(answer.offsets.items())}
