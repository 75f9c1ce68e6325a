"""
The first filling of two systems that hold leads already: the order, and what waits until both were read.

While it reads, nothing of what it finds is written: a lead of which only one side was read would be written over
with half of what is known.
"""

from dataclasses import dataclass
from typing import Protocol

from services.runtime.clock import Clock
from services.sync.application.quota import Admission, Admitting
from services.sync.domain.priority import Priority

LOOK_MS = 1_000
"""So long a process may not know yet that a filling began to read; it begins later than that."""


@dataclass(frozen=True, slots=True)
class FillingOrder:
    """An order: when it was given, epoch ms, and whether what qualified long ago is handed over to sales."""

    ordered_at: int
    hand_over: bool = False


class Fillings(Protocol):
    """Where the order stands, for all processes; each call may be repeated. Raises StoreUnavailable."""

    async def order(self, order: FillingOrder) -> None:
        """Give an order; it takes the place of an earlier one."""
        ...

    async def ordered(self) -> FillingOrder | None:
        """Return the latest order."""
        ...

    async def reading(self) -> bool:
        """Return whether an order was given whose reading hasn't ended."""
        ...

    async def has_read(self, order: FillingOrder) -> None:
        """Tell that *order*'s reading ended, unless there is a later order."""
        ...


class HeldBack:
    """See `Admitting`: the inner one's word, but nothing of a first filling is sent while it still reads."""

    def __init__(self, inner: Admitting, fillings: Fillings, clock: Clock) -> None:
        self._inner = inner
        self._fillings = fillings
        self._clock = clock
        self._reading = False
        self._looked_at = 0

    async def admits(self) -> Admission:
        """See `Admitting.admits`."""
        admission = await self._inner.admits()
        if admission.least is None or not await self._is_reading():
            return admission
        until = self._looked_at + LOOK_MS
        return Admission(
            min(admission.least, Priority.RECONCILE),
            until if admission.until is None else min(until, admission.until),
        )

    async def _is_reading(self) -> bool:
        now = self._clock()
        if now - self._looked_at >= LOOK_MS:
            self._reading = await self._fillings.reading()
            self._looked_at = now
        return self._reading
