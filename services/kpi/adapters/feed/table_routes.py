"""GET /kpi/table: the KPI table of the roles, each item with its target, its status and its change."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.kpi.adapters.feed.answering import answer
from services.kpi.adapters.feed.asking import ASKED, Asked, Asking, only
from services.kpi.adapters.feed.bodies import (
    ItemBody,
    ItemRoleBody,
    TableBody,
    definition,
    figure_body,
    offsets,
    target,
)
from services.kpi.adapters.feed.metric_routes import CSV_FORM, REFUSALS
from services.kpi.application.reading import Ask, Figure, Readings
from services.kpi.domain.calendar import MINUTE_MS
from services.kpi.domain.metric import Metric
from services.kpi.domain.rules import ROLE
from services.kpi.domain.targets import against
from services.kpi.domain.windows import Range, previous
from services.runtime.clock import Clock

ROLES = ("sdr", "bdr")


def make_table_router(readings: Readings, clock: Clock, access: list[Any]) -> APIRouter:
    """Return the route; *access* are the dependencies that let callers in."""
    router = APIRouter(prefix="/kpi", tags=["kpi"], dependencies=access, responses=REFUSALS)
    asking = Asking(readings, clock)
    given = Depends(asking.asked)

    @router.get(
        "/table",
        responses={200: {"model": TableBody, "content": CSV_FORM}},
        summary="The KPI table of the roles",
    )
    async def table(request: Request, asked: Asked = given) -> Response:
        """Each metric for SDR and BDR; `previous` is the time of equal length before, up to now where it goes on."""
        only(request, [each for each in ASKED if each != "segment"])
        asking.dimension("role", ROLE)
        now = clock()
        cells = [(metric, role) for metric in readings.metrics.values() for role in ROLES]
        asks: list[Ask] = []
        for metric, role in cells:
            asks += _pair(readings, asked, metric.name, role, now)
        found = await readings.many(asks, now=now)
        body = TableBody(
            items=_items(readings.metrics, found.figures[::2], found.figures[1::2]),
            offsets=offsets(found),
            complete=found.complete,
        )
        return answer(request, body, "kpi-table")

    _ = table  # registered by its decorator
    return router


def _pair(readings: Readings, asked: Asked, name: str, role: str, now: int) -> list[Ask]:
    """Return the asks for a metric and for the time before, as long as what is over of it."""
    so_far = (now // MINUTE_MS + 1) * MINUTE_MS
    over = asked.range
    if over.from_at < so_far < over.to_at:
        over = Range(over.from_at, so_far)
    ask = asked.of(name, over, (ROLE, role))
    before = previous(readings.covered(ask, now=now), readings.calendar)
    return [ask, asked.of(name, before, (ROLE, role))]


def _items(
    metrics: Mapping[str, Metric], figures: Sequence[Figure], before: Sequence[Figure]
) -> list[ItemBody]:
    values: dict[str, dict[str, float | None]] = {role: {} for role in ROLES}
    cells: dict[tuple[str, str], tuple[Figure, Figure]] = {}
    for figure, earlier in zip(figures, before, strict=True):
        role = figure.ask.segment[1] if figure.ask.segment else ""
        values[role][figure.ask.metric] = figure.value
        cells[figure.ask.metric, role] = figure, earlier
    return [
        ItemBody(
            definition=definition(metric),
            roles={role: _role(metric, role, *cells[metric.name, role], values[role]) for role in ROLES},
        )
        for metric in metrics.values()
    ]


def _role(
    metric: Metric, role: str, figure: Figure, earlier: Figure, values: Mapping[str, float | None]
) -> ItemRoleBody:
    need, wanted = (metric.sdr, metric.target_sdr) if role == "sdr" else (metric.bdr, metric.target_bdr)
    both = figure.value is not None and earlier.value is not None
    return ItemRoleBody(
        need=need,
        target=target(wanted),
        figure=figure_body(figure),
        previous=figure_body(earlier),
        delta=(figure.value or 0) - (earlier.value or 0) if both else None,
        status=against(metric, wanted, values),
    )
