"""Reads Kafka outside any group: single partitions from an offset on, and where partitions begin and end."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.runtime.log.kafka_settings import MAX_RECORD_BYTES, KafkaSettings, connection, translated
from services.runtime.log.port import LogRecord, LogUnavailable, Offsets

_Places: TypeAlias = dict[TopicPartition, int]
_Fetched: TypeAlias = dict[TopicPartition, list[ConsumerRecord[Any, Any]]]

_POLL_MS = 200
_PATIENCE_S = 30.0


def log_record(record: ConsumerRecord[Any, Any]) -> LogRecord:
    """Return *record* in the port's terms; text that is not UTF-8 keeps its place with replacements."""
    key: bytes | None = record.key
    return LogRecord(
        record.topic,
        record.partition,
        record.offset,
        key.decode(errors="replace") if key is not None else "",
        record.value,
        {name: value.decode(errors="replace") for name, value in record.headers} if record.headers else {},
        record.timestamp,
    )


class KafkaReader:
    """One consumer without a group, shared by all who read: one at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._busy = asyncio.Lock()

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        async with self._busy:
            consumer, self._consumer = self._consumer, None
            if consumer is not None:
                await consumer.stop()

    async def read(self, topic: str, partition: int, offset: int, *, limit: int) -> Sequence[LogRecord]:
        """Return up to *limit* records from *offset* on; empty at the end. Raises LogUnavailable."""
        bounds = (await self.offsets(topic, [partition]))[partition]
        if offset >= bounds.end:
            return []
        place = TopicPartition(topic, partition)
        async with self._busy:
            consumer = await self._connected()
            with translated(f"read topic {topic!r}"):
                consumer.assign([place])
                try:
                    consumer.seek(place, max(offset, bounds.begin))
                    found = await self._some(consumer, place, limit, bounds.end)
                finally:
                    consumer.unsubscribe()  # or it would go on fetching for nobody
        return [log_record(each) for each in found]

    async def offsets(self, topic: str, partitions: Sequence[int]) -> Mapping[int, Offsets]:
        """Return where *partitions* begin and end. Raises LogUnavailable."""
        places = [TopicPartition(topic, each) for each in partitions]
        async with self._busy:
            consumer = await self._connected()
            with translated(f"read the offsets of topic {topic!r}"):
                begins = cast("_Places", await consumer.beginning_offsets(places))
                ends = cast("_Places", await consumer.end_offsets(places))
        return {each.partition: Offsets(begins[each], ends[each]) for each in places}

    async def _some(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, limit: int, end: int
    ) -> Sequence[ConsumerRecord[Any, Any]]:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        # Below the end there may be no record at all: markers of transactions, compacted away.
        while await consumer.position(place) < end:
            found = cast("_Fetched", await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=limit))
            if place in found:
                return found[place]
            if asyncio.get_running_loop().time() > deadline:
                raise LogUnavailable(f"{place.topic}:{place.partition} gave no record in {_PATIENCE_S:.0f} s")
        return []

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **connection(self._settings),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                # A fetch that is under way keeps the next one waiting for as long.
                fetch_max_wait_ms=20,
                max_partition_fetch_bytes=MAX_RECORD_BYTES,
            )
            try:
                with translated("connect to Kafka"):
                    await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer
