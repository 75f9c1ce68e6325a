"""
Changes decided per second on one worker, bytes of store for each lead, and how soon a new worker commits.

On the embedded log and store. With ``--held`` so many more leads are in the store before the new worker starts.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from schemas.instants import rfc3339
from schemas.lead import Change, LeadObserved, Observed, Ref
from schemas.topics import LEAD_CHANGES
from services.runtime.clock import now_ms
from services.runtime.collector import calm_collector
from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import Log, Record
from services.runtime.mechanism import Mechanism
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.worker import ShardWorker
from services.sync.adapters.lead_codec import decode, encode
from services.sync.app import topic_specs
from services.sync.application.decide import Decide
from services.sync.application.identify import new_lead_id
from services.sync.consumers.leads import LeadProcessor
from services.sync.consumers.streams import Streams
from services.sync.domain.rules import Rules
from services.sync.settings import demo_settings

LEADS = 100_000
CHANGES = 60_000
PARTITIONS = 24
BATCH = 1_000
START = 1_700_000_000_000

_WORDS = {
    "last_name": "山田",
    "first_name": "太郎",
    "company": "株式会社サンプル工業",
    "job_title": "情報システム部長",
    "phone": "+81-3-1234-5678",
    "industry": "製造業",
    "country": "日本",
    "source": "seminar",
    "employees": 420,
    "visits": 4,
    "email_opens": 3,
    "forms": 1,
    "downloads": 1,
}


def observed(number: int, at: int, fields: dict[str, str | int]) -> Record:
    """Return a change of lead *number* at *at*, as the observing half would write it."""
    email = f"lead-{number}@firm-{number % 5_000}.example"
    lead_id = new_lead_id(f"email:{email}", START)
    data = Observed(
        side="ma",
        kind="lead",
        ref=Ref(system="hubspot", object="contact", id=str(number)),
        observed_at=at,
        received_at=at,
        created_at=START,
        fields=[
            Change(name=name, value=value, changed_at=at)
            for name, value in ({"email": email} | fields if len(fields) > 1 else fields).items()
        ],
    )
    event = LeadObserved(
        id=f"b{number}-{at}", source="/benchmark", subject=lead_id, time=rfc3339(at), data=data
    )
    return Record(LEAD_CHANGES.name, lead_id, event.model_dump_json().encode())


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print, with the collector set as the service sets it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks decide")
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--changes", type=int, default=CHANGES)
    parser.add_argument("--held", type=int, default=0, help="leads in the store beside those")
    asyncio.run(measure(parser.parse_args(arguments)))


async def measure(asked: argparse.Namespace) -> None:
    """Fill the log with new leads, decide them, then with changes of one field, and decide those; start anew."""
    await calm_collector().start()
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as folder:
        rules = demo_settings(
            hubspot_url="http://127.0.0.1:1",
            salesforce_url="http://127.0.0.1:2",
            pubsub="127.0.0.1:3",
            data_folder=Path(folder),
        ).rules
        async with EmbeddedServer(Path(folder)) as server:
            log, store = EmbeddedLog(server.url), Store(server.url)
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(PARTITIONS))
            try:
                await _rounds(log, store, rules, asked)
            finally:
                await log.close()
                await store.close()


async def _rounds(log: Log, store: Store, rules: Rules, asked: argparse.Namespace) -> None:
    random, leads = Random(1), asked.leads
    await _append(log, [observed(number, START + number, dict(_WORDS)) for number in range(leads)])
    empty = await _used(store)
    took = await _decide(log, store, rules)
    print(f"new leads of {len(_WORDS) + 1} fields: {_pace(leads, took)}")
    print(
        f"store: {(await _leads_bytes(store)):,.0f} B for each of {leads} leads; whole server grew by "
        f"{(await _used(store) - empty) / leads:,.0f} B a lead, what was told on the topics included"
    )
    later = START + 10_000_000
    await _append(
        log,
        [
            observed(random.randrange(leads), later + each, {"visits": 5 + each % 7})
            for each in range(asked.changes)
        ],
    )
    took = await _decide(log, store, rules)
    print(f"changes of one field: {_pace(asked.changes, took)}")
    await _hold(log, store, asked.held)
    await _append(log, [observed(random.randrange(leads), later + 2 * asked.changes, {"visits": 9})])
    wall, _ = await _decide(log, store, rules)
    print(f"a new worker's start → its first commit, {leads + asked.held} leads held: {wall * 1000:.0f} ms")


def _pace(count: int, took: tuple[float, float]) -> str:
    wall, cpu = took
    return (
        f"{count / wall:,.0f} decided a second, {count / cpu:,.0f} a second of the worker's CPU "
        f"({count} in {wall:.1f} s, {cpu:.1f} s of CPU)"
    )


async def _append(log: Log, records: list[Record]) -> None:
    for start in range(0, len(records), BATCH):
        await log.append(records[start : start + BATCH])


async def _decide(log: Log, store: Store, rules: Rules) -> tuple[float, float]:
    """Return how long one worker takes to decide all that stands in the log, in seconds by the clock and of CPU."""
    failures: list[BaseException] = []
    streams = Streams(
        connectors=(), store=store, log=log, partitions=PARTITIONS, clock=now_ms, failed=failures.append
    )
    processor = LeadProcessor(
        decide=Decide(rules),
        store=store,
        log=log,
        encode=encode,
        decode=decode,
        connectors={},
        gates={},
        circuits={},
        streams=streams,
        clock=now_ms,
        failed=failures.append,
    )
    worker = ShardWorker(
        service="sync",
        topic=LEAD_CHANGES.name,
        processor=processor,
        mechanism=Mechanism(store=store, log=log),
    )
    began, cpu_began = time.perf_counter(), time.process_time()
    await worker.start()
    while not worker.subscription.assignment or sum((await worker.subscription.lag()).values()):
        if worker.failure is not None:
            raise worker.failure
        await asyncio.sleep(0.05)
    while any(len(shard.outbox) for shard in worker.shards.values()):  # noqa: ASYNC110 (a property, no event)
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began, time.process_time() - cpu_began
    await worker.stop()
    return took


async def _hold(log: Log, store: Store, count: int) -> None:
    """Put *count* more leads into the store, as like one that is there as one egg to another."""
    ((_, (key, *_)),) = [await store.client.scan(match="*}lead:*", count=1_000)]
    (blob,) = await store.mget([key.decode()])
    for start in range(0, count, BATCH):
        names = [
            f"11111111-1111-4111-8111-{number:012d}" for number in range(start, min(start + BATCH, count))
        ]
        keys = [
            ShardId("sync", LEAD_CHANGES.name, log.partition_for(LEAD_CHANGES.name, each)).key(f"lead:{each}")
            for each in names
        ]
        await store.client.mset(dict.fromkeys(keys, blob))


async def _used(store: Store) -> int:
    """Return the bytes that the server uses, by its own count."""
    (info,) = await store.read([("INFO", "memory")])
    return int(dict(info)["used_memory"])


async def _leads_bytes(store: Store) -> float:
    """Return the bytes that a lead takes in the store, all its keys counted, from a sample."""
    (keys,) = await store.read([("KEYS", "*}lead:*")])
    sample = Random(2).sample(sorted(keys), 2_000)
    sizes = await store.read([("MEMORY", "USAGE", key) for key in sample])
    return sum(map(int, sizes)) / len(sizes)
