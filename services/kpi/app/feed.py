"""The feed's server as a part of the process: the KPIs, their changes, health and metrics at one address."""

from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version

from fastapi import APIRouter

from services.kpi.adapters.dashboard import make_dashboard_router
from services.kpi.adapters.feed import make_feed
from services.kpi.adapters.feed.lead_parts import LeadParts
from services.kpi.adapters.feed.status_routes import KpiStatusBody, make_kpi_status_router
from services.kpi.adapters.sync_status import SyncStatus
from services.kpi.application.reading import Readings
from services.kpi.settings import FeedSettings
from services.runtime.clock import Clock
from services.runtime.health import Health
from services.runtime.http import RunningServer, serve
from services.runtime.http_access import ApiKey, Role, role_holders
from services.runtime.metrics import Metrics
from services.runtime.status_routes import make_status_router


class FeedPart:
    """
    Serves the feed between `start` and `stop`; `server` is there while it answers.

    Args:
        sync: Asks the sync service how it does, for the dashboard.
        routers: Further routes, with access of their own.

    Raises:
        Misconfigured: See `make_feed`.
    """

    def __init__(
        self,
        settings: FeedSettings,
        readings: Readings,
        *,
        clock: Clock,
        failed: Callable[[BaseException], None],
        health: Health,
        metrics: Metrics,
        status: Callable[[], Awaitable[KpiStatusBody]],
        leads: LeadParts,
        sync: SyncStatus | None,
        routers: Sequence[APIRouter] = (),
    ) -> None:
        self._settings = settings
        self._sync = sync
        self._metrics = metrics
        self.server: RunningServer | None = None
        keys = [
            ApiKey(each.secret.get_secret_value(), Role(each.role)) for each in settings.keys if each.secret
        ]
        access = role_holders(keys=keys, role=Role.READ, host=settings.host, what="KPIs")
        self._feed = make_feed(
            readings=readings,
            clock=clock,
            keys=keys,
            host=settings.host,
            failed=failed,
            leads=leads,
            routers=[
                make_status_router(health, metrics),
                make_kpi_status_router(status, access),
                make_dashboard_router(keys=keys, host=settings.host, clock=clock, sync_health=sync),
                *routers,
            ],
            version=version("tasuki"),
        )

    @property
    def listening(self) -> int:
        """How many listen to events."""
        return self._feed.hub.listening

    async def start(self) -> None:
        """Answer. Raises Misconfigured where the address can't be listened at."""
        self.server = await serve(
            self._feed.app, self._settings.host, self._settings.port, metrics=self._metrics
        )

    async def stop(self) -> None:
        """Let the listeners go, then the server: their streams don't end by themselves."""
        await self._feed.hub.stop()
        if self.server is not None:
            await self.server.stop()
        if self._sync is not None:
            await self._sync.close()
