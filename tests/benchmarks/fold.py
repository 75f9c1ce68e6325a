"""Events folded into the whole catalogue of KPIs per second, with four segment dimensions, on one worker."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from schemas.topics import LIFECYCLE
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.adapters.stored_counts import StoredCounts
from services.kpi.adapters.stored_leads import StoredLeads
from services.kpi.application.behind import Backing, Part
from services.kpi.application.reading import Ask, Readings
from services.kpi.consumers.counts import CountProcessor
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.windows import Window, range_of
from services.runtime.clock import now_ms
from services.runtime.collector import calm_collector
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import Log, Record
from services.runtime.mechanism import Mechanism
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.worker import ShardWorker
from services.sync.app import topic_specs
from tests.kpi_facts import DAY, Teller, records

LEADS = 12_000
PARTITIONS = 4
BATCH = 1_000
OWNERS = [f"is-{number}@firm.example" for number in range(10)]
RULES = CountingRules(
    dimensions=("role", "owner", "team", "source"),
    teams={owner: f"team-{number % 3}" for number, owner in enumerate(OWNERS)},
)
_FUNNEL = (
    "lead",
    "mql",
    "first_response",
    "sql",
    "appointment",
    "opportunity",
    "effective_opportunity",
    "won",
)
_OUTCOMES = ("busy", "no-answer", "connected", "有効会話", None)


def told(now: int, *, leads: int = LEADS, first: int = 0) -> Iterator[Record]:
    """
    Yield the facts of many leads over 60 days, mixed, in the order of their times, as sync would tell them.

    Args:
        now: None is later.
        leads: How many.
        first: The number of the first lead: other leads have other facts.
    """
    chance, teller = Random(first + 1), Teller()
    acts: list[tuple[int, str, dict[str, object]]] = []
    for number in range(first, first + leads):
        lead = f"01890a5d-ac96-774b-bcce-{number:012d}"
        who: dict[str, object] = {
            "holder": chance.choice(OWNERS),
            "origin": chance.choice(["sdr", "bdr"]),
            "segments": {
                "source": chance.choice(["web", "seminar", "展示会", "referral"]),
                "industry": "製造業",
            },
        }
        at = now - chance.randrange(60 * DAY)
        for place, milestone in enumerate(_FUNNEL):
            if at >= now or chance.random() < 0.07 * place:
                break
            acts.append((at, lead, {"milestone": milestone} | who))
            at += chance.randrange(2 * DAY)
        for call in range(chance.randrange(5)):
            key, by = f"salesforce:Task:00T{number:09d}{call}", chance.choice(OWNERS)
            acts.append(
                (
                    now - chance.randrange(30 * DAY),
                    lead,
                    {"key": key, "by": by, "outcome": chance.choice(_OUTCOMES)} | who,
                )
            )
    for at, lead, act in sorted(acts, key=lambda each: each[0]):
        if "milestone" in act:
            teller.reached(lead, str(act.pop("milestone")), at, **act)  # pyright: ignore[reportArgumentType]
        else:
            teller.did(lead, str(act.pop("key")), at, **act)  # pyright: ignore[reportArgumentType]
    yield from records(teller.told)


def main() -> None:
    """Measure and print."""
    asyncio.run(measure())


async def measure() -> None:
    """Fill the log, fold it, and read the KPI table."""
    await calm_collector().start()  # as in the service
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            log, store = EmbeddedLog(server.url), Store(server.url)
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(PARTITIONS))
            try:
                facts = list(told(now_ms()))
                for start in range(0, len(facts), BATCH):
                    await log.append(facts[start : start + BATCH])
                empty = await _used(store)
                await _fold(log, store, len(facts))
                print(
                    f"store: {await _leads_bytes(store):,.0f} B for each of {LEADS} leads; all grew by "
                    f"{(await _used(store) - empty) / 1e6:,.1f} MB, of which counters "
                    f"{await _bytes(store, '*}[ns]:*') / 1e6:,.1f} MB and what finds leads by their facts "
                    f"{await _bytes(store, '*}by:*') / LEADS:,.0f} B for each lead"
                )
                await _table(store)
            finally:
                await log.close()
                await store.close()


async def _fold(log: Log, store: Store, count: int) -> None:
    failures: list[BaseException] = []
    processor = CountProcessor(
        rules=RULES, encode=encode, decode=decode, clock=now_ms, failed=failures.append
    )
    worker = ShardWorker(
        service="kpi", topic=LIFECYCLE.name, processor=processor, mechanism=Mechanism(store=store, log=log)
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
        f"{count / took:,.0f} events folded a second ({count} in {took:.1f} s); "
        f"{used / count * 1e6:.0f} us of this process's CPU an event, so {count / used:,.0f} a second of one core; "
        f"{server / count * 1e6:.0f} us of the server's"
    )


async def _table(store: Store) -> None:
    """Read the whole catalogue for three segments over 30 days, as the KPI table does."""
    readings = Readings(StoredCounts(store, service="kpi", partitions=PARTITIONS), RULES)
    now = now_ms()
    over = range_of(Window.LAST_30_DAYS, now, readings.calendar, RULES)
    asks = [
        Ask(metric=metric, range=over, segment=segment)
        for metric in METRICS
        for segment in (None, ("role", "sdr"), ("role", "bdr"))
    ]
    began = time.perf_counter()
    await readings.many(asks, now=now)
    print(f"reading {len(asks)} figures over 30 days: {(time.perf_counter() - began) * 1000:.0f} ms")
    backing = Backing(StoredLeads(store, service="kpi", partitions=PARTITIONS), readings)
    began, cpu = time.perf_counter(), time.process_time()
    found = (await backing.of(Ask(metric="mqls", range=over), Part.NUMERATOR, now=now)).found
    print(
        f"listing the {len(found)} MQLs of 30 days: {(time.perf_counter() - began) * 1000:.0f} ms, "
        f"{(time.process_time() - cpu) / max(1, len(found)) * 1e6:.0f} us of CPU each"
    )


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
    sample = Random(2).sample(sorted(keys), 1_000)
    sizes = await store.read([("MEMORY", "USAGE", key) for key in sample])
    return sum(map(int, sizes)) / len(sizes)


async def _bytes(store: Store, pattern: str) -> int:
    (keys,) = await store.read([("KEYS", pattern)])
    sizes = await store.read([("MEMORY", "USAGE", key, "SAMPLES", 0) for key in keys])
    return sum(map(int, sizes))
