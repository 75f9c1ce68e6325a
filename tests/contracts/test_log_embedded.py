"""What the embedded log promises beyond the contract: it outlives its server, and hands over at once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.embedded_entries import Keys
from services.runtime.log.embedded_group import Group
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, LogUnavailable, Record, TopicSpec
from services.runtime.valkey_server import EmbeddedServer
from tests.contracts.log_world import Remembering
from tests.waiting import wait_until

TOPIC = "t"
LONG_LEASE_MS = 60_000


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[EmbeddedServer]:
    """Give a server that the test may kill."""
    async with EmbeddedServer(tmp_path) as running:
        yield running


@pytest.fixture
async def log(server: EmbeddedServer) -> AsyncGenerator[EmbeddedLog]:
    """Give a log whose leases never run out within a test."""
    made = EmbeddedLog(server.url, lease_ms=LONG_LEASE_MS)
    await made.start()
    await made.ensure_topics([TopicSpec(TOPIC, 4)])
    yield made
    await made.close()


async def server_pid(server: EmbeddedServer) -> int:
    """Return the process id of the server now running."""
    redis = Redis.from_url(server.url)
    try:
        return int((await redis.info("server"))["process_id"])
    finally:
        await redis.aclose()


async def append_surely(log: EmbeddedLog, record: Record) -> None:
    """Append *record*, again and again while the log is away."""
    while True:
        with suppress(LogUnavailable):
            await log.append([record])
            return
        await asyncio.sleep(0.02)


async def test_no_acknowledged_append_is_lost_when_the_server_is_killed(
    server: EmbeddedServer, log: EmbeddedLog
) -> None:
    """Killed three times under load, every acknowledged record is read, in order, by a member that stays."""
    handler = Remembering()
    subscription = log.subscribe(TOPIC, "g", handler)
    await subscription.start()
    sent = 0
    for _ in range(3):
        killing = asyncio.create_task(_kill_soon(server))
        while not killing.done() or sent % 100:
            await append_surely(log, Record(TOPIC, f"k{sent % 7}", str(sent).encode()))
            sent += 1
    await wait_until(lambda: len({each.value for each in handler.records}) == sent, description="all records")
    for partition, offsets in handler.offsets().items():
        assert offsets == sorted(set(offsets)), partition
    # A retried append may be there twice, but never out of order.
    for key in {each.key for each in handler.records}:
        numbers = [int(each.value or b"") for each in handler.records if each.key == key]
        assert numbers == sorted(numbers)
    assert subscription.failure is None
    await subscription.stop()


async def _kill_soon(server: EmbeddedServer) -> None:
    pid = await server_pid(server)
    await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


async def test_a_member_goes_on_after_a_long_absence_of_the_server(
    server: EmbeddedServer, log: EmbeddedLog
) -> None:
    """Stopped and started again, the server finds its members again, and they their places."""
    handler = Remembering()
    subscription = log.subscribe(TOPIC, "g", handler)
    await subscription.start()
    await log.append([Record(TOPIC, f"k{n}", b"before") for n in range(20)])
    await wait_until(lambda: len(handler.records) == 20, description="the first records")
    await server.stop()
    with pytest.raises(LogUnavailable):
        await log.append([Record(TOPIC, "k", b"lost")])
    with pytest.raises(LogUnavailable):
        await log.ping()
    await server.start()
    await log.append([Record(TOPIC, f"k{n}", b"after") for n in range(20)])
    await wait_until(lambda: len(handler.records) == 40, description="the others")
    assert all(offsets == sorted(set(offsets)) for offsets in handler.offsets().values())
    await subscription.stop()


async def test_a_joining_member_need_not_wait_for_a_lease(log: EmbeddedLog) -> None:
    """Members blocked in a read notice a change at once: joining and leaving take no part of the lease."""
    first = log.subscribe(TOPIC, "g", Remembering())
    second = log.subscribe(TOPIC, "g", Remembering())
    await first.start()
    await wait_until(lambda: len(first.assignment) == 4, description="all for the first")
    await asyncio.sleep(0.3)  # until it is surely blocked
    begun = time.monotonic()
    await second.start()
    await wait_until(lambda: len(second.assignment) == 2, description="half for the second")
    await first.stop()
    await wait_until(lambda: len(second.assignment) == 4, description="all for the second")
    print(f"join and leave took {(time.monotonic() - begun) * 1000:.0f} ms")
    assert time.monotonic() - begun < LONG_LEASE_MS / 1000 / 2
    await second.stop()


async def test_shares_are_even_and_only_what_must_moves(log: EmbeddedLog) -> None:
    """Of 4 partitions three members hold 2, 1 and 1; the fourth member takes one from the first only."""
    handlers = [Remembering() for _ in range(4)]
    members = [log.subscribe(TOPIC, "g", handler) for handler in handlers]
    for count, shares in enumerate(([4], [2, 2], [2, 1, 1], [1, 1, 1, 1]), start=1):
        await members[count - 1].start()
        await wait_until(
            lambda count=count, shares=shares: [len(m.assignment) for m in members[:count]] == shares,
            description=f"shares {shares}",
        )
    held = [partition for member in members for partition in member.assignment]
    assert sorted(held) == [0, 1, 2, 3]
    assert [len([e for e in handler.events if e.startswith("assigned")]) for handler in handlers] == [1] * 4
    for member in members:
        await member.stop()


async def test_a_seek_wakes_a_member_that_waits(log: EmbeddedLog) -> None:
    """With nothing new in the log, a seek backwards is answered without waiting for the read to time out."""
    handler = Remembering()
    subscription = log.subscribe(TOPIC, "g", handler)
    await subscription.start()
    await log.append([Record(TOPIC, "k", b"x")])
    await wait_until(lambda: len(handler.records) == 1, description="the record")
    took: list[float] = []
    for turn in range(20):
        await asyncio.sleep(0.005 * (turn % 4))
        begun = time.monotonic()
        subscription.seek(handler.records[0].partition, 0)
        await wait_until(
            lambda turn=turn: len(handler.records) == turn + 2, description="the record again", every_s=0.001
        )
        took.append(time.monotonic() - begun)
    print(f"a seek took {max(took) * 1000:.1f} ms at most")
    assert sorted(took)[10] < 0.5  # a lost wake-up costs a whole second
    await subscription.stop()


async def test_a_compacted_topic_keeps_the_last_record_of_each_key(log: EmbeddedLog) -> None:
    """What is superseded is gone at once, within one append as well; a reader finds the rest in order."""
    await log.ensure_topics([TopicSpec("state", 1, compacted=True)])
    await log.append([Record("state", key, value) for key, value in (("a", b"1"), ("b", b"1"), ("a", b"2"))])
    await log.append([Record("state", "c", b"1", {"h": "x"})])
    await log.append([Record("state", "b", b"2")])

    found = await log.read("state", 0, 0)

    assert [(each.offset, each.key, each.value) for each in found] == [
        (3, "a", b"2"),
        (4, "c", b"1"),
        (5, "b", b"2"),
    ]
    assert found[1].headers == {"h": "x"}
    assert (await log.offsets("state"))[0].end == 6


async def test_a_compacted_topic_takes_what_comes_again_for_old(log: EmbeddedLog) -> None:
    """What a producer sends again doesn't stand in the place of what it told after it."""
    await log.ensure_topics([TopicSpec("state", 1, compacted=True)])
    run = [
        Record("state", key, value, {PRODUCER_HEADER: "s:t:0", ID_HEADER: told})
        for key, value, told in (("a", b"1", "4-0"), ("b", b"1", "4-1"), ("a", b"2", "7-0"))
    ]
    await log.append(run)
    await log.append([*run[:2], Record("state", "c", b"1")])

    found = await log.read("state", 0, 0)

    assert [(each.key, each.value) for each in found] == [("b", b"1"), ("a", b"2"), ("c", b"1")]


async def test_what_a_producer_sends_again_is_appended_once(server: EmbeddedServer, log: EmbeddedLog) -> None:
    """Runs that overlap, whole or in part, after a kill of the server too; others' ids, and records without, stand apart."""

    def told(producer: str, first: int, second: int) -> Record:
        headers = {PRODUCER_HEADER: producer, ID_HEADER: f"{first}-{second}"}
        return Record(TOPIC, "k", f"{producer} {first}-{second}".encode(), headers)

    ids = [(9, 0), (9, 1), (10, 0), (1_790_000_000_000, 3), (1_790_000_000_000, 12)]
    run = [told("s:t:0", *each) for each in ids]
    await log.append(run[:3])
    await log.append(run[1:4])
    os.kill(await server_pid(server), signal.SIGKILL)
    for record in (*run, told("s:t:1", 9, 0), told("s:t:0", 2, 99)):
        await append_surely(log, record)
    plain = [
        Record(TOPIC, "k", b"plain"),
        Record(TOPIC, "k", b"plain", {PRODUCER_HEADER: "s:t:0", ID_HEADER: "x"}),
    ]
    for _ in range(2):
        await log.append(plain)

    records = await log.read(TOPIC, log.partition_for(TOPIC, "k"), 0)
    values = [(each.value or b"").decode() for each in records]
    assert values == [*(f"s:t:0 {first}-{second}" for first, second in ids), "s:t:1 9-0", *["plain"] * 4]


async def test_a_view_that_is_out_of_date_takes_nothing_from_the_living(server: EmbeddedServer) -> None:
    """Two join at one time: who looked before the other joined doesn't take it for dead, and doesn't take its partitions."""
    redis = Redis.from_url(server.url)
    early, late = (
        Group(redis, Keys("log", TOPIC), "g", partitions=4, lease_ms=LONG_LEASE_MS) for _ in range(2)
    )
    await early.enrol()
    await early.join()
    before = await early.view()
    await late.enrol()
    await late.join()
    assert await late.claim(await late.view()) == {0, 1}

    assert await early.claim(before) == {2, 3}

    await redis.aclose()


async def test_what_a_dead_member_held_is_free(server: EmbeddedServer) -> None:
    """Its lease has run out: who looks then takes all of it."""
    redis = Redis.from_url(server.url)
    dead, alive = (
        Group(redis, Keys("log", TOPIC), "g", partitions=4, lease_ms=lease) for lease in (1, LONG_LEASE_MS)
    )
    await dead.enrol()
    await dead.join()
    assert await dead.claim(await dead.view()) == {0, 1, 2, 3}
    await alive.enrol()
    await alive.join()

    async def takes_all() -> bool:
        return await alive.claim(await alive.view()) == frozenset(range(4))

    await wait_until(takes_all, description="the lease has run out")
    await redis.aclose()
