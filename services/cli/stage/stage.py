"""The stage: sandboxes in this process, the store's server, and `tasuki up` as a process that may be killed."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from services.cli import settings as both
from services.cli.sandbox_setup import hubspot_subscriptions
from services.cli.stage.books import Books
from services.cli.stage.portals import hubspot_settings, salesforce_settings
from services.cli.stage.ports import held_port
from services.cli.stage.sandbox_client import SandboxClient
from services.errors import Retryable
from services.runtime import valkey_launch
from services.runtime.valkey_server import EmbeddedServer
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.app import make_log, make_store, topic_specs
from services.sync.domain.records import Kind, Side
from services.sync.settings import Sections, Settings, demo_document, loads
from services.sync.settings.demo import DEMO_ENVIRONMENT

READY_WITHIN_S = 60
_POLL_S = 0.05
_PUBLIC_URL = "https://tasuki.sandbox.example"


SMALL: Mapping[str, Mapping[str, Any]] = {"log": {"partitions": 4}}
"""One machine's worth: fewer shards make larger batches and fewer calls."""


class NotReady(Retryable):
    """The service did not become ready; its log says why."""


class Stage:
    """
    Everything that a play needs; use it as an async context.

    Args:
        folder: For the store, the configuration and the service's log; kept.
        overrides: Section → key → value of tasuki.toml, on top of the demo's.
        environ: Variables for the service, beside the demo's secrets.
        feed_port: Where the KPIs are served; a free port if left out.
    """

    def __init__(
        self,
        folder: Path,
        *,
        overrides: Sections | None = None,
        environ: Mapping[str, str] | None = None,
        feed_port: int | None = None,
    ) -> None:
        self.folder = folder
        self._environ = {**DEMO_ENVIRONMENT, **(environ or {})}
        self._stack = AsyncExitStack()
        self._feed_port = feed_port or self._stack.enter_context(held_port())
        self._overrides = {**SMALL, "feed": {"port": self._feed_port}, **(overrides or {})}
        self._service: asyncio.subprocess.Process | None = None
        self._port = self._stack.enter_context(held_port())
        self._killing = False
        self._kill: asyncio.Task[None] | None = None
        self.kills = 0

    async def __aenter__(self) -> Self:
        """Start all parts; returns when the service is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # A killed service leaves requests to the sandboxes half-sent: that is part of the play, not an error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all parts, the service first."""
        await self._stack.aclose()

    async def _start(self) -> None:
        self.server = await self._stack.enter_async_context(EmbeddedServer(self.folder / "store"))
        fields = loads(self._document(), DEMO_ENVIRONMENT, file="the stage", folder=self.folder)
        self.hubspot = await self._stack.enter_async_context(
            HubSpotSandbox(
                hubspot_settings(
                    fields.ma_fields,
                    hook=f"{self.base_url}/webhooks/hubspot",
                    public=f"{_PUBLIC_URL}/webhooks/hubspot",
                )
            )
        )
        self.hubspot.state.subscribe(*hubspot_subscriptions(fields.ma_fields))
        self.salesforce = await self._stack.enter_async_context(
            SalesforceSandbox(salesforce_settings(fields.sfa_fields))
        )
        self.ma = SandboxClient(self.hubspot.base_url)
        self.sfa = SandboxClient(self.salesforce.base_url)
        self._sales_users = {
            each["id"]: str(each["fields"]["Email"]) async for each in self.sfa.records("User")
        }
        self._stack.push_async_callback(self.ma.close)
        self._stack.push_async_callback(self.sfa.close)
        self._http = await self._stack.enter_async_context(httpx2.AsyncClient(timeout=10))
        self.settings = self._configure()
        self._stack.push_async_callback(self.stop_service)
        await self.start_service()
        await self.ready()

    def _configure(self) -> Settings:
        """Write the configuration that the service reads, and return it as read."""
        text = self._document(self.hubspot.base_url, self.salesforce.base_url, self.salesforce.grpc_target)
        self.config = self.folder / "tasuki.toml"
        self.config.write_text(text, encoding="utf-8")
        found = both.loads(text, self._environ, file=str(self.config), folder=self.folder)
        self.kpi_settings = found.kpi
        return found.sync

    def _document(
        self,
        hubspot_url: str = "http://127.0.0.1:1",
        salesforce_url: str = "http://127.0.0.1:2",
        pubsub: str = "127.0.0.1:3",
    ) -> str:
        return demo_document(
            hubspot_url=hubspot_url,
            salesforce_url=salesforce_url,
            pubsub=pubsub,
            data_folder=self.folder / "store",
            public_url=_PUBLIC_URL,
            port=self._port,
            overrides=self._overrides,
        )

    @property
    def service_pid(self) -> int | None:
        """The service's process."""
        return None if self._service is None else self._service.pid

    @property
    def embedded_url(self) -> str | None:
        """Where the embedded server is; None for a stage without one."""
        return self.server.url

    @property
    def service_log(self) -> Path:
        """What the service logs."""
        return self.folder / "service.log"

    @property
    def base_url(self) -> str:
        """Where the service's door is on this machine."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def feed_url(self) -> str:
        """Where the KPIs are on this machine."""
        return f"http://127.0.0.1:{self._feed_port}"

    def log_tail(self, lines: int = 15) -> list[str]:
        """Return the last *lines* of what the service logged."""
        try:
            return self.service_log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        except OSError:
            return []

    async def start_service(self) -> None:
        """
        Start `tasuki up` as a process of its own.

        A Ctrl-C on the terminal is for us, not for it; and on Linux it ends with us, however we end.
        """
        up = ("-m", "services.cli.main", "--log-format", "json", "up", "--config", str(self.config))
        with self.service_log.open("ab") as output:
            self._service = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", valkey_launch.__file__, str(os.getpid()), sys.executable, *up),
                stdout=output,
                stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **self._environ},
                start_new_session=True,
            )

    async def stop_service(self) -> None:
        """Ask the service to stop, as a supervisor would, and wait for it."""
        if self._kill is not None:
            await asyncio.wait([self._kill])
        if self._service is not None and self._service.returncode is None:
            self._service.send_signal(signal.SIGTERM)
            await self._service.wait()

    def end_service_at_once(self) -> None:
        """Kill the service for good: nobody has the patience for its orderly end."""
        self._killing = True
        if self._service is not None and self._service.returncode is None:
            self._service.kill()

    async def kill_service(self) -> None:
        """Kill the service with SIGKILL and start it again at once."""
        self._kill = asyncio.create_task(self._kill_and_start())
        await asyncio.shield(self._kill)  # whoever is cancelled here must not leave the service dead

    async def _kill_and_start(self) -> None:
        self._killing = True
        try:
            if self._service is not None and self._service.returncode is None:
                self._service.kill()
                await self._service.wait()
                self.kills += 1
            await self.start_service()
        finally:
            self._killing = False

    async def watch(self) -> None:
        """Run until cancelled; raise NotReady when the service ends without having been killed by us."""
        while True:
            service = self._service
            if service is not None and service.returncode is not None and not self._killing:
                raise NotReady(f"the service ended with {service.returncode}; see {self.service_log}")
            await asyncio.sleep(_POLL_S)

    async def ready(self) -> None:
        """Return when the service says it is ready. Raises NotReady."""
        if self._kill is not None:
            await asyncio.shield(self._kill)
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
        while True:
            if self._service is not None and self._service.returncode is not None and not self._killing:
                raise NotReady(f"the service ended with {self._service.returncode}; see {self.service_log}")
            if await self.is_ready():
                return
            if asyncio.get_running_loop().time() > deadline:
                raise NotReady(f"the service wasn't ready within {READY_WITHIN_S} s; see {self.service_log}")
            await asyncio.sleep(_POLL_S)

    async def is_ready(self) -> bool:
        """Return whether the service says it is ready."""
        try:
            answer = await self._http.get(f"{self.base_url}/health/ready")
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200  # noqa: PLR2004 (OK)

    @asynccontextmanager
    async def open_books(self) -> AsyncGenerator[Books]:
        """Give the service's books, for reading beside it."""
        log = make_log(self.settings, self.embedded_url)
        store = make_store(self.settings, self.embedded_url)
        partitions = self.settings.log.partitions
        try:
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(partitions))
            yield Books(log=log, store=store, partitions=partitions)
        finally:
            await log.close()
            await store.close()

    def sales_names(self) -> tuple[str, str]:
        """Return the sales tool's names of the e-mail address and of our id."""
        email = next(each for each in self.settings.sfa_fields.of(Kind.LEAD, "Lead") if each.name == "email")
        return email.vendor_name, self.settings.sfa.external_id_field

    def owners(self) -> dict[Side, dict[str, str]]:
        """Return for each side: user id → e-mail address."""
        return {
            Side.MA: {each.id: each.email for each in self.hubspot.state.settings.owners},
            Side.SFA: self._sales_users,
        }

    async def metrics(self) -> str:
        """Return the service's metrics as text; empty while it is away."""
        try:
            return (await self._http.get(f"{self.base_url}/metrics")).text
        except httpx2.HTTPError:
            return ""

    async def overdue(self) -> int | None:
        """Return how many promises are overdue now; None while nobody says so."""
        try:
            clocks = (await self._http.get(f"{self.feed_url}/status")).json()["clocks"]
        except (httpx2.HTTPError, ValueError, KeyError):
            return None
        return None if clocks is None else int(clocks["overdue"])
