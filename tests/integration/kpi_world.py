"""The counting half of the KPI service at work over the embedded log and store."""

import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from schemas.alerts import ALERT, Alert, AlertRetold, ClockAlert, SlaRecomputed
from schemas.lifecycle import LifecycleFact
from schemas.topics import ALERTS, LIFECYCLE
from services.kpi.adapters.clock_codec import decode_clocks, encode_clocks
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.adapters.rulebook_codec import decode_eras, encode_eras, fingerprint
from services.kpi.adapters.stored_counts import StoredCounts
from services.kpi.application.reading import Readings
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.counts import CountProcessor
from services.kpi.consumers.promised import Forms, Promised
from services.kpi.domain.goals import Goals
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import Record
from services.runtime.mechanism import Mechanism
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from services.runtime.worker import ShardWorker
from services.sync.app import topic_specs
from tests.kpi_facts import records
from tests.waiting import wait_until

PARTITIONS = 3
FORMS = Forms(
    encode=encode_clocks,
    decode=decode_clocks,
    encode_eras=encode_eras,
    decode_eras=decode_eras,
    fingerprint=fingerprint,
)


@dataclass
class KpiWorld:
    """What a test may look at and disturb."""

    log: EmbeddedLog
    store: Store
    service: str = field(default_factory=lambda: f"k{uuid4().hex[:10]}")
    failures: list[BaseException] = field(default_factory=list[BaseException])
    set_aside: list[str] = field(default_factory=list[str])
    page: int = 100
    ahead_ms: int = 0

    def clock(self) -> int:
        """Return the present of the workers that are begun now, epoch ms; `ahead_ms` moves it on."""
        return now_ms() + self.ahead_ms

    async def tell(self, events: Sequence[LifecycleFact]) -> None:
        """Append *events* to the lifecycle topic."""
        await self.append(records(events))

    async def append(self, given: Sequence[Record]) -> None:
        """Append *given* as it is."""
        await self.log.append(given)

    def readings(self, rules: CountingRules, goals: Goals | None = None) -> Readings:
        """Return what reads the counters, of a firm with *goals*."""
        return Readings(
            StoredCounts(self.store, service=self.service, partitions=PARTITIONS), rules, goals=goals
        )

    @asynccontextmanager
    async def counting(
        self, rules: CountingRules, promises: Promised | None = None, *, max_records: int = 50
    ) -> AsyncGenerator[ShardWorker]:
        """Run a worker that counts by *rules* and keeps the clocks of *promises*."""
        processor = CountProcessor(
            rules=rules,
            encode=encode,
            decode=decode,
            clock=self.clock,
            failed=self.failures.append,
            set_aside=self.set_aside.append,
            clocks=None if promises is None else self.clocks(promises),
        )
        worker = ShardWorker(
            service=self.service,
            topic=LIFECYCLE.name,
            processor=processor,
            mechanism=Mechanism(store=self.store, log=self.log, clock=self.clock),
            max_records=max_records,
        )
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop()
        for failure in (*self.failures, worker.failure):
            if failure is not None:
                raise failure

    def clocks(self, promises: Promised) -> LeadClocks:
        """Return what keeps the clocks of *promises*."""
        return LeadClocks(
            promised=promises,
            log=self.log,
            forms=FORMS,
            clock=self.clock,
            failed=self.failures.append,
            page=self.page,
        )

    async def alerts(self) -> list[ClockAlert]:
        """Return the alerts for people that stand on their topic, in order."""
        return [each for each in await self._told() if not isinstance(each, SlaRecomputed | AlertRetold)]

    async def recomputed(self) -> list[SlaRecomputed]:
        """Return what was told of deadlines that other rules moved, in order."""
        return [each for each in await self._told() if isinstance(each, SlaRecomputed)]

    async def _told(self) -> list[Alert]:
        found: list[Alert] = []
        for partition, each in (await self.log.offsets(ALERTS.name)).items():
            offset = each.begin
            while read_now := await self.log.read(ALERTS.name, partition, offset):
                found += [ALERT.validate_json(record.value or b"") for record in read_now]
                offset = read_now[-1].offset + 1
        return found

    async def counted(self, worker: ShardWorker) -> None:
        """Wait until everything in the lifecycle topic is in the counters."""

        async def caught_up() -> bool:
            if worker.failure is not None:
                raise worker.failure
            ends = await self.log.offsets(LIFECYCLE.name)
            held = worker.shards
            return len(held) == PARTITIONS and all(
                each.begin == each.end or held[number].ledger.offset == each.end - 1
                for number, each in ends.items()
            )

        await wait_until(caught_up, description="all facts are counted")


@asynccontextmanager
async def kpi_world(log_at: Callable[[str], EmbeddedLog] = EmbeddedLog) -> AsyncGenerator[KpiWorld]:
    """Give the log, as *log_at* makes it, and the store of a server of their own."""
    with tempfile.TemporaryDirectory(prefix="tasuki-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            log, store = log_at(server.url), Store(server.url)
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(PARTITIONS))
            try:
                yield KpiWorld(log, store)
            finally:
                await log.close()
                await store.close()
