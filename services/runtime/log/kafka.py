"""The log on Kafka: FastStream's broker for the consuming side, an idempotent producer for appending."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from services.runtime.clock import Clock, now_ms
from services.runtime.log import kafka_topics
from services.runtime.log.holding import Membership
from services.runtime.log.kafka_producer import KafkaAppender
from services.runtime.log.kafka_reader import KafkaReader
from services.runtime.log.kafka_settings import KafkaSettings, connection, raise_refusal, translated
from services.runtime.log.kafka_subscription import KafkaSubscription
from services.runtime.log.port import (
    LogRecord,
    LogUnavailable,
    Offsets,
    Origin,
    PartitionHandler,
    Record,
    TopicSpec,
    origin_of,
    partition_of,
)
from services.runtime.log.topics import check_sizes, unknown_topic

_PING_S = 5.0
CLOCKS_APART_MS = 60_000
"""By how much the brokers' clocks may be behind ours."""


class KafkaLog:
    """
    The port `Log` over Kafka.

    Args:
        settings: How to reach it, or just the bootstrap servers.
        clock: Says when a probe was answered; records are stamped by the broker.
    """

    def __init__(self, settings: KafkaSettings | str, *, clock: Clock = now_ms) -> None:
        self._settings = KafkaSettings(bootstrap_servers=settings) if isinstance(settings, str) else settings
        self._clock = clock
        self._partitions: dict[str, int] = {}
        self._admin: AIOKafkaAdminClient | None = None
        self._appender = KafkaAppender(self._settings)
        self._reader = KafkaReader(self._settings)
        self._finder = KafkaReader(self._settings)

    async def start(self) -> None:
        """Connect. Raises LogUnavailable, or Misconfigured where our credentials are refused."""
        await self._connected()
        await self._appender.start()

    async def close(self) -> None:
        """Send what was appended and disconnect; safe to call twice."""
        await self._appender.close()
        await self._reader.close()
        await self._finder.close()
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def ping(self) -> None:
        """Raise LogUnavailable unless a broker answers."""
        admin = await self._connected()
        with translated("ping Kafka"):
            await asyncio.wait_for(admin.describe_cluster(), _PING_S)

    async def ensure_topics(self, specs: Sequence[TopicSpec]) -> None:
        """
        Create what is missing and check the rest.

        Raises:
            Misconfigured: A topic does not do; the text names the mend.
            LogUnavailable: Kafka didn't answer.
        """
        admin = await self._connected()
        with translated("set up the topics"):
            await kafka_topics.ensure(admin, specs, self._settings)
        self._partitions.update({spec.name: spec.partitions for spec in specs})

    def partition_for(self, topic: str, key: str) -> int:
        """Return the partition of *key*: `partition_of` over the number given to `ensure_topics`."""
        return partition_of(key, self._count(topic))

    async def append(self, records: Sequence[Record]) -> None:
        """
        Append *records*; returns when all replicas in sync have them.

        Raises:
            RecordTooLarge: Before anything is written.
            LogUnavailable: It isn't known which were written.
        """
        check_sizes(records)
        for topic in {each.topic for each in records}:
            self._count(topic)
        await self._appender.append(records, self.partition_for)

    async def landed(self, records: Sequence[Record], *, since: int) -> frozenset[Origin]:
        """
        Return which of *records* stand in their partitions; reads these from a minute before *since* to their ends.

        An idempotent producer knows only its own session, so nothing but the partitions tells what an earlier one sent.
        """
        origins = {origin: each for each in records if (origin := origin_of(each.headers)) is not None}
        if not await self._appender.settled():
            raise LogUnavailable("what was appended before is still under way")
        places = {(each.topic, self.partition_for(each.topic, each.key)) for each in origins.values()}
        found = await self._finder.headers(places, since - CLOCKS_APART_MS)
        return frozenset(origins.keys() & found)

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> KafkaSubscription:
        """Return a member of *group* on *topic*, not yet started; batches hold 1 to *max_records*."""
        self._count(topic)
        return KafkaSubscription(
            Membership(topic, group, self._settings.drain_ms),
            settings=self._settings,
            handler=handler,
            max_records=max_records,
            offsets=lambda: self.offsets(topic),
            clock=self._clock,
        )

    async def read(self, topic: str, partition: int, offset: int, *, limit: int = 500) -> Sequence[LogRecord]:
        """Return up to *limit* records from *offset* on without joining a group; empty at the end."""
        return await self._reader.read(topic, partition, offset, limit=limit)

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """Return for each partition where it begins and ends."""
        return await self._reader.offsets(topic, range(self._count(topic)))

    async def committed(self, topic: str, group: str) -> Mapping[int, int]:
        """Return the offsets that *group* committed as hints; partitions without one are missing."""
        admin = await self._connected()
        with translated(f"read the hints of group {group!r}"):
            found = cast("Mapping[Any, Any]", await admin.list_consumer_group_offsets(group))
        return {
            place.partition: entry.offset
            for place, entry in found.items()
            if place.topic == topic and entry.offset >= 0
        }

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(**connection(self._settings))
            try:
                with translated("connect to Kafka"):
                    try:
                        await admin.start()
                    except KafkaConnectionError:
                        await raise_refusal(self._settings)
                        raise
            except BaseException:
                await admin.close()
                raise
            self._admin = admin
        return self._admin

    def _count(self, topic: str) -> int:
        try:
            return self._partitions[topic]
        except KeyError:
            raise unknown_topic(topic) from None
