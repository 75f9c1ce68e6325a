"""Shards on a cluster of three primaries while slots move and replicas take over: nothing lost, nothing twice."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

<<<<<<< HEAD
=======
from services.runtime.keys import ShardId
from services.runtime.patience import Patience
from services.runtime.store import Store, StoreUnavailable
from services.runtime.topic_status import topic_status
from services.runtime.worker import ShardWorker
>>>>>>> scale
from tests.fakes.memory_log import MemoryLog
from tests.integration.summing_load import Load
from tests.integration.summing_load import under_load as loaded
from tests.private_store import running_store
from tests.valkey_cluster import Cluster, valkey_cluster
from tests.waiting import wait_until

<<<<<<< HEAD

@asynccontextmanager
async def under_load(cluster: Cluster) -> AsyncGenerator[Load]:
    """See `summing_load.under_load`; on *cluster*."""
    async with running_store(cluster.url, cluster=True) as store, loaded(store, MemoryLog()) as load:
        yield load
=======
PARTITIONS = 6
KEYS = 30
PATIENT = Patience(first_ms=5, most_ms=50, give_up_ms=40_000)


@dataclass
class Load:
    """Amounts that are appended without a pause, and what must come of them."""

    log: MemoryLog
    store: Store
    service: str
    sent: dict[str, int] = field(default_factory=dict[str, int])
    count: int = 0
    near: ShardWorker | None = None

    async def send(self, count: int = 1) -> None:
        """Append *count* amounts."""
        pairs = [(f"k{number % KEYS}", number + 1) for number in range(self.count, self.count + count)]
        self.count += count
        for key, amount in pairs:
            self.sent[key] = self.sent.get(key, 0) + amount
        await self.log.append(amounts(*pairs))

    async def flow(self) -> None:
        """Append until cancelled."""
        while True:
            await self.send(5)
            await asyncio.sleep(0.002)

    def shards(self, *, far: bool = False) -> list[ShardId]:
        """Return the shards of this side."""
        service, topic = (f"far-{self.service}", FAR_TOPIC) if far else (self.service, NEAR_TOPIC)
        return [ShardId(service, topic, number) for number in range(PARTITIONS)]

    async def settled(self) -> None:
        """Wait until everything is folded and told on."""
        await wait_until(self._is_settled, description="all is folded", every_s=0.1)

    async def totals(self, *, far: bool = False) -> dict[str, int]:
        """Return the sums that the shards of this side hold."""
        found: dict[str, int] = {}
        for shard in self.shards(far=far):
            values = await self.store.mget([shard.key(f"total:k{number}") for number in range(KEYS)])
            found |= {f"k{number}": int(value) for number, value in enumerate(values) if value is not None}
        return found

    async def _is_settled(self) -> bool:
        with suppress(StoreUnavailable):  # who takes over is known to one server after the other
            return await self._is_folded()
        return False

    async def _is_folded(self) -> bool:
        for far in (False, True):
            ends = await self.log.offsets(FAR_TOPIC if far else NEAR_TOPIC)
            for shard in self.shards(far=far):
                ledger = await self.store.ledger(shard)
                if ledger.offset < ends[shard.partition].end - 1:
                    return False
                if await self.store.read([("XLEN", shard.outbox_key)]) != [0]:
                    return False
        return True


@asynccontextmanager
async def under_load(cluster: Cluster) -> AsyncGenerator[Load]:
    """Give shards at work on *cluster*, each record told on to far ones; afterwards both sums must be exact."""
    async with running_store(cluster.url, cluster=True) as store:
        load = Load(MemoryLog(), store, fresh_shard().service)
        await make_topics(load.log, partitions=PARTITIONS)
        parts = mechanism(store, load.log, patience=PATIENT)
        async with (
            working(load.service, Sums(tells=FAR_TOPIC), parts, max_records=20) as near,
            working(f"far-{load.service}", Sums(), parts, topic=FAR_TOPIC) as far,
        ):
            load.near = near
            await load.send(300)
            await load.settled()
            flowing = asyncio.create_task(load.flow())
            try:
                yield load
            finally:
                flowing.cancel()
            await load.settled()
            assert near.failure is None
            assert far.failure is None
            assert await load.totals() == load.sent
            assert await load.totals(far=True) == load.sent
>>>>>>> scale


async def test_a_shard_whose_slot_moves_loses_nothing() -> None:
    """Each shard's slot goes to the next primary, key by key, while it commits: it waits or follows, no more."""
    with capture_logs() as logs:
        async with valkey_cluster() as cluster, under_load(cluster) as load:
            for shard in (*load.shards(), *load.shards(far=True)):
                slot, before = cluster.slot_of(shard.ledger_key), load.count
                owner = cluster.owner(slot)
                target = cluster.primaries[(cluster.primaries.index(owner) + 1) % 3]

                assert await cluster.move(slot, target) > 1

                assert cluster.owner(slot) is target
                await wait_until(lambda before=before: load.count > before + 50, description="more comes")
    assert not [each for each in logs if each["event"] in {"commit.rolled_back", "shard.fenced"}]


async def test_a_replica_that_takes_over_in_order_loses_nothing() -> None:
    """CLUSTER FAILOVER, as before a primary's machine is serviced: the replica waits until it has all."""
    with capture_logs() as logs:
        async with valkey_cluster(replicas=3) as cluster, under_load(cluster) as load:
            for replica in cluster.replicas:
                before = load.count
                replica.run("CLUSTER", "FAILOVER")
                await cluster.promoted(replica)
                await wait_until(lambda before=before: load.count > before + 50, description="more comes")
    assert not [each for each in logs if each["event"] in {"commit.rolled_back", "shard.fenced"}]


async def test_what_a_dead_primary_took_along_is_read_again() -> None:
    """Its replica lacks the last commits: those shards are behind the log, say so, and come to the same sums."""
    with capture_logs() as logs:
        async with valkey_cluster(replicas=3) as cluster, under_load(cluster) as load:
            doomed = cluster.owner(cluster.slot_of(load.shards()[0].ledger_key))
            heir = cluster.replica_of(doomed)
            cluster.cut_off(heir, doomed)
            known, shard = load.count, load.shards()[0]
            kept = (await load.store.ledger(shard)).offset

            async def went_on() -> bool:
                return load.count > known + 500 and (await load.store.ledger(shard)).offset > kept + 20

            await wait_until(went_on, description="the shards have gone on without the replica")
            doomed.kill()
            await cluster.promoted(heir)
    rolled_back = {each["shard"] for each in logs if each["event"] == "commit.rolled_back"}
    assert str(shard) in rolled_back
    assert load.near is not None
    assert (await topic_status(load.near)).rolled_back >= 1
    assert not [each for each in logs if each["event"] == "shard.fenced"]
