"""The body of the answer about the firm's goal, as it is described in OpenAPI."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from services.kpi.adapters.feed.bodies import FigureBody, ReflectsBody


class GoalItemBody(BaseModel):
    """One step back from the goal."""

    figure: FigureBody = Field(description="What there is, of the whole firm.")
    year: int | None = Field(description="What a year is to bring; null without a goal.")
    by_now: float | None = Field(description="The year's part that the time so far is, by days of 365.")
    status: str = Field(description="met, missed or no-target: what there is, against `by_now`.")


class ReferenceBody(BaseModel):
    """What firms of a kind say of their 商談化率; surveys of 2025, self-reported."""

    name: str
    ja: str
    en: str
    low: float
    high: float
    note: str


class GoalBody(ReflectsBody):
    """The firm's goal, taken back to orders, opportunities and leads."""

    items: Sequence[GoalItemBody] = Field(description="Revenue, orders, opportunities, leads.")
    assumed: Mapping[str, float] | None = Field(description="The goal's rates and average order.")
    opportunity_rate: FigureBody = Field(description="The firm's own, beside the references.")
    references: Sequence[ReferenceBody]
    general: Mapping[str, float] = Field(description="What a funnel generally reaches, by metric.")
