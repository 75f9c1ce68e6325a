"""GET /kpi/goal: what the firm's goal takes, how much of it is there, and what other firms say they reach."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.kpi.adapters.feed.answering import answer
from services.kpi.adapters.feed.asking import Asked, Asking, only
from services.kpi.adapters.feed.bodies import figure_body, offsets
from services.kpi.adapters.feed.goal_bodies import GoalBody, GoalItemBody, ReferenceBody
from services.kpi.adapters.feed.metric_routes import CSV_FORM, REFUSALS
from services.kpi.application.reading import Figure, Readings
from services.kpi.domain.goals import GENERAL_FUNNEL, INDUSTRY_REFERENCES, Goals
from services.kpi.domain.rules import DAY_MS
from services.kpi.domain.windows import Range
from services.runtime.clock import Clock

METRICS_OF_GOAL = ("won_amount", "won", "opportunities", "leads")
_YEAR_MS = 365 * DAY_MS


def make_goal_router(readings: Readings, clock: Clock, access: list[Any]) -> APIRouter:
    """Return the route; *access* are the dependencies that let callers in."""
    router = APIRouter(prefix="/kpi", tags=["kpi"], dependencies=access, responses=REFUSALS)
    given = Depends(Asking(readings, clock).asked)

    @router.get(
        "/goal",
        responses={200: {"model": GoalBody, "content": CSV_FORM}},
        summary="The firm's goal, and how far it is",
    )
    async def goal(request: Request, asked: Asked = given) -> Response:
        """Back from the year's revenue; a window that goes on is measured against its part that is over."""
        only(request, ("window", "from", "to"))
        now = clock()
        asks = [asked.of(name) for name in (*METRICS_OF_GOAL, "opportunity_rate")]
        found = await readings.many(asks, now=now)
        *steps, rate = found.figures
        body = GoalBody(
            items=list(_items(steps, readings.goals, now)),
            assumed=None if readings.goals is None else asdict(readings.goals),
            opportunity_rate=figure_body(rate),
            references=[ReferenceBody(**asdict(each)) for each in INDUSTRY_REFERENCES],
            general=GENERAL_FUNNEL,
            offsets=offsets(found),
            complete=found.complete,
        )
        return answer(request, body, "goal", passing=("by_now",))

    _ = goal  # registered by its decorator
    return router


def _items(steps: Iterable[Figure], goals: Goals | None, now: int) -> Iterable[GoalItemBody]:
    for figure in steps:
        if goals is None:
            yield GoalItemBody(figure=figure_body(figure), year=None, by_now=None, status="no-target")
            continue
        year = goals.of_year[figure.ask.metric]
        by_now = year * _over_ms(figure.range, now) / _YEAR_MS
        status = "met" if (figure.value or 0) >= by_now else "missed"
        yield GoalItemBody(figure=figure_body(figure), year=year, by_now=by_now, status=status)


def _over_ms(of: Range, now: int) -> int:
    return max(0, min(of.to_at, now) - of.from_at)
