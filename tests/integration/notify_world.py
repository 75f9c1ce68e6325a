"""The notifier at work on the embedded log and store, with whatever sinks a test wants."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from schemas.alerts import Alert
from schemas.topics import ALERTS, DEAD_LETTERS
from services.kpi.application.notify import Clocks, Sink
from services.kpi.consumers.notice_figures import NoticeFigures
from services.kpi.consumers.notices import NoticeProcessor
from services.kpi.domain.notice_rules import NoticeRules
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import LogRecord, Record, TopicSpec
from services.runtime.metrics import Metrics
from services.runtime.store import Store
from services.runtime.worker import ShardWorker
from tests.toy_shards import mechanism
from tests.waiting import wait_until

SPECS = [TopicSpec(ALERTS.name, 1), TopicSpec(DEAD_LETTERS.name, 1)]


class Now:
    """A clock that a test may move on."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        """Return the present, epoch ms."""
        return now_ms() + self.ahead_ms


@dataclass
class NotifyWorld:
    """What a test may look at and disturb."""

    url: str
    store: Store
    log: EmbeddedLog
    clock: Now = field(default_factory=Now)
    service: str = field(default_factory=lambda: f"n{uuid4().hex[:10]}")
    worker: ShardWorker | None = None
    metrics: Metrics = field(default_factory=Metrics)

    async def tell(self, *alerts: Alert) -> None:
        """Append *alerts* to the topic."""
        await self.log.append(
            [Record(ALERTS.name, each.subject, each.model_dump_json().encode()) for each in alerts]
        )

    @asynccontextmanager
    async def at_work(
        self, rules: NoticeRules, sinks: Mapping[str, Sink], clocks: Clocks | None = None
    ) -> AsyncGenerator[NoticeProcessor]:
        """Run the notifier; raise what failed."""
        failures: list[BaseException] = []
        figures = NoticeFigures(self.metrics)
        processor = NoticeProcessor(
            rules=rules,
            sinks=sinks,
            clock=self.clock,
            clocks=clocks,
            failed=failures.append,
            counted=figures.counted,
            sent=figures.sent,
        )
        figures.watch(processor)
        shared = mechanism(self.store, self.log, clock=self.clock)
        worker = ShardWorker(service=self.service, topic=ALERTS.name, processor=processor, mechanism=shared)
        self.worker = worker
        await worker.start()
        try:
            yield processor
        finally:
            await worker.stop()
        for failure in (*failures, worker.failure):
            if failure is not None:
                raise failure

    async def idle(self, processor: NoticeProcessor) -> None:
        """Wait until everything that was told is read and nothing waits."""
        await self.read()
        await wait_until(lambda: not any(processor.waiting().values()), description="nothing waits")

    async def read(self) -> None:
        """Wait until everything that was told is in the queues."""
        end = (await self.log.offsets(ALERTS.name))[0].end

        def caught_up() -> bool:
            # In memory, for there the offset and the queues move in one step.
            shard = None if self.worker is None else self.worker.shards.get(0)
            return shard is not None and shard.ledger.offset + 1 >= end

        await wait_until(caught_up, description="all alerts are read")

    async def outcomes(self, sink: str) -> dict[str, int]:
        """Return how many alerts ended how at *sink*, as the store has it."""
        found = await self.store.client.hgetall(self.shard.key(f"sink:{sink}:counts"))
        return {name.decode(): int(count) for name, count in found.items()}

    async def dead_letters(self, count: int) -> list[LogRecord]:
        """Wait for *count* dead letters, and return them."""
        found: list[LogRecord] = []

        async def there() -> bool:
            found[:] = await self.log.read(DEAD_LETTERS.name, 0, 0)
            return len(found) >= count

        await wait_until(there, description=f"{count} dead letters")
        return found

    @property
    def shard(self) -> ShardId:
        """The notifier's only shard."""
        return ShardId(self.service, ALERTS.name, 0)


@asynccontextmanager
async def notify_world(url: str, *, namespace: str | None = None) -> AsyncGenerator[NotifyWorld]:
    """Give a log of its own on the server at *url*."""
    store = Store(url)
    log = EmbeddedLog(url, namespace=namespace or f"l{uuid4().hex[:10]}")
    await store.start()
    await log.start()
    try:
        await log.ensure_topics(SPECS)
        yield NotifyWorld(url, store, log)
    finally:
        await log.close()
        await store.close()
