"""
The admin HTTP surface that both sandboxes share: users' acts, faults, clock, records, changes, figures.

A sandbox gives `admin_routes` a `Desk`: the little that differs from vendor to vendor. The paths stand
under ``/_sandbox/``; they need no credentials, for a sandbox listens on this machine only.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import Faults, FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed

MAX_PAGE = 1_000
MAX_WAIT_MS = 60_000


class Parent(BaseModel):
    """A record that another hangs on, named by the vendor's id or by the key its creating act was given."""

    model_config = ConfigDict(extra="forbid")

    object: str
    id: str | None = None
    key: str | None = None


class Act(BaseModel):
    """
    What a person does in the vendor's user interface.

    `key` is the driver's own name for a record: a create remembers it (and, repeated, changes nothing), later
    acts may use it in place of `id`. `other` names the second record of a merge, `parents` what a new record
    hangs on. `at` moves a driven clock forward to that instant (epoch ms) first. A field set to null is
    cleared.
    """

    model_config = ConfigDict(extra="forbid")

    act: str
    object: str
    id: str | None = None
    key: str | None = None
    other: Parent | None = None
    parents: tuple[Parent, ...] = ()
    fields: dict[str, str | int | float | bool | None] = {}
    at: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class ActResult:
    """How an act ended; `error` is the vendor's reason when it was not done, `created` names by-products."""

    id: str | None
    error: str | None = None
    created: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Column:
    """
    A field as the page shows it.

    `options` are the values to choose from (empty: free text), `option_labels` what people read instead.
    """

    name: str
    label: str
    label_ja: str
    editable: bool = True
    options: tuple[str, ...] = ()
    option_labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class View:
    """One object as the page shows it."""

    object: str
    label: str
    label_ja: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class RecordPage:
    """
    Some records of one object; `after` continues, None at the end.

    Each record is ``{"id", "createdAt", "updatedAt" (epoch ms), "archived", "fields": {name: value}}``, with
    ``"history": {name: [{"value", "at", "origin"}]}`` (newest first) when it was asked for and is kept.
    """

    records: Sequence[Mapping[str, Any]]
    after: str | None = None


class Desk(Protocol):
    """What a sandbox offers to the admin surface and the page."""

    @property
    def name(self) -> str:
        """The vendor's name for people: ``HubSpot``."""
        ...

    @property
    def clock(self) -> SandboxClock:
        """The sandbox's clock."""
        ...

    @property
    def faults(self) -> FaultSource:
        """Where its faults are drawn."""
        ...

    @property
    def feed(self) -> ChangeFeed:
        """What changed."""
        ...

    @property
    def views(self) -> Sequence[View]:
        """The objects that the page shows, the first one first."""
        ...

    def act(self, act: Act) -> ActResult:
        """Do *act* as a user; a refusal is the result's `error`, never an exception."""
        ...

    def records(
        self, of: str, *, after: str | None, limit: int, history: bool, newest: bool = False
    ) -> RecordPage:
        """
        Return up to *limit* records of the object *of*, archived ones too, in the order they were made.

        They begin after the record with the id *after*; *newest* turns the order round.
        """
        ...

    def stats(self) -> Mapping[str, Any]:
        """
        Return figures: requests, writes, creates, deliveries, retries, quota_left, records, `undelivered`.

        `undelivered` 0 means that every change has been told to whoever listens.
        """
        ...

    def reset(self) -> None:
        """Forget all records, changes, faults and figures; keep settings and subscriptions."""
        ...


class ClockOrder(BaseModel):
    """``{"drive": ms}`` stops the clock at an instant, ``{"follow": true}`` lets it run with real time."""

    model_config = ConfigDict(extra="forbid")

    drive: int | None = None
    follow: Literal[True] | None = None


_ACTS = TypeAdapter(list[Act])


def answer(body: object, status: int = 200) -> Response:
    """Return *body* as a JSON response."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def do_act(desk: Desk, act: Act) -> ActResult:
    """Move the clock to the act's time, if it names one, and do it."""
    if act.at is not None:
        desk.clock.advance(act.at)
    return desk.act(act)


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
