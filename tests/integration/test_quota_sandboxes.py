"""The governor before the sandboxes, which refuse what is over their limits as the vendors do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot import HubSpotConnector
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.hubspot.sandbox import gate as hubspot_gate
from services.sync.adapters.quota import QuotaGovernor
from services.sync.adapters.salesforce.connector import SalesforceConnector
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.adapters.salesforce.sandbox import SandboxSettings as SalesforceSettings
from services.sync.app.quotas import hubspot_limits, salesforce_limits
from services.sync.application.ports import Throttled
from services.sync.application.quota import OutOfQuota, working_as
from services.sync.domain.priority import Priority
from services.sync.domain.quota import Limit
from tests.integration import salesforce_world
from tests.integration.hubspot_world import BUSY, FIELD_MAP, account_of
from tests.private_store import StoreServer, running_store
from tests.waiting import PATIENCE_S, clear_of_midnight

SPAN_MS = 1_000
PATH = "/crm/v3/objects/contacts/search"
SEARCH: dict[str, object] = {"filterGroups": [], "limit": 1, "properties": [], "sorts": [], "after": "0"}


@pytest.fixture
def short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let HubSpot's ten seconds be one."""
    monkeypatch.setattr(hubspot_gate, "WINDOW_MS", SPAN_MS)


def limits(requests: int) -> list[Limit]:
    """Return HubSpot's limits with the short window."""
    return [
        replace(each, span_ms=SPAN_MS) if each.name == "interval" else each
        for each in hubspot_limits(requests)
    ]


@asynccontextmanager
async def hubspots(
    sandbox: HubSpotSandbox, *, requests: int = 20, count: int = 2, url: str | None = None, **more: Any
) -> AsyncGenerator[list[tuple[HubSpotConnector, QuotaGovernor]]]:
    """Give connectors as *count* processes have them: each with its own governor (*more*), all with one store."""
    namespace, made = f"t{uuid4().hex}", list[tuple[HubSpotConnector, QuotaGovernor]]()
    async with running_store(url) as store:
        for _ in range(count):
            governor = QuotaGovernor(
                store,
                system="hubspot",
                limits=limits(requests),
                reserve_rate=0.2,
                time_zone="Asia/Tokyo",
                namespace=namespace,
                **more,
            )
            connector = HubSpotConnector(account_of(sandbox), FIELD_MAP, quota=governor)
            await connector.start()
            made.append((connector, governor))
        try:
            yield made
        finally:
            for connector, _ in made:
                await connector.close()


def refusals(sandbox: HubSpotSandbox) -> int:
    """Return how many requests the sandbox answered with 429."""
    requests: dict[str, dict[str, int]] = sandbox.desk.stats()["requests"]
    return sum(statuses.get("429", 0) for statuses in requests.values())


async def repeated(call: Callable[[], Awaitable[object]], times: int) -> int:
    """Make a call until it was taken *times*; return how often the vendor refused it meanwhile."""
    refused = 0
    while times:
        try:
            await call()
            times -= 1
        except OutOfQuota as out:
            refused += "closed by the vendor" in str(out)
            await asyncio.sleep(0.05)
    return refused


@pytest.mark.usefixtures("short_window")
async def test_a_known_limit_is_never_exceeded_by_two_processes() -> None:
    """40 calls of two processes against 20 a window: the sandbox refuses none."""
    settings = replace(BUSY, ten_secondly=20)
    async with HubSpotSandbox(settings) as sandbox, hubspots(sandbox) as both:

        async def work(connector: HubSpotConnector, times: int) -> None:
            for _ in range(times):
                await connector.search(email="nobody@x.jp")

        await asyncio.gather(*(work(connector, 10) for connector, _ in both for _ in range(2)))
        assert refusals(sandbox) == 0


async def test_searches_keep_to_their_own_limit() -> None:
    """12 searches against 5 a second, which no header tells of."""
    settings = replace(BUSY, search_per_second=5)
    async with HubSpotSandbox(settings) as sandbox, hubspots(sandbox, requests=1_000) as both:
        with working_as(Priority.HOT):
            await asyncio.gather(*(both[n % 2][0].client.post(PATH, SEARCH) for n in range(12)))
        assert refusals(sandbox) == 0


@pytest.mark.usefixtures("short_window")
async def test_another_app_that_eats_the_quota_is_adapted_to() -> None:
    """It takes most of each window; ours learn it from the headers, and few calls of theirs are refused."""
    settings = replace(BUSY, ten_secondly=20)
    async with HubSpotSandbox(settings) as sandbox, hubspots(sandbox) as both:
        ended, eaten = asyncio.Event(), 0

        async def other_app() -> None:
            nonlocal eaten
            headers = {"authorization": f"Bearer {sandbox.state.settings.token}"}
            async with httpx2.AsyncClient(
                base_url=sandbox.base_url, headers=headers, timeout=PATIENCE_S
            ) as http:
                while not ended.is_set():
                    eaten += (await http.get("/crm/v3/owners")).status_code == 200
                    await asyncio.sleep(0.08)

        eating = asyncio.create_task(other_app())
        refused = await asyncio.gather(
            *(repeated(lambda one=one: one.search(email="nobody@x.jp"), 15) for one, _ in both)
        )
        ended.set()
        await eating

    assert eaten >= 15
    # Mostly none; once the other was faster, the calls on trial are refused until it lets go.
    assert sum(refused) <= 8, refused


async def test_a_days_end_holds_edits_then_everybody_and_says_so() -> None:
    """Of 50 calls 10 are kept: an edit stops at 40, an MQL at 50; the sandbox refuses none of them."""
    await clear_of_midnight()
    settings = replace(BUSY, daily=50)
    async with HubSpotSandbox(settings) as sandbox, hubspots(sandbox, requests=1_000) as both:
        (one, first), (other, _) = both
        sent = [0]

        async def use_up() -> None:
            while sent[0] < 100:
                await (one, other)[sent[0] % 2].search(email="nobody@x.jp")
                sent[0] += 1

        with pytest.raises(OutOfQuota) as out:
            await use_up()
        assert sent == [40]
        assert str(out.value) == "quota: daily limit of hubspot down to its reserve for new MQLs, until 00:00"
        assert (await first.admits()).least is Priority.HANDOFF
        with working_as(Priority.HOT), pytest.raises(OutOfQuota, match="used up"):
            await use_up()
        assert sent == [50]
        assert refusals(sandbox) == 0


async def test_a_429_in_one_process_closes_the_limit_for_the_other() -> None:
    """The other one sends nothing until it is open again."""
    settings, now = replace(BUSY, ten_secondly=3), now_ms()
    standing: dict[str, Any] = {"clock": lambda: now, "counting": lambda: now}
    async with HubSpotSandbox(settings) as sandbox, hubspots(sandbox, requests=1_000, **standing) as both:
        (one, _), (_, governor) = both
        headers = {"authorization": f"Bearer {sandbox.state.settings.token}"}
        async with httpx2.AsyncClient(base_url=sandbox.base_url, headers=headers, timeout=PATIENCE_S) as http:
            for _ in range(3):
                await http.get("/crm/v3/owners")
        with pytest.raises(OutOfQuota, match="closed by the vendor"):
            await one.search(email="nobody@x.jp")
        assert await governor.why(Priority.CONSENT) is not None
        _, verdict = await governor.attempt(("interval", "daily"), Priority.CONSENT)
        assert verdict.held is not None


async def test_with_the_store_away_the_vendors_refusal_is_the_judge() -> None:
    """Calls go on uncounted; over the limit HubSpot's own 429 comes through."""
    server = StoreServer()
    settings = replace(BUSY, ten_secondly=3)
    async with (
        HubSpotSandbox(settings) as sandbox,
        hubspots(sandbox, count=1, url=server.url) as ((connector, _),),
    ):
        server.stop()
        for _ in range(3):
            await connector.search(email="nobody@x.jp")
        with pytest.raises(Throttled) as throttled:
            await connector.search(email="nobody@x.jp")
    assert not isinstance(throttled.value, OutOfQuota)
    assert throttled.value.retry_after_ms is None  # HubSpot doesn't say


async def test_salesforces_day_is_learnt_from_its_header() -> None:
    """`api-usage` counts other users' calls too; what is left is shared, and its end is told."""
    await clear_of_midnight()
    async with (
        SalesforceSandbox(SalesforceSettings(daily_calls=20)) as sandbox,
        running_store() as store,
    ):
        governor = QuotaGovernor(
            store,
            system="salesforce",
            limits=salesforce_limits(),
            reserve_rate=0.2,
            time_zone="Asia/Tokyo",
            namespace=f"t{uuid4().hex}",
        )
        connector = SalesforceConnector(sandbox.account(), salesforce_world.FIELDS, quota=governor)
        await connector.start()
        try:
            await connector.search(email="nobody@x.jp")
            sandbox.traffic.calls = 15  # somebody else's
            await connector.search(email="nobody@x.jp")
            with pytest.raises(OutOfQuota, match="daily limit of salesforce down to its reserve"):
                await connector.search(email="nobody@x.jp")
            sandbox.traffic.calls = 20
            with working_as(Priority.HOT), pytest.raises(OutOfQuota, match="closed by the vendor"):
                await connector.search(email="nobody@x.jp")
            with working_as(Priority.CONSENT), pytest.raises(OutOfQuota, match="closed by the vendor"):
                await connector.search(email="nobody@x.jp")
        finally:
            await connector.close()
    requests: dict[str, int] = sandbox.desk.stats()["requests"]
    assert sum(times for route, times in requests.items() if route.endswith("403")) <= 2
