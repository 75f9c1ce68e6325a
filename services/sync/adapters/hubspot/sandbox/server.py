"""The HubSpot sandbox as a server: in this process for tests and the demo, or by itself."""

import asyncio
import socket
from dataclasses import replace
from types import TracebackType
from typing import Self

import uvicorn
from starlette.routing import Router

from services.sync.adapters.hubspot.sandbox.account import Account
from services.sync.adapters.hubspot.sandbox.associations import Associations
from services.sync.adapters.hubspot.sandbox.batches import Batches
from services.sync.adapters.hubspot.sandbox.desk import HubSpotDesk
from services.sync.adapters.hubspot.sandbox.gate import Gate
from services.sync.adapters.hubspot.sandbox.hooks import Hooks
from services.sync.adapters.hubspot.sandbox.oauth import OAuth
from services.sync.adapters.hubspot.sandbox.objects import Objects
from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.settings import Delivery, SandboxSettings
from services.sync.adapters.sandbox.admin import admin_routes
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.web import page_routes

STARTED_POLL_S = 0.005


class HubSpotSandbox:
    """
    A HubSpot portal that lives in memory, served over real HTTP on this machine.

    `state` is the portal itself, for tests that look inside; `desk` does users' acts without HTTP.
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        clock: SandboxClock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.state = Portal(settings or SandboxSettings(), clock or SandboxClock(backwards=True))
        parts = (Batches, Objects, Associations, Account, OAuth, Hooks)
        router = Router([route for part in parts for route in part(self.state).routes()])
        self._gate = Gate(router, self.state.settings, self.state.tokens, self.state.quota, self.state.faults)
        self.desk = HubSpotDesk(self.state, self._gate)
        router.routes += [*admin_routes(self.desk), *page_routes(self.desk)]
        self._host, self._port = host, port
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """Where it answers, without a slash at the end; the port is known once it has started."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen; returns when requests are answered."""
        listener = _listener(self._host, self._port)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._gate,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._server.config.load()
        self.state.courier.start()
        self._serving = asyncio.create_task(_serve(self._server, listener))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(STARTED_POLL_S)

    async def stop(self) -> None:
        """Close; webhooks not yet delivered are dropped. Safe to call twice."""
        await self.state.courier.stop()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            await self._serving
            self._server = self._serving = None

    def deliver_to(self, target_url: str, *, public_url: str | None = None) -> None:
        """Send webhooks to *target_url* from now on, signed for *public_url* where that differs."""
        delivery: Delivery = self.state.courier.delivery
        self.state.courier.retarget(replace(delivery, target_url=target_url, public_url=public_url))

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()


async def serve(settings: SandboxSettings, *, host: str = "127.0.0.1", port: int = 0) -> None:
    """Run a sandbox until the task is cancelled; prints nothing."""
    async with HubSpotSandbox(settings, host=host, port=port):
        await asyncio.Event().wait()


def _listener(host: str, port: int) -> socket.socket:
    """
    Return a listening socket that knows it is TCP.

    asyncio switches Nagle's algorithm off only for sockets that say so; `socket.create_server` makes one that
    doesn't, and each answer then waits 40 ms for an acknowledgement.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    """Run *server* without its signal handlers, which belong to whoever runs the process."""
    with listener:
        await server._serve([listener])  # noqa: SLF001 - `serve` would capture the process's signals  # pyright: ignore[reportPrivateUsage]
