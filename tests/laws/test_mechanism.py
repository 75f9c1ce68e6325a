"""
Laws of the mechanism: whatever dies, wherever, and whatever the store loses, the end is the same.

Each event stands on its topic once: where the log drops what comes again, always; where it is asked what arrived, unless
the store lost writes.

A near shard sums amounts and tells each on; a far shard sums what it is told. Processes die at chosen steps,
stores go back to earlier moments; at the end near and far must be what an undisturbed run makes them.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.runtime.dump import dump
from services.runtime.keys import ShardId
from services.runtime.log.port import Origin, origin_of
from services.runtime.store import Store
from services.runtime.worker import ShardWorker
from tests.fakes.memory_log import MemoryLog
from tests.fakes.mortal_process import Fate, MortalLog, MortalStore, Process
from tests.private_store import fresh_shard, running_store, shared_server
from tests.store_snapshot import Snapshot, go_back, take
from tests.toy_shards import FAR_TOPIC, NEAR_TOPIC, Sums, amounts, make_topics, mechanism, totals
from tests.waiting import PATIENCE_S

PARTITIONS = 2
UNDISTURBED = Fate()


@dataclass
class World:
    """One store, one log and two services, through the lives of several processes."""

    store: Store
    log: MemoryLog
    batch: int
    near: list[ShardId]
    far: list[ShardId]
    kept: Snapshot = field(default_factory=list[bytes])

    async def live(self, fate: Fate) -> None:
        """Run a process until its fate ends it, or until there is nothing left to do."""
        process = Process(fate, self.keep, self.roll_back)
        store, log = MortalStore(shared_server().url, process), MortalLog(self.log, process)
        quick = mechanism(store, log, outbox_most=6, relay_batch=3)
        roles = [(self.near[0], Sums(tells=FAR_TOPIC)), (self.far[0], Sums())]
        workers = [
            ShardWorker(
                service=shard.service,
                topic=shard.topic,
                processor=sums,
                mechanism=quick,
                max_records=self.batch,
            )
            for shard, sums in roles
        ]
        try:
            for worker in workers:
                await worker.start()
            async with asyncio.timeout(PATIENCE_S):
                while not process.died.is_set() and not await self._at_rest():
                    assert [worker.failure for worker in workers] == [None, None], [
                        worker.failure for worker in workers
                    ]
                    await asyncio.sleep(0.002)
        finally:
            await process.bury()
            await store.close()

    async def keep(self) -> None:
        """Take a snapshot of the near shards."""
        self.kept = await take(self.store, self.near)

    async def roll_back(self) -> None:
        """Take the near shards back to the snapshot; to nothing, if there is none."""
        await go_back(self.store, self.near, self.kept)

    async def forget(self) -> None:
        """Lose all state."""
        await go_back(self.store, [*self.near, *self.far], [])

    async def outcome(self) -> tuple[list[bytes], list[dict[str, int]], int]:
        """Return the near shards' bytes, the far sums, and how many events the far side took."""
        counts = [
            int(await self.store.client.hget(shard.key("counts"), "records") or 0) for shard in self.far
        ]
        return (
            [await dump(self.store, shard) for shard in self.near],
            [await totals(self.store, shard) for shard in self.far],
            sum(counts),
        )

    async def repeated(self) -> list[Origin]:
        """Return what stands on the far topic more than once."""
        held = [each for part in range(PARTITIONS) for each in self.log.records(FAR_TOPIC, part)]
        counted = Counter(origin_of(each.headers) for each in held)
        return [origin for origin, count in counted.items() if origin is not None and count > 1]

    async def _at_rest(self) -> bool:
        for shard in (*self.near, *self.far):
            end = (await self.log.offsets(shard.topic))[shard.partition].end
            offset = int(await self.store.client.hget(shard.ledger_key, "offset") or -1)
            if offset != end - 1 or await self.store.client.xlen(shard.outbox_key):
                return False
        return True


async def history_of(
    pairs: list[tuple[str, int]], fates: list[Fate], *, batch: int, gap: int, asked: bool
) -> tuple[object, object, object]:
    """Return the outcomes of an undisturbed run, of a run with *fates*, and of a replay into an empty store."""
    lost = any(fate.rolled_back_at is not None for fate in fates)
    async with running_store() as store:
        service = fresh_shard().service
        near = [ShardId(service, NEAR_TOPIC, partition) for partition in range(PARTITIONS)]
        far = [ShardId(f"far-{service}", FAR_TOPIC, partition) for partition in range(PARTITIONS)]
        outcomes: list[object] = []
        for lives in ([UNDISTURBED], [*fates, UNDISTURBED]):
            log = MemoryLog(gap=gap, asked=asked)
            await make_topics(log, partitions=PARTITIONS)
            world = World(store, log, batch, near, far)
            await world.forget()
            await log.append(amounts(*pairs))
            for fate in lives:
                await world.live(fate)
            outcomes.append(await world.outcome())
            assert (asked and lost) or await world.repeated() == []
        await world.forget()
        await world.live(UNDISTURBED)
        assert asked or await world.repeated() == []
        outcomes.append(await world.outcome())
        await world.forget()
        return outcomes[0], outcomes[1], outcomes[2]


steps = st.integers(0, 60)
fates = st.builds(
    Fate,
    dies_at=steps,
    after_effect=st.booleans(),
    kept_at=st.none() | steps,
    rolled_back_at=st.none() | steps,
)
histories = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 1000)), min_size=1, max_size=25)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    pairs=histories,
    lives=st.lists(fates, min_size=1, max_size=5),
    batch=st.integers(1, 6),
    gap=st.integers(1, 3),
    asked=st.booleans(),
)
@example(pairs=[("a", 1), ("b", 2)] * 8, lives=[Fate(52, rolled_back_at=5)], batch=5, gap=3, asked=True)
@example(pairs=[("a", 1)] * 9, lives=[Fate(30, kept_at=10, rolled_back_at=25)], batch=2, gap=1, asked=False)
def test_crashes_and_roll_backs_leave_no_trace(
    pairs: list[tuple[str, int]], lives: list[Fate], batch: int, gap: int, *, asked: bool
) -> None:
    """State is the same byte for byte, and the far side took each event once; so does a replay from nothing."""
    histories = history_of(pairs, lives, batch=batch, gap=gap, asked=asked)
    undisturbed, disturbed, replayed = asyncio.run(histories)

    assert disturbed == undisturbed
    assert replayed == undisturbed


@pytest.mark.parametrize("asked", [True, False])
async def test_no_death_between_sending_and_trimming_leaves_an_event_twice(*, asked: bool) -> None:
    """A process dies after each step in turn, and its successor too: the topic holds each event once, and all of them."""
    async with running_store() as store:
        for step in range(12, 36):
            service = fresh_shard().service
            near = [ShardId(service, NEAR_TOPIC, partition) for partition in range(PARTITIONS)]
            far = [ShardId(f"far-{service}", FAR_TOPIC, partition) for partition in range(PARTITIONS)]
            world = World(store, MemoryLog(asked=asked), 3, near, far)
            await make_topics(world.log, partitions=PARTITIONS)
            await world.log.append(amounts(*[("a", 1), ("b", 2), ("c", 3)] * 4))
            fate = Fate(dies_at=step, after_effect=True)
            for each in (fate, fate, UNDISTURBED):
                await world.live(each)
            assert await world.repeated() == [], step
            assert sum(len(world.log.records(FAR_TOPIC, part)) for part in range(PARTITIONS)) == 12, step
