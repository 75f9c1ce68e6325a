"""The worker over a real store: every batch changes state once, whatever happens to answers, owners and the store."""

import asyncio
from collections.abc import Sequence

import pytest

from services.errors import Misconfigured
from services.runtime.keys import ShardId
from services.runtime.ledger import Fenced, InDoubt, ShardEnded
from services.runtime.log.port import MAX_VALUE_BYTES, LogRecord, Record, RecordTooLarge
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.patience import Patience
from services.runtime.processor import Fold
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.runtime.store_errors import StoreUnavailable
from services.runtime.worker import group_of
from tests.fakes.lossy_link import LossyLink
from tests.fakes.memory_log import MemoryLog
from tests.private_store import fresh_shard, running_store, shared_server
from tests.store_snapshot import go_back, take
from tests.toy_shards import (
    FAR_TOPIC,
    NEAR_TOPIC,
    Sums,
    amounts,
    make_topics,
    mechanism,
    offset_of,
    told,
    totals,
    until,
    working,
)


def near_shard(partition: int = 0) -> ShardId:
    """Return a shard of the near topic that nobody used before."""
    return ShardId(fresh_shard().service, NEAR_TOPIC, partition)


def records(first: int, last: int) -> list[LogRecord]:
    """Return records at the offsets *first* to *last*; each adds 1 to the key k."""
    return [LogRecord(NEAR_TOPIC, 0, offset, "k", b"1", {}, 0) for offset in range(first, last + 1)]


async def a_log(*, partitions: int = 1, gap: int = 1, asked: bool = False) -> MemoryLog:
    """Return a log with both topics."""
    log = MemoryLog(gap=gap, asked=asked)
    await make_topics(log, partitions=partitions)
    return log


@pytest.mark.parametrize(
    ("redelivered", "handled", "total"),
    [
        ((5, 9), [], 10),  # same
        ((3, 7), [], 10),  # overlapping, from below
        ((0, 2), [], 10),  # below
        ((7, 14), [[10, 11, 12, 13, 14]], 15),  # overlapping, to above
        ((0, 14), [[10, 11, 12, 13, 14]], 15),  # contains
        ((10, 14), [[10, 11, 12, 13, 14]], 15),  # new
        ((12, 14), [[12, 13, 14]], 13),  # new, after a gap
    ],
)
async def test_a_redelivered_batch_counts_once(
    redelivered: tuple[int, int], handled: list[list[int]], total: int
) -> None:
    """Whatever part of a batch was applied before, only the rest is folded."""
    async with running_store() as store:
        shard, sums = near_shard(), Sums()
        async with working(shard.service, sums, mechanism(store, await a_log())) as worker:
            await until(lambda: sums.held)
            await worker.batch(0, records(0, 4))
            await worker.batch(0, records(5, 9))
            sums.batches.clear()

            await worker.batch(0, records(*redelivered))

            assert sums.batches == handled
            assert await totals(store, shard) == {"k": total}


async def test_a_batch_of_repeated_events_still_moves_the_offset() -> None:
    """When all its records were taken before, the batch commits its offset, so it isn't read again."""
    async with running_store() as store:
        shard, sums = near_shard(), Sums()
        headers = {"outbox-shard": "up:t:0", "outbox-id": "7-0"}
        once = LogRecord(NEAR_TOPIC, 0, 0, "k", b"1", headers, 0)
        again = LogRecord(NEAR_TOPIC, 0, 1, "k", b"1", headers, 0)
        async with working(shard.service, sums, mechanism(store, await a_log())) as worker:
            await until(lambda: sums.held)

            await worker.batch(0, [once])
            await worker.batch(0, [again])

            assert await totals(store, shard) == {"k": 1}
            assert await offset_of(store, shard) == 1


@pytest.mark.parametrize("lost", [1, 3])
async def test_a_commit_whose_answer_is_lost_is_applied_once(lost: int) -> None:
    """The same commit is repeated; the ledger says that it was applied, and the worker goes on from there."""
    async with (
        LossyLink(shared_server().socket) as link,
        running_store() as direct,
        running_store(link.url) as store,
    ):
        shard, sums = near_shard(), Sums(tells=FAR_TOPIC)
        log = await a_log()
        async with working(shard.service, sums, mechanism(store, log)) as worker:
            await until(lambda: worker.shards)
            epoch = worker.shards[0].ledger.epoch
            link.drop_answers(b"FCALL", lost)

            await log.append(amounts(("k", 5), ("k", 6)))
            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 2)
            await log.append(amounts(("k", 7)))
            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 3)

            assert link.to_drop == 0
            assert await totals(direct, shard) == {"k": 18}
            assert len(sums.batches) == 2  # neither was folded twice
            assert worker.shards[0].ledger.epoch == epoch  # nor was the shard opened again
            assert worker.failure is None


async def test_a_store_that_is_away_for_a_while_only_delays() -> None:
    """Batches wait in place and go on when the store is back."""
    async with LossyLink(shared_server().socket) as link, running_store(link.url) as store:
        shard, sums = near_shard(), Sums()
        log = await a_log()
        async with working(shard.service, sums, mechanism(store, log)) as worker:
            await until(lambda: sums.held)
            link.refuse = True
            await log.append(amounts(("k", 5)))
            with pytest.raises(StoreUnavailable):
                await store.ping()
            await asyncio.sleep(0.1)
            link.refuse = False

            await until(lambda: sums.batches)
            await until(lambda: worker.shards[0].ledger.offset == 0)

            assert await totals(store, shard) == {"k": 5}


async def test_a_store_that_stays_away_ends_the_worker() -> None:
    """When patience is at its end, the failure is there for whoever ends the process."""
    short = Patience(first_ms=5, most_ms=10, give_up_ms=50)
    async with LossyLink(shared_server().socket) as link, running_store(link.url) as store:
        sums, log = Sums(), await a_log()
        async with working(near_shard().service, sums, mechanism(store, log, patience=short)) as worker:
            await until(lambda: sums.held)
            link.refuse = True
            await log.append(amounts(("k", 5)))

            await until(lambda: worker.failure is not None)

            assert isinstance(worker.failure, StoreUnavailable)


async def test_a_commit_that_is_cancelled_is_not_followed_by_another_in_its_epoch() -> None:
    """Its outcome is unknown: the shard ends, is opened with a new epoch, and nothing is applied twice or lost."""
    async with (
        LossyLink(shared_server().socket) as link,
        running_store() as direct,
        running_store(link.url) as store,
    ):
        shard_id, sums = near_shard(), Sums()
        log = await a_log()
        async with working(shard_id.service, sums, mechanism(store, log)) as worker:
            await until(lambda: worker.shards)
            shard = worker.shards[0]
            link.drop_answers(b"FCALL", 1_000_000)
            doomed = asyncio.create_task(shard.commit(Operations().hincrby(shard.key("n"), {"f": 1})))
            await until(lambda: link.to_drop < 999_999)

            doomed.cancel()
            with pytest.raises(asyncio.CancelledError):
                await doomed
            link.drop_answers(b"", 0)
            with pytest.raises(InDoubt):
                await shard.commit(Operations().hincrby(shard.key("n"), {"f": 1}))
            await until(lambda: worker.shards and worker.shards[0] is not shard)
            await worker.shards[0].commit(Operations().hincrby(shard.key("n"), {"f": 1}))

            assert await direct.client.hget(shard.key("n"), "f") == b"2"
            assert worker.shards[0].ledger.epoch > shard.ledger.epoch


@pytest.mark.parametrize("asked", [True, False])
async def test_a_rolled_back_store_is_repaired_by_replay(*, asked: bool) -> None:
    """The store goes back: the worker opens the shard again and reads the log from there; nothing counts twice."""
    async with running_store() as store:
        shard, near, far = near_shard(), Sums(tells=FAR_TOPIC), Sums()
        log = await a_log(gap=3, asked=asked)
        options = mechanism(store, log)
        async with (
            working(shard.service, near, options, max_records=2),
            working(f"far-{shard.service}", far, options, topic=FAR_TOPIC),
        ):
            await log.append(amounts(*[("a", 1), ("b", 10)] * 3))
            await until(lambda: offset_of_is(store, shard, 15))
            kept = await take(store, [shard])
            await log.append(amounts(*[("a", 100), ("c", 1000)] * 3))
            await until(lambda: offset_of_is(store, shard, 33))
            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 12)

            await go_back(store, [shard], kept)
            await log.append(amounts(("b", 10000)))
            await until(lambda: offset_of_is(store, shard, 36))

            expected = {"a": 303, "b": 10030, "c": 3000}
            assert await totals(store, shard) == expected
            far_shard = ShardId(f"far-{shard.service}", FAR_TOPIC, 0)
            await until(lambda: totals_are(store, far_shard, expected))
            # Sent twice; dropped by a log that knows its producers, else by the far side.
            assert (len(log.records(FAR_TOPIC, 0)) > 13) is asked


async def offset_of_is(store: Store, shard: ShardId, offset: int) -> bool:
    """Whether *shard*'s ledger stands at *offset*."""
    return await offset_of(store, shard) == offset


async def totals_are(store: Store, shard: ShardId, expected: dict[str, int]) -> bool:
    """Whether *shard* holds these sums."""
    return await totals(store, shard) == expected


async def test_a_roll_back_noticed_by_a_timer_is_repaired_too() -> None:
    """Not only batches find it: a commit from beside them opens the shard again, and the log is read once more."""
    async with running_store() as store:
        shard, sums = near_shard(), Sums()
        log = await a_log()
        async with working(shard.service, sums, mechanism(store, log)) as worker:
            await until(lambda: worker.shards)
            kept = await take(store, [shard])
            await log.append(amounts(("k", 5)))
            await until(lambda: offset_of_is(store, shard, 0))
            held = worker.shards[0]
            await go_back(store, [shard], kept)

            with pytest.raises(ShardEnded):
                await held.commit(Operations().set(held.key("x"), "v"))

            await until(lambda: offset_of_is(store, shard, 0))
            assert await totals(store, shard) == {"k": 5}
            assert worker.shards[0] is not held
            assert sums.held == [worker.shards[0]]


async def test_an_idle_shard_notices_that_the_store_went_back() -> None:
    """With nothing to commit, the ledgers are compared now and then; the lost records are read again."""
    async with running_store() as store:
        shard, sums = near_shard(), Sums()
        log = await a_log()
        async with working(shard.service, sums, mechanism(store, log, verify_ms=20)):
            await log.append(amounts(("k", 5)))
            await until(lambda: offset_of_is(store, shard, 0))

            await go_back(store, [shard], [])

            await until(lambda: totals_are(store, shard, {"k": 5}))
            assert sums.batches == [[0], [0]]


async def test_an_idle_zombie_notices_its_successor() -> None:
    """An owner left behind without a batch ends as well, so its timers and dispatch don't go on."""
    async with running_store() as store:
        shard, old = near_shard(), Sums()
        async with working(shard.service, old, mechanism(store, await a_log(), verify_ms=20)) as zombie:
            await until(lambda: zombie.shards)
            held = zombie.shards[0]

            await store.open(shard, now=held.ledger.epoch + 1)

            await until(lambda: old.held == [])
            assert isinstance(held.ended, Fenced)


async def test_a_zombie_is_fenced_and_changes_nothing() -> None:
    """An owner that was left behind folds on, but its commit is refused; only the successor's count."""
    async with running_store() as store:
        shard, old, new = near_shard(), Sums(), Sums()
        log = await a_log()
        old.hold_fold = asyncio.Event()
        async with working(shard.service, old, mechanism(store, log)) as zombie:
            await until(lambda: zombie.shards)
            await log.append(amounts(("k", 5)))
            held = zombie.shards[0]
            log.members(NEAR_TOPIC, group_of(shard.service, NEAR_TOPIC))[0].abandon()
            async with working(shard.service, new, mechanism(store, log)):
                await until(lambda: offset_of_is(store, shard, 0))

                old.hold_fold.set()
                await until(lambda: held.ended)

                assert isinstance(held.ended, Fenced)
                assert await totals(store, shard) == {"k": 5}
                assert old.held == []  # the zombie's timers and dispatch were told to end
                assert zombie.failure is None


async def test_a_fenced_shard_that_stays_assigned_is_a_failure() -> None:
    """Group and store disagree about the owner: after the grace that ends the process."""
    async with running_store() as store:
        shard, sums = near_shard(), Sums()
        async with working(
            shard.service, sums, mechanism(store, await a_log(), fenced_grace_ms=20)
        ) as worker:
            await until(lambda: worker.shards)
            await store.open(shard, now=worker.shards[0].ledger.epoch + 1)

            await worker.batch(0, records(0, 4))
            await until(lambda: worker.failure)

            assert isinstance(worker.failure, Fenced)
            with pytest.raises(Fenced):
                await worker.batch(0, records(0, 4))


async def test_events_left_in_the_outbox_are_relayed_by_the_next_owner_in_order() -> None:
    """The log was away when the owner went: its successor sends what it left, before anything new."""
    async with running_store() as store:
        shard, log = near_shard(), await a_log()
        async with working(shard.service, Sums(tells=FAR_TOPIC), mechanism(store, log)):
            log.away = True
            log_records = amounts(("a", 1), ("b", 2))
            log.away = False
            await log.append(log_records)
            log.away = True
            await until(lambda: offset_of_is(store, shard, 1))
        assert log.records(FAR_TOPIC, 0) == []

        log.away = False
        async with working(shard.service, Sums(tells=FAR_TOPIC), mechanism(store, log)):
            await log.append(amounts(("c", 3)))
            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 3)

            assert told(log.records(FAR_TOPIC, 0)) == [
                (str(shard), "0-0", "a"),
                (str(shard), "1-0", "b"),
                (str(shard), "2-0", "c"),
            ]
            await until(lambda: outbox_length_is(store, shard, 0))


async def outbox_length_is(store: Store, shard: ShardId, length: int) -> bool:
    """Whether the store holds so many outbox entries of *shard*."""
    return await store.client.xlen(shard.outbox_key) == length


async def test_the_outbox_is_trimmed_when_nothing_else_commits() -> None:
    """Acknowledged entries leave the store after a moment, by a commit of their own."""
    async with running_store() as store:
        shard, log = near_shard(), await a_log()
        async with working(shard.service, Sums(tells=FAR_TOPIC), mechanism(store, log)):
            await log.append(amounts(("a", 1), ("b", 2)))

            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 2)
            await until(lambda: outbox_length_is(store, shard, 0))

            assert await offset_of(store, shard) == 1


async def test_a_full_outbox_makes_batches_wait() -> None:
    """While the log takes nothing, commits stop at the cap; afterwards everything goes out."""
    async with running_store() as store:
        shard, sums, log = near_shard(), Sums(tells=FAR_TOPIC), await a_log()
        async with working(
            shard.service, sums, mechanism(store, log, outbox_most=4), max_records=2
        ) as worker:
            await until(lambda: worker.shards)
            held = worker.shards[0]
            await log.append(amounts(*[("a", 1)] * 20))
            log.away = True
            await until(lambda: len(held.outbox) >= 4)
            await asyncio.sleep(0.05)

            assert len(held.outbox) <= 5

            log.away = False
            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 20)
            assert [entry for _, entry, _ in told(log.records(FAR_TOPIC, 0))] == [f"{n}-0" for n in range(20)]


async def test_a_turn_keeps_others_from_coming_between() -> None:
    """What dispatch read within its turn still holds when it commits, though batches wait to be folded."""
    async with running_store() as store:
        shard_id, sums, log = near_shard(), Sums(), await a_log()
        async with working(shard_id.service, sums, mechanism(store, log)) as worker:
            await until(lambda: worker.shards)
            shard = worker.shards[0]
            key = shard.key("total:k")
            async with shard.turn() as turn:
                seen = int((await store.mget([key]))[0] or 0)
                await log.append(amounts(("k", 5)))
                await asyncio.sleep(0.05)
                await turn.commit(Operations().set(key, seen + 100))

            await until(lambda: offset_of_is(store, shard_id, 0))

            assert await totals(store, shard_id) == {"k": 105}


async def test_a_turn_within_a_turn_is_a_mistake_and_not_a_dead_lock() -> None:
    """The same task asking for a second turn is told so at once; a turn is void after its block."""
    async with (
        running_store() as store,
        working(near_shard().service, Sums(), mechanism(store, await a_log())) as worker,
    ):
        await until(lambda: worker.shards)
        shard = worker.shards[0]
        async with shard.turn() as turn:
            with pytest.raises(RuntimeError, match="within a turn"):
                await shard.commit(Operations())
        with pytest.raises(RuntimeError, match="own block"):
            await turn.commit(Operations())


async def test_a_commit_keeps_to_its_shard() -> None:
    """Keys of another shard and the runtime's own keys are refused before anything is sent."""
    async with (
        running_store() as store,
        working(near_shard().service, Sums(), mechanism(store, await a_log())) as worker,
    ):
        await until(lambda: worker.shards)
        shard = worker.shards[0]
        for key in (near_shard().key("a"), shard.id.ledger_key, shard.id.outbox_key, shard.id.seen_key):
            with pytest.raises(ValueError, match="not a key"):
                await shard.commit(Operations().delete(key))


async def test_an_event_that_the_log_would_refuse_is_refused_before_the_commit() -> None:
    """An oversized event raises in the turn that emits it; nothing is committed and the shard goes on."""
    async with (
        running_store() as store,
        working(near_shard().service, Sums(), mechanism(store, await a_log())) as worker,
    ):
        await until(lambda: worker.shards)
        shard = worker.shards[0]
        huge = Emission(Record(FAR_TOPIC, "k", bytes(MAX_VALUE_BYTES + 1)))

        with pytest.raises(RecordTooLarge):
            await shard.commit(Operations().set(shard.key("a"), "v"), emissions=[huge])

        assert await store.client.exists(shard.key("a")) == 0
        assert (await shard.commit(Operations())).version == 1


async def test_events_of_timers_have_ids_of_their_own() -> None:
    """They count within the epoch, beside those of records, so neither hides the other on the far side."""
    async with running_store() as store:
        shard_id, log = near_shard(), await a_log()
        async with working(shard_id.service, Sums(tells=FAR_TOPIC), mechanism(store, log)) as worker:
            await until(lambda: worker.shards)
            shard = worker.shards[0]
            own = [Emission(Record(FAR_TOPIC, "timer", b"0"))] * 2
            await shard.commit(Operations(), emissions=own)
            await log.append(amounts(("a", 1)))
            await until(lambda: offset_of_is(store, shard_id, 0))
            await shard.commit(Operations(), emissions=own[:1])

            await until(lambda: len(log.records(FAR_TOPIC, 0)) == 4)
            epoch = shard.ledger.epoch
            assert told(log.records(FAR_TOPIC, 0)) == [
                (f"{shard_id}:own", f"{epoch}-0", "timer"),
                (f"{shard_id}:own", f"{epoch}-1", "timer"),
                (str(shard_id), "0-0", "a"),
                (f"{shard_id}:own", f"{epoch}-2", "timer"),
            ]


async def test_a_store_that_is_ahead_of_the_log_is_refused() -> None:
    """A topic made anew would have its records dropped as known; the worker doesn't start on it."""
    async with running_store() as store:
        shard = near_shard()
        await store.commit(shard, await store.open(shard, now=1), 500, Operations())

        async with working(shard.service, Sums(), mechanism(store, await a_log())) as worker:
            await until(lambda: worker.failure)

            assert isinstance(worker.failure, Misconfigured)
            assert "ends before" in str(worker.failure)


class Faulty(Sums):
    """Folds wrongly."""

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Raise what a bug would raise."""
        raise ZeroDivisionError(f"{shard.id}: {len(records)}")


async def test_a_bug_in_a_fold_ends_the_worker_and_not_the_record() -> None:
    """Nothing is committed, the failure stands, and the next process reads the same record again."""
    async with running_store() as store:
        shard, log = near_shard(), await a_log()
        await log.append(amounts(("k", 5)))
        async with working(shard.service, Faulty(), mechanism(store, log)) as worker:
            await until(lambda: worker.failure)
            assert isinstance(worker.failure, ZeroDivisionError)

        async with working(shard.service, Sums(), mechanism(store, log)):
            await until(lambda: totals_are(store, shard, {"k": 5}))


async def test_partitions_are_shards_of_their_own() -> None:
    """Two members share the partitions; every record counts once, in its own shard."""
    async with running_store() as store:
        service, log = near_shard().service, await a_log(partitions=4)
        pairs = [(f"k{number % 10}", number) for number in range(200)]
        async with (
            working(service, Sums(), mechanism(store, log)),
            working(service, Sums(), mechanism(store, log)),
        ):
            await log.append(amounts(*pairs))
            ends = {partition: each.end - 1 for partition, each in (await log.offsets(NEAR_TOPIC)).items()}
            for partition, end in ends.items():
                await until(
                    lambda p=partition, e=end: offset_of_is(store, ShardId(service, NEAR_TOPIC, p), e)
                )

        found: dict[str, int] = {}
        for partition in range(4):
            found |= await totals(store, ShardId(service, NEAR_TOPIC, partition))
        assert found == {f"k{key}": sum(n for k, n in pairs if k == f"k{key}") for key in range(10)}
