"""
The admin HTTP surface that both sandboxes share: users' acts, faults, clock, records, changes, figures.

A sandbox gives `admin_routes` a `Desk`: the little that differs from vendor to vendor. The paths stand
under ``/_sandbox/``; they need no credentials, for a sandbox listens on this machine only.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.sandbox.desk import (
    Act,
    ActResult,
    Column,
    Desk,
    Parent,
    RecordPage,
    Related,
    View,
    do_act,
)
from services.sync.adapters.sandbox.faults import Faults

__all__ = [
    "Act",
    "ActResult",
    "Column",
    "Desk",
    "Parent",
    "RecordPage",
    "Related",
    "View",
    "admin_routes",
    "answer",
    "do_act",
]

MAX_PAGE = 1_000
MAX_WAIT_MS = 60_000


class ClockOrder(BaseModel):
    """``{"drive": ms}`` stops the clock at an instant, ``{"follow": true}`` lets it run with real time."""

    model_config = ConfigDict(extra="forbid")

    drive: int | None = None
    follow: Literal[True] | None = None


_ACTS = TypeAdapter(list[Act])


def answer(body: object, status: int = 200) -> Response:
    """Return *body* as a JSON response."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def admin_routes(desk: Desk) -> list[Route]:
    """Return the routes under ``/_sandbox/`` for *desk*."""
    admin = _Admin(desk)
    return [
        Route("/_sandbox/faults", admin.read_faults, methods=["GET"]),
        Route("/_sandbox/faults", _checked(admin.put_faults), methods=["PUT"]),
        Route("/_sandbox/clock", admin.read_clock, methods=["GET"]),
        Route("/_sandbox/clock", _checked(admin.put_clock), methods=["PUT"]),
        Route("/_sandbox/acts", _checked(admin.post_acts), methods=["POST"]),
        Route("/_sandbox/records", _checked(admin.read_records), methods=["GET"]),
        Route("/_sandbox/changes", _checked(admin.read_changes), methods=["GET"]),
        Route("/_sandbox/stats", admin.read_stats, methods=["GET"]),
        Route("/_sandbox/reset", admin.post_reset, methods=["POST"]),
    ]


_Handler = Callable[[Request], Awaitable[Response]]


def _checked(handler: _Handler) -> _Handler:
    async def checked(request: Request) -> Response:
        try:
            return await handler(request)
        except (ValidationError, ValueError) as error:
            return answer({"error": str(error)}, 400)

    return checked


class _Admin:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def read_faults(self, _request: Request) -> Response:
        return answer(self._desk.faults.faults.model_dump())

    async def put_faults(self, request: Request) -> Response:
        faults = Faults.model_validate_json(await request.body())
        self._desk.faults.set(faults)
        return answer(faults.model_dump())

    async def read_clock(self, _request: Request) -> Response:
        return answer({"now": self._desk.clock.now()})

    async def put_clock(self, request: Request) -> Response:
        order = ClockOrder.model_validate_json(await request.body())
        if order.drive is not None:
            self._desk.clock.drive(order.drive)
        elif order.follow:
            self._desk.clock.follow()
        return await self.read_clock(request)

    async def post_acts(self, request: Request) -> Response:
        acts = _ACTS.validate_json(await request.body())
        results: list[dict[str, object]] = []
        for act in acts:
            done = do_act(self._desk, act)
            results.append(
                {"id": done.id, "key": act.key, "error": done.error, "created": dict(done.created)}
            )
        return answer({"results": results, "sequence": self._desk.feed.last})

    async def read_records(self, request: Request) -> Response:
        asked = request.query_params
        page = self._desk.records(
            asked.get("object", self._desk.views[0].object),
            after=asked.get("after"),
            limit=min(MAX_PAGE, int(asked.get("limit", "200"))),
            history=asked.get("history") in {"1", "true"},
            newest=asked.get("newest") in {"1", "true"},
        )
        return answer({"records": list(page.records), "after": page.after})

    async def read_changes(self, request: Request) -> Response:
        asked = request.query_params
        since = int(asked.get("since", "0"))
        limit = min(MAX_PAGE, int(asked.get("limit", str(MAX_PAGE))))
        wait_ms = min(MAX_WAIT_MS, int(asked.get("wait_ms", "0")))
        if wait_ms > 0:
            await self._desk.feed.wait(since, wait_ms)
        found, truncated = self._desk.feed.since(since, limit)
        last = found[-1].sequence if found else max(since, self._desk.feed.last)
        return answer({"changes": [each.as_json() for each in found], "last": last, "truncated": truncated})

    async def read_stats(self, _request: Request) -> Response:
        return answer(self._desk.stats())

    async def post_reset(self, _request: Request) -> Response:
        self._desk.faults.set(Faults())
        self._desk.reset()
        self._desk.feed.clear()
        return answer({"sequence": self._desk.feed.last})
