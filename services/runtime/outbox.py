"""
The outbox of a shard: events appended by the commit that caused them, relayed to the log in order, trimmed after.

How an event arrives exactly once in effect
- An emission stands in the outbox by the same commit as the state it tells of, so neither is without the other.
- It carries its producer and an id that grows for each producer. There are two producers for a shard:
  `<shard>` for what records caused, id `<offset of the record>-<n>`; a replay makes the same ids again.
  `<shard>:own` for what timers and dispatch cause, id `<epoch>-<n>`; no two owners make the same ids.
- The relay sends contiguous runs in order, each from a point before which everything is acknowledged, and
  trims after the acknowledgement, by a commit. So a partition of the far topic sees, from one producer,
  runs that overlap but leave nothing out: the first time an id is seen, all below it were seen before.
  A zombie's late run holds only ids that its successor sent again before anything newer.
- The embedded log appends no id twice. Kafka is asked what arrived before anything is sent again (`relay`); what
  was still on its way then may stand there twice. So the far side drops what is not above the last id it took
  from that producer (`seen`).

After the store lost writes, the records' events come again with the same ids and are dropped on the far side.
That needs what `fold` emits to depend on the log's records alone, not on what timers or dispatch committed.
Own events of the lost time come again under a younger epoch: then they are at least once, never lost.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

from redis.exceptions import ResponseError

from services.runtime.clock import Clock, now_ms
from services.runtime.keys import ShardId
from services.runtime.log.port import ID_HEADER, MAX_VALUE_BYTES, PRODUCER_HEADER, Record, RecordTooLarge
from services.runtime.operations import Operations
from services.runtime.packing import pack, unpack
from services.runtime.store import Store

EntryId: TypeAlias = tuple[int, int]
"""Both halves of a stream id or of an outbox id; they compare as the server compares them."""

_FIELD = "e"
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Emission:
    """An event to send: `cause_offset` is that of the record that caused it, None for timers and dispatch."""

    record: Record
    cause_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """
    An event in the outbox: its id in the stream, and the record with its headers complete.

    `emitted_at` is when it was about to be committed, epoch ms: no log holds it from before. `staged_at` is when this
    process first held it, by `time.perf_counter`.
    """

    id: EntryId
    record: Record
    emitted_at: int
    staged_at: float = field(default_factory=time.perf_counter, compare=False)


class Outbox:
    """
    The events of one shard that are not known to be in the log, in memory and in the store alike.

    Args:
        shard: Whose.
        epoch: The owner's.
        entries: What an earlier owner left, in order.
        last: The last id that the stream ever held.
        most: From this many entries on `room` waits.
        clock: The wall clock.
    """

    def __init__(
        self,
        shard: ShardId,
        epoch: int,
        *,
        entries: Sequence[Entry] = (),
        last: EntryId = (0, 0),
        most: int = 10_000,
        clock: Clock = now_ms,
    ) -> None:
        self._key = shard.outbox_key
        self._caused = str(shard)
        self._own = f"{shard}:own"
        self._epoch = epoch
        self._own_count = 0
        self._entries = deque(entries)
        self._last = last
        self._most = most
        self._clock = clock
        self._acknowledged: EntryId | None = None
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._entries)

    def stage(
        self, emissions: Sequence[Emission], base: int, target: int, operations: Operations
    ) -> list[Entry]:
        """
        Add to *operations* what appends *emissions*, and return the entries for `accept`.

        Args:
            emissions: In any order of their causes; those of one cause keep theirs.
            base: The ledger's offset before the commit; each cause is above it.
            target: The ledger's offset after the commit; no cause is above it.
            operations: Where the appends go.

        Raises:
            RecordTooLarge: The log wouldn't take one of them.
        """
        ordered = sorted(emissions, key=lambda emission: _order(emission, base, target))
        entries: list[Entry] = []
        last = self._last
        counts: Counter[int | None] = Counter()
        now = self._clock()
        for emission in ordered:
            cause = emission.cause_offset
            last = _after(last, target if cause is None else cause)
            entries.append(Entry(last, self._addressed(emission, counts[cause]), now))
            counts[cause] += 1
            operations.xadd(self._key, f"{last[0]}-{last[1]}", {_FIELD: _packed(entries[-1])})
        return entries

    def stage_trim(self, operations: Operations) -> EntryId | None:
        """Add to *operations* what drops the acknowledged entries; return what to give to `trimmed`, if any."""
        acknowledged = self._acknowledged
        if acknowledged is not None:
            operations.xtrim(self._key, f"{acknowledged[0]}-{acknowledged[1] + 1}")
        return acknowledged

    def accept(self, entries: Sequence[Entry], trimmed: EntryId | None) -> None:
        """
        Note that a commit appended *entries* and trimmed up to *trimmed*.

        Doesn't wait, so nobody can be cancelled between the commit and this: a missed entry would stay behind
        while later ones are relayed.
        """
        if trimmed is not None and trimmed == self._acknowledged:
            self._acknowledged = None
        if entries:
            self._last = entries[-1].id
            self._own_count += sum(entry.record.headers[PRODUCER_HEADER] == self._own for entry in entries)
            self._entries.extend(entries)
            self._wake()

    @property
    def trim_is_due(self) -> bool:
        """Whether the store still holds entries that are acknowledged."""
        return self._acknowledged is not None

    async def next_run(self, most: int, *, idle_s: float | None) -> Sequence[Entry]:
        """Wait for entries and return the first *most*, or none after *idle_s* without any."""
        try:
            async with asyncio.timeout(idle_s):
                await self._until(lambda: bool(self._entries))
        except TimeoutError:
            return []
        return list(islice(self._entries, most))

    def acknowledge(self, run: Sequence[Entry]) -> None:
        """Note that the log has *run*, the first entries."""
        for _ in run:
            self._entries.popleft()
        self._acknowledged = run[-1].id
        self._wake()

    def waiting(self) -> Sequence[Entry]:
        """Return all entries that aren't acknowledged, in order."""
        return list(self._entries)

    async def room(self) -> None:
        """Wait until there are fewer entries than the cap, or the outbox is closed."""
        await self._until(lambda: self._closed or len(self._entries) < self._most)

    async def drained(self) -> None:
        """Wait until everything is acknowledged."""
        await self._until(lambda: not self._entries)

    def close(self) -> None:
        """Let nobody wait for room any more."""
        self._closed = True
        self._wake()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._changed.wait()

    def _wake(self) -> None:
        # Whoever waits holds the old event, which stays set; whoever comes later waits for the next change.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _addressed(self, emission: Emission, count: int) -> Record:
        record = emission.record
        if record.value is not None and len(record.value) > MAX_VALUE_BYTES:
            raise RecordTooLarge(topic=record.topic, key=record.key, size=len(record.value))
        if emission.cause_offset is None:
            producer, entry_id = self._own, f"{self._epoch}-{self._own_count + count}"
        else:
            producer, entry_id = self._caused, f"{emission.cause_offset}-{count}"
        headers = {**record.headers, PRODUCER_HEADER: producer, ID_HEADER: entry_id}
        return Record(record.topic, record.key, record.value, headers)


async def load_outbox(
    store: Store, shard: ShardId, epoch: int, *, most: int = 10_000, clock: Clock = now_ms
) -> Outbox:
    """Return the outbox as the store holds it, after *shard* was opened with *epoch*."""
    try:
        (info,) = await store.read([("XINFO", "STREAM", shard.outbox_key)])
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        return Outbox(shard, epoch, most=most, clock=clock)
    entries: list[Entry] = []
    start = "-"
    while page := await _page(store, shard, start):
        entries += page
        start = f"({entries[-1].id[0]}-{entries[-1].id[1]}"
    return Outbox(shard, epoch, entries=entries, last=_last_of(info), most=most, clock=clock)


async def _page(store: Store, shard: ShardId, start: str) -> list[Entry]:
    (found,) = await store.read([("XRANGE", shard.outbox_key, start, "+", "COUNT", _PAGE)])
    return [Entry(entry_id(key), *_unpacked(fields)) for key, fields in found]


def entry_id(text: bytes | str) -> EntryId:
    """Return the two halves of ``<n>-<n>``. Raises ValueError."""
    first, second = (text if isinstance(text, str) else text.decode()).split("-")
    return int(first), int(second)


def _order(emission: Emission, base: int, target: int) -> tuple[bool, int]:
    cause = emission.cause_offset
    if cause is not None and not base < cause <= target:
        raise ValueError(f"an emission's cause is offset {cause}, outside the batch ({base}, {target}]")
    return (cause is None, cause or 0)


def _after(last: EntryId, offset: int) -> EntryId:
    # Before the first record the offset is -1; the stream's ids begin at 0-1.
    first = max(offset, last[0], 0)
    return (first, last[1] + 1) if first == last[0] else (first, 0)


def _packed(entry: Entry) -> bytes:
    record = entry.record
    return pack([record.topic, record.key, record.value, dict(record.headers), entry.emitted_at])


def _unpacked(fields: Mapping[bytes, bytes]) -> tuple[Record, int]:
    topic, key, value, headers, emitted_at = unpack(fields[_FIELD.encode()])
    return Record(topic, key, value, headers), emitted_at


def _last_of(info: Sequence[Any]) -> EntryId:
    # RESP2: names and values take turns.
    return entry_id(info[info.index(b"last-generated-id") + 1])
