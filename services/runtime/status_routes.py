"""The routes by which a process tells how it is: /health/live, /health/ready and /metrics."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from services.runtime.health import Health, Verdict
from services.runtime.metrics import CONTENT_TYPE, Metrics
from services.runtime.problems import Problem


class ComponentStatus(BaseModel):
    """One component."""

    condition: Literal["ok", "degraded", "waiting", "down", "stuck", "dead"]
    reason: str = Field(description="Why, unless it is ok.", examples=["4,210,044 records behind"])
    facts: dict[str, str | int | float | bool | None] = Field(description="The component's figures.")


class Status(BaseModel):
    """How the process is."""

    ready: bool = Field(description="It does its work now.")
    live: bool = Field(description="False only when a restart would help.")
    reasons: list[str] = Field(description="All that isn't ok, the worst first.")
    components: dict[str, ComponentStatus]


_Only = Annotated[
    str | None,
    Query(
        description="Judge by these components only, separated by commas. A load balancer before the door asks"
        " for `log`: the door needs nothing else, and must stay open while the rest catches up.",
        examples=["log"],
    ),
]


def make_status_router(health: Health, metrics: Metrics) -> APIRouter:
    """Return the routes; all may be asked without a key, for they hold no data about anyone."""
    router = APIRouter(tags=["status"])
    unwell: dict[int | str, dict[str, Any]] = {503: {"model": Status, "description": "No; see `reasons`."}}

    @router.get("/health/live", response_model=Status, responses=unwell, summary="Would a restart help?")
    async def live(only: _Only = None) -> Response:
        """200 unless a restart would help: a consumer ended, polls no more, or is stuck by itself."""
        verdict = await _verdict(health, only)
        return _answer(verdict, good=verdict.live)

    @router.get("/health/ready", response_model=Status, responses=unwell, summary="Does it work now?")
    async def ready(only: _Only = None) -> Response:
        """200 while every component works or is merely degraded."""
        verdict = await _verdict(health, only)
        return _answer(verdict, good=verdict.ready)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def scrape() -> Response:
        """All metrics in Prometheus' text format; docs/metrics.md explains each."""
        metrics.set("tasuki_ready", int((await health.verdict()).ready))
        return Response(await metrics.scrape(), media_type=CONTENT_TYPE)

    _ = live, ready, scrape  # registered by their decorators
    return router


async def _verdict(health: Health, only: str | None) -> Verdict:
    if only is None:
        return await health.verdict()
    wanted = {each.strip() for each in only.split(",")}
    unknown = wanted - health.components
    if unknown:
        detail = "there are only the components " + ", ".join(sorted(health.components))
        raise Problem(404, "unknown-component", detail, mend="leave `only` out to see all")
    return await health.verdict(wanted)


def _answer(verdict: Verdict, *, good: bool) -> Response:
    body = Status(
        ready=verdict.ready,
        live=verdict.live,
        reasons=list(verdict.reasons),
        components={
            name: ComponentStatus(condition=each.condition.value, reason=each.reason, facts=dict(each.facts))
            for name, each in verdict.components.items()
        },
    )
    return JSONResponse(body.model_dump(), 200 if good else 503, {"Cache-Control": "no-store"})
