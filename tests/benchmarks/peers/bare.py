"""
The bare client: aiokafka reads, orjson parses, a dictionary counts; nothing is kept.

    python -m tests.benchmarks.peers.bare [--commits] BOOTSTRAP TOPIC GROUP EVENTS
"""

import asyncio
import sys
from collections import Counter
from typing import Any, TypeAlias, cast

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from tests.benchmarks.peers.windows import WINDOW_MS, Lap, happened_at

_Fetched: TypeAlias = dict[TopicPartition, list[ConsumerRecord[Any, Any]]]


async def count(bootstrap: str, topic: str, group: str, expected: str, *, commits: bool) -> None:
    """Count *expected* events of *topic*; with *commits* the offsets of each batch are committed."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    counts = Counter[tuple[Any, int]]()
    counted, lap = 0, Lap()
    await consumer.start()
    try:
        while counted < int(expected):
            fetched = cast("_Fetched", await consumer.getmany(timeout_ms=500, max_records=500))
            for records in fetched.values():
                lap.begin()
                for each in records:
                    counts[each.key, happened_at(orjson.loads(each.value or b"")) // WINDOW_MS] += 1
                counted += len(records)
            if commits and counted:
                await consumer.commit()
        lap.end()
        lap.tell(counted=counts.total(), windows=len(counts))
    finally:
        await consumer.stop()


if __name__ == "__main__":
    given = sys.argv[1:]
    commits = given[:1] == ["--commits"]
    asyncio.run(count(*given[commits : commits + 4], commits=commits))
