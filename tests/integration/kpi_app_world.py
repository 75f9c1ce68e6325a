"""The KPI service as its composition root makes it, on an embedded server, with settings as values."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from schemas.alerts import ALERT, Alert
from schemas.kpi import FigureChanged
from schemas.lifecycle import LifecycleFact
from schemas.requests import REQUEST, Request
from schemas.topics import ALERTS, KPI, REQUESTS, TOPICS
from services.configuration.parts import topic_specs
from services.kpi.app.service import Kpi, build
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.settings import Settings, loads
from services.runtime import lifecycle
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.key_ring import KeyRing
from services.runtime.log.port import Log
from services.runtime.log.sealed import SealedLog
from services.runtime.store import Store
from tests.kpi_facts import records
from tests.waiting import PATIENCE_S, wait_until

PARTITIONS = 3
RESPONSE = Policy(
    name="response", starts=("mql",), stops=("first_response",), targets=(Target(budget_ms=400),)
)


FILE = """\
[firm]
name = "試験"
public_url = "http://127.0.0.1:8080"
[log]
partitions = 3
[feed]
port = 0
"""
SINK = """\
[[sinks]]
name = "hook"
kind = "webhook"
[[routes]]
sink = "hook"
"""
SECRET = "0123456789abcdef"


def kpi_settings(folder: Path, *, webhook: str | None = None, file: str = "", **more: Any) -> Settings:
    """Return settings that promise an answer within 400 ms, and tell *webhook* of what comes due."""
    environ: dict[str, str] = {}
    if webhook is not None:
        file += SINK
        environ = {"TASUKI_SINK_HOOK_URL": webhook, "TASUKI_SINK_HOOK_SECRET": SECRET}
    read = loads(FILE + file, environ, file="the test's", folder=folder)
    quick = {
        name: dataclasses.replace(rule, first_wait_ms=20, longest_wait_ms=100)
        for name, rule in read.notices.sinks.items()
    }
    snapshots = dataclasses.replace(read.snapshots, every_ms=50)
    notices = dataclasses.replace(read.notices, sinks=quick)
    given: dict[str, Any] = {"policies": (RESPONSE,), "snapshots": snapshots, "notices": notices, **more}
    return dataclasses.replace(read, **given)


@dataclass
class KpiApp:
    """The running service: what a test may ask of it."""

    kpi: Kpi
    http: httpx2.AsyncClient

    async def figure(self, metric: str, window: str = "30d") -> float | None:
        """Return what the feed says of *metric*."""
        answer = await self.http.get(f"/kpi/metrics/{metric}?window={window}")
        answer.raise_for_status()
        return answer.json()["figure"]["value"]


@asynccontextmanager
async def kpi_app(settings: Settings, url: str) -> AsyncGenerator[KpiApp]:
    """Run the service on the embedded server at *url*; it must end well."""
    made, stop = build(settings, embedded_url=url), asyncio.Event()
    life = asyncio.create_task(lifecycle.run(made.components, until=stop))
    try:
        await wait_until(lambda: made.feed.server is not None or life.done(), description="the feed answers")
        assert made.feed.server is not None, f"it ended with {life.result()}: {made.failures}"
        async with httpx2.AsyncClient(base_url=made.feed.server.url, timeout=PATIENCE_S) as http:
            yield KpiApp(made, http)
    finally:
        stop.set()
        code = await life
    assert code is lifecycle.ExitCode.STOPPED, made.failures


@asynccontextmanager
async def topics(url: str) -> AsyncGenerator[Log]:
    """Give the log beside the service, which opens what the service sealed."""
    inner, store = EmbeddedLog(url), Store(url)
    personal = {each.name for each in TOPICS if each.personal}
    log = SealedLog(inner, KeyRing(inner, store, now_ms), store, personal)
    await log.start()
    await log.ensure_topics(topic_specs(PARTITIONS))
    try:
        yield log
    finally:
        await log.close()


async def tell(log: Log, events: Sequence[LifecycleFact]) -> None:
    """Append *events* to the lifecycle topic."""
    await log.append(records(events))


async def alerts(log: Log) -> list[Alert]:
    """Return what stands on the topic of the alerts."""
    return [ALERT.validate_json(each.value or b"") for each in await log.read(ALERTS.name, 0, 0)]


async def requests(log: Log) -> list[Request]:
    """Return what stands on the topic of the requests."""
    found = [await log.read(REQUESTS.name, each, 0) for each in range(PARTITIONS)]
    return [REQUEST.validate_json(each.value or b"") for page in found for each in page]


async def snapshots(log: Log) -> dict[str, FigureChanged]:
    """Return the last snapshot of each figure that is on the topic, by its key."""
    found = await log.read(KPI.name, 0, 0, limit=5_000)
    return {each.key: FigureChanged.model_validate_json(each.value or b"") for each in found}
