"""Dropping repeated events on the far side."""

from services.runtime.log.port import LogRecord
from services.runtime.seen import Seen


def record(offset: int, producer: str | None, outbox_id: str | None) -> LogRecord:
    """Return a record as relayed by *producer*."""
    headers = {"outbox-shard": producer, "outbox-id": outbox_id}
    given = {name: value for name, value in headers.items() if value is not None}
    return LogRecord("t", 0, offset, "k", b"", given, 0)


def taken(seen: Seen, *records: LogRecord) -> list[int]:
    """Return the offsets that are taken, and accept the marks."""
    fresh, marks = seen.sift(records)
    seen.accept(marks)
    return [each.offset for each in fresh]


def test_each_id_of_a_producer_is_taken_once() -> None:
    """Overlapping runs, within a batch and across batches, come down to one of each, in order."""
    seen = Seen({"p": (3, 1)})

    first = taken(
        seen, record(0, "p", "3-1"), record(1, "p", "3-2"), record(2, "p", "10-0"), record(3, "p", "3-2")
    )
    second = taken(seen, record(4, "p", "3-2"), record(5, "p", "10-0"), record(6, "p", "10-1"))

    assert (first, second) == ([1, 2], [6])


def test_producers_do_not_hide_each_other() -> None:
    """Each has its own last id; a shard's own events are a producer beside its records'."""
    assert taken(Seen({}), record(0, "p", "9-0"), record(1, "q", "1-0"), record(2, "p:own", "1-0")) == [
        0,
        1,
        2,
    ]


def test_marks_that_were_not_committed_count_for_nothing() -> None:
    """A batch whose commit failed is sifted the same again."""
    seen = Seen({})
    seen.sift([record(0, "p", "1-0")])

    assert taken(seen, record(0, "p", "1-0")) == [0]


def test_records_that_no_relay_sent_are_always_taken() -> None:
    """Without headers, or with ids that are none, nothing is dropped."""
    assert taken(
        Seen({}), record(0, None, None), record(1, "p", None), record(2, "p", "x"), record(3, None, "1-0")
    ) == [*range(4)]
