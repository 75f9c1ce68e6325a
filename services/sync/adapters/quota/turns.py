"""Whose turn it is in this process: the most urgent first, then who came first. Only the head of the line asks."""

import asyncio
from bisect import insort
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count

from services.sync.domain.priority import Priority


class Place:
    """A place in the line; lower sorts first."""

    def __init__(self, priority: Priority, number: int) -> None:
        self.priority = priority
        self.number = number
        self.moved = asyncio.Event()

    def __lt__(self, other: "Place") -> bool:
        return (self.priority, self.number) < (other.priority, other.number)


class Turns:
    """The line before the limits of one kind of call."""

    def __init__(self) -> None:
        self._line: list[Place] = []
        self._numbers = count()

    def __len__(self) -> int:
        """Return how many wait, the head among them."""
        return len(self._line)

    @contextmanager
    def join(self, priority: Priority) -> Generator[Place]:
        """Stand in line within the block."""
        place = Place(priority, next(self._numbers))
        insort(self._line, place)
        try:
            yield place
        finally:
            self._line.remove(place)
            if self._line:
                self._line[0].moved.set()

    async def head(self, place: Place) -> None:
        """Return when *place* is the first of the line; a more urgent one may step before it later."""
        while self._line[0] is not place:
            place.moved.clear()
            await place.moved.wait()
