"""Appends to Kafka: idempotent, acknowledged by all replicas, each record to the partition of its key."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.runtime.log.kafka_settings import (
    MAX_RECORD_BYTES,
    KafkaSettings,
    connection,
    lasting,
    translated,
)
from services.runtime.log.port import LogUnavailable, Record

_log = structlog.get_logger(__name__)

_BATCH_BYTES = 256 * 1024


class KafkaAppender:
    """
    A producer that is replaced when it has become unusable.

    FastStream's own publishing is not used here: it puts two headers and a new UUID on each record, and its
    batches ignore the keys.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._changing = asyncio.Lock()
        self._under_way: set[asyncio.Future[object]] = set()

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        await self._usable()

    async def close(self) -> None:
        """Send what was appended and disconnect; safe to call twice."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._stopped(producer)

    async def append(self, records: Sequence[Record], partition_for: Callable[[str, str], int]) -> None:
        """Append *records*; see `Log.append`."""
        producer = await self._usable()
        futures: list[asyncio.Future[object]] = []
        try:
            with translated("append to the log"):
                async with asyncio.timeout(self._settings.append_timeout_ms / 1000):
                    for record in records:
                        # One by one: what was sent must be known when a later one fails.
                        futures.append(await self._send(producer, record, partition_for))  # noqa: PERF401
                    # Not gather: it would cancel the rest, and what is cancelled is sent nevertheless.
                    if futures:
                        done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_EXCEPTION)
                        for each in done:
                            each.result()
        except BaseException as error:
            for each in futures:  # nobody will ask for the other outcomes
                each.add_done_callback(_noticed)
            self._remember(futures)
            cause = error.__cause__
            if isinstance(cause, KafkaError) and lasting(cause):
                await self._give_up(producer, cause)
            raise

    async def settled(self) -> bool:
        """Wait until nothing is under way of appends that failed; return whether it came to that in time."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._settings.append_timeout_ms / 1000)
        return not self._under_way

    def _remember(self, futures: Sequence["asyncio.Future[object]"]) -> None:
        for each in futures:
            if not each.done():
                self._under_way.add(each)
                each.add_done_callback(self._under_way.discard)

    async def _send(
        self, producer: AIOKafkaProducer, record: Record, partition_for: Callable[[str, str], int]
    ) -> "asyncio.Future[object]":
        return cast(
            "asyncio.Future[object]",
            await producer.send(
                record.topic,
                record.value,
                record.key.encode(),
                partition_for(record.topic, record.key),
                headers=[(name, value.encode()) for name, value in record.headers.items()],
            ),
        )

    async def _usable(self) -> AIOKafkaProducer:
        async with self._changing:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **connection(self._settings),
                    enable_idempotence=True,
                    acks="all",
                    max_batch_size=_BATCH_BYTES,
                    max_request_size=MAX_RECORD_BYTES,
                )
                try:
                    with translated("connect to Kafka"):
                        await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _give_up(self, producer: AIOKafkaProducer, error: KafkaError) -> None:
        """Replace a producer that Kafka no longer takes records from; the next append makes a new one."""
        async with self._changing:
            if self._producer is producer:
                self._producer = None
                _log.error("producer.replaced", reason=str(error))
                await self._stopped(producer)
                self._under_way.clear()  # it sends nothing more

    async def _stopped(self, producer: AIOKafkaProducer) -> None:
        try:
            with translated("disconnect from Kafka"):
                await asyncio.wait_for(producer.stop(), 10)
        except LogUnavailable as error:
            _log.warning("producer.unfinished", reason=str(error))


def _noticed(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()
