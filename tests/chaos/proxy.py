"""A TCP proxy on loopback that can be made slow, cut, or deaf; several targets take connections in turn."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count

_CHUNK = 64 * 1024


class Proxy:
    """
    Passes bytes on.

    `late_ms` holds each chunk back for so long, in either direction. While `partitioned`, bytes that came in wait and
    new connections are taken but reach nobody, as behind a switch that went dark: nothing is refused, nothing answers.

    Args:
        targets: Ports of this machine; each new connection goes to the next one that takes it.
    """

    def __init__(self, targets: Sequence[int]) -> None:
        self.late_ms = 0
        self.port = 0
        self._targets = targets
        self._turn = count()
        self._open = asyncio.Event()
        self._open.set()
        self._links: set[asyncio.StreamWriter] = set()
        self._far: set[asyncio.StreamReader] = set()
        self._sought = b""
        self._armed: set[asyncio.StreamReader] = set()
        self._losing: set[asyncio.StreamReader] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncGenerator["Proxy"]:
        """Listen at *port* of this machine inside the block, 0 takes a free one."""
        server = await asyncio.start_server(self._take, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def partitioned(self) -> bool:
        """Whether nothing passes."""
        return not self._open.is_set()

    def partition(self) -> None:
        """Let nothing pass until `heal`."""
        self._open.clear()

    def heal(self) -> None:
        """Let bytes pass again, at once."""
        self.late_ms = 0
        self._armed.clear()
        self._open.set()

    def reset(self) -> int:
        """Cut every connection by a RST, in the middle of whatever passes; return how many."""
        for writer in self._links:
            _cut(writer)
        return len(self._links)

    def lose_answers(self, to: bytes = b"") -> int:
        """Cut every connection at the answer to what next holds *to*: it was done, and the answer is lost; return how many."""
        self._sought, self._armed = to, set(self._far)
        return len(self._armed)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._links.add(writer)
        try:
            await self._open.wait()
            far = await self._connected()
            if far is not None:
                await self._pass(reader, writer, *far)
        except (OSError, asyncio.CancelledError):
            pass  # asyncio's server would report a cancelled connection as an error
        finally:
            self._links.discard(writer)
            self._tasks.discard(task)
            _cut(writer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._targets:
            target = self._targets[next(self._turn) % len(self._targets)]
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", target)
        return None

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        self._links.add(far_writer)
        self._far.add(far_reader)
        ways = [
            asyncio.create_task(self._pump(reader, far_writer, answered_by=far_reader)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(far_writer)
            self._far.discard(far_reader)
            self._armed.discard(far_reader)
            self._losing.discard(far_reader)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            _cut(far_writer)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answered_by: asyncio.StreamReader | None = None,
    ) -> None:
        with suppress(OSError):
            while (chunk := await reader.read(_CHUNK)) and reader not in self._losing:
                await self._open.wait()
                if answered_by in self._armed and self._sought in chunk:
                    self._armed.discard(answered_by)
                    self._losing.add(answered_by)
                if self.late_ms:
                    await asyncio.sleep(self.late_ms / 1000)
                writer.write(chunk)
                await writer.drain()


def _cut(writer: asyncio.StreamWriter) -> None:
    """Close by a RST; a plain close would look like an orderly end."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()
