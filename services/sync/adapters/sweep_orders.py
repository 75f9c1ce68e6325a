"""
Orders to sweep, in the store.

| key                 | type | holds                                                              |
|---------------------|------|--------------------------------------------------------------------|
| tasuki:sweep-orders | hash | an order, MessagePack [system, object, cause, since] -> empty text |

They stand outside the shards: streams and readers of the inbox in any shard give them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from services.runtime.packing import pack, unpack
from services.runtime.store import Store
from services.sync.application.orders import Order

ORDERS = "tasuki:sweep-orders"


class SweepOrders:
    """See `Orders` in services.sync.application.orders."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def order(self, order: Order) -> None:
        """See `Orders.order`."""
        await self._store.write_apart([("HSET", ORDERS, _packed(order), "")])

    async def given(self) -> Sequence[Order]:
        """See `Orders.given`."""
        (found,) = await self._store.read([("HGETALL", ORDERS)])
        return [_order(each) for each in cast("Mapping[bytes, bytes]", found)]

    async def taken(self, orders: Sequence[Order]) -> None:
        """See `Orders.taken`."""
        if orders:
            await self._store.write_apart([("HDEL", ORDERS, *map(_packed, orders))])


def _packed(order: Order) -> bytes:
    return pack([order.system, order.object, order.cause, order.since])


def _order(packed: bytes) -> Order:
    system, name, cause, since = cast("list[Any]", unpack(packed))
    return Order(str(system), str(name), cause, int(since))
