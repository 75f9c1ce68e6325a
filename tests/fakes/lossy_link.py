"""A link to a server that can lose answers, hold them back, or be cut: what a time-out looks like from here."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self


class LossyLink:
    """
    Forwards connections to a Unix socket through one of its own.

    `drop_answers(count)` delivers the next requests but cuts the connection instead of answering, so their
    outcome is unknown to the client. `refuse` lets no request through.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._folder = TemporaryDirectory(prefix="tasuki-link-")
        self.socket = str(Path(self._folder.name) / "s")
        self.url = f"unix://{self.socket}"
        self.refuse = False
        self._lost_if: tuple[bytes, int] = (b"", 0)
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything."""
        assert self._server is not None
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        self._folder.cleanup()

    def drop_answers(self, containing: bytes, count: int) -> None:
        """Lose the answers to the next *count* requests whose first bytes contain *containing*."""
        self._lost_if = (containing, count)

    @property
    def to_drop(self) -> int:
        """How many answers are still to be lost."""
        return self._lost_if[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            return
        far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        answers = asyncio.create_task(self._answer(far_reader, writer))
        try:
            while chunk := await reader.read(1 << 20):
                if self.refuse:
                    return
                containing, count = self._lost_if
                if count and containing in chunk:
                    self._lost_if = (containing, count - 1)
                    answers.cancel()
                    far_writer.write(chunk)
                    await far_writer.drain()
                    await far_reader.read(1)  # applied by now: the answer is on its way
                    return
                far_writer.write(chunk)
                await far_writer.drain()
        finally:
            answers.cancel()
            far_writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1 << 20):
            writer.write(chunk)
            await writer.drain()
