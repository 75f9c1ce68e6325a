"""
GET /kpi/events: changes of chosen metrics, and of what is overdue, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.kpi.adapters.feed.asking import ASKED, Asked, Asking, Text, only, unfit
from services.kpi.adapters.feed.hub import Hub, Listener, Topic
from services.kpi.adapters.feed.metric_routes import REFUSALS
from services.kpi.application.reading import Readings
from services.kpi.domain.catalogue import METRICS
from services.runtime.clock import Clock
from services.runtime.problems import ProblemBody

MEDIA_TYPE = "text/event-stream"
_LAST_WORD_S = 5.0


def make_event_router(
    readings: Readings, clock: Clock, hub: Hub, access: list[Any], heartbeat_ms: int
) -> APIRouter:
    """Return the route; *access* are the dependencies that let callers in."""
    router = APIRouter(prefix="/kpi", tags=["kpi"], dependencies=access, responses=REFUSALS)
    given = Depends(Asking(readings, clock).asked)

    @router.get(
        "/events",
        responses={
            200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
            503: {"model": ProblemBody, "description": "Too many listen."},
        },
        response_class=Response,
        summary="Changes of metrics, live",
    )
    async def changes(
        request: Request,
        metrics: Annotated[Text, Query(description="Names, with commas between.")] = None,
        clocks: Annotated[Text, Query(description="overdue: tell of clocks that become overdue.")] = None,
        asked: Asked = given,
        last_event_id: Annotated[Text, Header(description="The id of the last event that arrived.")] = None,
    ) -> Response:
        """
        An event `figures` with all chosen figures now, and after each change.

        With `clocks=overdue` an event `clocks` with what is overdue (`reset`), and then with what enters and leaves.

        With Last-Event-ID the first one comes only if something changed since. `dropped` is the last event to a
        client that is dropped, and tells why.
        """
        only(request, (*ASKED, "metrics", "clocks"))
        if clocks is not None and (clocks != "overdue" or hub.watch is None):
            raise unfit("clocks", "isn't one of those there are", "overdue, or leave it out")
        names = () if metrics is None and clocks is not None else _names(metrics)
        # A window moves with the clock: it is the same set for whoever asks for it, whenever.
        listener = hub.listen(Topic(names, asked.timeless(), clocks is not None), last_event_id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return _Stream(hub, listener, heartbeat_ms / 1000, headers)

    _ = changes  # registered by its decorator
    return router


class _Stream(StreamingResponse):
    """Tells a listener's changes, and lets the listener go however the connection ends."""

    def __init__(self, hub: Hub, listener: Listener, heartbeat_s: float, headers: Mapping[str, str]) -> None:
        super().__init__(_told(listener, heartbeat_s), headers=headers, media_type=MEDIA_TYPE)
        self._hub = hub
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, until the client goes; one that is dropped and doesn't read even that isn't waited for."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit:
                self._listener.on_close = lambda: limit.reschedule(loop.time() + _LAST_WORD_S)
                await super().__call__(scope, receive, send)
        except TimeoutError:
            return
        finally:
            self._listener.on_close = lambda: None
            self._hub.leave(self._listener)


async def _told(listener: Listener, heartbeat_s: float) -> AsyncGenerator[str]:
    yield "retry: 2000\n\n"
    while listener.closed is None:
        change = await listener.next(heartbeat_s)
        if change is not None:
            yield f"id: {change.id}\nevent: {change.event}\ndata: {change.data}\n\n"
        elif listener.closed is None:
            yield ": alive\n\n"
    yield f'event: dropped\ndata: {{"why":"{listener.closed}"}}\n\n'


def _names(metrics: Text) -> tuple[str, ...]:
    names = tuple(dict.fromkeys((metrics or "").split(",")))
    if not set(names) <= set(METRICS):
        raise unfit(
            "metrics", "doesn't name metrics of the catalogue", "names of GET /kpi/metrics, with commas"
        )
    return names
