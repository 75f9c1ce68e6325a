"""Store servers that a test may do anything to, and shards that no other test uses."""

import atexit
import functools
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as ClientConnectionError

from services.runtime.keys import ShardId
from services.runtime.store import Store
from services.runtime.valkey_process import launch, server_binary


class StoreServer:
    """A server with a folder and a socket of its own, in memory only unless *options* say otherwise."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tasuki-store-"))
        self.socket = str(self.folder / "s")
        self.url = f"unix://{self.socket}"
        place = ("--port", "0", "--unixsocket", self.socket, "--dir", str(self.folder), "--save", "")
        self.process = launch(
            server_binary(), [*place, *options], folder=self.folder, output=self.folder / "log"
        )
        self._await_start()

    def client(self) -> Any:
        """Return a plain, synchronous client; close it after."""
        return Redis(unix_socket_path=self.socket)

    def stop(self) -> None:
        """End the server and remove its folder."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await_start(self) -> None:
        deadline = time.monotonic() + 20
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except ClientConnectionError:
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError((self.folder / "log").read_text()) from None
                    time.sleep(0.01)
                else:
                    return


@functools.cache
def shared_server() -> StoreServer:
    """Return the one server of this test run; tests share it and use shards of their own."""
    server = StoreServer()
    atexit.register(server.stop)
    return server


def fresh_shard(partition: int = 0, *, service: str = "t") -> ShardId:
    """Return a shard that nobody used before."""
    return ShardId(f"{service}{uuid.uuid4().hex[:10]}", "topic.v1", partition)


@asynccontextmanager
async def running_store(url: str | None = None, **options: Any) -> AsyncGenerator[Store]:
    """Give a started store on the shared server, or on *url*."""
    store = Store(url or shared_server().url, **options)
    try:
        await store.start()
        yield store
    finally:
        await store.close()
