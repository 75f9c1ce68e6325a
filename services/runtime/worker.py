"""Runs a service's processor over one topic: the consuming side of a subscription, shard by shard."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import structlog

from services.runtime.endings import carried_out
from services.runtime.health_probes import WatchedHandler
from services.runtime.held_partition import HeldPartition
from services.runtime.keys import ShardId
from services.runtime.log.port import LogRecord, Subscription
from services.runtime.mechanism import Mechanism
from services.runtime.processor import Processor
from services.runtime.shard import Shard

_log = structlog.get_logger(__name__)


def group_of(service: str, topic: str) -> str:
    """
    Return the name of the group in which *service* reads *topic*.

    One for each topic: on Kafka whoever joins a group lets all its members begin anew, whatever they read.
    """
    return f"tasuki.{service}.{topic.removeprefix('tasuki.')}"


class ShardWorker:
    """
    One member of a service's group on one topic; a `PartitionHandler`.

    Start it, watch `failure` and end the process when there is one, stop it.

    Args:
        service: The first part of the shards' names, and of the group's: who keeps state here.
        topic: What is read.
        processor: What folds it.
        mechanism: Shared by all workers of the process.
        max_records: The largest batch. A commit blocks the store for some 5 us a record.
    """

    def __init__(
        self, *, service: str, topic: str, processor: Processor, mechanism: Mechanism, max_records: int = 500
    ) -> None:
        self._service = service
        self._topic = topic
        self._processor = processor
        self._mechanism = mechanism
        self._held: dict[int, HeldPartition] = {}
        self._failure: BaseException | None = None
        self.watched = WatchedHandler(self, mechanism.clock)
        self._subscription = mechanism.log.subscribe(
            topic, group_of(service, topic), self.watched, max_records=max_records
        )

    @property
    def subscription(self) -> Subscription:
        """The membership, for lag and readiness."""
        return self._subscription

    @property
    def failure(self) -> BaseException | None:
        """What the process is to end by, or None while all is well."""
        return self._failure or self._subscription.failure

    @property
    def rolled_back(self) -> int:
        """How often since the start a shard of the topic was behind what had been committed: the store lost writes."""
        metrics = self._mechanism.metrics
        return int(metrics.value("tasuki_commits_total", topic=self._topic, outcome="rolled_back"))

    @property
    def shards(self) -> Mapping[int, Shard]:
        """The shards held now, by partition."""
        return {partition: held.shard for partition, held in self._held.items() if held.shard is not None}

    async def start(self) -> None:
        """Join the group and begin to work."""
        await self._subscription.start()

    async def stop(self) -> None:
        """Finish what is under way, let all shards go, leave the group."""
        await self._subscription.stop()
        # Whatever the subscription didn't revoke, for instance because it had failed.
        await self.revoked(frozenset(self._held))

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """See `PartitionHandler.assigned`."""
        held = {
            partition: HeldPartition(
                ShardId(self._service, self._topic, partition),
                self._mechanism,
                self._processor,
                self._subscription,
                self._failed,
            )
            for partition in sorted(partitions)
        }
        try:
            async with asyncio.TaskGroup() as opening:
                tasks = {partition: opening.create_task(one.open()) for partition, one in held.items()}
        except BaseException as error:
            await carried_out(_all_closed(held.values()))
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from error
            raise
        self._held.update(held)
        if held:
            _log.info("shards.assigned", topic=self._topic, partitions=sorted(held))
        return {partition: task.result() for partition, task in tasks.items()}

    async def revoked(self, partitions: frozenset[int]) -> None:
        """See `PartitionHandler.revoked`."""
        gone = {each: self._held.pop(each) for each in sorted(partitions) if each in self._held}
        await _all_closed(gone.values())
        if gone:
            _log.info("shards.revoked", topic=self._topic, partitions=list(gone))

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """See `PartitionHandler.batch`."""
        held = self._held.get(partition)
        if held is not None and records:
            await held.handle(records)

    def _failed(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        _log.error("subscription.failed", topic=self._topic, exc_info=failure)


async def _all_closed(held: Collection[HeldPartition]) -> None:
    await asyncio.gather(*(each.close() for each in held))
