"""Reads and writes of several shards in one call: each shard gets what is its own, and one's trouble stays its own."""

import asyncio
from collections.abc import Sequence

from services.errors import Rejected
from services.sync.adapters.gathered import GatheredConnector
from services.sync.application.ports import BatchRefused
from services.sync.application.quota import working_as
from services.sync.domain.priority import Priority
from services.sync.domain.records import (
    Confirmed,
    Kind,
    Notification,
    Observation,
    RecordRef,
    Refused,
    Write,
    WriteResult,
)
from tests.integration.door_world import Acme


class Vendor(Acme):
    """Takes its time; it refuses to read the record "bad", and a batch that holds the lead "bad"."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.writes: list[list[str]] = []

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        ids = [each.ref.id for each in notifications]
        self.reads.append(ids)
        await asyncio.sleep(0)
        if "bad" in ids:
            raise Rejected("no such record", reason="unknown-record")
        return [_seen(each) for each in ids] + [
            _seen(f"successor of {each}") for each in ids if each == "merged"
        ]

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        ids = [each.lead_id for each in writes]
        self.writes.append(ids)
        await asyncio.sleep(0)
        if "bad" in ids and len(ids) > 1:
            raise BatchRefused(code="BAD", detail="one of them")
        return [
            Refused(code="BAD", detail=each) if each == "bad" else Confirmed(ref=_ref(each)) for each in ids
        ]


def _ref(name: str) -> RecordRef:
    return RecordRef("acme", "person", name)


def _seen(name: str) -> Observation:
    return Observation(ref=_ref(name), kind=Kind.LEAD, observed_at=1, created_at=1)


def _asked(*names: str) -> list[Notification]:
    return [Notification(ref=_ref(each), body="", received_at=1) for each in names]


def _writes(*names: str) -> list[Write]:
    return [Write(lead_id=each, slot="lead", kind=Kind.LEAD, fields={}) for each in names]


async def _read(connector: GatheredConnector, *shards: tuple[str, ...]) -> list[object]:
    """Return for each shard the ids it was given, or the error."""
    ends = await asyncio.gather(
        *(connector.observe(_asked(*each)) for each in shards), return_exceptions=True
    )
    return [
        type(each) if isinstance(each, BaseException) else [seen.ref.id for seen in each] for each in ends
    ]


async def test_shards_that_read_at_the_same_time_share_a_call() -> None:
    """Each gets its own records, in its own order."""
    vendor = Vendor()
    read = await _read(GatheredConnector(vendor), ("a",), ("c", "b"), ("d",))
    assert read == [["a"], ["c", "b"], ["d"]]
    assert vendor.reads == [["a"], ["c", "b", "d"]]


async def test_a_record_that_cannot_be_read_stands_with_its_own_shard() -> None:
    """The others are read for each shard alone."""
    vendor = Vendor()
    read = await _read(GatheredConnector(vendor), ("a",), ("b",), ("bad",))
    assert read == [["a"], ["b"], Rejected]
    assert vendor.reads == [["a"], ["b", "bad"], ["b"], ["bad"]]


async def test_a_record_that_nobody_asked_for_goes_to_the_shard_whose_answer_holds_it() -> None:
    """A merged record's successor is told with it; a shared answer doesn't say with which."""
    vendor = Vendor()
    read = await _read(GatheredConnector(vendor), ("a",), ("b",), ("merged",))
    assert read == [["a"], ["b"], ["merged", "successor of merged"]]


async def test_a_batch_that_is_refused_as_a_whole_is_sent_for_each_shard_alone() -> None:
    """So that each shard halves only its own; results are in the order of the writes."""
    vendor = Vendor()
    connector = GatheredConnector(vendor)
    ends = await asyncio.gather(
        *(connector.write(_writes(*each)) for each in (("a",), ("b", "c"), ("bad",), ("d",)))
    )
    assert ends == [
        [Confirmed(ref=_ref("a"))],
        [Confirmed(ref=_ref("b")), Confirmed(ref=_ref("c"))],
        [Refused(code="BAD", detail="bad")],
        [Confirmed(ref=_ref("d"))],
    ]
    assert vendor.writes == [["a"], ["b", "c", "bad", "d"], ["b", "c"], ["bad"], ["d"]]


async def test_calls_of_another_priority_are_not_made_as_one() -> None:
    """An MQL doesn't ride with a backfill: whoever makes a call makes it as urgently as its own."""
    vendor = Vendor()
    connector = GatheredConnector(vendor)

    async def write(name: str, priority: Priority) -> None:
        with working_as(priority):
            await connector.write(_writes(name))

    wishes = [("first", Priority.BACKFILL), ("second", Priority.BACKFILL), ("hot", Priority.HOT)]
    await asyncio.gather(*(write(*each) for each in [*wishes, ("third", Priority.BACKFILL)]))

    assert sorted(vendor.writes) == [["first"], ["hot"], ["second", "third"]]
