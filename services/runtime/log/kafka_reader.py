"""Reads Kafka outside any group: single partitions from an offset on, and where partitions begin and end."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndTimestamp

from services.runtime.log.kafka_settings import MAX_RECORD_BYTES, KafkaSettings, connection, translated
from services.runtime.log.port import LogRecord, LogUnavailable, Offsets, Origin, origin_of

_Places: TypeAlias = dict[TopicPartition, int]
_Times: TypeAlias = dict[TopicPartition, OffsetAndTimestamp | None]
_Fetched: TypeAlias = dict[TopicPartition, list[ConsumerRecord[Any, Any]]]

_POLL_MS = 200
_PATIENCE_S = 30.0
_PAGE = 5_000


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

    async def headers(self, places: Collection[tuple[str, int]], since: int) -> set[Origin]:
        """
        Return who told the records that were appended to *places* from *since* (epoch ms) on until now.

        *places* are topics with partitions. Raises LogUnavailable.
        """
        wanted = [TopicPartition(*each) for each in places]
        found: set[Origin] = set()
        async with self._busy:
            consumer = await self._connected()
            with translated("find what was appended"):
                starts = cast(
                    "_Times", await consumer.offsets_for_times(dict.fromkeys(wanted, max(since, 0)))
                )
                ends = cast("_Places", await consumer.end_offsets(wanted))
                for place, start in starts.items():
                    if start is not None:
                        found |= await self._told(consumer, place, start.offset, ends[place])
        return found

    async def _told(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, start: int, end: int
    ) -> set[Origin]:
        consumer.assign([place])
        try:
            consumer.seek(place, start)
            found: set[Origin] = set()
            while page := await self._some(consumer, place, _PAGE, end):
                origins = (origin_of(log_record(each).headers) for each in page)
                found.update(each for each in origins if each is not None)
            return found
        finally:
            consumer.unsubscribe()

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
