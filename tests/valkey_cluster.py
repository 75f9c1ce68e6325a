"""A cluster of Valkey servers that a test may kill, promote and move slots in: three primaries, each with its replicas."""

import asyncio
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as ClientConnectionError
from redis.exceptions import ResponseError

from services.cli.stage.ports import held_port
from services.runtime.valkey_process import launch, server_binary
from tests.waiting import wait_until

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000
_HOST = "127.0.0.1"
_OPTIONS = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": str(NODE_TIMEOUT_MS),
    # A replica may take over however long it hasn't heard of its primary: tests cut it off on purpose.
    "cluster-replica-validity-factor": "0",
    "repl-diskless-sync-delay": "0",
    "maxmemory-policy": "noeviction",
    "save": "",
}


@dataclass
class Node:
    """One server of a cluster; `user` and `password` are for its own clients here."""

    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"

    def client(self) -> Any:
        """Return a plain, synchronous client; close it after."""
        return Redis(port=self.port, socket_timeout=20)

    def run(self, *words: str | int) -> Any:
        """Run one command here and return its reply."""
        with self.client() as client:
            return client.execute_command(*words)

    @property
    def id(self) -> str:
        """Its name in the cluster."""
        return self.run("CLUSTER", "MYID").decode()

    @property
    def is_primary(self) -> bool:
        """Whether it takes writes."""
        return self.run("ROLE")[0] == b"master"

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it without a farewell."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Cluster:
    """The servers; the first `primaries` of them began as primaries, the others as their replicas, in order."""

    def __init__(self, nodes: Sequence[Node], primaries: int) -> None:
        self.nodes = list(nodes)
        self.primaries = self.nodes[:primaries]
        self.replicas = self.nodes[primaries:]

    @property
    def url(self) -> str:
        """For any client of clusters."""
        return f"redis://{_HOST}:{self.nodes[0].port}"

    def owner(self, slot: int) -> Node:
        """Return the primary that serves *slot*, as the first live one says."""
        asked = next(each for each in self.nodes if each.is_alive and each.is_primary)
        for first, last, primary, *_ in asked.run("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(each for each in self.nodes if each.port == primary[1])
        raise AssertionError(f"nobody serves slot {slot}")

    def slot_of(self, key: str) -> int:
        """Return where *key* lies."""
        return int(self.nodes[0].run("CLUSTER", "KEYSLOT", key))

    def replica_of(self, primary: Node) -> Node:
        """Return the replica that *primary* began with."""
        return self.replicas[self.primaries.index(primary)]

    async def form(self) -> None:
        """Make them one cluster, and wait until all agree."""
        await asyncio.gather(*(wait_until(_answers(each), description="it answers") for each in self.nodes))
        share = -(-SLOTS // len(self.primaries))
        for number, node in enumerate(self.primaries):
            last = min(SLOTS, (number + 1) * share) - 1
            node.run("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            node.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self.nodes[0].run("CLUSTER", "MEET", _HOST, node.port)
        await self.agree()
        for number, replica in enumerate(self.replicas):
            replica.run("CLUSTER", "REPLICATE", self.primaries[number % len(self.primaries)].id)
        await self.agree()
        await wait_until(
            lambda: all(b"master_link_status:up" in _told(each) for each in self.replicas),
            description="the replicas follow",
        )

    async def agree(self) -> None:
        """Wait until every live server knows all of them and finds the cluster well."""

        def well() -> bool:
            told = [each.run("CLUSTER", "INFO") for each in self.nodes if each.is_alive]
            known = f"cluster_known_nodes:{len(self.nodes)}".encode()
            return all(b"cluster_state:ok" in each and known in each for each in told)

        await wait_until(well, description="the cluster is well", every_s=0.05)

    async def until_told(self, ports: Sequence[int]) -> None:
        """Wait until every server tells clients just these *ports* of the primaries."""

        def told() -> bool:
            slots = [each.run("CLUSTER", "SLOTS") for each in self.nodes]
            return all({primary[1] for _, _, primary, *_ in each} == {*ports} for each in slots)

        await wait_until(told, description="the ports are known", every_s=0.05)

    async def move(self, slot: int, target: Node) -> int:
        """Move *slot* to *target*, key by key as the usual tools do; return how many keys it held."""
        source, moved = self.owner(slot), 0
        target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        while keys := source.run("CLUSTER", "GETKEYSINSLOT", slot, 5):
            source.run("MIGRATE", _HOST, target.port, "", 0, 5_000, "KEYS", *keys)
            moved += len(keys)
            await asyncio.sleep(0)  # those who commit meanwhile have their turn between keys
        for node in (target, source, *self.primaries):
            if node.is_alive and node.is_primary:
                node.run("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        return moved

    def cut_off(self, replica: Node, primary: Node) -> None:
        """Have *replica* hear nothing more of *primary*: what is written from now on is lost when that one dies."""
        replica.run("CONFIG", "SET", "primaryuser", "nobody", "primaryauth", "wrong")
        primary.run("CLIENT", "KILL", "TYPE", "REPLICA")

    async def promoted(self, replica: Node) -> None:
        """Wait until *replica* has become a primary and the cluster is well."""
        await wait_until(lambda: replica.is_primary, description="the replica takes over", every_s=0.05)
        await self.agree()


def _told(node: Node) -> bytes:
    with node.client() as client:
        client.response_callbacks.clear()
        return client.execute_command("INFO", "replication")


def _answers(node: Node) -> Any:
    def up() -> bool:
        with suppress(ClientConnectionError, ResponseError):
            return bool(node.run("PING"))
        return False

    return up


@contextmanager
def held_ports(count: int) -> Generator[list[int]]:
    """Give ports that are free, and whose bus ports (10,000 above) exist and are free too."""
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            with suppress(OSError, OverflowError):
                port = held.enter_context(held_port())
                held.enter_context(held_port(port + 10_000))
                ports.append(port)
        yield ports


@asynccontextmanager
async def valkey_cluster(
    *, primaries: int = 3, replicas: int = 0, options: dict[str, str] | None = None
) -> AsyncGenerator[Cluster]:
    """Give a cluster of *primaries* and, of the first of them, *replicas*; end it after."""
    with held_ports(primaries + replicas) as ports:
        nodes = [_launched(port, {**_OPTIONS, **(options or {})}) for port in ports]
        try:
            cluster = Cluster(nodes, primaries)
            await cluster.form()
            yield cluster
        finally:
            for node in nodes:
                if node.is_alive:
                    node.kill()
                shutil.rmtree(node.folder)


def _launched(port: int, options: dict[str, str]) -> Node:
    folder = Path(tempfile.mkdtemp(prefix="tasuki-cluster-"))
    given = {"port": str(port), "bind": _HOST, "dir": str(folder), **options}
    words = [part for name, value in given.items() for part in (f"--{name}", value)]
    return Node(port, folder, launch(server_binary(), words, folder=folder, output=folder / "log"))
