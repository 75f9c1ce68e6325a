"""What an event of the fold costs as things grow: workers on Kafka, leads held, segment dimensions."""

import argparse
import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from schemas.topics import LIFECYCLE
from services.kpi.adapters.lead_codec import encode
from services.kpi.domain.facts import Milestone, Standing
from services.kpi.domain.lead import Deed, KpiLead, Mark
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import Record, TopicSpec, partition_of
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from tests.benchmarks.fold import RULES, fold
from tests.benchmarks.history import OWNERS, told
from tests.benchmarks.kept import keep, keeping
from tests.benchmarks.kpi_service import spent_s
from tests.benchmarks.peers import programs
from tests.benchmarks.peers.broker import ROOT, broker
from tests.benchmarks.peers.compare import Field, fill
from tests.kpi_facts import DAY, Teller, records

PARTITIONS = 4
_BATCH = 1_000
_DIMENSIONS = ("role", "owner", "team", "source", "industry", "region")


@dataclass(frozen=True, slots=True)
class Bench:
    """A log and a store of their own."""

    log: EmbeddedLog
    store: Store


def main(options: Sequence[str] = ()) -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks growth")
    asked.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="on Kafka")
    asked.add_argument("--held", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], help="leads")
    asked.add_argument("--dimensions", type=int, nargs="*", default=[0, 1, 2, 4, 6])
    asked.add_argument("--leads", type=int, default=6_000, help="whose facts are folded")
    keeping(asked)
    given = asked.parse_args(options)
    found: dict[str, Any] = {}
    if given.workers:
        with tempfile.TemporaryDirectory(prefix="tasuki-growth-") as folder, broker(Path(folder)) as kafka:
            field = asyncio.run(fill(kafka.bootstrap, "growth", leads=given.leads, partitions=PARTITIONS))
            field = replace(field, broker_pid=kafka.pid)
            found["workers"] = {each: asyncio.run(_workers(field, each)) for each in given.workers}
    found["held"] = {each: asyncio.run(_held(each, given.leads)) for each in given.held}
    found["dimensions"] = {each: asyncio.run(_dimensions(each, given.leads)) for each in given.dimensions}
    keep(given, found)


async def _workers(field: Field, count: int) -> dict[str, float]:
    """Fold the topic by so many workers, each a process of its own."""
    with tempfile.TemporaryDirectory(prefix="tasuki-growth-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            pid = int((server.folder / "valkey.pid").read_text(encoding="utf-8"))
            before, broker_before = spent_s(pid), field.broker_s()
            laps = await asyncio.gather(
                *(asyncio.to_thread(_worker, field, server.url, f"by-{count}") for _ in range(count))
            )
            each_us = 1e6 / field.events
            found = {
                "a_second": field.events / max(lap["seconds"] for lap in laps),
                "cpu_us": sum(lap["cpu_s"] for lap in laps) * each_us,
                "store_us": (spent_s(pid) - before) * each_us,
                "broker_us": (field.broker_s() - broker_before) * each_us,
            }
    print(
        f"{count} workers: {found['a_second']:,.0f} events a second; {found['cpu_us']:.0f} us of CPU an event in all "
        f"workers, {found['store_us']:.0f} us of the store, {found['broker_us']:.0f} us of the broker",
        flush=True,
    )
    return found


def _worker(field: Field, store_url: str, group: str) -> dict[str, float]:
    command = programs.ours("catalogue", store_url, field.partitions)
    arguments = [field.bootstrap, field.topic, group, str(field.events)]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


@asynccontextmanager
async def _bench() -> AsyncGenerator[Bench]:
    with tempfile.TemporaryDirectory(prefix="tasuki-growth-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            log, store = EmbeddedLog(server.url), Store(server.url, timeout_ms=30_000)
            await store.start()
            await log.start()
            await log.ensure_topics([TopicSpec(LIFECYCLE.name, PARTITIONS)])
            try:
                yield Bench(log, store)
            finally:
                await log.close()
                await store.close()


async def _append(log: EmbeddedLog, facts: Sequence[Record]) -> None:
    for start in range(0, len(facts), _BATCH):
        await log.append(facts[start : start + _BATCH])


async def _held(count: int, leads: int) -> dict[str, Any]:
    """Fold calls of some of *count* leads that are held."""
    async with _bench() as bench:
        now = now_ms()
        names = [f"01890a5d-ac96-774b-bcce-{number:012d}" for number in range(count)]
        for start in range(0, count, _BATCH):
            await bench.store.write_apart([_kept(lead, now) for lead in names[start : start + _BATCH]])
        chance, teller = Random(1), Teller(first=10_000)
        for number in range(6 * leads):
            at, by = now - chance.randrange(30 * DAY), chance.choice(OWNERS)
            key = f"salesforce:Task:00X{number}"
            teller.did(chance.choice(names), key, at, by=by, holder=OWNERS[0], segments={"source": "web"})
        facts = records(teller.told)
        await _append(bench.log, facts)
        print(f"{count:,} leads held:", flush=True)
        return await fold(bench.log, bench.store, len(facts))


def _kept(lead_id: str, now: int) -> tuple[str, str, bytes]:
    """Return what stores a lead with a funnel of five milestones and two calls."""
    shard = ShardId("kpi", LIFECYCLE.name, partition_of(lead_id, PARTITIONS))
    lead = KpiLead(lead_id, Standing("sdr", OWNERS[0], (("source", "web"),)), 0)
    for place, milestone in enumerate(tuple(Milestone)[:5]):
        lead.marks[1, milestone] = Mark(place, now - (40 - place) * DAY, OWNERS[0])
    for number in range(2):
        lead.deeds[f"salesforce:Task:{number}"] = Deed(0, now - (20 - number) * DAY, "call", "", OWNERS[0])
    return "SET", shard.key(f"lead:{lead_id}"), encode(lead, RULES.generation)


async def _dimensions(count: int, leads: int) -> dict[str, Any]:
    """Fold the facts of new leads, cut by so many dimensions."""
    async with _bench() as bench:
        facts = list(told(now_ms(), leads=leads))
        await _append(bench.log, facts)
        print(f"{count} dimensions:", flush=True)
        rules = CountingRules(dimensions=_DIMENSIONS[:count], teams=RULES.teams)
        return await fold(bench.log, bench.store, len(facts), rules=rules)
