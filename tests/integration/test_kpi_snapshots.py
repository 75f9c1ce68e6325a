"""The KPIs on their topic: told by one, when they change, with versions that only grow."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from schemas.kpi import FigureChanged
from schemas.topics import KPI, LIFECYCLE
from services.kpi.app.service import Kpi
from services.kpi.consumers.snapshots import SNAPSHOTS
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.port import Log
from services.runtime.valkey_server import EmbeddedServer
from tests.integration.kpi_app_world import KpiApp, kpi_app, kpi_settings, snapshots, tell, topics
from tests.kpi_facts import Teller
from tests.waiting import clear_of_midnight, wait_until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[EmbeddedServer]:
    """Give a server of its own."""
    async with EmbeddedServer(tmp_path / "store") as running:
        yield running


async def told(log: Log, key: str, value: float) -> FigureChanged:
    """Wait until the last snapshot of *key* says *value*, and return it."""

    async def is_told() -> bool:
        found = await snapshots(log)
        return key in found and found[key].data.value == value

    await wait_until(is_told, description=f"{key} is {value}")
    return (await snapshots(log))[key]


async def ends(log: Log) -> int:
    """Return where the topic ends."""
    return (await log.offsets(KPI.name))[0].end


async def test_equal_figures_are_told_once_by_whoever_comes_next(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """After a restart only what changed is told, under a greater version; the topic keeps one record of each."""
    teller, settings = Teller(), kpi_settings(tmp_path)
    await clear_of_midnight()
    async with topics(server.url) as log:
        async with kpi_app(settings, server.url):
            await tell(log, [teller.reached("ann", "mql", now_ms())])
            first = await told(log, "mqls/30d", 1)
        before = await ends(log)
        async with kpi_app(settings, server.url):
            await tell(log, [teller.reached("bob", "lead", now_ms())])
            await told(log, "leads/30d", 1)
            again = (await snapshots(log))["mqls/30d"]
        found = await log.read(KPI.name, 0, 0, limit=5_000)
    assert again == first
    assert found[-1].offset - before < 100
    assert len({each.key for each in found}) == len(found)
    assert max(first.data.offsets.values()) == 1
    assert first.id == f"mqls/30d/{first.data.version}"


async def test_two_processes_tell_as_one(server: EmbeddedServer, tmp_path: Path) -> None:
    """Only the owner of the first shard tells; the other shows no KPI in its metrics."""
    settings = kpi_settings(tmp_path)
    await clear_of_midnight()
    async with (
        topics(server.url) as log,
        kpi_app(settings, server.url) as a,
        kpi_app(settings, server.url) as b,
    ):
        await wait_until(lambda: _held(a.kpi) + _held(b.kpi) == 3, description="all shards are held")
        await tell(log, [Teller().reached("ann", "mql", now_ms())])
        await told(log, "mqls/today", 1)

        async def one_shows_it() -> bool:
            return sorted([await _shows(a), await _shows(b)]) == [False, True]

        await wait_until(one_shows_it, description="one process shows the KPIs")


async def test_a_version_is_not_given_twice_where_the_store_lost_writes(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """What is told anew comes under a greater version than what readers have."""
    settings = kpi_settings(tmp_path)
    shard = ShardId("kpi", LIFECYCLE.name, 0)
    await clear_of_midnight()
    async with topics(server.url) as log:
        async with kpi_app(settings, server.url) as app:
            await tell(log, [Teller().reached("ann", "mql", now_ms())])
            first = await told(log, "mqls/today", 1)
        async with kpi_app(settings, server.url) as app:
            await app.kpi.store.client.delete(shard.key(SNAPSHOTS))
        async with kpi_app(settings, server.url):

            async def newer() -> bool:
                return (await snapshots(log))["mqls/today"].data.version > first.data.version

            await wait_until(newer, description="it is told again")


def _held(kpi: Kpi) -> int:
    worker = kpi.workers.by_topic.get(LIFECYCLE.name)
    return 0 if worker is None else len(worker.shards)


async def _shows(app: KpiApp) -> bool:
    return "tasuki_kpi_value{" in (await app.http.get("/metrics")).text
