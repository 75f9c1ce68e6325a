"""GET /kpi/metrics…: definitions, one figure, a metric over time, by a segment's values, and its cohort table."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kpi.adapters.feed.answering import answer
from services.kpi.adapters.feed.asking import (
    ASKED,
    PAGED,
    Asked,
    Asking,
    Text,
    after_cursor,
    cursor_of,
    known_metric,
    only,
    row_limit,
    unfit,
)
from services.kpi.adapters.feed.bodies import (
    CohortBody,
    CohortsBody,
    DefinitionsBody,
    FiguresBody,
    MetricBody,
    RangeBody,
    definition,
    figure_body,
    offsets,
)
from services.kpi.application.reading import Readings
from services.kpi.domain.rules import DAY_MS, HOUR_MS
from services.kpi.domain.windows import Range, periods
from services.runtime.clock import Clock
from services.runtime.problems import Problem, ProblemBody

GRAINS = {"minute": "m", "hour": "h", "day": "d", "week": "w", "month": "M"}
_LONGEST_MS = {"minute": 2 * DAY_MS, "hour": 92 * DAY_MS}

Limit = Annotated[Text, Query(description="Rows of a page, 1 to 1000; 200 unless given.")]
Cursor = Annotated[Text, Query(description="`next_cursor` of the page before.")]
Grain = Annotated[Text, Query(description=f"One of {', '.join(GRAINS)}.")]

CSV_FORM: Any = {"text/csv": {"schema": {"type": "string"}}}
REFUSALS: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing changed since the ETag in If-None-Match."},
    400: {"model": ProblemBody, "description": "A parameter can't be understood; the detail names it."},
    401: {"model": ProblemBody, "description": "No key, or not the right one."},
}


def make_metric_router(readings: Readings, clock: Clock, access: list[Any]) -> APIRouter:
    """Return the routes; *access* are the dependencies that let callers in."""
    router = APIRouter(prefix="/kpi/metrics", tags=["kpi"], dependencies=access, responses=REFUSALS)
    asking = Asking(readings, clock)
    given = Depends(asking.asked)

    @router.get("", responses=_ok(DefinitionsBody), summary="The catalogue of metrics")
    async def definitions(request: Request, limit: Limit = None, cursor: Cursor = None) -> Response:
        """What each metric means, its formula, unit, targets, and to whom it matters."""
        only(request, PAGED)
        page, following = _page(list(readings.metrics), limit, cursor)
        body = DefinitionsBody(
            metrics=[definition(readings.metrics[name]) for name in page],
            dimensions=readings.rules.dimensions,
            horizons_days=readings.rules.horizons_days,
            time_zone=readings.rules.time_zone,
            next_cursor=following,
        )
        return answer(request, body, "metrics")

    @router.get("/{name}", responses=_ok(MetricBody), summary="One metric")
    async def one(request: Request, name: str, asked: Asked = given) -> Response:
        """One figure over a window or a range."""
        only(request, ASKED)
        metric = known_metric(name, readings.metrics)
        found = await readings.window(asked.of(name), now=clock())
        body = MetricBody(
            definition=definition(metric),
            figure=figure_body(found.figures[0]),
            offsets=offsets(found),
            complete=found.complete,
        )
        return answer(request, body, name)

    @router.get("/{name}/steps", responses=_ok(FiguresBody), summary="A metric over time")
    async def over_time(
        request: Request,
        name: str,
        asked: Asked = given,
        grain: Grain = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """One figure for each step; steps are whole minutes, hours, days, weeks or months of the firm."""
        only(request, (*ASKED, *PAGED, "grain"))
        metric = known_metric(name, readings.metrics)
        ranges, following = _step_page(readings, asked, grain or "day", limit, cursor)
        found = await readings.many([asked.of(name, each) for each in ranges], now=clock())
        body = FiguresBody(
            definition=definition(metric),
            figures=[figure_body(each) for each in found.figures],
            next_cursor=following,
            offsets=offsets(found),
            complete=found.complete,
        )
        return answer(request, body, f"{name}-steps")

    _ = definitions, one, over_time  # registered by their decorators
    _add_parts(router, readings, clock, asking)
    return router


def _add_parts(router: APIRouter, readings: Readings, clock: Clock, asking: Asking) -> None:
    """Add the routes that take a metric apart: by segment, by cohort."""
    given = Depends(asking.asked)

    @router.get("/{name}/segments", responses=_ok(FiguresBody), summary="A metric by a segment's values")
    async def by_segment(
        request: Request,
        name: str,
        by: Annotated[Text, Query(description="A dimension, as owner.")] = None,
        asked: Asked = given,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """One figure for each value of a dimension that any lead has or had; "" is those without one."""
        only(request, (*(each for each in ASKED if each != "segment"), *PAGED, "by"))
        metric, dimension = known_metric(name, readings.metrics), asking.dimension("by", by)
        values, following = _page(await readings.values(dimension), limit, cursor)
        asks = [asked.of(name, segment=(dimension, value)) for value in values]
        found = await readings.many(asks, now=clock())
        body = FiguresBody(
            definition=definition(metric),
            figures=[figure_body(each) for each in found.figures],
            next_cursor=following,
            offsets=offsets(found),
            complete=found.complete,
        )
        return answer(request, body, f"{name}-by-{dimension}")

    @router.get("/{name}/cohorts", responses=_ok(CohortsBody), summary="The cohort table of a metric")
    async def cohorts(
        request: Request,
        name: str,
        asked: Asked = given,
        grain: Grain = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Of those that entered in each day, week or month: the share that got on within each horizon, and by now."""
        names = (each for each in ASKED if each not in {"reading", "within_days"})
        only(request, (*names, *PAGED, "grain"))
        metric = known_metric(name, readings.metrics)
        if getattr(metric.formula, "cohort", None) is None:
            mend = "take one whose definition has `cohort`: true"
            raise Problem(
                400, "no-cohorts", "the metric isn't one that leads from a stage to another", mend=mend
            )
        if grain in {"minute", "hour"}:
            raise unfit("grain", "is too fine for cohorts", "day, week or month")
        ranges, following = _step_page(readings, asked, grain or "month", limit, cursor)
        columns = (*readings.rules.horizons_days, None)
        asks = [asked.of_cohort(name, over, days) for over in ranges for days in columns]
        found = await readings.many(asks, now=clock())
        figures = [figure_body(each) for each in found.figures]
        rows = [figures[at : at + len(columns)] for at in range(0, len(figures), len(columns))]
        body = CohortsBody(
            definition=definition(metric),
            cohorts=[
                CohortBody(
                    entered=RangeBody(from_at=over.from_at, to_at=over.to_at),
                    count=row[-1].denominator or 0,
                    figures=row,
                )
                for over, row in zip(ranges, rows, strict=True)
            ],
            next_cursor=following,
            offsets=offsets(found),
            complete=found.complete,
        )
        return answer(request, body, f"{name}-cohorts")

    _ = by_segment, cohorts  # registered by their decorators


def _ok(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "content": CSV_FORM}}


def _page(rows: Sequence[str], limit: Text, cursor: Text) -> tuple[list[str], str | None]:
    """Return the rows after *cursor*, and the cursor of the next page."""
    after, most = after_cursor(cursor), row_limit(limit)
    start = 0
    if after in rows:
        start = rows.index(after) + 1
    elif after is not None:  # sorted: the value is gone, go on where it would stand
        start = sum(each <= after for each in rows)
    page = list(rows[start : start + most])
    return page, cursor_of(page[-1]) if start + most < len(rows) else None


def _step_page(
    readings: Readings, asked: Asked, grain: str, limit: Text, cursor: Text
) -> tuple[list[Range], str | None]:
    """Return the steps of one page, and the cursor of the next one, which is the next step's first instant."""
    if grain not in GRAINS:
        raise unfit("grain", "isn't one of those there are", f"one of {', '.join(GRAINS)}")
    over, most, after = asked.range, row_limit(limit), after_cursor(cursor)
    if over.to_at - over.from_at > _LONGEST_MS.get(grain, over.to_at):
        longest = _LONGEST_MS[grain] // HOUR_MS
        raise unfit("grain", "is too fine for the range", f"at most {longest} hours, or a longer grain")
    if after is not None:
        if not (after.isascii() and after.isdigit() and over.from_at <= int(after) + 1 <= over.to_at + 1):
            raise unfit("cursor", "isn't one of this range", "take `next_cursor` of an answer")
        over = Range(min(int(after), over.to_at), over.to_at)
    ranges = periods(over, GRAINS[grain], readings.calendar, readings.rules)
    following = cursor_of(str(ranges[most].from_at)) if most < len(ranges) else None
    return list(ranges[:most]), following
