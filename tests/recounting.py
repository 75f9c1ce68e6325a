"""Facts that sync left in a folder, counted by the KPI service in this process and recounted."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.lifecycle import LifecycleFact
from schemas.topics import LIFECYCLE
from services.configuration.parts import topic_specs
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.adapters.recount import Basis, Key, Recounted, Value, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.consumers.counts import CountProcessor
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.mechanism import Mechanism
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.worker import ShardWorker
from tests.kpi_facts import records
from tests.waiting import wait_until


@asynccontextmanager
async def counted(
    folder: Path, rules: CountingRules, *, partitions: int, facts: Sequence[LifecycleFact] = ()
) -> AsyncGenerator[tuple[EmbeddedLog, Store]]:
    """Fold the facts in the embedded log in *folder*, and *facts*, into counters; give the log and the store."""
    failures: list[BaseException] = []
    async with EmbeddedServer(folder) as server:
        log, store = EmbeddedLog(server.url), Store(server.url)
        try:
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(partitions))
            await log.append(records(facts))
            processor = CountProcessor(
                rules=rules, encode=encode, decode=decode, clock=now_ms, failed=failures.append
            )
            worker = ShardWorker(
                service="kpi",
                topic=LIFECYCLE.name,
                processor=processor,
                mechanism=Mechanism(store=store, log=log),
            )
            await worker.start()
            try:
                await _caught_up(worker, log, partitions)
            finally:
                await worker.stop()
            assert not failures
            yield log, store
        finally:
            await log.close()
            await store.close()


async def count_and_recount(
    folder: Path, rules: CountingRules, *, partitions: int
) -> tuple[Recounted, Mapping[Key, Value]]:
    """Count the facts in the embedded log in *folder*; return the recount, and what it counted."""
    figures: dict[Key, Value] = {}

    def row(key: Key, served: Value | None, recounted: Value | None) -> None:
        del served
        if recounted is not None:
            figures[key] = recounted

    async with counted(folder, rules, partitions=partitions) as (log, store):
        eras = await stored_eras(store, service="kpi")
        promises = ClockRules.of(eras) if eras else None
        basis = Basis(service="kpi", rules=rules, promises=promises, now=now_ms())
        found = await recount(log, store, basis, row=row)
    return found, figures


async def _caught_up(worker: ShardWorker, log: EmbeddedLog, partitions: int) -> None:
    async def caught_up() -> bool:
        if worker.failure is not None:
            raise worker.failure
        ends = await log.offsets(LIFECYCLE.name)
        held = worker.shards
        return len(held) == partitions and all(
            each.begin == each.end or held[number].ledger.offset == each.end - 1
            for number, each in ends.items()
        )

    await wait_until(caught_up, within_s=120, description="all facts are counted")
