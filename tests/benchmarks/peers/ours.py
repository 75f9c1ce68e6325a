"""
tasuki: one worker folds the topic, with commits on a store of its own.

    python -m tests.benchmarks.peers.ours one|catalogue STORE PARTITIONS BOOTSTRAP TOPIC GROUP EVENTS
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence

import orjson

from services.runtime.collector import calm_collector
from services.runtime.keys import ShardId
from services.runtime.log.kafka import KafkaLog
from services.runtime.log.port import LogRecord, TopicSpec
from services.runtime.mechanism import Mechanism
from services.runtime.operations import Operations
from services.runtime.processor import Fold, Processor
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.runtime.worker import ShardWorker
from tests.benchmarks.peers.windows import WINDOW_MS, Lap, happened_at

_TOGETHER = 60
"""The windows of an hour are one hash, which would expire as a whole."""
_KEPT_MS = 400 * 86_400_000


class WindowedCount:
    """A processor that does what the peers do: it counts the events of each lead and window."""

    async def opened(self, shard: Shard) -> None:
        """Keep nothing in memory."""

    async def closed(self, shard: Shard) -> None:
        """Keep nothing in memory."""

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Count *records*."""
        counts = Counter(
            (happened_at(orjson.loads(each.value or b"")) // WINDOW_MS, each.key) for each in records
        )
        hashes: dict[int, dict[str, int]] = {}
        for (window, lead), count in counts.items():
            hashes.setdefault(window // _TOGETHER, {})[f"{window % _TOGETHER}:{lead}"] = count
        operations = Operations()
        for hour, fields in hashes.items():
            key = shard.key(f"w:{hour}")
            operations.hincrby(key, fields)
            operations.pexpireat(key, (hour + 1) * _TOGETHER * WINDOW_MS + _KEPT_MS)
        return Fold(operations)


class Noted:
    """A processor that begins the lap with the first batch."""

    def __init__(self, processor: Processor, lap: Lap) -> None:
        self._processor = processor
        self._lap = lap

    async def opened(self, shard: Shard) -> None:
        """See `Processor`."""
        await self._processor.opened(shard)

    async def closed(self, shard: Shard) -> None:
        """See `Processor`."""
        await self._processor.closed(shard)

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """See `Processor`."""
        self._lap.begin()
        return await self._processor.fold(shard, records)


async def run(
    what: str, store_url: str, partitions: str, bootstrap: str, topic: str, group: str, expected: str
) -> None:
    """Fold *expected* events, commit, and print what was counted and what it took."""
    await calm_collector().start()  # as in the service
    failures: list[BaseException] = []
    lap = Lap()
    processor = Noted(WindowedCount() if what == "one" else _catalogue(failures), lap)
    log, store = KafkaLog(bootstrap), Store(store_url)
    await store.start()
    await log.start()
    await log.ensure_topics([TopicSpec(topic, int(partitions))])
    mechanism = Mechanism(store=store, log=log)
    worker = ShardWorker(service=group, topic=topic, processor=processor, mechanism=mechanism)
    await worker.start()
    shards = [ShardId(group, topic, each) for each in range(int(partitions))]
    while (applied := await _applied(store, shards)) < int(expected):  # by all workers together
        for failure in (*failures, worker.failure):
            if failure is not None:
                raise failure
        await asyncio.sleep(0.05)
    lap.end()
    await worker.stop()
    counted, windows = await _found(store) if what == "one" else (applied, 0)
    lap.tell(counted=counted, windows=windows)
    await log.close()
    await store.close()


def _catalogue(failures: list[BaseException]) -> Processor:
    from tests.benchmarks.fold import counting  # noqa: PLC0415 -- slow to import, and `one` does without

    return counting(failures)


async def _applied(store: Store, shards: Sequence[ShardId]) -> int:
    return sum([(await store.ledger(each)).offset + 1 for each in shards])


async def _found(store: Store) -> tuple[int, int]:
    """Return the sum of all counts, and how many there are."""
    (keys,) = await store.read([("KEYS", "*}w:*")])
    counts = [int(count) for values in await store.read([("HVALS", key) for key in keys]) for count in values]
    return sum(counts), len(counts)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:8]))
