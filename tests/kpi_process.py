"""`tasuki kpi` in a process of its own, with a webhook as its only sink."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from services.cli.stage.ports import held_port
from services.sync.settings import demo_document
from tests.integration.kpi_app_world import PARTITIONS, SECRET, SINK
from tests.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[1]


@dataclass
class Process:
    """The service in a process of its own."""

    config: Path
    port: int
    environ: dict[str, str]
    running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return when it is ready."""
        await self.spawn()
        await wait_until(self.is_ready, description="tasuki kpi is ready", every_s=0.05)

    async def spawn(self) -> None:
        """Start it, and don't wait for it."""
        with (self.config.parent / "service.log").open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.cli.main", "--log-format", "json"),
                *("kpi", "--config", str(self.config)),
                cwd=ROOT,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
            )

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
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
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
async def kpi_process(
    folder: Path, webhook: str, promises: str, *, sink: str = 'first_wait = "100ms"'
) -> AsyncGenerator[Process]:
    """
    Start `tasuki kpi` with no secret of the two systems.

    Args:
        folder: Where its tasuki.toml goes, its store and its log.
        webhook: Address of the sink.
        promises: The tables of [[sla]].
        sink: More lines of the sink's table.
    """
    with held_port() as port:
        async with _kpi_process(folder, webhook, promises, sink, port) as process:
            yield process


@asynccontextmanager
async def _kpi_process(
    folder: Path, webhook: str, promises: str, sink: str, port: int
) -> AsyncGenerator[Process]:
    file = demo_document(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:2",
        pubsub="127.0.0.1:3",
        data_folder=folder / "store",
        overrides={"log": {"partitions": PARTITIONS}, "feed": {"port": port}},
    )
    config = folder / "tasuki.toml"
    config.write_text(file + SINK.replace('kind = "webhook"', f'kind = "webhook"\n{sink}') + promises)
    process = Process(config, port, {"TASUKI_SINK_HOOK_URL": webhook, "TASUKI_SINK_HOOK_SECRET": SECRET})
    try:
        await process.start()
        yield process
    finally:
        await process.end(signal.SIGKILL)
