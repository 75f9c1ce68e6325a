"""`tasuki kpi` as a process: it serves figures, outlives kill -9, and ends in order."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from services.runtime.clock import now_ms
from services.runtime.valkey_server import EmbeddedServer
from services.sync.settings import demo_document
from tests.integration.kpi_app_world import SECRET, SINK, alerts, tell, topics
from tests.kpi_facts import Teller
from tests.receivers import http_receiver
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PROMISE = """
[[sla]]
name = "response"
starts = ["mql"]
stops = ["first_response"]
targets = [{ within = "1s" }]
"""


@dataclass
class Process:
    """The service in a process of its own."""

    config: Path
    port: int
    environ: dict[str, str]
    running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return when it is ready."""
        with (self.config.parent / "service.log").open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.cli.main", "--log-format", "json"),
                *("kpi", "--config", str(self.config)),
                cwd=ROOT,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
            )
        await wait_until(self.is_ready, within_s=40, description="tasuki kpi is ready", every_s=0.05)

    async def is_ready(self) -> bool:
        """Return whether it says so."""
        assert self.running is not None
        assert self.running.returncode is None, (self.config.parent / "service.log").read_text()
        try:
            return (await self.get("/health/ready")).is_success
        except httpx2.HTTPError:
            return False

    async def get(self, path: str) -> httpx2.Response:
        """Return the answer for *path*."""
        async with httpx2.AsyncClient(timeout=10) as http:
            return await http.get(f"http://127.0.0.1:{self.port}{path}")

    async def mqls(self) -> float:
        """Return how many MQLs the feed tells."""
        return (await self.get("/kpi/metrics/mqls?window=30d")).json()["figure"]["value"]

    async def end(self, how: signal.Signals) -> int:
        """End it; return its exit code."""
        assert self.running is not None
        if self.running.returncode is None:
            self.running.send_signal(how)
        return await self.running.wait()


@asynccontextmanager
async def kpi_process(folder: Path, webhook: str) -> AsyncGenerator[Process]:
    """Start `tasuki kpi` with no secret of the two systems."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    file = demo_document(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:2",
        pubsub="127.0.0.1:3",
        data_folder=folder / "store",
        overrides={"log": {"partitions": 3}, "feed": {"port": port}},
    )
    config = folder / "tasuki.toml"
    config.write_text(
        file + SINK.replace('kind = "webhook"', 'kind = "webhook"\nfirst_wait = "100ms"') + PROMISE
    )
    process = Process(config, port, {"TASUKI_SINK_HOOK_URL": webhook, "TASUKI_SINK_HOOK_SECRET": SECRET})
    try:
        await process.start()
        yield process
    finally:
        await process.end(signal.SIGKILL)


async def test_a_killed_service_goes_on_where_it_was(tmp_path: Path) -> None:
    """What came in and came due while it was dead is counted once and told once; then it ends in order."""
    teller = Teller()
    async with (
        EmbeddedServer(tmp_path / "store") as server,
        topics(server.url) as log,
        http_receiver() as receiver,
        kpi_process(tmp_path, receiver.url()) as process,
    ):
        await tell(log, [teller.reached("ann", "mql", now_ms())])

        async def counted() -> bool:
            return await process.mqls() == 1

        await wait_until(counted, description="the first MQL is counted")
        assert await process.end(signal.SIGKILL) == -signal.SIGKILL
        await tell(log, [teller.reached("bob", "mql", now_ms())])
        await process.start()

        await wait_until(lambda: len(receiver.alert_ids) >= 2, description="both are told of")
        assert await process.mqls() == 2
        assert sorted(each.subject for each in await alerts(log)) == ["ann", "bob"]
        assert len(receiver.alert_ids) == 2
        assert await process.end(signal.SIGTERM) == 0
