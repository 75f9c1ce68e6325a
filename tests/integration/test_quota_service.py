"""The whole service with little quota left: what waits, what goes on, and where it says so."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.cli.exits import ExitCode
from services.cli.main import main
from services.cli.sandbox_setup import hubspot_subscriptions
from services.cli.stage.portals import hubspot_settings, salesforce_settings
from services.runtime.lifecycle import Component
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.adapters.sandbox.admin import Act
from services.sync.app.service import Sync, build
from services.sync.settings import Settings, demo_document, demo_settings
from tests.private_store import StoreServer
from tests.waiting import PATIENCE_S, clear_of_midnight, wait_until

PUBLIC_URL = "https://tasuki.sandbox.example"
DAILY = 1_000


@dataclass
class World:
    """The service and its two vendors."""

    service: Sync
    hubspot: HubSpotSandbox
    salesforce: SalesforceSandbox
    http: httpx2.AsyncClient

    def burn(self, left: int) -> None:
        """Let another app use HubSpot's day up to *left* calls."""
        quota = self.hubspot.state.quota
        quota.spend(search=False)
        quota._today = DAILY - left  # pyright: ignore[reportPrivateUsage]

    def contact(self, number: int, **fields: Any) -> None:
        """Let marketing make a contact."""
        known = {"email": f"p{number}@firm.example", "lastname": "山田", "company": "株式会社例"}
        done = self.hubspot.desk.act(Act(act="create", object="contact", fields={**known, **fields}))
        assert done.error is None, done.error

    def leads(self) -> list[dict[str, Any]]:
        """Return the leads in the sales tool."""
        return list(self.salesforce.state.tables["Lead"].rows.values())

    async def status(self) -> dict[str, Any]:
        """Return GET /status."""
        answer = await self.http.get("/status")
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def at_work(folder: Path) -> AsyncGenerator[World]:
    """Run the service as the composition root makes it."""
    server = StoreServer()
    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        plain = _settings(folder)
        salesforce = await stack.enter_async_context(SalesforceSandbox(salesforce_settings(plain.sfa_fields)))
        portal = hubspot_settings(plain.ma_fields, hook="http://127.0.0.1:1", public=PUBLIC_URL)
        hubspot = await stack.enter_async_context(
            HubSpotSandbox(replace(portal, daily=DAILY, ten_secondly=10_000))
        )
        settings = _settings(folder, hubspot.base_url, salesforce.base_url, salesforce.grpc_target)
        service = build(settings, embedded_url=server.url)
        for each in service.components:
            await stack.enter_async_context(_running(each))
        assert service.server is not None
        base_url = f"http://127.0.0.1:{service.server.port}"
        hubspot.state.subscribe(*hubspot_subscriptions(settings.ma_fields))
        hubspot.deliver_to(f"{base_url}/webhooks/hubspot", public_url=f"{PUBLIC_URL}/webhooks/hubspot")
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=base_url, timeout=PATIENCE_S))
        yield World(service, hubspot, salesforce, http)


@asynccontextmanager
async def _running(component: Component) -> AsyncGenerator[None]:
    await component.start()
    task = None if component.run is None else asyncio.ensure_future(component.run())
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await component.stop()


def _settings(
    folder: Path,
    hubspot: str = "http://127.0.0.1:1",
    salesforce: str = "http://127.0.0.1:2",
    pubsub: str = "127.0.0.1:3",
) -> Settings:
    return demo_settings(
        hubspot_url=hubspot,
        salesforce_url=salesforce,
        pubsub=pubsub,
        data_folder=folder,
        public_url=PUBLIC_URL,
        overrides={"log": {"partitions": 2}},
    )


MQL = {"jobtitle": "製造部 部長", "num_conversion_events": "2", "document_downloads": "2"}
KEPT = "quota: daily limit of hubspot down to its reserve for new MQLs, until 00:00"


async def test_with_little_left_an_mql_is_handed_over_and_edits_wait_and_everybody_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """150 of 1,000 calls are left, 200 are kept: sales gets its lead, marketing's fields wait for another day."""
    await clear_of_midnight()
    async with at_work(tmp_path) as world:
        before = await world.status()
        assert [each["left"] for each in before["quotas"]] == [None] * 5  # unknown, not full

        world.burn(150)
        world.contact(1, **MQL)
        await wait_until(lambda: len(world.leads()) == 1, description="the MQL in the sales tool")
        await wait_until(lambda: _waiting(world), description="an edit that waits")

        await wait_until(lambda: _degraded(world), description="health tells")
        lead = (await world.http.get("/leads/p1@firm.example")).json()
        assert {(each["side"], each["why"]) for each in lead["waiting"]} == {("ma", KEPT)}
        metrics = (await world.http.get("/metrics")).text
        assert 'tasuki_quota_held_total{limit="daily",priority="edit",system="hubspot"}' in metrics
        assert 'tasuki_quota_remaining_calls{limit="daily",system="hubspot"}' in metrics
        assert 'limit="search"' not in metrics  # nobody knows

        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")
        shown = await _command(tmp_path, str(world.http.base_url), capsys)
        assert f"wait: {KEPT}" in shown
        assert "hubspot search" in shown
        assert "unknown" in shown
        asked = world.hubspot.desk.stats()["quota_left"]["daily"]

        # Nothing is tried over and over meanwhile.
        for _ in range(20):
            await world.status()
            await asyncio.sleep(0.05)
        assert world.hubspot.desk.stats()["quota_left"]["daily"] == asked

        # The next answer tells that there is plenty again: what waited goes.
        world.burn(900)
        world.contact(2)
        await wait_until(lambda: _settled(world), description="nothing waits any more")


async def _degraded(world: World) -> bool:
    health = await world.http.get("/health/ready")
    report = health.json()["components"]["quota.hubspot"]
    told = (health.status_code, report["condition"], report["reason"])
    return told == (200, "degraded", KEPT) and report["facts"]["daily_left"] < 200


async def _waiting(world: World) -> bool:
    status = await world.status()
    held = [each["held"] for each in status["quotas"] if each["limit"] == "daily"]
    return status["systems"]["hubspot"]["dirty"] >= 1 and "edit" in held[0] and "hot" not in held[0]


async def _settled(world: World) -> bool:
    status = await world.status()
    waits = status["systems"]["hubspot"]["dirty"] or any(each["held"] for each in status["quotas"])
    first, _ = world.hubspot.state.store.rows["contact"].values()
    return not waits and first.values.get("hubspot_owner_id") is not None


async def _command(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `tasuki status` prints."""
    config = folder / "tasuki.toml"
    config.write_text(
        demo_document(
            hubspot_url="http://127.0.0.1:1",
            salesforce_url="http://127.0.0.1:2",
            pubsub="127.0.0.1:3",
            data_folder=folder,
        )
    )
    code = await asyncio.to_thread(main, ["status", "--config", str(config), "--url", url])
    assert code is ExitCode.OK
    return capsys.readouterr().out
