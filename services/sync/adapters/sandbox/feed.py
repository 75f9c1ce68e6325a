"""The sandbox's change feed: what changed, in order, for drivers that wait for a record to appear."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT = 200_000
"""So many of the latest changes can be read again; a reader further behind sees `truncated`."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """
    One change of one record, by whomever.

    `change` is the vendor's doing in one word: create, update, delete, restore, merge, erase, convert.
    `origin` is ``user`` or ``api``. `fields` holds the vendor fields that changed with their new values.
    """

    sequence: int
    object: str
    id: str
    change: str
    at: int
    origin: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """Return it as `/_sandbox/changes` shows it."""
        return {
            "sequence": self.sequence,
            "object": self.object,
            "id": self.id,
            "change": self.change,
            "at": self.at,
            "origin": self.origin,
            "fields": dict(self.fields),
        }


class ChangeFeed:
    """An append-only list of changes with a sequence from 1 on, which readers can wait on."""

    def __init__(self) -> None:
        self._items: deque[FeedItem] = deque(maxlen=KEPT)
        self._last = 0
        self._grown = asyncio.Event()

    @property
    def last(self) -> int:
        """The sequence of the newest change; 0 when there is none."""
        return self._last

    def append(
        self, change: str, *, of: tuple[str, str], at: int, origin: str, fields: Mapping[str, Any]
    ) -> int:
        """Add a change *of* (object, id) and wake the readers; return its sequence."""
        self._last += 1
        self._items.append(FeedItem(self._last, *of, change, at, origin, dict(fields)))
        self._grown.set()
        return self._last

    def since(self, sequence: int, limit: int) -> tuple[Sequence[FeedItem], bool]:
        """Return up to *limit* changes after *sequence*, and whether some of them are no longer kept."""
        if not self._items or sequence >= self._last:
            return [], False
        first = self._items[0].sequence
        skip = max(0, sequence + 1 - first)
        found = [self._items[place] for place in range(skip, min(len(self._items), skip + limit))]
        return found, sequence + 1 < first

    async def wait(self, sequence: int, wait_ms: int) -> None:
        """Return as soon as there is a change after *sequence*, or after *wait_ms*."""
        try:
            async with asyncio.timeout(wait_ms / 1000):
                while self._last <= sequence:
                    self._grown.clear()
                    await self._grown.wait()
        except TimeoutError:
            return

    def clear(self) -> None:
        """Forget the changes; the sequence goes on growing so that no reader mistakes old for new."""
        self._items.clear()
