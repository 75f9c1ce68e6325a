"""The records of an object in the order of their last change, so that a listing by time needn't look at all of them."""

from bisect import bisect_left, insort
from typing import Generic, TypeVar

Id = TypeVar("Id", int, str)


class ByTime(Generic[Id]):
    """Ids by the instant (epoch ms) of their last change; those of one instant in their own order."""

    def __init__(self) -> None:
        self._order: list[tuple[int, Id]] = []
        self._at: dict[Id, int] = {}

    def put(self, identity: Id, at: int) -> None:
        """Let *identity* have changed at *at*, and not earlier."""
        if self._at.get(identity) == at:
            return
        self.remove(identity)
        self._at[identity] = at
        insort(self._order, (at, identity))

    def remove(self, identity: Id) -> None:
        """Forget *identity*, if it is known."""
        at = self._at.pop(identity, None)
        if at is not None:
            del self._order[bisect_left(self._order, (at, identity))]

    def between(self, low: int | None, high: int | None) -> range:
        """Return the places of what changed from *low* up to and with *high*; None for no end."""
        start = 0 if low is None else bisect_left(self._order, (low,))
        end = len(self._order) if high is None else bisect_left(self._order, (high + 1,))
        return range(start, max(start, end))

    def at(self, place: int) -> Id:
        """Return the id at *place*."""
        return self._order[place][1]
