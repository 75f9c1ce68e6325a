"""Events folded into the whole catalogue of KPIs per second, with four segment dimensions, on one worker."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from schemas.topics import LIFECYCLE
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.adapters.stored_counts import StoredCounts
from services.kpi.adapters.stored_leads import StoredLeads
from services.kpi.app.counting import FORMS
from services.kpi.application.behind import Backing, Part
from services.kpi.application.reading import Ask, Readings
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.counts import CountProcessor
from services.kpi.consumers.promised import Promised
from services.kpi.consumers.snapshots import SNAPSHOTS, Snapshots
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import Rulebook
from services.kpi.domain.windows import Window, range_of
from services.runtime.clock import now_ms
from services.runtime.collector import calm_collector
from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import Log
from services.runtime.mechanism import Mechanism
from services.runtime.operations import Operations
from services.runtime.shard import Shard, open_shard
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.worker import ShardWorker
from services.sync.app import topic_specs
from tests.benchmarks.history import OWNERS, told
from tests.benchmarks.holds import holds
from tests.benchmarks.kept import keep, keeping
from tests.kpi_facts import DAY

LEADS = 12_000
PARTITIONS = 4
BATCH = 1_000
RULES = CountingRules(
    dimensions=("role", "owner", "team", "source"),
    teams={owner: f"team-{number % 3}" for number, owner in enumerate(OWNERS)},
)
PROMISED = Promised(
    book=Rulebook.of(
        [
            Policy(
                name="mql-response",
                starts=("mql",),
                stops=("first_response",),
                targets=(Target(budget_ms=90 * DAY),),
            )
        ]
    ),
    from_at=0,
)
"""Long enough that nothing comes due: what is measured is keeping the clocks, not telling."""
BUCKETS = {
    "minutes (kept for 2 days)": "*}n:*:m*",
    "hours (kept for 92 days)": "*}n:*:h*",
    "days": "*}n:*:d*",
    "days of durations and people": "*}s:*",
}


def main(options: Sequence[str] = ()) -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks fold")
    asked.add_argument("--leads", type=int, default=LEADS)
    asked.add_argument("--partitions", type=int, default=PARTITIONS)
    keeping(asked)
    given = asked.parse_args(options)
    keep(given, asyncio.run(measure(given.leads, given.partitions)))


async def measure(leads: int, partitions: int) -> dict[str, Any]:
    """Fill the log, fold it, read the KPI table, and tell the snapshots."""
    await calm_collector().start()  # as in the service
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            log, store = EmbeddedLog(server.url), Store(server.url)
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(partitions))
            try:
                facts = list(told(now_ms(), leads=leads))
                for start in range(0, len(facts), BATCH):
                    await log.append(facts[start : start + BATCH])
                empty = await _used(store)
                found = await fold(log, store, len(facts), clocks=False)
                found |= await _sizes(store, leads, empty)
                found |= await _table(store, partitions)
                found |= await _snapshots(store, log, partitions)
                with_clocks = await fold(log, store, len(facts), clocks=True)
                return found | {"with_clocks": with_clocks}
            finally:
                await log.close()
                await store.close()


def counting(
    failures: list[BaseException], clocks: LeadClocks | None = None, rules: CountingRules = RULES
) -> CountProcessor:
    """Return what counts the whole catalogue by *rules*; what fails beside it is added to *failures*."""
    return CountProcessor(
        rules=rules, encode=encode, decode=decode, clock=now_ms, failed=failures.append, clocks=clocks
    )


async def fold(
    log: Log, store: Store, count: int, *, clocks: bool = False, rules: CountingRules = RULES
) -> dict[str, Any]:
    """Fold all *count* facts of the log by one worker, print and return what that took."""
    failures: list[BaseException] = []
    keeping_clocks = LeadClocks(promised=PROMISED, log=log, forms=FORMS, clock=now_ms, failed=failures.append)
    processor = counting(failures, keeping_clocks if clocks else None, rules)
    service = "kpi-clocks" if clocks else "kpi"
    worker = ShardWorker(
        service=service, topic=LIFECYCLE.name, processor=processor, mechanism=Mechanism(store=store, log=log)
    )
    began, cpu, server = time.perf_counter(), time.process_time(), await _server_cpu(store)
    await worker.start()
    while not worker.subscription.assignment or sum((await worker.subscription.lag()).values()):
        if worker.failure is not None:
            raise worker.failure
        await asyncio.sleep(0.05)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    server = await _server_cpu(store) - server
    await worker.stop()
    print(
        f"{'with clocks of a promise' if clocks else 'without clocks'}: {count / took:,.0f} events folded a second ({count} in {took:.1f} s); "
        f"{used / count * 1e6:.0f} us of this process's CPU an event, so {count / used:,.0f} a second of one core; "
        f"{server / count * 1e6:.0f} us of the server's"
    )
    return {"folded_a_second": count / took, "cpu_us": used / count * 1e6, "server_us": server / count * 1e6}


async def _sizes(store: Store, leads: int, empty: int) -> dict[str, Any]:
    """Print what the store holds: leads, what finds them, and the counters by the length of their buckets."""
    lead, index = await _leads_bytes(store), await _bytes(store, "*}by:*") / leads
    print(
        f"store: {lead:,.0f} B for each of {leads} leads, {index:,.0f} B for finding it by its facts; "
        f"all grew by {(await _used(store) - empty) / 1e6:,.1f} MB"
    )
    buckets: dict[str, Any] = {}
    for name, pattern in BUCKETS.items():
        (keys,) = await store.read([("KEYS", pattern)])
        size = await _bytes(store, pattern)
        fields = sum(await store.read([("HLEN", key) for key in keys]))
        buckets[name] = {"keys": len(keys), "counters": fields, "bytes": size}
        print(
            f"  {name}: {len(keys):,} buckets, {size / 1e6:,.1f} MB, {size / max(1, len(keys)):,.0f} B each, "
            f"{size / max(1, fields):,.0f} B a counter"
        )
    return {"lead_bytes": lead, "index_bytes": index, "buckets": buckets}


async def _table(store: Store, partitions: int) -> dict[str, Any]:
    """Read the whole catalogue for three segments over 30 days, as the KPI table does."""
    readings = Readings(StoredCounts(store, service="kpi", partitions=partitions), RULES)
    now = now_ms()
    over = range_of(Window.LAST_30_DAYS, now, readings.calendar, RULES)
    asks = [
        Ask(metric=metric, range=over, segment=segment)
        for metric in METRICS
        for segment in (None, ("role", "sdr"), ("role", "bdr"))
    ]
    began, cpu = time.perf_counter(), time.process_time()
    await readings.many(asks, now=now)
    table_ms = (time.process_time() - cpu) * 1000
    print(
        f"reading {len(asks)} figures over 30 days: {(time.perf_counter() - began) * 1000:.0f} ms, "
        f"{table_ms:.0f} ms of CPU"
    )
    backing = Backing(StoredLeads(store, service="kpi", partitions=partitions), readings)
    began, cpu = time.perf_counter(), time.process_time()
    found = (await backing.of(Ask(metric="mqls", range=over), Part.NUMERATOR, now=now)).found
    print(
        f"listing the {len(found)} MQLs of 30 days: {(time.perf_counter() - began) * 1000:.0f} ms, "
        f"{(time.process_time() - cpu) / max(1, len(found)) * 1e6:.0f} us of CPU each"
    )
    return {"table_cpu_ms": table_ms}


async def _snapshots(store: Store, log: Log, partitions: int) -> dict[str, Any]:
    """Tell all figures of three windows twice: first what that costs, then for how long it holds the loop."""
    shard = await open_shard(
        ShardId("kpi", LIFECYCLE.name, 0), Mechanism(store=store, log=log), on_ended=lambda _shard, _why: None
    )
    cpu = await _told_once(shard, partitions)
    await shard.commit(Operations().delete(shard.key(SNAPSHOTS)))
    async with holds() as turns:
        await _told_once(shard, partitions)
    print(
        f"snapshots of three windows: {cpu:.0f} ms of CPU, the longest hold of the loop {turns.longest_ms:.1f} ms"
    )
    return {"snapshots_cpu_ms": cpu, "snapshots_hold_ms": turns.longest_ms}


async def _told_once(shard: Shard, partitions: int) -> float:
    """Return how many ms of CPU it took to tell all."""
    done = asyncio.Event()
    failures: list[BaseException] = []
    snapshots = Snapshots(
        Readings(StoredCounts(shard.store, service="kpi", partitions=partitions), RULES),
        windows=(Window.LAST_30_DAYS, Window.LAST_7_DAYS, Window.TODAY),
        currency="JPY",
        every_ms=60_000,
        clock=now_ms,
        failed=failures.append,
        seen=lambda _figures: done.set(),
    )
    began = time.process_time()
    snapshots.opened(shard)
    await done.wait()
    used = (time.process_time() - began) * 1000
    await snapshots.closed(shard)
    for failure in failures:
        raise failure
    return used


async def _server_cpu(store: Store) -> float:
    """Return the seconds of CPU that the server took, log and store."""
    (info,) = await store.read([("INFO", "cpu")])
    return float(dict(info)["used_cpu_user"]) + float(dict(info)["used_cpu_sys"])


async def _used(store: Store) -> int:
    """Return the bytes that the server uses, by its own count."""
    (info,) = await store.read([("INFO", "memory")])
    return int(dict(info)["used_memory"])


async def _leads_bytes(store: Store) -> float:
    (keys,) = await store.read([("KEYS", "*}lead:*")])
    sample = Random(2).sample(sorted(keys), min(len(keys), 1_000))
    sizes = await store.read([("MEMORY", "USAGE", key) for key in sample])
    return sum(map(int, sizes)) / len(sizes)


async def _bytes(store: Store, pattern: str) -> int:
    (keys,) = await store.read([("KEYS", pattern)])
    sizes = await store.read([("MEMORY", "USAGE", key, "SAMPLES", 0) for key in keys])
    return sum(map(int, sizes))
