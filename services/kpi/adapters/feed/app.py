"""The feed's web application: its routes put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from services.kpi.adapters.feed.asking import Asking
from services.kpi.adapters.feed.clock_routes import make_clock_router
from services.kpi.adapters.feed.clock_watch import ClockWatch
from services.kpi.adapters.feed.event_routes import make_event_router
from services.kpi.adapters.feed.goal_routes import make_goal_router
from services.kpi.adapters.feed.hub import Hub
from services.kpi.adapters.feed.lead_parts import LeadParts
from services.kpi.adapters.feed.lead_routes import make_lead_router
from services.kpi.adapters.feed.metric_routes import make_metric_router
from services.kpi.adapters.feed.table_routes import make_table_router
from services.kpi.application.reading import Readings
from services.runtime.clock import Clock
from services.runtime.http_access import ApiKey, Role, role_holders
from services.runtime.problems import install_problems

_DESCRIPTION = """\
The KPIs that marketing, inside sales and field sales share, and their changes as they happen.

Every answer says which facts it reflects. Every refusal is `application/problem+json` with `reason`, a stable word,
and `mend`, what to do about it.
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """The application, and who listens to it. Call `hub.stop` before the server's `stop`: streams don't end alone."""

    app: FastAPI
    hub: Hub


def make_feed(
    *,
    readings: Readings,
    clock: Clock,
    keys: Sequence[ApiKey],
    host: str,
    failed: Callable[[BaseException], None],
    leads: LeadParts | None = None,
    routers: Sequence[APIRouter] = (),
    heartbeat_ms: int = 15_000,
    poll_ms: int = 200,
    version: str = "0",
) -> Feed:
    """
    Return the feed; serve its `app` with `services.runtime.http.serve`.

    Args:
        readings: What it tells.
        clock: For windows that end now.
        keys: Of those who may read. None only for a loopback *host*.
        host: The address the server is bound to.
        failed: Told of the reader's unexpected end; it is to end the process.
        leads: Of leads, clocks and alerts; None leaves their routes out.
        routers: Further routes, with access of their own.
        heartbeat_ms: A stream that has nothing to tell says so after so long.
        poll_ms: How often a change is looked for while somebody listens.
        version: Shown in the OpenAPI document.

    Raises:
        Misconfigured: No key although others can reach the server, or a key that can be guessed.
    """
    app = FastAPI(
        title="tasuki KPIs", version=version, description=_DESCRIPTION, redoc_url=None, redirect_slashes=False
    )
    install_problems(app)
    watch = None if leads is None else ClockWatch(leads.board.store)
    hub = Hub(readings, clock, failed=failed, watch=watch, every_ms=poll_ms)
    access = role_holders(keys=keys, role=Role.READ, host=host, what="KPIs")
    asking = Asking(readings, clock)
    for router in (
        *(
            ()
            if leads is None
            else (
                make_clock_router(leads, asking, clock, access),
                make_lead_router(leads, asking, clock, access),
            )
        ),
        make_metric_router(readings, clock, access),
        make_table_router(readings, clock, access),
        make_goal_router(readings, clock, access),
        make_event_router(readings, clock, hub, access, heartbeat_ms),
        *routers,
    ):
        app.include_router(router)
    return Feed(app, hub)
