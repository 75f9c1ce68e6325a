"""`tasuki kpi` as a process on an embedded server of the benchmark's, with what both took of the processor."""

import os
import signal
import socket
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.kpi.settings import Settings, load
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.sync.app import topic_specs
from services.sync.settings import demo_document
from tests.kpi_facts import DAY
from tests.kpi_process import Process

PARTITIONS = 24
PROMISE: Mapping[str, Any] = {
    "name": "mql-response",
    "starts": ["mql"],
    "stops": ["first_response"],
    "targets": [{"within": "24h"}],
    "escalations": [{"after": "4h", "notify": ["team-lead"]}],
}


@dataclass
class Bench:
    """The service, not started yet, and what it works on."""

    server: EmbeddedServer
    log: EmbeddedLog
    store: Store
    process: Process
    settings: Settings
    folder: Path

    async def used_bytes(self) -> int:
        """Return what the server says that its data takes."""
        (info,) = await self.store.read([("INFO", "memory")])
        return int(dict(info)["used_memory"])

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time that the service and the server took so far."""
        running = self.process.running
        pids = {"server": int((self.server.folder / "valkey.pid").read_text(encoding="utf-8"))}
        if running is not None and running.returncode is None:
            pids["service"] = running.pid
        return {name: spent_s(pid) for name, pid in pids.items()}

    async def stop(self) -> None:
        """End the service in order, if it runs."""
        if self.process.running is not None:
            await self.process.end(signal.SIGTERM)


def spent_s(pid: int) -> float:
    """Return the processor time of a process, user and system, in seconds; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of *values* are; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def told(values: Sequence[float]) -> str:
    """Return the percentiles of *values*, in ms, as one line."""
    shares = ", ".join(f"p{each * 100:g} {percentile(values, each):,.0f}" for each in (0.5, 0.99, 0.999))
    return f"{shares}, most {max(values, default=0):,.0f} ms ({len(values):,} values)"


def document(folder: Path, port: int, partitions: int, promises: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a tasuki.toml; what is promised holds since three days ago."""
    since = datetime.fromtimestamp((now_ms() - 3 * DAY) / 1000, UTC).date()
    return demo_document(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:2",
        pubsub="127.0.0.1:3",
        data_folder=folder / "store",
        overrides={
            "log": {"partitions": partitions},
            "feed": {"port": port},
            "kpi": {"promised_from": since.isoformat()},
            "sla": [dict(each) for each in promises],
        },
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@asynccontextmanager
async def bench(
    *, partitions: int = PARTITIONS, promises: Sequence[Mapping[str, Any]] = (PROMISE,)
) -> AsyncGenerator[Bench]:
    """Give the service with *promises*, of the last three days and from now on, over a store of its own."""
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as name:
        folder = Path(name)
        async with EmbeddedServer(folder / "store") as server:
            log, store = EmbeddedLog(server.url), Store(server.url)
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(partitions))
            config = folder / "tasuki.toml"
            port = _free_port()
            config.write_text(document(folder, port, partitions, promises), encoding="utf-8")
            made = Bench(
                server, log, store, Process(config, port, {}), load(config, {}, need_secrets=False), folder
            )
            try:
                yield made
            finally:
                await made.stop()
                await log.close()
                await store.close()
