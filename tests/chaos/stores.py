"""The store of a chaos run, behind proxies and on a small disk: one server, or a Redis Cluster."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as ClientConnectionError

from services.cli.stage.ports import held_port
from services.runtime.endings import ended
from services.runtime.valkey_process import launch, server_binary
from services.runtime.valkey_server import EmbeddedServer
from tests.chaos.disk import Disk, small_disk
from tests.chaos.proxy import Proxy
from tests.waiting import wait_until

NODES = 3
_SLOTS = 16_384
_NODE_TIMEOUT_MS = 2_000


@dataclass
class Stores:
    """
    What holds the state. `port` is where the members find it, `onlooker_port` where we do.

    `proxies` and `pid_files` are in the order of the servers; all of them are on one `disk`.
    """

    disk: Disk
    pid_files: Sequence[Path]
    proxies: Sequence[Proxy]
    onlooker_port: int
    is_cluster: bool = False

    @property
    def port(self) -> int:
        """Where the members find it."""
        return self.proxies[0].port

    def proxy(self, number: int) -> Proxy:
        """Return a proxy; the same *number* gives the same."""
        return self.proxies[number % len(self.proxies)]

    def kill(self, number: int) -> None:
        """End a server by SIGKILL; it is started again on its data, as a supervisor would."""
        with suppress(OSError, ValueError):  # it is down at this moment, or its disk too full for its number
            os.kill(int(self.pid_files[number % len(self.pid_files)].read_text()), signal.SIGKILL)

    def heal(self) -> None:
        """End every fault that lasts."""
        self.disk.free()
        for each in self.proxies:
            each.heal()


@asynccontextmanager
async def one_server(folder: Path) -> AsyncGenerator[Stores]:
    """Run one Valkey, which the embedded log may share."""
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(folder))
        port = stack.enter_context(held_port())
        await stack.enter_async_context(EmbeddedServer(folder, port=port))
        proxy = await stack.enter_async_context(Proxy([port]).listening())
        yield Stores(disk, [folder / "valkey.pid"], [proxy], port)


@asynccontextmanager
async def redis_cluster(folder: Path) -> AsyncGenerator[Stores]:
    """Run a Redis Cluster of NODES primaries, each on its append-only file, each behind a proxy."""
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(folder))
        nodes: list[_Node] = []
        for number in range(NODES):
            port, bus = (stack.enter_context(held_port()) for _ in range(2))
            proxy = await stack.enter_async_context(Proxy([port]).listening())
            node = _Node(folder / str(number), port, bus, proxy)
            node.folder.mkdir()
            stack.push_async_callback(node.stop)
            node.keep()
            nodes.append(node)
        await _join(nodes)
        # Clients learn the addresses from the nodes, and these tell the proxies'.
        pid_files, proxies = [each.pid_file for each in nodes], [each.proxy for each in nodes]
        yield Stores(disk, pid_files, proxies, proxies[0].port, is_cluster=True)


@dataclass
class _Node:
    folder: Path
    port: int
    bus: int
    proxy: Proxy
    _process: subprocess.Popen[bytes] | None = None
    _keeping: asyncio.Task[None] | None = field(default=None, repr=False)

    # Neither is on the small disk.
    @property
    def pid_file(self) -> Path:
        return self.folder.parent.with_name(f"node-{self.folder.name}.pid")

    @property
    def log_file(self) -> Path:
        return self.pid_file.with_suffix(".log")

    def keep(self) -> None:
        """Start it, and start it again whenever it ends, until `stop`."""
        self._keeping = asyncio.create_task(self._keep(), name=f"keep node {self.port}")

    async def _keep(self) -> None:
        given = {
            "dir": self.folder,
            "pidfile": self.pid_file,
            "port": self.port,
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-port": self.bus,
            "cluster-announce-ip": "127.0.0.1",
            "cluster-announce-port": self.proxy.port,
            "cluster-announce-bus-port": self.bus,
            "cluster-node-timeout": _NODE_TIMEOUT_MS,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        options = [str(part) for name, value in given.items() for part in (f"--{name}", value)]
        while True:
            process = self._process = launch(
                server_binary(), options, folder=self.folder, output=self.log_file
            )
            while process.poll() is None:  # noqa: ASYNC110 -- another process's end has no event
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """End it for good."""
        await ended(self._keeping)
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


async def _join(nodes: Sequence[_Node]) -> None:
    """Make one cluster of *nodes* and wait until all of them say so."""
    clients: list[Any] = [Redis(port=each.port, protocol=2) for each in nodes]

    def up() -> bool:
        try:
            return all(client.ping() for client in clients)
        except ClientConnectionError:
            return False

    def ok() -> bool:
        known = f"cluster_known_nodes:{len(nodes)}".encode()
        told = [client.execute_command("CLUSTER", "INFO") for client in clients]
        return all(b"cluster_state:ok" in each and known in each for each in told)

    await wait_until(up, within_s=30, description="the nodes answer")
    bounds = [_SLOTS * number // len(nodes) for number in range(len(nodes) + 1)]
    for number, client in enumerate(clients):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
    for each in nodes[1:]:
        clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", each.port, each.bus)
    await wait_until(ok, within_s=30, description="the nodes form a cluster")
    for client in clients:
        client.close()
