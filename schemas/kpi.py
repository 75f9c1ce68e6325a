"""What the KPIs are: `tasuki.kpi.v1`, the last snapshot of each figure."""

from typing import Literal

from pydantic import Field

from schemas.envelope import Envelope, EpochMs, Open


class Segment(Open):
    """A part of the firm: the dimension and its value, for instance role and sdr."""

    dimension: str
    value: str


class Figure(Open):
    """
    One metric over one window, of all or of one segment, as of `as_of`.

    `version` grows with each snapshot of one subject: keep the greatest, for a record may come again. Equal figures
    aren't told again, so `offsets` and the range are those of when it last changed.
    """

    version: int = Field(ge=1)
    metric: str
    window: str = Field(description="24h, 7d, 30d, today, this-month …")
    segment: Segment | None = Field(default=None, description="None: the whole firm.")
    unit: str = Field(description="count, people, rate (0 to 1), duration (ms) or money (minor units).")
    currency: str | None = Field(default=None, description="Of money, ISO 4217.")
    value: float | None = Field(
        description="A count, a share, money, or the median in ms; None where there is no data."
    )
    numerator: int
    denominator: int | None = Field(default=None, description="Of a share.")
    low: float | None = Field(default=None, description="Of a share: where its 95 % Wilson interval begins.")
    high: float | None = Field(default=None, description="Of a share: where its 95 % Wilson interval ends.")
    p90_ms: int | None = Field(default=None, description="Of a duration.")
    from_at: EpochMs = Field(description="The range it is of, as of `as_of`.")
    to_at: EpochMs
    as_of: EpochMs
    offsets: dict[str, int] = Field(
        description="Partition to the last offset of tasuki.lifecycle.v1 that is in the figure; -1: none."
    )


class FigureChanged(Envelope):
    """A figure is another one than before; `subject` is metric/window, or metric/window/dimension=value."""

    type: Literal["tasuki.kpi.figure-changed.v1"] = "tasuki.kpi.figure-changed.v1"
    data: Figure
