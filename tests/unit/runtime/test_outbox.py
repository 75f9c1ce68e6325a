"""The outbox in memory: ids, order, and what is kept until when."""

import asyncio

import pytest

from services.runtime.keys import ShardId
from services.runtime.log.port import Record
from services.runtime.operations import Operations
from services.runtime.outbox import Emission, Entry, Outbox
from tests.waiting import PATIENCE_S

SHARD = ShardId("sync", "in.v1", 3)


def emission(key: str, cause: int | None) -> Emission:
    """Return an event named *key*."""
    return Emission(Record("out.v1", key, b"v", {"h": "1"}), cause)


def brief(entries: list[Entry]) -> list[tuple[tuple[int, int], str, str, str]]:
    """Return stream id, key, producer and outbox id of *entries*."""
    return [
        (entry.id, entry.record.key, entry.record.headers["outbox-shard"], entry.record.headers["outbox-id"])
        for entry in entries
    ]


def test_events_are_numbered_within_their_cause() -> None:
    """Whatever order the fold emitted them in, they stand by cause; those of one cause keep theirs."""
    events = [emission("c", 9), emission("a", 7), emission("d", 9), emission("b", 7)]

    entries = Outbox(SHARD, 1000).stage(events, 5, 9, Operations())

    producer = "sync:in.v1:3"
    assert brief(entries) == [
        ((7, 0), "a", producer, "7-0"),
        ((7, 1), "b", producer, "7-1"),
        ((9, 0), "c", producer, "9-0"),
        ((9, 1), "d", producer, "9-1"),
    ]
    assert entries[0].record.headers["h"] == "1"


def test_outbox_ids_do_not_depend_on_what_stood_in_the_stream() -> None:
    """Own events may have used the offset's stream ids; a cause's outbox ids begin at 0 nevertheless."""
    outbox = Outbox(SHARD, 1000, last=(0, 4))

    entries = outbox.stage([emission("own", None), emission("a", 0)], -1, 0, Operations())

    assert brief(entries) == [
        ((0, 5), "a", "sync:in.v1:3", "0-0"),
        ((0, 6), "own", "sync:in.v1:3:own", "1000-0"),
    ]


def test_own_events_count_on_only_when_they_were_committed() -> None:
    """A commit that was refused as invalid leaves no gap and no repeated id."""
    outbox = Outbox(SHARD, 1000)
    own = [emission("x", None)]

    outbox.stage(own, -1, -1, Operations())
    first = outbox.stage(own, -1, -1, Operations())
    outbox.accept(first, None)
    second = outbox.stage(own, -1, -1, Operations())

    assert [each[0] for each in brief(first + second)] == [(0, 1), (0, 2)]
    assert [each[3] for each in brief(first + second)] == ["1000-0", "1000-1"]


@pytest.mark.parametrize("cause", [5, 10, -1])
def test_a_cause_outside_the_batch_is_a_mistake(cause: int) -> None:
    """An id below the base would be dropped as seen, one above the target would come again."""
    with pytest.raises(ValueError, match="outside the batch"):
        Outbox(SHARD, 1000).stage([emission("a", cause)], 5, 9, Operations())


async def test_what_is_acknowledged_is_trimmed_exactly_once() -> None:
    """The next commit trims up to the last acknowledged entry; one acknowledged meanwhile waits for its next."""
    outbox = Outbox(SHARD, 1000)
    entries = outbox.stage([emission("a", 1), emission("b", 2), emission("c", 3)], 0, 3, Operations())
    outbox.accept(entries, None)

    outbox.acknowledge(await outbox.next_run(2, idle_s=None))
    operations = Operations()
    trimmed = outbox.stage_trim(operations)
    outbox.acknowledge(await outbox.next_run(2, idle_s=None))
    outbox.accept([], trimmed)

    assert trimmed == (2, 0)
    assert b"2-1" in operations.packed()  # the first kept
    assert outbox.trim_is_due
    assert outbox.stage_trim(Operations()) == (3, 0)
    assert len(outbox) == 0


async def test_waiting_for_room_ends_with_the_shard() -> None:
    """Nobody waits for an outbox that will not be relayed any more."""
    outbox = Outbox(SHARD, 1000, most=1)
    outbox.accept(outbox.stage([emission("a", 1)], 0, 1, Operations()), None)
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()

    outbox.close()

    await asyncio.wait_for(waiting, PATIENCE_S)
