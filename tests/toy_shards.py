"""A toy service over the mechanism: sums by key, told on by events; and the far side that sums those."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.runtime.keys import ShardId
from services.runtime.log.port import Log, LogRecord, Record, TopicSpec
from services.runtime.mechanism import Mechanism
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.patience import Patience
from services.runtime.processor import Fold
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.runtime.worker import ShardWorker
from tests.waiting import PATIENCE_S

NEAR_TOPIC = "amounts.v1"
FAR_TOPIC = "told.v1"
QUICK = Patience(first_ms=5, most_ms=20, give_up_ms=5_000)


class Sums:
    """
    Keeps `total:<key>` = the sum of its amounts, read, added to and written back: a lost or doubled record shows.

    Where `tells` names a topic, each record is told on as an event of its amount.
    """

    def __init__(self, *, tells: str | None = None) -> None:
        self.held: list[Shard] = []
        self.batches: list[list[int]] = []
        self.hold_fold: asyncio.Event | None = None
        self._tells = tells

    async def opened(self, shard: Shard) -> None:
        """See `Processor.opened`."""
        self.held.append(shard)

    async def closed(self, shard: Shard) -> None:
        """See `Processor.closed`."""
        self.held.remove(shard)

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """See `Processor.fold`."""
        names = sorted({f"total:{record.key}" for record in records})
        found = await shard.store.mget([shard.key(name) for name in names])
        totals = {name: int(value or 0) for name, value in zip(names, found, strict=True)}
        emissions: list[Emission] = []
        if self.hold_fold is not None:
            await self.hold_fold.wait()
        for record in records:
            amount = int(record.value or b"0")
            totals[f"total:{record.key}"] += amount
            if self._tells is not None:
                emissions.append(Emission(Record(self._tells, record.key, b"%d" % amount), record.offset))
        operations = Operations()
        for name, total in totals.items():
            operations.set(shard.key(name), total)
        operations.hincrby(shard.key("counts"), {"records": len(records)})
        self.batches.append([record.offset for record in records])
        return Fold(operations, emissions)


def amounts(*pairs: tuple[str, int], topic: str = NEAR_TOPIC) -> list[Record]:
    """Return records that carry amounts for keys."""
    return [Record(topic, key, b"%d" % amount) for key, amount in pairs]


def mechanism(store: Store, log: Log, **options: Any) -> Mechanism:
    """Return a mechanism whose waits are short."""
    quick: dict[str, Any] = {
        "patience": QUICK,
        "trim_idle_ms": 10,
        "drain_ms": 200,
        "verify_ms": 50,
        "fenced_grace_ms": 200,
    }
    return Mechanism(store=store, log=log, **{**quick, **options})


async def make_topics(log: Log, *, partitions: int = 1) -> None:
    """Create both topics."""
    await log.ensure_topics([TopicSpec(NEAR_TOPIC, partitions), TopicSpec(FAR_TOPIC, partitions)])


@asynccontextmanager
async def working(
    service: str, processor: Sums, mechanism: Mechanism, *, topic: str = NEAR_TOPIC, max_records: int = 500
) -> AsyncGenerator[ShardWorker]:
    """Give a started worker; stop it after."""
    worker = ShardWorker(
        service=service, topic=topic, processor=processor, mechanism=mechanism, max_records=max_records
    )
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def until(holds: Callable[[], Any], *, within_s: float = PATIENCE_S) -> None:
    """Wait until *holds* returns (or resolves to) something true; AssertionError after *within_s*."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        result = holds()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        assert asyncio.get_running_loop().time() < deadline, "it did not come about in time"
        await asyncio.sleep(0.005)


async def totals(store: Store, shard: ShardId) -> dict[str, int]:
    """Return the sums that *shard* holds, by key."""
    found: dict[str, int] = {}
    async for key in store.client.scan_iter(match=shard.key("total:*")):
        found[key.decode().rpartition(":")[2]] = int(await store.client.get(key))
    return found


async def offset_of(store: Store, shard: ShardId) -> int:
    """Return the offset in *shard*'s ledger."""
    return int(await store.client.hget(shard.ledger_key, "offset") or -1)


def told(records: Sequence[LogRecord]) -> list[tuple[str, str, str]]:
    """Return producer, id and key of relayed *records*."""
    return [(record.headers["outbox-shard"], record.headers["outbox-id"], record.key) for record in records]
