"""Reads what the log holds of leads, and what was told of it, for a replay under other rules; writes nothing."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

import orjson

from schemas.reading import Unreadable, read
from schemas.topics import DECISIONS, LEAD_CHANGES, LIFECYCLE
from services.errors import Misconfigured
from services.runtime.keys import ShardId
from services.runtime.log.port import Log, LogRecord
from services.runtime.store import Store
from services.sync.application.replay import (
    Lacking,
    OtherDecision,
    OtherMilestone,
    Replay,
    Telling,
    other_decisions,
    other_milestones,
)
from services.sync.consumers.emissions import place_of

_PAGE = 1_000
_FIRST = 1
"""No log begins later than here unless something was dropped: Kafka counts from 0, the embedded log from 1."""


@dataclass(slots=True)
class Replayed:
    """
    What came of it: `changes` of leads were read, `unreadable` ones of them passed over.

    Of an erased person nothing can be replayed, so nothing of them is compared.
    """

    decisions: list[OtherDecision] = field(default_factory=list[OtherDecision])
    milestones: list[OtherMilestone] = field(default_factory=list[OtherMilestone])
    lacking: list[Lacking] = field(default_factory=list[Lacking])
    changes: int = 0
    unreadable: int = 0

    @property
    def differs(self) -> bool:
        """Whether anything would be other than it is."""
        return bool(self.decisions or self.milestones or self.lacking)


class Replaying:
    """
    Replays all partitions, one after the other.

    Args:
        log, store: Of the deployment; the service may run meanwhile.
        begin: Gives an empty replay with the rules to try.
        service: Whose shards decided.
        told: Told how many changes were read, of how many.
    """

    def __init__(
        self,
        *,
        log: Log,
        store: Store,
        begin: Callable[[], Replay],
        service: str,
        told: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        self._log = log
        self._store = store
        self._begin = begin
        self._service = service
        self._told = told

    async def run(self, since: int) -> Replayed:
        """
        Return what would differ of what was told from *since* on, epoch ms, and what would be written.

        Raises:
            Misconfigured: The log doesn't hold the leads from their start.
            LogUnavailable, StoreUnavailable: Try again later.
        """
        ends = await self._ends()
        found, total = Replayed(), sum(ends.values())
        for partition, end in ends.items():
            then, now, replay = Telling(since), Telling(since), self._begin()
            erased: set[str] = set()
            async for record in self._records(LEAD_CHANGES.name, partition, end):
                if record.is_shredded:
                    erased.add(record.key)
                    continue
                _take(replay, record, now, found)
                if found.changes % _PAGE == 0:
                    self._told(found.changes, total)
            for topic in (DECISIONS.name, LIFECYCLE.name):
                await self._tell(topic, partition, end, then)
            then.leave_out(erased)
            now.leave_out(erased)
            found.decisions += other_decisions(then, now)
            found.milestones += other_milestones(then, now)
            found.lacking += replay.lacking()
        return found

    async def _ends(self) -> Mapping[int, int]:
        """Return for each partition up to where the shard has decided, and all that it decided is in the log."""
        found: dict[int, int] = {}
        for partition, offsets in (await self._log.offsets(LEAD_CHANGES.name)).items():
            if offsets.begin > _FIRST:
                raise Misconfigured(
                    f"{LEAD_CHANGES.name}, partition {partition}, begins at {offsets.begin}: "
                    "a replay needs it from its start; keep the topic for ever"
                )
            shard = ShardId(self._service, LEAD_CHANGES.name, partition)
            offset, waiting = await self._store.snapshot(
                [("HGET", shard.ledger_key, "offset"), ("XRANGE", shard.outbox_key, "-", "+", "COUNT", 1)]
            )
            decided = int(offset) + 1 if offset is not None else 0
            found[partition] = min(decided, _cause(waiting)) if waiting else decided
        return found

    async def _records(self, topic: str, partition: int, end: int) -> AsyncGenerator[LogRecord]:
        offset = (await self._log.offsets(topic))[partition].begin
        while page := await self._log.read(topic, partition, offset, limit=_PAGE):
            offset = page[-1].offset + 1
            for record in page:
                if record.offset >= end:
                    return
                yield record

    async def _tell(self, topic: str, partition: int, end: int, then: Telling) -> None:
        """Take what *topic* tells of the changes before *end*: it has as many partitions, and the same keys."""
        last = (await self._log.offsets(topic))[partition].end
        async for record in self._records(topic, partition, last):
            event = orjson.loads(record.value or b"null")
            if event is not None and _place(event["id"]) < end:
                then.take(event)


def _take(replay: Replay, record: LogRecord, now: Telling, found: Replayed) -> None:
    found.changes += 1
    try:
        change = read(LEAD_CHANGES, record.value)
    except Unreadable:
        found.unreadable += 1
        return
    for event in replay.take(record.key, change, place_of(record)):  # pyright: ignore[reportArgumentType] (that topic's)
        now.take(event)


def _place(event_id: str) -> int:
    """Return the offset of the change that an event was told of; see `place_of`."""
    return int(event_id.split("-", 2)[1])


def _cause(waiting: list[tuple[bytes, object]]) -> int:
    """Return the offset of the change of which the first waiting event tells: the first half of its id."""
    return int(bytes(waiting[0][0]).split(b"-")[0])
