"""
The port to the log: what both adapters promise, and one contract suite proves.

Order: records of one partition are read in the order of their offsets; an offset is an integer that only
grows, with gaps allowed. Delivery: at least once. Ownership: a partition is handed to one consumer of a
group at a time, but a consumer that was thought dead may still be running (a zombie); fencing it is the
business of the shard's ledger, not of the log.

A batch belongs to one partition. Batches of one partition are handled one after the other; partitions do
not wait for each other. A handler that is slow makes its own partition wait (it is paused), nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from zlib import crc32

from services.errors import Rejected, Retryable

PRODUCER_HEADER = "outbox-shard"
ID_HEADER = "outbox-id"
"""
Who tells a record, and an id ``<n>-<n>`` that grows with each that this producer tells to a partition.

A producer that doesn't know whether a record arrived sends it again. The embedded log then appends nothing. On Kafka the
producer asks first (`Log.landed`); what it can't see may stand there twice, and readers drop what isn't above the last id
they took from that producer.
"""

Origin: TypeAlias = tuple[str, str]
"""A record's producer and id, as its headers say them."""

MAX_VALUE_BYTES = 1_048_576
"""A record's value may be this long (1 MiB); above it `append` raises RecordTooLarge."""

SEALED_HEADER = "sealed"
"""Which key a value is sealed with, or `PLAIN`; see services.runtime.log.sealed."""

PLAIN = "plain"
"""In the header `SEALED_HEADER`: the value holds nothing personal, and outlives the keys."""

SEAL_BYTES = 28
"""So many bytes longer is a sealed value than it was."""


class LogUnavailable(Retryable):
    """The log did not answer in time; whether the records were written is not known."""


class RecordTooLarge(Rejected):
    """A record's value is longer than MAX_VALUE_BYTES; none of the records of that call was written."""

    def __init__(self, *, topic: str, key: str, size: int) -> None:
        super().__init__(
            f"a record for {topic!r} with key {key!r} is {size} bytes; the log takes {MAX_VALUE_BYTES}",
            reason="record-too-large",
        )
        self.topic = topic
        self.key = key
        self.size = size


@dataclass(frozen=True, slots=True)
class Record:
    """One record to append. `value` None is a tombstone: on a compacted topic it removes the key."""

    topic: str
    key: str
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record as read back. `appended_at` is epoch milliseconds, set by the log or its producer."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Mapping[str, str]
    appended_at: int

    @property
    def is_shredded(self) -> bool:
        """Whether there was a value that nobody can read any more: its key was destroyed."""
        return self.value is None and SEALED_HEADER in self.headers


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic must look like. `retention_ms` None keeps everything."""

    name: str
    partitions: int
    retention_ms: int | None = None
    compacted: bool = False


@dataclass(frozen=True, slots=True)
class Offsets:
    """`begin` is the first offset that can be read, `end` the offset the next record will get or more."""

    begin: int
    end: int


class PartitionHandler(Protocol):
    """The consuming side of a subscription."""

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """
        Take over *partitions* and return for each the next offset to read.

        Nothing of these partitions is delivered before this returns. It retries by itself as long as it
        sees sense; an exception out of it ends the subscription (`Subscription.failure`).
        """
        ...

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Let go of *partitions*: their current batch has ended or is cancelled; none follows."""
        ...

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """Handle *records*, which are in the order of their offsets; an exception ends the subscription."""
        ...


class Subscription(Protocol):
    """One member of a consumer group reading one topic."""

    @property
    def assignment(self) -> frozenset[int]:
        """The partitions this member holds now."""
        ...

    @property
    def last_poll_at(self) -> int:
        """When the log last answered a read (with or without records), epoch ms; 0 before the first."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """What ended the subscription, or None while it runs or after an ordered stop."""
        ...

    async def start(self) -> None:
        """Join the group and begin to read."""
        ...

    async def stop(self) -> None:
        """Finish the running batches, revoke, leave the group at once so that others need not wait."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """Read *partition* from *offset* next; records already fetched are dropped, not delivered."""
        ...

    async def commit(self, partition: int, offset: int) -> None:
        """
        Tell the group that everything below *offset* is done: a hint for lag displays and empty stores.

        A member that no longer holds the partition is ignored; it raises nothing.
        """
        ...

    async def lag(self) -> Mapping[int, int]:
        """For each partition held: records not yet handed to `batch`."""
        ...


class Log(Protocol):
    """The log itself."""

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        ...

    async def close(self) -> None:
        """Flush what was appended and disconnect. Safe to call twice."""
        ...

    async def ensure_topics(self, specs: Sequence[TopicSpec]) -> None:
        """
        Create what is missing and check the rest.

        Raises:
            Misconfigured: A topic exists with another number of partitions; the text names the mend.
            LogUnavailable: The log didn't answer.
        """
        ...

    def partition_for(self, topic: str, key: str) -> int:
        """Return the partition of *key*: `partition_of` over the number given to `ensure_topics`."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """
        Append *records*; returns when all are durable. Records of one partition keep their order.

        A retry after LogUnavailable may write a record twice; it never reorders what one caller appends
        one call after the other.

        Raises:
            RecordTooLarge: Before anything is written.
            LogUnavailable: It isn't known which were written.
        """
        ...

    async def landed(self, records: Sequence[Record], *, since: int) -> frozenset[Origin]:
        """
        Return which of *records* the log holds, as far as their producer must know before it sends them again.

        A log that appends no record of a producer twice returns nothing. What this very connection still has
        under way is waited for first.

        Args:
            records: With producer and id; others are passed over.
            since: None of them was appended before, epoch ms by the wall clock of whoever appended.

        Raises:
            LogUnavailable: It isn't known.
        """
        ...

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> Subscription:
        """Return a member of *group* on *topic*, not yet started; batches hold 1 to *max_records*."""
        ...

    async def read(self, topic: str, partition: int, offset: int, *, limit: int = 500) -> Sequence[LogRecord]:
        """Return up to *limit* records from *offset* on without joining a group; empty at the end."""
        ...

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """Return for each partition where it begins and ends."""
        ...

    async def ping(self) -> None:
        """Raise LogUnavailable unless the log answers."""
        ...


def origin_of(headers: Mapping[str, str]) -> Origin | None:
    """Return the producer and the id that *headers* name, None where they don't."""
    producer, told = headers.get(PRODUCER_HEADER), headers.get(ID_HEADER)
    return None if producer is None or told is None else (producer, told)


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of *key* among *partitions*: CRC-32 of its UTF-8, the same in each adapter."""
    return crc32(key.encode()) % partitions
