"""The contract of the log, proved on both adapters against real servers."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import cast

import pytest

from services.errors import Misconfigured, Rejected
from services.runtime.log.port import (
    ID_HEADER,
    MAX_VALUE_BYTES,
    PRODUCER_HEADER,
    LogRecord,
    LogUnavailable,
    Record,
    RecordTooLarge,
    TopicSpec,
    origin_of,
)
from tests.contracts.log_world import LogWorld, Remembering, bare_subscription, open_log, read_ledger
from tests.servers import KafkaServer
from tests.waiting import PATIENCE_S, wait_until

PARTITIONS = 4
LONG_SESSION_MS = 6_000


@pytest.fixture(params=["embedded", "sealed", "kafka"])
async def world(request: pytest.FixtureRequest, unique: str) -> AsyncGenerator[LogWorld]:
    """Give each adapter with a topic of four partitions, and end what the test started."""
    kind = cast("str", request.param)
    if kind == "kafka":
        server = cast("KafkaServer", request.getfixturevalue("kafka"))
        url, session_ms = server.bootstrap, server.session_ms
    else:
        url, session_ms = cast("str", request.getfixturevalue("redis_url")), 1_000
    made = LogWorld(kind, url, unique, PARTITIONS, session_ms, open_log(kind, url, session_ms))
    await made.log.start()
    await made.log.ensure_topics(made.specs)
    try:
        yield made
    finally:
        await made.close()


async def test_records_of_a_partition_come_in_order_and_none_is_missing(world: LogWorld) -> None:
    """Each key's records come in the order of their appends, in the partition of the key."""
    sent = [Record(world.topic, f"k{n % 20}", str(n).encode()) for n in range(400)]
    for start in range(0, 400, 50):
        await world.log.append(sent[start : start + 50])
    handler = Remembering()
    await world.member(handler)
    await wait_until(lambda: len(handler.records) >= 400, description="all records")
    for key in {each.key for each in sent}:
        got = [int(each.value or b"") for each in handler.records if each.key == key]
        assert got == sorted(got)
        assert len(got) == 20
    for each in handler.records:
        assert each.partition == world.log.partition_for(world.topic, each.key)
    assert all(offsets == sorted(set(offsets)) for offsets in handler.offsets().values())


async def test_a_batch_holds_one_partition_and_no_more_than_asked(world: LogWorld) -> None:
    """Batches are of one partition, hold 1 to max_records records, and are full where there is enough."""
    await world.append(200)
    handler = Remembering()
    await world.member(handler, max_records=7)
    await wait_until(lambda: len(handler.records) >= 200, description="all records")
    assert all(1 <= len(records) <= 7 for _, records in handler.batches)
    assert all(each.partition == partition for partition, records in handler.batches for each in records)
    assert max(len(records) for _, records in handler.batches) == 7


async def test_a_record_is_read_back_as_it_was_appended(world: LogWorld) -> None:
    """Empty and missing values, headers and keys in any script survive, with the time of the append."""
    before = time.time_ns() // 1_000_000
    sent = [
        Record(world.topic, "空", b""),
        Record(world.topic, "", b"empty key"),
        Record(world.topic, "tombstone", None),
        Record(world.topic, "田中様🎌", bytes(range(256)), {"system": "hubspot", "理由": "テスト"}),
    ]
    await world.log.append(sent)
    handler = Remembering()
    await world.member(handler)
    await wait_until(lambda: len(handler.records) >= len(sent), description="all records")
    got = {each.key: (each.value, dict(each.headers)) for each in handler.records}
    assert got == {each.key: (each.value, dict(each.headers)) for each in sent}
    after = time.time_ns() // 1_000_000
    assert all(before - 1_000 <= each.appended_at <= after + 1_000 for each in handler.records)


async def test_a_producer_that_asks_before_it_sends_again_leaves_no_record_twice(world: LogWorld) -> None:
    """Another connection, as the next owner's: it sends what isn't there, and the topic holds each record once."""
    began = time.time_ns() // 1_000_000
    run = [
        Record(world.topic, f"k{n}", b"x", {PRODUCER_HEADER: f"s:t:{n % 2}", ID_HEADER: f"{n}-0"})
        for n in range(12)
    ]
    await world.log.append(await world.append(300))
    await world.log.append(run[:7])
    successor = await world.another_log()

    landed = await successor.landed(run, since=began)
    await successor.append([each for each in run if origin_of(each.headers) not in landed])

    held = [
        record
        for partition in range(PARTITIONS)
        for record in await world.log.read(world.topic, partition, 0)
    ]
    told = sorted(filter(None, (origin_of(each.headers) for each in held)))
    assert told == sorted(filter(None, (origin_of(each.headers) for each in run)))
    assert len(held) == 600 + len(run)


async def test_nothing_has_landed_where_nobody_told_anything(world: LogWorld) -> None:
    """A topic that is empty, one with records of others, and a time that lies ahead."""
    run = [Record(world.topic, "k", b"x", {PRODUCER_HEADER: "s:t:0", ID_HEADER: "1-0"})]
    ahead = time.time_ns() // 1_000_000 + 3_600_000
    assert await world.log.landed(run, since=0) == frozenset()
    await world.append(10)
    assert await world.log.landed([*run, Record(world.topic, "k", b"plain")], since=0) == frozenset()
    assert await world.log.landed(run, since=ahead) == frozenset()


async def test_a_value_of_one_mebibyte_passes(world: LogWorld) -> None:
    """The longest value that is promised arrives whole, also with company."""
    value = os.urandom(MAX_VALUE_BYTES)
    headers = {"cause": "x" * 1_000}
    await world.log.append([Record(world.topic, f"k{n}", value, headers) for n in range(6)])
    handler = Remembering()
    await world.member(handler)
    await wait_until(lambda: len(handler.records) == 6, description="all six")
    assert all(each.value == value for each in handler.records)


async def test_a_longer_value_is_refused_before_anything_is_written(world: LogWorld) -> None:
    """One value above the limit refuses the call, and its companions are not written either."""
    good, bad = Record(world.topic, "a", b"good"), Record(world.topic, "b", bytes(MAX_VALUE_BYTES + 1))
    with pytest.raises(RecordTooLarge) as refused:
        await world.log.append([good, bad])
    assert isinstance(refused.value, Rejected)
    assert (refused.value.key, refused.value.size) == ("b", MAX_VALUE_BYTES + 1)
    assert all(each.begin == each.end for each in (await world.log.offsets(world.topic)).values())


async def test_nothing_comes_before_the_assigned_offsets(world: LogWorld) -> None:
    """A slow `assigned` is waited for, and the first record of each partition is exactly the one asked for."""
    await world.append(400)
    bounds = await world.log.offsets(world.topic)
    starts = {each: (bounds[each].begin + bounds[each].end) // 2 for each in range(PARTITIONS)}
    released = asyncio.Event()

    async def slowly(_partitions: frozenset[int]) -> None:
        await released.wait()

    handler = Remembering(dict(starts), on_assigned=slowly)
    joining = asyncio.create_task(world.member(handler))
    await wait_until(lambda: bool(handler.events), description="the assignment")
    await asyncio.sleep(0.5)  # long enough for the client's prefetch to show if it were not held back
    assert not handler.batches
    released.set()
    await joining
    expected = {each: list(range(starts[each], bounds[each].end)) for each in range(PARTITIONS)}
    await wait_until(lambda: handler.offsets() == expected, description="exactly the second halves")


async def test_a_seek_drops_what_was_fetched_and_goes_on_from_there(world: LogWorld) -> None:
    """Backwards and forwards: the next batch of the partition begins at the offset sought."""
    keys = world.keys_for(1, 300)
    await world.log.append([Record(world.topic, key, b"x") for key in keys])
    begin = (await world.log.offsets(world.topic))[1].begin
    plan = {1: begin + 250, 2: begin + 3}  # after the first batch forwards, after the second back
    handler = Remembering()

    async def jump(partition: int, _records: Sequence[LogRecord]) -> None:
        if (target := plan.get(len(handler.batches) + 1)) is not None:
            subscription.seek(partition, target)

    handler.on_batch = jump
    subscription = world.log.subscribe(world.topic, "g", handler, max_records=10)
    world.subscriptions.append(subscription)
    await subscription.start()
    expected = [*range(begin, begin + 10), *range(begin + 250, begin + 260), *range(begin + 3, begin + 300)]
    await wait_until(lambda: len(handler.records) >= len(expected), description="the whole course")
    assert handler.offsets()[1] == expected


async def test_a_seek_from_outside_wins_over_what_is_under_way(world: LogWorld) -> None:
    """Sought over and over while records flow, each partition still goes on exactly from the last seek."""
    await world.append(2_000)
    bounds = await world.log.offsets(world.topic)
    handler = Remembering()
    subscription = await world.member(handler, max_records=20)
    await wait_until(lambda: len(subscription.assignment) == PARTITIONS, description="the assignment")
    for turn in range(30):
        target = bounds[2].begin + turn
        seen = len(handler.batches)
        subscription.seek(2, target)

        def firsts(seen: int = seen) -> list[int]:
            return [records[0].offset for p, records in handler.batches[seen:] if p == 2]

        await wait_until(lambda target=target, firsts=firsts: target in firsts(), description="the target")
        # A batch that was running at the seek may end after it; the one that follows begins at the target.
        assert target in firsts()[:2]


async def test_two_members_share_and_hand_over_in_order(world: LogWorld) -> None:
    """A second member gets its half; when the first stops, all of it; each record is handled exactly once."""
    ledger: dict[int, int] = {}
    first, second = Remembering(ledger), Remembering(ledger)
    log = await world.another_log(session_ms=LONG_SESSION_MS)
    one = await world.member(first, log=log)
    await wait_until(lambda: len(one.assignment) == PARTITIONS, description="all for the first")
    sent = await world.append(100, prefix="a")
    two = await world.member(second, log=log)
    await wait_until(
        lambda: len(one.assignment) == len(two.assignment) == PARTITIONS // 2, description="half for each"
    )
    assert not one.assignment & two.assignment
    sent += await world.append(100, prefix="b")
    await one.stop()
    assert one.failure is None
    assert not one.assignment
    stopped = time.monotonic()
    await wait_until(lambda: len(two.assignment) == PARTITIONS, description="all for the second")
    assert time.monotonic() - stopped < LONG_SESSION_MS / 1000 * 0.9  # left, not timed out
    sent += await world.append(100, prefix="c")
    await wait_until(lambda: len(first.records + second.records) >= 300, description="all records")
    assert sorted(first.keys() + second.keys()) == sorted(each.key for each in sent)


async def test_a_running_batch_ends_before_its_partition_is_revoked(world: LogWorld) -> None:
    """`stop` waits for the batch under way, then revokes, and begins no other."""
    await world.append(200)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_partition: int, _records: Sequence[LogRecord]) -> None:
        entered.set()
        await go_on.wait()

    handler = Remembering(on_batch=wait)
    subscription = await world.member(handler, max_records=10)
    await entered.wait()
    stopping = asyncio.create_task(subscription.stop())
    await asyncio.sleep(0.2)
    assert not stopping.done()
    go_on.set()
    await stopping
    begun = sum(each.startswith("begins") for each in handler.events)
    ended = sum(each.startswith("ended") for each in handler.events)
    assert begun == ended <= PARTITIONS
    assert handler.events[-1].startswith("revoked")


async def test_a_killed_member_is_replaced_and_nothing_is_lost(world: LogWorld, tmp_path: Path) -> None:
    """A member killed amid its work is replaced after its session; what it had not finished comes again."""
    ledger = tmp_path / "ledger"
    process = world.member_process(ledger)
    sent = await world.append(400)
    await wait_until(lambda: len(read_ledger(ledger)) == PARTITIONS, description="work on all")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = read_ledger(ledger)
    handler = Remembering(dict(left))
    survivor = await world.member(handler)
    await wait_until(
        lambda: len(survivor.assignment) == PARTITIONS,
        description="the survivor has all",
    )
    ends = {each: bounds.end for each, bounds in (await world.log.offsets(world.topic)).items()}
    await wait_until(lambda: handler.ledger == ends, description="the rest is handled")
    begins = await world.log.offsets(world.topic)
    for partition in range(PARTITIONS):
        start = left.get(partition, begins[partition].begin)
        assert handler.offsets()[partition] == list(range(start, ends[partition]))
    assert sum(ends[each] - begins[each].begin for each in ends) == len(sent)


async def test_a_member_beside_a_killed_one_takes_its_partitions(world: LogWorld, tmp_path: Path) -> None:
    """Two members share; the one in another process is killed; the other takes its half over."""
    handler = Remembering()
    survivor = await world.member(handler)
    process = world.member_process(tmp_path / "ledger")
    await wait_until(lambda: len(survivor.assignment) == PARTITIONS // 2, description="a half each")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    await wait_until(
        lambda: len(survivor.assignment) == PARTITIONS,
        description="the survivor has all",
    )


async def test_a_slow_partition_holds_up_only_itself(world: LogWorld) -> None:
    """While one partition's handler is stuck, the others go on, and its queue does not grow without bound."""
    stuck, go_on = 3, asyncio.Event()

    async def wait(partition: int, _records: Sequence[LogRecord]) -> None:
        if partition == stuck:
            await go_on.wait()

    handler = Remembering(on_batch=wait)
    subscription = await world.member(handler, max_records=10)
    keys = {each: world.keys_for(each, 1)[0] for each in range(PARTITIONS)}
    for _ in range(20):
        await world.log.append([Record(world.topic, keys[p], b"x" * 100) for p in keys for _ in range(100)])
    others = {each: 2_000 for each in range(PARTITIONS) if each != stuck}
    await wait_until(
        lambda: {p: len(o) for p, o in handler.offsets().items()} == others,
        description="the others are through",
    )
    assert bare_subscription(subscription).queued(stuck) <= 80 + 40
    assert (await subscription.lag())[stuck] == 2_000 - 10
    go_on.set()
    await wait_until(lambda: len(handler.offsets().get(stuck, [])) == 2_000, description="it catches up")
    assert handler.offsets()[stuck] == sorted(handler.offsets()[stuck])


async def test_lag_counts_what_was_not_handed_over(world: LogWorld) -> None:
    """Lag falls to nothing once all is handled, and covers exactly the partitions held."""
    await world.append(50)
    handler = Remembering()
    subscription = await world.member(handler)
    await wait_until(lambda: len(handler.records) == 50, description="all records")
    assert await subscription.lag() == dict.fromkeys(range(PARTITIONS), 0)


async def test_a_commit_is_kept_as_a_hint(world: LogWorld) -> None:
    """What was committed can be read; a commit after the partition is gone is ignored."""
    await world.append(40)
    handler = Remembering()
    subscription = await world.member(handler)
    await wait_until(lambda: len(handler.records) == 40, description="all records")
    ends = {each: bounds.end for each, bounds in (await world.log.offsets(world.topic)).items()}
    for partition, offset in ends.items():
        await subscription.commit(partition, offset)
    assert await world.committed("g") == ends
    await subscription.stop()
    await subscription.commit(0, 1)
    assert await world.committed("g") == ends


async def test_a_failing_batch_ends_the_subscription(world: LogWorld) -> None:
    """The exception is in `failure`, the partitions are let go, and another member can take them."""
    await world.append(20)

    async def fail(_partition: int, _records: Sequence[LogRecord]) -> None:
        raise LookupError("no such lead")

    handler = Remembering(on_batch=fail)
    subscription = await world.member(handler)
    await asyncio.wait_for(bare_subscription(subscription).wait(), PATIENCE_S)
    assert isinstance(subscription.failure, LookupError)
    assert not subscription.assignment
    assert any(each.startswith("revoked") for each in handler.events)
    healthy = Remembering()
    await world.member(healthy)
    await wait_until(lambda: len(healthy.records) == 20, description="the next member does it")


async def test_a_failing_assignment_ends_the_subscription(world: LogWorld) -> None:
    """An exception out of `assigned` is in `failure`, and nothing is delivered."""
    await world.append(20)

    async def fail(_partitions: frozenset[int]) -> None:
        raise LookupError("no ledger")

    handler = Remembering(on_assigned=fail)
    subscription = world.log.subscribe(world.topic, "g", handler)
    world.subscriptions.append(subscription)
    await subscription.start()
    await asyncio.wait_for(bare_subscription(subscription).wait(), PATIENCE_S)
    assert isinstance(subscription.failure, LookupError)
    assert not handler.batches


async def test_an_offset_beyond_the_end_is_refused(world: LogWorld) -> None:
    """A store that is ahead of the log belongs to another one: the subscription ends and says so."""
    handler = Remembering({0: 1_000})
    subscription = await world.member(handler)
    await asyncio.wait_for(bare_subscription(subscription).wait(), PATIENCE_S)
    assert isinstance(subscription.failure, Misconfigured)
    assert "another one than the store belongs to" in str(subscription.failure)


async def test_a_topic_is_checked_against_what_it_should_be(world: LogWorld) -> None:
    """The same again is fine; other partitions, compaction or a shorter retention are not."""
    other = await world.another_log()
    for wrong, mend in (
        (TopicSpec(world.topic, 5), "set it back to 4"),
        (TopicSpec(world.topic, PARTITIONS, compacted=True), "cleanup.policy"),
    ):
        with pytest.raises(Misconfigured, match=mend):
            await other.ensure_topics([wrong])
    short = TopicSpec(f"{world.topic}-short", 1, retention_ms=60_000, compacted=True)
    await other.ensure_topics([short])
    await world.log.ensure_topics([short])
    with pytest.raises(Misconfigured, match=r"set retention\.ms to -1"):
        await other.ensure_topics([TopicSpec(short.name, 1, compacted=True)])


async def test_an_unknown_topic_is_refused(world: LogWorld) -> None:
    """A topic that was not set up is a mistake, not a new topic."""
    with pytest.raises(Misconfigured, match="ensure_topics"):
        await world.log.append([Record("never-set-up", "k", b"v")])


async def test_a_partition_can_be_read_without_a_group(world: LogWorld) -> None:
    """`read` pages from any offset and is empty at the end; `offsets` has the bounds."""
    keys = world.keys_for(2, 25)
    await world.log.append([Record(world.topic, key, b"x") for key in keys])
    bounds = (await world.log.offsets(world.topic))[2]
    assert bounds.end - bounds.begin == 25
    read: list[LogRecord] = []
    while page := await world.log.read(world.topic, 2, read[-1].offset + 1 if read else 0, limit=10):
        assert len(page) <= 10
        read.extend(page)
    assert [each.key for each in read] == keys
    assert await world.log.read(world.topic, 2, bounds.end) == []
    assert await world.log.read(world.topic, 0, 0) == []


async def test_an_idle_member_shows_that_the_log_answers(world: LogWorld) -> None:
    """`last_poll_at` moves on while nothing is appended, for a member without partitions too."""
    members = [await world.member(Remembering()) for _ in range(PARTITIONS + 1)]
    await wait_until(
        lambda: sorted(len(each.assignment) for each in members) == [0, 1, 1, 1, 1],
        description="one partition each, none for the last",
    )
    for each in members:
        before = each.last_poll_at
        await wait_until(lambda: each.last_poll_at > before, description="another poll")  # noqa: B023


async def test_a_log_that_is_not_there_is_unavailable(world: LogWorld, tmp_path: Path) -> None:
    """Connecting to nothing raises LogUnavailable."""
    nowhere = f"unix://{tmp_path}/none" if world.kind != "kafka" else "127.0.0.1:1"
    log = open_log(world.kind, nowhere, 1_000)
    with pytest.raises(LogUnavailable):
        await log.start()
    await log.close()
    await log.close()


async def test_a_record_reaches_an_idle_member_soon(
    world: LogWorld,
) -> None:
    """Prints how long an append takes to reach a waiting handler; measured, not judged."""
    handler = Remembering()
    await world.member(handler)
    took: list[float] = []
    for number in range(60):
        await asyncio.sleep(0.02)
        begun = time.perf_counter()
        await world.append(1)
        await wait_until(lambda: len(handler.records) > number, description="the record", every_s=0.0002)  # noqa: B023
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    print(f"{world.kind}: append to batch p50 {statistics.median(took):.1f} ms, p95 {took[56]:.1f} ms")
