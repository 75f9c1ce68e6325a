"""
Commands of many callers to one server: what is asked while a round trip is under way leaves together after it.

Nobody waits while a line is free. Under load the round trips grow instead of their number.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ConnectionError  # noqa: A004 -- redis-py's own

from services.runtime.endings import ended
from services.runtime.line import Command, Line, checked

_LINES = 2
_MOST_COMMANDS = 2_000
"""In one round trip, unless one caller alone asks for more; bounds how long the others' answers take."""


@dataclass(slots=True)
class _Parcel:
    """What one caller asked."""

    commands: Sequence[Command]
    answer: asyncio.Future[list[Any]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Convoy:
    """
    Carries commands to one server; none of them may block there.

    Args:
        url: The server.
        timeout_s: How long one round trip may take.
        lines: How many round trips may be under way at a time.
    """

    def __init__(self, url: str, *, timeout_s: float, lines: int = _LINES) -> None:
        self._lines = [Line(url, timeout_s=timeout_s) for _ in range(lines)]
        self._free = list(self._lines)
        self._waiting: deque[_Parcel] = deque()
        self._driving: set[asyncio.Task[None]] = set()

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """
        Return the replies to *commands*, which are sent one after the other with nothing between them.

        Who is cancelled doesn't know whether they were done.

        Raises:
            redis.exceptions.ResponseError: The first error that the server replied to any of them.
            redis.exceptions.ConnectionError, redis.exceptions.TimeoutError: It isn't known what was done.
        """
        return checked(await self.replies(commands))

    async def replies(self, commands: Sequence[Command]) -> list[Any]:
        """Like `ask`, but an error that the server replied stands in its place."""
        parcel = _Parcel(commands)
        self._waiting.append(parcel)
        if self._free:
            line = self._free.pop()
            task = asyncio.create_task(self._drive(line), name="store-convoy")
            self._driving.add(task)
            task.add_done_callback(self._driving.discard)
        return await parcel.answer

    async def close(self) -> None:
        """Disconnect; whoever still waits is told that the connection is gone. Safe to call twice."""
        await ended(*self._driving)
        _refuse(self._waiting, _gone())
        self._waiting.clear()
        for line in self._lines:
            await line.close()

    async def _drive(self, line: Line) -> None:
        try:
            while parcels := self._load():
                await _carry(line, parcels)
        finally:
            self._free.append(line)

    def _load(self) -> list[_Parcel]:
        """Return who travels next; who was cancelled meanwhile stays."""
        parcels: list[_Parcel] = []
        size = 0
        while self._waiting and (not parcels or size + len(self._waiting[0].commands) <= _MOST_COMMANDS):
            parcel = self._waiting.popleft()
            if not parcel.answer.done():
                parcels.append(parcel)
                size += len(parcel.commands)
        return parcels


async def _carry(line: Line, parcels: Sequence[_Parcel]) -> None:
    try:
        replies = await line.exchange([command for parcel in parcels for command in parcel.commands])
    except Exception as error:  # noqa: BLE001 - not swallowed: each caller gets it
        _refuse(parcels, error)
        return
    except BaseException:
        _refuse(parcels, _gone())
        raise
    start = 0
    for parcel in parcels:
        end = start + len(parcel.commands)
        if not parcel.answer.done():
            parcel.answer.set_result(replies[start:end])
        start = end


def _refuse(parcels: Iterable[_Parcel], error: Exception) -> None:
    for parcel in parcels:
        if not parcel.answer.done():
            parcel.answer.set_exception(error)


def _gone() -> Exception:
    return ConnectionError("the connection was closed")
