"""The feed on a real server over counters that a worker moves, and a client of its event streams."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from services.kpi.adapters.feed import Feed, make_feed, make_lead_parts
from services.kpi.consumers.promised import Promised
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.goals import Goals
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.rulebook import BookEra
from services.runtime.clock import now_ms
from services.runtime.http import RunningServer, serve
from services.runtime.http_access import ApiKey
from services.runtime.worker import ShardWorker
from tests.integration.kpi_world import PARTITIONS, KpiWorld, kpi_world
from tests.waiting import PATIENCE_S

RULES = CountingRules(teams={"sato@firm.example": "east"})


@dataclass
class FeedWorld:
    """What a test may ask and disturb."""

    kpi: KpiWorld
    worker: ShardWorker
    feed: Feed
    server: RunningServer
    http: httpx2.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Return the answer for *path*."""
        return await self.http.get(
            path, headers={name.replace("_", "-"): each for name, each in headers.items()}
        )


def rules_of(promised: Promised | None) -> ClockRules:
    """Return the rules that *promised* amounts to where there never were others."""
    if promised is None:
        return ClockRules()
    return ClockRules.of([BookEra(promised.from_at, promised.from_at, "", promised.book)])


@asynccontextmanager
async def feed_world(
    keys: Sequence[ApiKey] = (),
    heartbeat_ms: int = 15_000,
    promises: Promised | None = None,
    goals: Goals | None = None,
) -> AsyncGenerator[FeedWorld]:
    """Give the feed at work; *promises* hold, the firm has *goals*."""
    async with kpi_world() as kpi, kpi.counting(RULES, promises) as worker:
        readings = kpi.readings(RULES, goals)
        leads = make_lead_parts(
            store=kpi.store,
            log=kpi.log,
            readings=readings,
            rules=lambda: rules_of(promises),
            service=kpi.service,
            partitions=PARTITIONS,
            names={"response": {"ja": "初回対応", "en": "First response"}},
        )
        feed = make_feed(
            readings=readings,
            leads=leads,
            clock=now_ms,
            keys=keys,
            host="127.0.0.1",
            failed=kpi.failures.append,
            heartbeat_ms=heartbeat_ms,
        )
        server = await serve(feed.app, "127.0.0.1", 0)
        try:
            async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as http:
                yield FeedWorld(kpi, worker, feed, server, http)
        finally:
            await feed.hub.stop()
            await server.stop()


class EventStream:
    """A plain client of an event stream, light enough for hundreds of them."""

    def __init__(self, port: int, path: str, **headers: str) -> None:
        self._port, self._path, self._headers = port, path, headers
        self.arrived: list[tuple[float, str, str, Any]] = []
        """When (loop time), event, id, data."""
        self.comments = 0
        self.ended = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["EventStream"]:
        """Read in the background."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in self._headers.items()]
        writer.write(f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{''.join(lines)}\r\n".encode())
        reading = asyncio.create_task(self._read(reader))
        try:
            yield self
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        held: dict[str, str] = {}
        while line := (await reader.readline()).decode():
            name, colon, value = line.strip().partition(": ")
            if line.startswith(": "):
                self.comments += 1
            elif colon:
                held[name] = value
            elif not line.strip() and "data" in held:
                at = asyncio.get_running_loop().time()
                self.arrived.append((at, held["event"], held.get("id", ""), json.loads(held["data"])))
                held = {}
        self.ended = True

    @property
    def value(self) -> float | None:
        """The last told value of the first metric; None where nothing was told."""
        told = [data for _, event, _, data in self.arrived if event == "figures"]
        return told[-1]["figures"][0]["value"] if told else None
