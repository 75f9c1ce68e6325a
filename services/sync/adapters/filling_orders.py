"""
The order of a first filling, in the store.

| key             | type | holds                                                                              |
|-----------------|------|------------------------------------------------------------------------------------|
| tasuki:backfill | hash | ordered_at (epoch ms), hand_over (0, 1), read (ordered_at of the last one that read) |

It stands outside the shards: each dispatcher looks whether it must wait.
"""

from collections.abc import Mapping
from typing import cast

from services.runtime.store import Store
from services.sync.application.backfill import FillingOrder

BACKFILL = "tasuki:backfill"


class FillingOrders:
    """See `Fillings` in services.sync.application.backfill."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def order(self, order: FillingOrder) -> None:
        """See `Fillings.order`."""
        fields = ("ordered_at", order.ordered_at, "hand_over", int(order.hand_over))
        await self._store.write_apart([("HSET", BACKFILL, *fields)])

    async def ordered(self) -> FillingOrder | None:
        """See `Fillings.ordered`."""
        found = await self._fields()
        if b"ordered_at" not in found:
            return None
        return FillingOrder(int(found[b"ordered_at"]), found.get(b"hand_over") == b"1")

    async def reading(self) -> bool:
        """See `Fillings.reading`."""
        found = await self._fields()
        return found.get(b"ordered_at", b"") != found.get(b"read", b"")

    async def has_read(self, order: FillingOrder) -> None:
        """See `Fillings.has_read`."""
        await self._store.write_apart([("HSET", BACKFILL, "read", order.ordered_at)])

    async def _fields(self) -> Mapping[bytes, bytes]:
        (found,) = await self._store.read([("HGETALL", BACKFILL)])
        return cast("Mapping[bytes, bytes]", found)
