"""Orders to sweep an object: the port, and where nobody sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.lead import SweepCause


@dataclass(frozen=True, slots=True)
class Order:
    """Read again what changed in *object* since *since*, the vendor's epoch ms; 0 for all of it."""

    system: str
    object: str
    cause: SweepCause
    since: int


class Orders(Protocol):
    """Where orders wait; each call is durable when it returns and may be repeated. Raises StoreUnavailable."""

    async def order(self, order: Order) -> None:
        """Give *order*; whoever sweeps the object sees it soon. The same one twice is one."""
        ...

    async def given(self) -> Sequence[Order]:
        """Return the orders that wait."""
        ...

    async def taken(self, orders: Sequence[Order]) -> None:
        """Forget *orders*: they are being carried out, whatever happens."""
        ...


class NobodySweeps:
    """Forgets each order."""

    async def order(self, order: Order) -> None:
        """See `Orders.order`."""
        del order

    async def given(self) -> Sequence[Order]:
        """See `Orders.given`."""
        return ()

    async def taken(self, orders: Sequence[Order]) -> None:
        """See `Orders.taken`."""
        del orders


NOBODY_SWEEPS = NobodySweeps()
