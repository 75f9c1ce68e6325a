"""Open timers of promises: what one costs in memory, and how late what comes due stands on the topic of the alerts."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

from schemas.alerts import ALERT, AlertRetold, SlaRecomputed
from schemas.topics import ALERTS, LIFECYCLE
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.counts import CountProcessor
from services.kpi.consumers.promised import Promised
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.policy import Escalation, Policy, Target
from services.kpi.domain.sla.rulebook import Rulebook
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.mechanism import Mechanism
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.worker import ShardWorker
from services.sync.app import topic_specs
from tests.integration.kpi_world import FORMS
from tests.kpi_facts import HOUR, Teller, records
from tests.waiting import wait_until

PARTITIONS = 4
FIRE_EVERY_MS = 5
FOLDED_PER_S = 1_500
PROMISE = Policy(
    name="mql-response",
    starts=("mql",),
    stops=("first_response",),
    targets=(Target(budget_ms=24 * HOUR),),
    escalations=(Escalation(notify=("team-lead",), after_ms=4 * HOUR),),
)


def main(options: Sequence[str] = ()) -> None:
    """Run and print."""
    asked = argparse.ArgumentParser(prog="timers")
    asked.add_argument("--timers", type=int, default=100_000, help="how many are open")
    asked.add_argument("--fire", type=int, default=3_000, help="how many of them come due, one each 5 ms")
    given = asked.parse_args(options)
    asyncio.run(_run(given.timers, min(given.fire, given.timers)))


async def _run(count: int, fired: int) -> None:
    failures: list[BaseException] = []
    with tempfile.TemporaryDirectory(prefix="tasuki-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            log, store = EmbeddedLog(server.url), Store(server.url)
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(PARTITIONS))
            clocks = LeadClocks(
                promised=Promised(book=Rulebook.of([PROMISE]), from_at=0),
                log=log,
                forms=FORMS,
                clock=now_ms,
                failed=failures.append,
            )
            processor = CountProcessor(
                rules=CountingRules(),
                encode=encode,
                decode=decode,
                clock=now_ms,
                failed=failures.append,
                clocks=clocks,
            )
            worker = ShardWorker(
                service="kpi",
                topic=LIFECYCLE.name,
                processor=processor,
                mechanism=Mechanism(store=store, log=log),
            )
            await worker.start()
            try:
                await _measure(log, store, worker, count, fired)
            finally:
                await worker.stop()
                await log.close()
                await store.close()
    for failure in (*failures, worker.failure):
        if failure is not None:
            raise failure


async def _measure(log: EmbeddedLog, store: Store, worker: ShardWorker, count: int, fired: int) -> None:
    began = time.perf_counter()
    first_due_at = now_ms() + 10_000 + count * 1_000 // FOLDED_PER_S
    teller = Teller()
    for number in range(count):
        soon = number < fired
        due_at = first_due_at + (number * FIRE_EVERY_MS if soon else HOUR + number)
        lead = f"01890a5d-ac96-774b-bcce-{number:012d}"
        teller.reached(lead, "mql", due_at - 24 * HOUR, holder=f"is-{number % 10}@firm.example")
        if len(teller.told) == 1_000 or number == count - 1:
            await log.append(records(teller.told))
            teller.told.clear()
    ends = await log.offsets(LIFECYCLE.name)

    def folded() -> bool:
        held = worker.shards
        return len(held) == len(ends) and all(
            held[number].ledger.offset + 1 >= each.end for number, each in ends.items()
        )

    await wait_until(folded, within_s=600, every_s=0.05, description="all facts are folded")
    took = time.perf_counter() - began
    ahead_ms = first_due_at - now_ms()
    print(f"{count:,} timers open after {took:.1f} s ({count / took:,.0f} facts/s appended and folded)")
    print(f"the first comes due {ahead_ms / 1000:+.1f} s from then")
    await _print_memory(store, count)
    late = await _lateness(log, fired)
    cuts = quantiles(late, n=100)
    print(f"lateness, deadline -> alert on the topic, {len(late):,} alerts, one each {FIRE_EVERY_MS} ms:")
    print(f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, most {max(late)} ms")


async def _print_memory(store: Store, count: int) -> None:
    timers = board = clock = lead = found = 0
    for partition in range(PARTITIONS):
        shard = ShardId("kpi", LIFECYCLE.name, partition)
        timers += await store.client.memory_usage(shard.key("timers"), samples=0) or 0
        board += await store.client.memory_usage(shard.key("deadlines"), samples=0) or 0
        members = await store.client.zrange(shard.key("timers"), 0, 99)
        for member in members:
            lead_id = member.decode().split("/", 2)[2]
            clock += await store.client.memory_usage(shard.key(f"clock:{lead_id}")) or 0
            lead += await store.client.memory_usage(shard.key(f"lead:{lead_id}")) or 0
            found += 1
    total = (timers + board) / count + clock / found
    print(
        f"bytes for each open timer: {total:.0f} (place in the queue {timers / count:.0f}, "
        f"on the board {board / count:.0f}, clock {clock / found:.0f})"
    )
    print(f"beside them the lead itself: {lead / found:.0f}")


async def _lateness(log: EmbeddedLog, fired: int) -> list[int]:
    found: list[int] = []
    place = dict.fromkeys(await log.offsets(ALERTS.name), 0)
    while len(found) < fired:
        await asyncio.sleep(0.2)
        for partition in place:
            for record in await log.read(ALERTS.name, partition, place[partition]):
                event = ALERT.validate_json(record.value or b"")
                if not isinstance(event, SlaRecomputed | AlertRetold):
                    found.append(record.appended_at - event.data.due_at)
                place[partition] = record.offset + 1
    return found
