"""The store on a cluster: the function on each primary, each shard in one slot."""

import asyncio
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as ClientConnectionError

from services.cli.stage.ports import held_port
from services.errors import Misconfigured
from services.runtime.dump import dump
from services.runtime.keys import ShardId
from services.runtime.ledger import Outcome
from services.runtime.operations import Operations
from services.runtime.store import Store
from services.runtime.valkey_process import launch, server_binary
from tests.fakes.memory_log import MemoryLog
from tests.private_store import fresh_shard, running_store
from tests.toy_shards import NEAR_TOPIC, Sums, amounts, make_topics, mechanism, offset_of, until, working
from tests.waiting import wait_until

HALF = 8192


@contextmanager
def held_ports(count: int) -> Generator[list[int]]:
    """Give ports that are free, and whose bus ports (10,000 above) exist."""
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            with suppress(OSError, OverflowError):
                port = held.enter_context(held_port())
                held.enter_context(held_port(port + 10_000))
                ports.append(port)
        yield ports


@pytest.fixture
def nodes() -> Generator[list[int]]:
    """Run two primaries with half of the slots each; give their ports."""
    folders = [Path(tempfile.mkdtemp(prefix="tasuki-cluster-")) for _ in range(2)]
    with held_ports(2) as ports:
        yield from _running(folders, ports)


def _running(folders: list[Path], ports: list[int]) -> Generator[list[int]]:
    processes = [
        launch(
            server_binary(),
            ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--save", ""],
            folder=folder,
            output=folder / "log",
        )
        for port, folder in zip(ports, folders, strict=True)
    ]
    try:
        asyncio.run(join(ports))
        yield ports
    finally:
        for process, folder in zip(processes, folders, strict=True):
            process.kill()
            process.wait()
            shutil.rmtree(folder)


async def join(ports: list[int]) -> None:
    """Make one cluster of the nodes and wait until all of them say so."""
    clients: list[Any] = [Redis(port=port, protocol=2) for port in ports]

    def up() -> bool:
        try:
            return all(client.ping() for client in clients)
        except ClientConnectionError:
            return False

    def ok() -> bool:
        told = [client.execute_command("CLUSTER", "INFO") for client in clients]
        return all(b"cluster_state:ok" in each and b"cluster_known_nodes:2" in each for each in told)

    await wait_until(up, description="both nodes answer")
    for number, client in enumerate(clients):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * HALF, number * HALF + HALF - 1)
    clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", ports[1])
    await wait_until(ok, description="the nodes form a cluster")
    for client in clients:
        client.close()


async def test_shards_on_both_primaries_commit(nodes: list[int]) -> None:
    """The function is on each of them, and a shard's keys are all on one."""
    async with running_store(f"redis://127.0.0.1:{nodes[0]}", cluster=True) as store:
        service = fresh_shard().service
        for partition in range(8):
            shard = ShardId(service, "t", partition)
            base = await store.open(shard, now=5)
            operations = Operations().set(shard.key("a"), "v").hincrby(shard.key("b"), {"f": 2})

            reply = await store.commit(shard, base, 7, operations)

            assert reply.outcome is Outcome.COMMITTED
            assert await store.mget([shard.key("a"), shard.key("no")]) == [b"v", None]
            assert await store.read([("HGETALL", shard.key("b")), ("GET", shard.key("a"))]) == [
                {b"f": b"2"},
                b"v",
            ]
            assert len(await dump(store, shard)) > 0


async def test_a_primary_without_the_function_gets_it(nodes: list[int]) -> None:
    """A node that joined after the start learns it at the first commit that meets it."""
    async with running_store(f"redis://127.0.0.1:{nodes[1]}", cluster=True) as store:
        with Redis(port=nodes[0]) as first, Redis(port=nodes[1]) as second:
            for node in (first, second):
                node.execute_command("FUNCTION", "FLUSH")
        for partition in range(8):
            shard = ShardId("t", "t", partition)

            reply = await store.commit(shard, await store.open(shard, now=5), 7, Operations())

            assert reply.outcome is Outcome.COMMITTED


async def test_a_worker_runs_on_a_cluster(nodes: list[int]) -> None:
    """Opening, folding, relaying and trimming need no key of another slot."""
    log = MemoryLog()
    await make_topics(log, partitions=6)
    async with running_store(f"redis://127.0.0.1:{nodes[0]}", cluster=True) as store:
        service = fresh_shard().service
        async with working(service, Sums(tells="told.v1"), mechanism(store, log)):
            await log.append(amounts(*[(f"k{number}", 1) for number in range(60)]))
            for partition, each in (await log.offsets(NEAR_TOPIC)).items():
                shard = ShardId(service, NEAR_TOPIC, partition)

                async def done(shard: ShardId = shard, end: int = each.end) -> bool:
                    trimmed = not await store.client.xlen(shard.outbox_key)
                    return trimmed and await offset_of(store, shard) == end - 1

                await until(done)
        assert sum(len(log.records("told.v1", partition)) for partition in range(6)) == 60


def test_waiting_for_one_disk_is_not_for_clusters() -> None:
    """WAITAOF speaks of the connection's own server; the text names what to set instead."""
    with pytest.raises(Misconfigured, match="min-replicas"):
        Store("redis://127.0.0.1:1", cluster=True, waitaof_ms=100)
