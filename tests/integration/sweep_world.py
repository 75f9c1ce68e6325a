"""The whole service between two sandboxes, over HTTP and gRPC, as the composition root makes it; and its sweeps."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import orjson

from schemas.topics import DECISIONS
from services.cli.sandbox_setup import hubspot_subscriptions
from services.cli.stage.portals import hubspot_settings, salesforce_settings
from services.runtime.clock import now_ms
from services.runtime.lifecycle import Component
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.adapters.sandbox.admin import Act
from services.sync.adapters.sandbox.faults import Faults
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.app.service import Sync, build
from services.sync.application.orders import Order
from services.sync.settings import Settings, demo_settings
from tests.private_store import StoreServer
from tests.waiting import PATIENCE_S, wait_until

PUBLIC_URL = "https://tasuki.sandbox.example"
MQL = {"jobtitle": "製造部 部長", "num_conversion_events": "2", "document_downloads": "2"}
OBJECTS = {"hubspot": ("contact",), "salesforce": ("Lead", "Contact", "Opportunity", "Task", "Event")}


class Now:
    """The service's clock, which a test may move on."""

    ahead_ms = 0

    def __call__(self) -> int:
        """Return the present, epoch ms."""
        return now_ms() + self.ahead_ms


@dataclass
class SweepWorld:
    """The service, its two vendors, and what a test does to them."""

    service: Sync
    hubspot: HubSpotSandbox
    salesforce: SalesforceSandbox
    http: httpx2.AsyncClient
    server: StoreServer
    clock: "Now"

    def contact(self, number: int, **fields: Any) -> str:
        """Let marketing make a contact; return its id."""
        known = {"email": f"p{number}@firm.example", "lastname": "山田", "company": "株式会社例"}
        return self.marketing("create", fields={**known, **fields})

    def marketing(self, act: str, **more: Any) -> str:
        """Let marketing's people act on a contact."""
        done = self.hubspot.desk.act(Act(act=act, object="contact", **more))
        assert done.error is None, done.error
        return str(done.id)

    def sales(self, act: str, of: str = "Lead", **more: Any) -> str:
        """Let sales' people act."""
        done = self.salesforce.desk.act(Act(act=act, object=of, **more))
        assert done.error is None, done.error
        return str(done.id)

    def untold(self, *, hubspot: float = 1, salesforce: float = 1) -> None:
        """Let nobody tell of what changes from now on."""
        self.hubspot.desk.faults.set(Faults(untold=hubspot))
        self.salesforce.desk.faults.set(Faults(untold=salesforce))

    def told_again(self) -> None:
        """Let everybody tell of everything."""
        self.untold(hubspot=0, salesforce=0)

    def leads(self) -> list[dict[str, Any]]:
        """Return the leads in the sales tool."""
        rows = self.salesforce.state.tables["Lead"].rows.values()
        return [dict(each) for each in rows if not each["IsDeleted"]]

    def contacts(self) -> list[Mapping[str, str]]:
        """Return the contacts' values in the marketing tool."""
        rows = self.hubspot.state.store.rows["contact"].values()
        return [each.values for each in rows if not each.archived]

    async def sweep(self, since: int = 0) -> None:
        """Order everything to be swept, and wait for its end."""
        before = {key: each["ended_at"] for key, each in (await self.sweeps()).items()}
        for system, objects in OBJECTS.items():
            for name in objects:
                await SweepOrders(self.service.store).order(Order(system, name, "ordered", since))

        async def swept() -> bool:
            now = await self.sweeps()
            return all(each["ended_at"] not in (None, before[key]) for key, each in now.items())

        await wait_until(swept, description="everything is swept")

    async def sweeps(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return how the sweeps stand."""
        found = (await self.status())["sweeps"]
        return {(each["system"], each["object"]): each for each in found}

    async def drift(self) -> dict[str, int]:
        """Return the drift that was counted, by ``system:field``."""
        return (await self.status())["drift"]

    async def settled(self) -> None:
        """Wait until nothing is on its way."""

        async def still() -> bool:
            status = await self.status()
            lag = sum(each["lag"] + each["outbox"] for each in status["topics"].values())
            dirty = sum(each["dirty"] for each in status["systems"].values())
            return not lag and not dirty and self.hubspot.state.courier.undelivered == 0

        for _ in range(2):
            await wait_until(still, description="nothing is on its way")
            await asyncio.sleep(0.15)

    async def status(self) -> dict[str, Any]:
        """Return GET /status."""
        answer = await self.http.get("/status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def told_drift(self) -> list[dict[str, Any]]:
        """Return what the audit trail says of drift."""
        found: list[dict[str, Any]] = []
        for partition, each in (await self.service.log.offsets(DECISIONS.name)).items():
            for record in await self.service.log.read(DECISIONS.name, partition, each.begin):
                event = orjson.loads(record.value or b"{}")
                if event["type"] == "tasuki.decision.drift-found.v1":
                    found.append(event["data"])
        return found


@asynccontextmanager
async def sweep_world(
    folder: Path,
    *,
    sync: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    **portal: Any,
) -> AsyncGenerator[SweepWorld]:
    """Run the service; *sync* and *overrides* change its configuration, *portal* HubSpot's settings."""
    server = StoreServer()
    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        plain = settings_of(folder)
        salesforce = await stack.enter_async_context(SalesforceSandbox(salesforce_settings(plain.sfa_fields)))
        made = hubspot_settings(plain.ma_fields, hook="http://127.0.0.1:1", public=PUBLIC_URL)
        hubspot = await stack.enter_async_context(
            HubSpotSandbox(replace(made, search_per_second=1_000, **portal))
        )
        urls = (hubspot.base_url, salesforce.base_url, salesforce.grpc_target)
        settings = settings_of(folder, *urls, sync=sync, overrides=overrides)
        yield await stack.enter_async_context(_service(settings, server, hubspot, salesforce))


@asynccontextmanager
async def _service(
    settings: Settings, server: StoreServer, hubspot: HubSpotSandbox, salesforce: SalesforceSandbox
) -> AsyncGenerator[SweepWorld]:
    async with AsyncExitStack() as stack:
        clock = Now()
        service = build(settings, embedded_url=server.url, clock=clock)
        for each in service.components:
            await stack.enter_async_context(running(each))
        assert service.server is not None
        base_url = f"http://127.0.0.1:{service.server.port}"
        hubspot.state.subscribe(*hubspot_subscriptions(settings.ma_fields))
        hubspot.deliver_to(f"{base_url}/webhooks/hubspot", public_url=f"{PUBLIC_URL}/webhooks/hubspot")
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=base_url, timeout=PATIENCE_S))
        yield SweepWorld(service, hubspot, salesforce, http, server, clock)


@asynccontextmanager
async def running(component: Component) -> AsyncGenerator[None]:
    """Run a component of the service."""
    await component.start()
    task = None if component.run is None else asyncio.ensure_future(component.run())
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await component.stop()


def settings_of(
    folder: Path,
    hubspot: str = "http://127.0.0.1:1",
    salesforce: str = "http://127.0.0.1:2",
    pubsub: str = "127.0.0.1:3",
    sync: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the demo's settings; sweeps only on order, without grace, unless *sync* says otherwise."""
    habits = {"reconcile": False, "reconcile_grace": "0s", "reconcile_overlap": "0s"}
    return demo_settings(
        hubspot_url=hubspot,
        salesforce_url=salesforce,
        pubsub=pubsub,
        data_folder=folder,
        public_url=PUBLIC_URL,
        overrides={"log": {"partitions": 2}, "sync": {**habits, **(sync or {})}, **(overrides or {})},
    )


__all__ = ["MQL", "SweepWorld", "now_ms", "running", "settings_of", "sweep_world"]
