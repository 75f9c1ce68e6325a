"""What a shard took from each producer of relayed events, so that a repeated one is dropped."""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from services.runtime.keys import ShardId
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, LogRecord
from services.runtime.outbox import EntryId, entry_id
from services.runtime.store import Store

_log = structlog.get_logger(__name__)


class Seen:
    """
    The last outbox id taken from each producer; see `outbox` for why the last one is enough.

    Args:
        last: Producer to id, as committed.
    """

    def __init__(self, last: Mapping[str, EntryId]) -> None:
        self._last = dict(last)

    def sift(self, records: Iterable[LogRecord]) -> tuple[Sequence[LogRecord], Mapping[str, EntryId]]:
        """Return those *records* not taken before, and the marks to commit with them and then `accept`."""
        fresh: list[LogRecord] = []
        marks: dict[str, EntryId] = {}
        for record in records:
            producer = record.headers.get(PRODUCER_HEADER)
            found = _id_of(record) if producer is not None else None
            if producer is None or found is None:
                fresh.append(record)
            elif found > marks.get(producer, self._last.get(producer, (-1, -1))):
                marks[producer] = found
                fresh.append(record)
        return fresh, marks

    def accept(self, marks: Mapping[str, EntryId]) -> None:
        """Note that *marks* were committed."""
        self._last.update(marks)


async def load_seen(store: Store, shard: ShardId) -> Seen:
    """Return what is stored of *shard*."""
    (stored,) = await store.read([("HGETALL", shard.seen_key)])
    return Seen({producer.decode(): entry_id(last) for producer, last in stored.items()})


def _id_of(record: LogRecord) -> EntryId | None:
    try:
        return entry_id(record.headers[ID_HEADER])
    except (KeyError, ValueError):
        # Not written by a relay of ours, whatever its headers say: taken, for dropping it might lose it.
        _log.warning(
            "outbox.id_misread", topic=record.topic, partition=record.partition, offset=record.offset
        )
        return None
