"""
One member of a consumer group on one Kafka topic, by FastStream's batch subscriber.

What is done otherwise than in FastStream's tutorial, and why:

- Acknowledgement is MANUAL and never used: the offset is in the shard's ledger; commits are hints.
- Parser and decoder hand the raw records through. The default ones build a message for each record, and one
  header that is not UTF-8 would make them drop the whole batch.
- The assignment callback pauses the partitions in its first synchronous statement, because the client
  would deliver before the callback ends, then lets a task take over and returns: the client sends no
  heartbeat while the callback runs, and swallows what it raises.
- FastStream tells of the client's errors only by logging them, for ever; so its logger ends the
  subscription on those that will not go away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import groupby
from operator import attrgetter

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from services.runtime.clock import Clock
from services.runtime.endings import ended
from services.runtime.log.holding import Holding, Membership
from services.runtime.log.kafka_callbacks import Complaints, Listener, Raw, decode
from services.runtime.log.kafka_reader import log_record
from services.runtime.log.kafka_settings import MAX_RECORD_BYTES, KafkaSettings, translated
from services.runtime.log.partition_tasks import PartitionTasks
from services.runtime.log.port import LogUnavailable, Offsets, PartitionHandler

_log = structlog.get_logger(__name__)

_POLL_MS = 10  # FastStream also sleeps this long after an empty poll, so it is what an idle consumer adds
_FETCH_WAIT_MS = 100  # a partition that is resumed waits until the fetch under way for the others ends
_PROBE_S = 2.0
_COMMIT_S = 5.0


class KafkaSubscription:
    """The port `Subscription` over Kafka; made by `KafkaLog.subscribe`."""

    def __init__(
        self,
        membership: Membership,
        *,
        settings: KafkaSettings,
        handler: PartitionHandler,
        max_records: int,
        offsets: Callable[[], Awaitable[Mapping[int, Offsets]]],
        clock: Clock,
    ) -> None:
        self._membership = membership
        self._clock = clock
        self._offsets = offsets
        self._tasks = PartitionTasks(
            handler, max_records=max_records, full=self._pause, room=self._resume, failed=self._fail
        )
        self._holding = Holding(
            membership, handler=handler, tasks=self._tasks, offsets=offsets, failed=self._begin_to_end
        )
        self._seeked: dict[int, int] = {}
        self._probed_at = 0
        self._takeover: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._broker = KafkaBroker(
            settings.servers(),
            client_id=settings.client_id,
            security=settings.security.build(),
            client_rack=settings.rack,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=Complaints(membership, self._fail),
        )
        self._subscriber = self._broker.subscriber(
            membership.topic,
            batch=True,
            max_records=4 * max_records,
            batch_timeout_ms=_POLL_MS,
            group_id=membership.group,
            group_instance_id=settings.instance_id,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=max(settings.session_timeout_ms // 4, 100),
            rebalance_timeout_ms=settings.drain_ms + settings.session_timeout_ms,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=MAX_RECORD_BYTES,
            listener=Listener(self),
            parser=self._parse,
            decoder=decode,
        )
        self._subscriber(self._take_in)

    @property
    def assignment(self) -> frozenset[int]:
        """The partitions this member holds now."""
        return self._holding.partitions

    @property
    def last_poll_at(self) -> int:
        """When Kafka last answered a fetch or, when there was nothing to fetch, a probe; epoch ms, or 0."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return self._probed_at
        polled = [consumer.last_poll_timestamp(each) or 0 for each in consumer.assignment()]
        return max(self._probed_at, *polled, 0)

    @property
    def failure(self) -> BaseException | None:
        """What ended the subscription, or None."""
        return self._holding.failure

    async def start(self) -> None:
        """Join the group and begin to read. Raises LogUnavailable."""
        try:
            with translated(f"join group {self._membership.group!r}"):
                await self._broker.start()
        except BaseException:
            await self.stop()
            raise
        self._probe = asyncio.create_task(self._keep_probing(), name=f"log-probe-{self._membership.group}")

    async def stop(self) -> None:
        """Finish the running batches, revoke, leave the group. Not to be called from within a batch."""
        self._begin_to_end()
        await self.wait()

    async def wait(self) -> None:
        """Return when the subscription has ended, by `stop` or by a failure."""
        await self._over.wait()

    def seek(self, partition: int, offset: int) -> None:
        """Read *partition* from *offset* next; what was fetched is dropped."""
        if self._tasks.seek(partition, offset):
            self._seek(partition, offset)

    async def commit(self, partition: int, offset: int) -> None:
        """Keep *offset* as a hint; raises nothing."""
        consumer = self._subscriber.consumer
        if consumer is None or partition not in self.assignment:
            return
        try:
            await asyncio.wait_for(consumer.commit({self._place(partition): offset}), _COMMIT_S)
        except (KafkaError, TimeoutError) as error:
            # Also when the group is between two assignments.
            _log.debug("hint.dropped", topic=self._membership.topic, partition=partition, reason=str(error))

    def queued(self, partition: int) -> int:
        """Return how many records of *partition* wait in memory for the handler."""
        return self._tasks.queued(partition)

    async def lag(self) -> Mapping[int, int]:
        """For each partition held: records not yet handed to the handler; gaps count as records."""
        bounds = await self._offsets()
        return {each: max(bounds[each].end - self._tasks.position(each), 0) for each in self.assignment}

    # --- called by the client, see kafka_callbacks.Listener ---------------------------------------------------------------

    def begin_take_over(self, places: set[TopicPartition]) -> None:
        """Hold *places* back, and have them taken over; synchronous up to the pause."""
        try:
            if places:
                self._consumer.pause(*places)
        except IllegalStateError as error:  # out of here it would only be logged
            self._fail(error)
        if self._ending is None:
            partitions = frozenset(each.partition for each in places)
            self._takeover = asyncio.create_task(self._take_over(partitions), name="log-take-over")
            self._takeover.add_done_callback(self._check)

    async def let_go(self) -> None:
        """Let go of all that is held: the client assigns anew from nothing."""
        await ended(self._takeover)
        await self._holding.release(self.assignment)

    # --- reading -------------------------------------------------------------------------------------------

    async def _take_over(self, partitions: frozenset[int]) -> None:
        if not partitions:
            return
        starts = await self._holding.take(partitions)
        for partition, offset in (starts or {}).items():
            self._seek(partition, offset)
            self._resume(partition)

    async def _take_in(self, records: Raw) -> None:
        for partition, group in groupby(records, attrgetter("partition")):
            if partition not in self.assignment:
                continue
            if await self._stale(partition):
                continue
            try:
                self._tasks.put(partition, [log_record(each) for each in group])
            except Exception as error:  # noqa: BLE001 -- FastStream would log it and lose the batch
                self._fail(error)
                return

    async def _stale(self, partition: int) -> bool:
        """Return whether a batch was fetched before the last seek: then the position is still that of the seek."""
        if partition not in self._seeked:
            return False
        try:
            if await self._consumer.position(self._place(partition)) == self._seeked[partition]:
                return True
        except IllegalStateError:
            return True
        del self._seeked[partition]
        return False

    def _seek(self, partition: int, offset: int) -> None:
        try:
            self._consumer.seek(self._place(partition), offset)
        except IllegalStateError:
            return  # just lost; whoever has it now asks its own handler
        self._seeked[partition] = offset

    def _pause(self, partition: int) -> None:
        self._consumer.pause(self._place(partition))

    def _resume(self, partition: int) -> None:
        place = self._place(partition)
        if place in self._consumer.assignment():
            self._consumer.resume(place)

    async def _parse(self, message: Raw) -> KafkaMessage:
        return KafkaMessage(raw_message=message, body=b"", correlation_id="-", consumer=self._consumer)

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        consumer = self._subscriber.consumer
        if consumer is None:
            raise IllegalStateError("the subscription is not running")
        return consumer

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._membership.topic, partition)

    async def _keep_probing(self) -> None:
        """Ask Kafka something now and then while nothing is fetched: no partition is held, or all are full."""
        while True:
            await asyncio.sleep(_PROBE_S)
            if self._clock() - self.last_poll_at < _PROBE_S * 1000:
                continue
            try:
                with translated("probe Kafka"):
                    await self._consumer.topics()
            except LogUnavailable as error:
                _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))
            else:
                self._probed_at = self._clock()

    # --- the end -------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        self._holding.fail(error)

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _begin_to_end(self) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name=f"log-end-{self._membership.group}")

    async def _end(self) -> None:
        try:
            await ended(self._probe, self._takeover)
            await self._holding.release(self.assignment)
            with translated("leave the group"):
                await self._broker.stop()
        except LogUnavailable as error:
            _log.warning("log.unavailable", topic=self._membership.topic, reason=str(error))
        finally:
            self._over.set()
