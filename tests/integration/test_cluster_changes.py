"""Shards on a cluster of three primaries while slots move and replicas take over: nothing lost, nothing twice."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from services.runtime.topic_status import topic_status
from tests.fakes.memory_log import MemoryLog
from tests.integration.summing_load import Load
from tests.integration.summing_load import under_load as loaded
from tests.private_store import running_store
from tests.valkey_cluster import Cluster, valkey_cluster
from tests.waiting import wait_until


@asynccontextmanager
async def under_load(cluster: Cluster) -> AsyncGenerator[Load]:
    """See `summing_load.under_load`; on *cluster*."""
    async with running_store(cluster.url, cluster=True) as store, loaded(store, MemoryLog()) as load:
        yield load


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
