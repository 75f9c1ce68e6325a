"""
The embedded store and log: a Valkey server of our own on a data folder, shared by all who name the folder.

Rules that make it safe:

- Everything that starts or ends a server on a folder holds ``start.lock``, so there are never two.
- Each user of a folder holds ``users.lock`` together with the others. Whoever gets it alone is the only
  one: at the start, a server found then is left over from a crash and is replaced; at the end, the server
  is ended. A process that is killed lets go of its locks by dying.
- On Linux a server ends with the process that started it, killed or not. The users that remain notice the
  broken connection and start it again; so they do when the server itself is killed.
- With ``appendfsync always`` what was answered is on the disk; writes that arrive together share an fsync.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError  # noqa: A004

from services.errors import Misconfigured, Retryable
from services.runtime.endings import ended
from services.runtime.valkey_folder import (
    SOCKET_RECORD,
    lock,
    open_lock,
    prepare,
    recorded_socket,
    socket_path,
    tail,
)
from services.runtime.valkey_process import end_server, launch, server_binary

_log = structlog.get_logger(__name__)

_START_PATIENCE_S = 120.0  # a big append-only file takes its time to load


class EmbeddedUnavailable(Retryable):
    """The embedded server did not come up in time, or another process is still starting or ending it."""


class Fsync(StrEnum):
    """When the append-only file reaches the disk."""

    ALWAYS = "always"  # before each answer
    EVERYSEC = "everysec"  # once a second: a crash of the machine loses up to a second


class EmbeddedServer:
    """
    One Valkey server on a folder, started if need be and kept running while this is open.

    Args:
        folder: The data folder; made if missing, readable by its owner only.
        port: Also listen on this port of 127.0.0.1, without a password; None for the socket only.
        fsync: When writes reach the disk.
        start_patience_s: How long the server may take to load its data.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        port: int | None = None,
        fsync: Fsync | str = Fsync.ALWAYS,
        start_patience_s: float = _START_PATIENCE_S,
    ) -> None:
        self.folder = Path(folder).absolute()
        self._port = port
        self._fsync = Fsync(fsync)
        self._patience_s = start_patience_s
        self._socket = self.folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._users: int | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The URL for any Redis client on this machine; valid after `start`."""
        return f"unix://{quote(str(self._socket))}"

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """
        Make sure that a server runs on the folder and answers.

        Raises:
            Misconfigured: The folder cannot be written, the disk is full, or there is no binary.
            EmbeddedUnavailable: The server took too long to load its data.
        """
        prepare(self.folder)
        self._users = open_lock(self.folder / "users.lock")
        try:
            async with self._alone():
                if lock(self._users, fcntl.LOCK_EX):
                    # Nobody else uses the folder: a server found here has lost those who started it.
                    await end_server(self.folder, self._pid_file)
                    lock(self._users, fcntl.LOCK_SH)
                    await self._launch()
                else:
                    lock(self._users, fcntl.LOCK_SH)
                    await self._join()
        except BaseException:
            self._let_go()
            raise
        self._watcher = asyncio.create_task(self._watch(), name=f"valkey-watch:{self.folder}")

    async def stop(self) -> None:
        """End the server if nobody else uses the folder; safe to call twice."""
        if self._users is None:
            return
        await ended(self._watcher)
        async with self._alone():
            if lock(self._users, fcntl.LOCK_EX):
                await end_server(self.folder, self._pid_file)
                await self._reap()
                if self._socket.parent != self.folder:
                    shutil.rmtree(self._socket.parent, ignore_errors=True)
            self._let_go()

    async def ping(self) -> bool:
        """Return whether the server answers; False while it still loads. Raises ConnectionError or TimeoutError."""
        client = Redis.from_url(self.url, socket_timeout=5, retry=Retry(NoBackoff(), 0))
        try:
            await client.execute_command("PING")
        except BusyLoadingError:
            return False
        finally:
            await client.aclose()
        return True

    @property
    def _pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        """Hold ``start.lock``: nobody else starts or ends a server on this folder meanwhile."""
        handle = open_lock(self.folder / "start.lock")
        try:
            deadline = asyncio.get_running_loop().time() + self._patience_s
            while not lock(handle, fcntl.LOCK_EX):
                if asyncio.get_running_loop().time() > deadline:
                    raise EmbeddedUnavailable(f"another process is still starting a server on {self.folder}")
                await asyncio.sleep(0.02)
            yield
        finally:
            os.close(handle)

    async def _join(self) -> None:
        """Use the server that the folder's other users run, or start it anew if it is gone."""
        self._socket = recorded_socket(self.folder) or self._socket
        try:
            await self._until_ready()
        except (ConnectionError, TimeoutError):
            await self._replace()

    async def _replace(self) -> None:
        await end_server(self.folder, self._pid_file)
        await self._reap()
        await self._launch()

    async def _launch(self) -> None:
        binary = server_binary()
        self._socket = socket_path(self.folder)
        output = self.folder / "valkey.log"
        before = output.stat().st_size if output.exists() else 0
        self._process = launch(binary, self._options(), folder=self.folder, output=output)
        (self.folder / SOCKET_RECORD).write_text(str(self._socket))
        try:
            await self._until_ready(self._process)
        except ChildProcessError:
            raise Misconfigured(
                f"the embedded server on {self.folder} ended at its start: {tail(output, before)}"
            ) from None
        _log.info("valkey.started", folder=str(self.folder), pid=self._process.pid)

    async def _until_ready(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until the server answers; *process* given, refused connections mean it is still coming up."""
        deadline = asyncio.get_running_loop().time() + self._patience_s
        while True:
            if process is not None and process.poll() is not None:
                raise ChildProcessError
            try:
                if await self.ping():
                    return
            except (ConnectionError, TimeoutError):
                if process is None:
                    raise
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedUnavailable(
                    f"the embedded server on {self.folder} did not answer within {self._patience_s:.0f} s"
                )
            await asyncio.sleep(0.01)

    async def _watch(self) -> None:
        """Start the server again whenever it goes away while we need it."""
        pause = 0.05
        while True:
            await self._until_gone()
            try:
                async with self._alone():
                    await self._join()
                pause = 0.05
            except (Misconfigured, EmbeddedUnavailable, RedisError, OSError) as error:
                # A full disk may be emptied, so this goes on; clients see the store as unavailable meanwhile.
                _log.error("valkey.restart_failed", folder=str(self.folder), reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)

    async def _until_gone(self) -> None:
        """Return when an open connection breaks, which it does at once when the server ends."""
        with suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(self._socket)
            try:
                await reader.read()
                _log.warning("valkey.ended", folder=str(self.folder))
            finally:
                writer.close()

    def _options(self) -> list[str]:
        given = {
            "dir": str(self.folder),
            "port": str(self._port or 0),
            "bind": "127.0.0.1",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "pidfile": str(self._pid_file),
            "appendonly": "yes",
            "appendfsync": self._fsync.value,
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "set-proc-title": "no",  # by its arguments a server is told from another process of the same id
        }
        return [part for name, value in given.items() for part in (f"--{name}", value)]

    async def _reap(self) -> None:
        """Wait for the end of the process that we started, which has been told to end or has ended."""
        if self._process is not None:
            while self._process.poll() is None:  # noqa: ASYNC110 -- a process's end has no event
                await asyncio.sleep(0.005)
            self._process = None

    def _let_go(self) -> None:
        if self._process is not None:
            # We started the server and others still use it. Whenever it ends, its exit is to be taken by somebody.
            threading.Thread(target=self._process.wait, name="valkey-reaper", daemon=True).start()
            self._process = None
        if self._users is not None:
            os.close(self._users)
            self._users = None
