"""The connection on which a subscription waits for records: blocks in the server, wakes when poked."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from redis.asyncio import Redis

from services.runtime.endings import ended
from services.runtime.line import Line, checked
from services.runtime.log.embedded_entries import ask, translated
from services.runtime.log.port import LogUnavailable

BLOCK_MS = 1_000
"""A read waits this long for records; a lost poke would cost as much, and `last_poll_at` is as old at most."""


class EmbeddedReader:
    """
    One blocking reader of many streams.

    Args:
        url: The server.
        name: The connection's name, by which other members see that this one lives.
        redis: Other connections to the same server, to wake this one.
    """

    def __init__(self, url: str, *, name: str, redis: Redis) -> None:
        self._redis = redis
        self._waker: asyncio.Task[None] | None = None
        self._connection_id: int | None = None
        self._turn = 0
        self._waiting = False
        self._line = Line(url, timeout_s=BLOCK_MS / 1000 + 5, name=name)

    async def open(self) -> None:
        """Connect. Raises LogUnavailable."""
        with translated("connect the reader"):
            (number,) = checked(await self._line.exchange([("CLIENT", "ID")]))
            self._connection_id = int(number)

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        await ended(self._waker)
        await self._line.close()

    async def read(self, after: Mapping[str, str], *, count: int) -> list[tuple[str, list[Any]]]:
        """
        Return for each stream with entries behind the given id up to *count* of them, as id and flat fields.

        Waits up to BLOCK_MS for the first entry; empty when there was none, or when poked.
        """
        if self._connection_id is None:
            await self.open()
        self._turn += 1
        self._waiting = True
        try:
            with translated("read the log"):
                (reply,) = checked(
                    await self._line.exchange(
                        [
                            (
                                *("XREAD", "COUNT", count, "BLOCK", BLOCK_MS),
                                *("STREAMS", *after.keys(), *after.values()),
                            )
                        ]
                    )
                )
        except LogUnavailable:
            self._connection_id = None
            raise
        finally:
            self._waiting = False
        found = cast("list[tuple[bytes, list[Any]]]", reply or [])
        return [(stream.decode(), entries) for stream, entries in found]

    def poke(self) -> None:
        """Make the read that waits now return, for what it waits for has changed."""
        if self._waiting and (self._waker is None or self._waker.done()):
            self._waker = asyncio.create_task(self._unblock(self._turn), name="log-reader-poke")

    async def _unblock(self, turn: int) -> None:
        # The poke may overtake the read on its way to the server: then nobody is blocked yet, so try again.
        while self._waiting and self._turn == turn and self._connection_id is not None:
            try:
                with translated("wake the reader"):
                    if await ask(self._redis, "CLIENT", "UNBLOCK", self._connection_id):
                        return
            except LogUnavailable:
                return  # the read itself meets the same trouble, and is bounded anyway
            await asyncio.sleep(0.001)
