"""The KPI service as it is composed: facts in, figures and alerts out, and what it says of itself."""

import dataclasses
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest

from services.errors import Misconfigured
from services.kpi.app.service import build
from services.kpi.app.sinks import make_sinks
from services.runtime.clock import now_ms
from services.runtime.valkey_server import EmbeddedServer
from tests.integration.kpi_app_world import (
    KpiApp,
    alerts,
    kpi_app,
    kpi_settings,
    requests,
    snapshots,
    tell,
    topics,
)
from tests.kpi_facts import HOUR, Teller
from tests.receivers import http_receiver, status
from tests.waiting import PATIENCE_S, clear_of_midnight, wait_until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[EmbeddedServer]:
    """Give a server of its own."""
    async with EmbeddedServer(tmp_path / "store") as running:
        yield running


async def test_facts_become_figures_alerts_and_messages(server: EmbeddedServer, tmp_path: Path) -> None:
    """An MQL that nobody answers is in the feed, on the topics and at the receiver."""
    teller = Teller()
    await clear_of_midnight()
    async with http_receiver() as receiver, topics(server.url) as log:
        settings = kpi_settings(tmp_path, webhook=receiver.url())
        async with kpi_app(settings, server.url) as app:
            await tell(log, [teller.reached("ann", "mql", now_ms(), origin="bdr")])

            async def counted() -> bool:
                return await app.figure("mqls") == 1

            await wait_until(counted, description="the MQL is in the feed")
            (request,) = await receiver.has(1)
            assert [each["kind"] for each in request.json["alerts"]] == ["breached"]
            assert [each.subject for each in await alerts(log)] == ["ann"]

            async def told() -> bool:
                # Each window's are told by themselves.
                found = {name: each.data for name, each in (await snapshots(log)).items()}
                return (
                    found.keys() >= {"sla_attainment/30d", "mqls/today/role=bdr", "mqls/today/role=sdr"}
                    and found["sla_attainment/30d"].denominator == 1
                    and found["mqls/today/role=bdr"].value == 1
                    and found["mqls/today/role=sdr"].value == 0
                )

            await wait_until(told, description="the MQL and the breach are in the snapshots")

            for line in (
                'tasuki_kpi_value{metric="mqls",role="bdr"} 1.0',
                'tasuki_alerts_total{kind="breached"} 1.0',
                "tasuki_clocks_overdue 1.0",
                "tasuki_timer_late_seconds_count 1.0",
                'tasuki_notice_messages_total{outcome="delivered",sink="hook"} 1.0',
            ):

                async def shown_as_metric(line: str = line) -> bool:
                    return line in (await app.http.get("/metrics")).text

                await wait_until(shown_as_metric, description=line)
            shown = (await app.http.get("/status")).json()
            assert shown["clocks"] == {"timers": 0, "running": 1, "overdue": 1}
            assert shown["topics"]["tasuki.alerts.v1"]["partitions"] == [0]

            await tell(log, [teller.reached("ann", "first_response", now_ms(), origin="bdr")])
            await receiver.has(2)
            assert (await app.http.get("/status")).json()["clocks"]["running"] == 0


async def test_an_alert_that_is_to_be_a_task_is_asked_for_once(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """The message is delivered when the request is on its topic; the end of the breach is told there too."""
    teller = Teller()
    file = '[[sinks]]\nname = "tasks"\nkind = "sales-task"\n[[routes]]\nsink = "tasks"\n'
    async with topics(server.url) as log:
        settings = kpi_settings(tmp_path, file=file)
        for said, kinds in (("mql", ["task-wanted"]), ("first_response", ["task-wanted", "task-over"])):
            async with kpi_app(settings, server.url) as app:
                await tell(log, [teller.reached("ann", said, now_ms())])

                async def asked(kinds: list[str] = kinds) -> bool:
                    return [each.type.split(".")[2] for each in await requests(log)] == kinds

                await wait_until(asked, description="it is asked for")
                gauge = 'tasuki_notice_messages_total{outcome="delivered",sink="tasks"} 1.0'

                async def told(app: KpiApp = app, gauge: str = gauge) -> bool:
                    return gauge in (await app.http.get("/metrics")).text

                await wait_until(told, description="it is delivered")
                assert (await app.http.get("/status")).json()["sinks"]["tasks"]["waiting"] == 0
        wanted, over = await requests(log)
        assert {each.subject for each in (wanted, over)} == {"ann"}


async def test_history_is_counted_and_not_promised(server: EmbeddedServer, tmp_path: Path) -> None:
    """What came due before the installation's first instant stays silent, after a restart too."""
    teller = Teller()
    async with topics(server.url) as log:
        await tell(log, [teller.reached("old", "mql", now_ms() - 10 * HOUR)])
        settings = kpi_settings(tmp_path)
        firsts: list[int | None] = []
        for lead in ("a", "b"):
            async with kpi_app(settings, server.url) as app:
                firsts.append(app.kpi.promises.from_at)
                await tell(log, [teller.reached(lead, "mql", now_ms())])

                async def breached(lead: str = lead) -> bool:
                    return lead in {each.subject for each in await alerts(log)}

                await wait_until(breached, description=f"{lead} is overdue")
                assert await app.figure("mqls") == len(firsts) + 1
        assert firsts[0] == firsts[1]
        assert {each.subject for each in await alerts(log)} == {"a", "b"}


async def test_history_is_promised_where_the_configuration_says_so(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """From the instant that it names on."""
    teller, now = Teller(), now_ms()
    async with topics(server.url) as log:
        await tell(log, [teller.reached("old", "mql", now - 10 * HOUR)])
        await tell(log, [teller.reached("older", "mql", now - 30 * HOUR)])
        async with kpi_app(kpi_settings(tmp_path, promised_from=now - 20 * HOUR), server.url):

            async def breached() -> bool:
                return [each.subject for each in await alerts(log)] == ["old"]

            await wait_until(breached, description="the promise of before is overdue")


async def test_health_tells_each_part_and_a_failing_sink_degrades(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """Ready with all shards; a sink that fails is named and stops nothing."""
    async with http_receiver() as receiver, topics(server.url) as log:
        receiver.mood = status(503)
        async with kpi_app(kpi_settings(tmp_path, webhook=receiver.url()), server.url) as app:

            async def ready() -> bool:
                return (await app.http.get("/health/ready")).is_success

            await wait_until(ready, description="it is ready")
            found = (await app.http.get("/health/ready")).json()["components"]
            assert found.keys() == {"loop", "store", "log", "sinks", "facts", "alerts"}
            assert found["facts"]["facts"]["partitions"] == 3
            assert found["facts"]["facts"]["lag"] == 0
            await tell(log, [Teller().reached("ann", "mql", now_ms())])
            await receiver.has(1)

            async def degraded() -> bool:
                answer = await app.http.get("/health/ready")
                assert answer.is_success
                return answer.json()["components"]["sinks"]["condition"] == "degraded"

            await wait_until(degraded, description="the sink is told to fail")


async def test_it_is_live_and_not_ready_before_it_has_its_shards(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """A second process waits while the first holds the only partition of the alerts."""
    settings = kpi_settings(tmp_path)
    async with kpi_app(settings, server.url) as first, kpi_app(settings, server.url) as second:

        async def waits() -> bool:
            answers = [await each.http.get("/health/ready") for each in (first, second)]
            return sorted(each.status_code for each in answers) == [200, 503]

        await wait_until(waits, description="one has no partition of the alerts")
        assert (await second.http.get("/health/live")).is_success


async def test_a_client_that_listens_is_let_go_first(server: EmbeddedServer, tmp_path: Path) -> None:
    """An open stream doesn't hold up the end; it is told that the service stops."""
    async with kpi_app(kpi_settings(tmp_path), server.url) as app:
        url = app.http.base_url.join("/kpi/events?metrics=mqls")
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client, client.stream("GET", url) as stream:
            lines = stream.aiter_lines()
            while "figures" not in await anext(lines):
                pass
            assert "tasuki_feed_clients 1.0" in (await app.http.get("/metrics")).text
            await app.kpi.feed.stop()
            rest = [line async for line in lines]
    assert any("stopping" in line for line in rest)


def test_a_sink_that_cannot_work_is_named(tmp_path: Path) -> None:
    """Before anything starts."""
    with pytest.raises(Misconfigured, match="sink hook: "):
        make_sinks(kpi_settings(tmp_path, webhook="ftp://x"), now_ms)


async def test_an_address_that_apprise_does_not_know_is_named(tmp_path: Path) -> None:
    """By the check at the start, without the address, which is a secret."""
    settings = kpi_settings(tmp_path, webhook="nobody://knows/this")
    chat = dataclasses.replace(settings.sinks[0], kind="apprise")
    with pytest.raises(Misconfigured, match="sink hook: ") as refused:
        await make_sinks(dataclasses.replace(settings, sinks=(chat,)), now_ms).start()
    assert "this" not in str(refused.value)


def test_the_feed_is_not_shown_to_others_without_a_key(tmp_path: Path) -> None:
    """An address that others can reach needs one."""
    settings = kpi_settings(tmp_path)
    open_to_all = dataclasses.replace(settings.feed, host="0.0.0.0")  # noqa: S104 - what is refused
    with pytest.raises(Misconfigured, match="API key"):
        build(dataclasses.replace(settings, feed=open_to_all), embedded_url="unix:///nowhere")
