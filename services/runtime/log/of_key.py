"""
The records of one key, read from its partition: no index is kept, so it takes as long as the partition is.

Several topics are read side by side in the order of their appends, so much at a time.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from services.runtime.log.port import Log, LogRecord

_PAGE = 2_000


async def records_of(log: Log, topic: str, key: str) -> AsyncGenerator[LogRecord]:
    """Yield all records of *key* in *topic*, in order. Raises LogUnavailable."""
    partition = log.partition_for(topic, key)
    offset = (await log.offsets(topic))[partition].begin
    while page := await log.read(topic, partition, offset, limit=_PAGE):
        offset = page[-1].offset + 1
        for record in page:
            if record.key == key:
                yield record


@dataclass(frozen=True, slots=True)
class Stretch:
    """
    A part of what several topics have of a key.

    `records` are in the order of their appends; `next` is where each topic goes on, None at the end of all.
    """

    records: Sequence[LogRecord]
    next: Mapping[str, int] | None


@dataclass(slots=True)
class _Reading:
    """How far one topic is read: `offset` is the next one, all up to `seen_at` has been seen."""

    topic: str
    partition: int
    offset: int
    end: int
    seen_at: int = -1
    found: list[LogRecord] = field(default_factory=list[LogRecord])

    @property
    def over(self) -> bool:
        return self.offset >= self.end


async def stretch_of(
    log: Log, topics: Sequence[str], key: str, start: Mapping[str, int], *, limit: int, most_read: int
) -> Stretch:
    """
    Return the next *limit* records of *key* in *topics*, of all together in the order of their appends.

    Fewer, where *most_read* records of whatever key were read before they were found; it goes on at `next`.
    *start* has for each topic the offset to begin at; those that aren't named begin at their first record.
    Raises LogUnavailable.
    """
    readings = [await _begin(log, topic, key, start) for topic in topics]
    read = 0
    # Each is read once at least: before that nothing is certain, and the next page would begin where this one did.
    for each in readings:
        read += await _read_on(log, each, key, min(_PAGE, most_read))
    while read < most_read and len(_certain(readings)) <= limit:
        behind = min(
            (each for each in readings if not each.over), key=lambda each: each.seen_at, default=None
        )
        if behind is None:
            break
        read += await _read_on(log, behind, key, min(_PAGE, most_read))
    return _cut(readings, limit)


async def _begin(log: Log, topic: str, key: str, start: Mapping[str, int]) -> _Reading:
    partition = log.partition_for(topic, key)
    held = (await log.offsets(topic))[partition]
    return _Reading(topic, partition, max(held.begin, start.get(topic, 0)), held.end)


async def _read_on(log: Log, reading: _Reading, key: str, page_size: int) -> int:
    if reading.over:
        return 0
    page = await log.read(reading.topic, reading.partition, reading.offset, limit=page_size)
    if not page:
        reading.offset = reading.end
        return 0
    reading.offset = page[-1].offset + 1
    reading.seen_at = max(reading.seen_at, page[-1].appended_at)
    reading.found += [each for each in page if each.key == key and each.value is not None]
    return len(page)


def _certain(readings: Sequence[_Reading]) -> list[LogRecord]:
    """Return what was found before which no topic can still have an earlier record, in order."""
    up_to = min((each.seen_at for each in readings if not each.over), default=None)
    found = sorted(
        (record.appended_at, place, record.offset, record)
        for place, reading in enumerate(readings)
        for record in reading.found
        if up_to is None or record.appended_at <= up_to
    )
    return [record for *_, record in found]


def _cut(readings: Sequence[_Reading], limit: int) -> Stretch:
    told = _certain(readings)[:limit]
    taken = {(each.topic, each.offset) for each in told}
    following: dict[str, int] = {}
    for reading in readings:
        left = (each.offset for each in reading.found if (each.topic, each.offset) not in taken)
        following[reading.topic] = min(left, default=reading.offset)
    over = all(following[each.topic] >= each.end for each in readings)
    return Stretch(told, None if over else following)
