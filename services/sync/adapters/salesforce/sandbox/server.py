"""The sandbox as servers on this machine: REST and the admin page over HTTP, the Pub/Sub API over gRPC."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Mapping
from typing import Any, Self, cast

import grpc.aio
import structlog
import uvicorn
from starlette.applications import Starlette

from services.runtime.clock import Clock, now_ms
from services.sync.adapters.salesforce.account import ClientCredentials, SalesforceAccount
from services.sync.adapters.salesforce.sandbox.desk import SalesforceDesk
from services.sync.adapters.salesforce.sandbox.oauth import Logins
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.pubsub import PubSubService
from services.sync.adapters.salesforce.sandbox.rest import Rest
from services.sync.adapters.salesforce.sandbox.settings import SandboxSettings
from services.sync.adapters.salesforce.sandbox.traffic import Traffic
from services.sync.adapters.sandbox.admin import admin_routes
from services.sync.adapters.sandbox.web import page_routes

_logger = structlog.stdlib.get_logger(__name__)


class SalesforceSandbox:
    """
    A Salesforce organisation to rehearse with.

    Args:
        settings: How it is set up.
        clock: Real time; the sandbox's own clock can be driven.
        host: Where it listens; both servers take any free port for port 0.
        port: Of HTTP.
        grpc_port: Of gRPC.
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        clock: Clock = now_ms,
        host: str = "127.0.0.1",
        port: int = 0,
        grpc_port: int = 0,
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.state = Organisation(self.settings, clock)
        self.logins = Logins(self.state, clock)
        self._host, self._port, self._grpc_port = host, port, grpc_port
        self.pubsub = PubSubService(self.state, self.logins)
        rest = Rest(self.state, self.logins, lambda: self.traffic.calls_left)
        self.desk = SalesforceDesk(self.state, self._figures, self._reset)
        app = Starlette(routes=[*rest.routes(), *admin_routes(self.desk), *page_routes(self.desk)])
        self.traffic = Traffic(app, self.state, self.logins)
        self._server: _QuietServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._grpc: Any = None
        self.base_url = ""
        self.grpc_target = ""

    async def start(self) -> None:
        """Listen; `base_url` and `grpc_target` are known afterwards."""
        listener = _listener(self._host, self._port)
        self.base_url = f"http://{self._host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self.traffic, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = _QuietServer(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        options = (("grpc.so_reuseport", 0),)
        self._grpc = grpc.aio.server(options=options)
        self._grpc.add_generic_rpc_handlers((self.pubsub.handler(),))
        port = await self._bind_grpc()
        self.grpc_target = f"{self._host}:{port}"
        await self._grpc.start()
        await self._server.ready.wait()
        _logger.info("sandbox.started", vendor="salesforce", url=self.base_url, grpc=self.grpc_target)

    async def _bind_grpc(self) -> int:
        """Return the port of gRPC. Raises OSError, as a socket would, and closes what listens already."""
        try:
            return self._grpc.add_insecure_port(f"{self._host}:{self._grpc_port}")
        except RuntimeError as error:
            await self.stop()
            raise OSError(errno.EADDRINUSE, f"the change stream's port {self._grpc_port} is taken") from error

    async def stop(self) -> None:
        """Stop listening and end what is under way. Safe to call twice."""
        server, self._server = self._server, None
        if server is None:
            return
        await self._grpc.stop(grace=0.2)
        server.should_exit = True
        await cast("asyncio.Task[None]", self._serving)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Stop."""
        await self.stop()

    def account(self, **more: Any) -> SalesforceAccount:
        """Return what a connector must be told to use this sandbox; *more* are further arguments."""
        auth = ClientCredentials(client_id=self.settings.client_id, client_secret=self.settings.client_secret)
        settings: dict[str, Any] = {
            "login_url": self.base_url,
            "auth": auth,
            "pubsub_endpoint": self.grpc_target,
            "pubsub_tls": False,
        }
        return SalesforceAccount(**{**settings, **more})

    def _figures(self) -> Mapping[str, Any]:
        return {
            "requests": dict(self.traffic.requests),
            "logins": self.logins.opened,
            "quota_left": self.traffic.calls_left,
            "deliveries": self.pubsub.sent,
            "schema_reads": self.pubsub.schema_reads,
            "streams": self.pubsub.streams,
            "undelivered": self.pubsub.undelivered,
            "retries": 0,
        }

    def _reset(self) -> None:
        self.traffic.reset()
        self.pubsub.sent = 0


def _listener(host: str, port: int) -> socket.socket:
    """
    Return a listening socket.

    Its protocol is named, for asyncio turns Nagle's algorithm off only where it is: else each answer that is
    written in two parts waits 40 ms for the client's acknowledgement.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


class _QuietServer(uvicorn.Server):
    """A server that tells when it is ready, and leaves the process's signals to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Capture none."""
        yield
