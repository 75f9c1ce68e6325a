"""The embedded server: nothing acknowledged is lost, never two on one folder, whatever is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected

from services.cli.stage.ports import held_port
from services.errors import Misconfigured
from services.runtime.valkey_process import BINARY_VARIABLE
from services.runtime.valkey_server import EmbeddedServer, Fsync
from tests.waiting import wait_until

USER = """
import asyncio, sys
from services.runtime.valkey_server import EmbeddedServer
async def use():
    async with EmbeddedServer(sys.argv[1]) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(use())
"""


@asynccontextmanager
async def client(server: EmbeddedServer) -> AsyncGenerator[Redis]:
    """Give a client of *server*, closed after."""
    made = Redis.from_url(server.url)
    try:
        yield made
    finally:
        await made.aclose()


async def pid_of(redis: Redis) -> int:
    """Return the server's process id."""
    return int((await redis.info("server"))["process_id"])


def runs(pid: int) -> bool:
    """Return whether the process runs; one that has ended but was not reaped does not."""
    if sys.platform == "linux":
        try:
            return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def answers(redis: Redis) -> bool:
    """Return whether the server answers now."""
    try:
        return bool(await redis.ping())
    except Disconnected:
        return False


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    """Stopped in order and started again, the server has its data; between, nobody answers."""
    async with EmbeddedServer(tmp_path) as server, client(server) as redis:
        await redis.set("k", "v")
    async with client(server) as redis:
        with pytest.raises(Disconnected):
            await redis.ping()
    async with EmbeddedServer(tmp_path, fsync=Fsync.EVERYSEC) as server, client(server) as redis:
        assert await redis.get("k") == b"v"
        assert (await redis.config_get("appendfsync"))["appendfsync"] == "everysec"


async def test_a_killed_server_comes_back_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Killed amid writes, it is started again by those who use it, and no answered write is missing."""
    async with EmbeddedServer(tmp_path) as server:
        acknowledged: list[int] = []

        async def write() -> None:
            async with client(server) as redis:
                for number in range(100_000):
                    await redis.rpush("k", number)
                    acknowledged.append(number)

        async with client(server) as redis:
            for _ in range(3):
                pid = await pid_of(redis)
                writing = asyncio.create_task(write())
                seen = len(acknowledged)
                await wait_until(lambda seen=seen: len(acknowledged) > seen + 50, description="some writes")
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(Disconnected):
                    await writing
                await wait_until(lambda: answers(redis), description="the server is back")
                stored = [int(each) for each in await redis.lrange("k", 0, -1)]
                # The one under way may be in or not.
                assert stored[: len(acknowledged)] == acknowledged
                assert len(stored) - len(acknowledged) <= 1
                await redis.delete("k")
                acknowledged.clear()


async def test_two_users_share_one_server(tmp_path: Path) -> None:
    """The second joins the first's server, which goes on until both are done."""
    first, second = EmbeddedServer(tmp_path), EmbeddedServer(tmp_path)
    await asyncio.gather(first.start(), second.start())
    assert first.url == second.url
    async with client(first) as redis:
        pid = await pid_of(redis)
        await first.stop()
        await first.stop()
        assert await pid_of(redis) == pid
    await second.stop()
    assert not runs(pid)
    if sys.platform == "linux":
        await wait_until(lambda: not Path(f"/proc/{pid}").exists(), description="no zombie is left of it")


async def test_a_server_whose_starter_was_killed_is_not_left_to_two(tmp_path: Path) -> None:
    """The next start on the folder ends what a killed process left behind, and finds its data."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readuntil(b"unix://")).decode()[-7:]
    url += (await process.stdout.readline()).decode().strip()
    redis = Redis.from_url(url)
    await redis.set("k", "v")
    pid = await pid_of(redis)
    await redis.aclose()
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with EmbeddedServer(tmp_path) as server, client(server) as redis:
        assert await redis.get("k") == b"v"
        assert await pid_of(redis) != pid
        assert not runs(pid)


async def test_a_user_that_stays_starts_the_server_again_when_its_starter_dies(tmp_path: Path) -> None:
    """The server ends with the process that started it; the other one's clients are back at once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readuntil(b"unix://")
    async with EmbeddedServer(tmp_path) as server, client(server) as redis:
        await redis.set("k", "v")
        old = await pid_of(redis)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()

        async def replaced() -> bool:
            try:
                return await pid_of(redis) != old
            except Disconnected:
                return False

        if sys.platform == "linux":
            await wait_until(replaced, description="another server")
        assert await redis.get("k") == b"v"


@pytest.mark.parametrize("temporary", [False, True], ids=["data folder", "temporary folder too"])
async def test_a_folder_deep_down_gets_a_short_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, temporary: bool
) -> None:
    """A path longer than a socket may have is no obstacle, for those who join either."""
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    if temporary:
        (tmp_path / ("z" * 90)).mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("z" * 90)))
    async with EmbeddedServer(deep) as server, EmbeddedServer(deep) as joined, client(joined) as redis:
        assert server.url == joined.url
        assert await redis.ping()


async def test_a_port_is_served_on_the_loopback_only(tmp_path: Path) -> None:
    """Asked for a port, the server listens on 127.0.0.1 beside its socket."""
    with held_port() as port:
        async with EmbeddedServer(tmp_path, port=port) as server, client(server) as redis:
            other = Redis(host="127.0.0.1", port=port)
            await other.set("k", "v")
            await other.aclose()
            assert await redis.get("k") == b"v"
            assert (await redis.config_get("bind"))["bind"] == "127.0.0.1"


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file in the place of the folder is a mistake that the text names."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Misconfigured, match="cannot be written"):
        await EmbeddedServer(blocked / "data").start()


async def test_a_platform_without_a_binary_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A binary that is not there is a mistake that the text names, and the folder is free again."""
    monkeypatch.setenv(BINARY_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(Misconfigured, match=BINARY_VARIABLE):
        await EmbeddedServer(tmp_path).start()
    monkeypatch.delenv(BINARY_VARIABLE)
    async with EmbeddedServer(tmp_path) as server, client(server) as redis:
        assert await redis.ping()


async def test_a_broken_append_only_file_is_reported_with_the_servers_words(tmp_path: Path) -> None:
    """A server that ends at its start takes its reason into the error."""
    async with EmbeddedServer(tmp_path) as server, client(server) as redis:
        await redis.set("k", "v")
    for part in (tmp_path / "appendonlydir").glob("*.incr.aof"):
        part.write_bytes(b"*not redis at all\r\n" * 10)
    with pytest.raises(Misconfigured, match="Bad file format"):
        await EmbeddedServer(tmp_path).start()


async def test_a_server_that_was_frozen_is_replaced(tmp_path: Path) -> None:
    """A left-over server that neither answers nor ends is ended by force."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readuntil(b"unix://")
    pid = int((tmp_path / "valkey.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with EmbeddedServer(tmp_path) as server, client(server) as redis:
        assert await pid_of(redis) != pid
