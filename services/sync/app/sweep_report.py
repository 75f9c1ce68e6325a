"""How sweeps and the first filling do and what they found, read from the store for people."""

from collections.abc import Mapping, Sequence
from typing import cast

from schemas.topics import LEAD_CHANGES
from services.runtime.keys import ShardId
from services.runtime.store import Store
from services.sync.adapters.door.status import BackfillStatus, SweepStatus
from services.sync.adapters.filling_orders import FillingOrders
from services.sync.app.letters import SERVICE
from services.sync.consumers.filling import NAME as FILLING
from services.sync.consumers.filling import home_of as filling_home
from services.sync.consumers.filling import unpacked as filling_state
from services.sync.consumers.shard_leads import DRIFT, ECHOES, PRIORITY_STEP
from services.sync.consumers.sweep_state import SweepState, home_of, name_of, unpacked
from services.sync.domain.priority import Priority
from services.sync.domain.records import Side


class SweepReport:
    """
    How all sweeps do and what they found, read from the store, whichever process makes them.

    Args:
        objects: By system, the objects that are swept.
        partitions: Of the leads.
    """

    def __init__(self, store: Store, objects: Mapping[str, Sequence[str]], partitions: int) -> None:
        self._store = store
        self._objects = objects
        self._partitions = partitions

    async def states(self) -> Mapping[tuple[str, str], SweepState]:
        """Return how far the sweep of each object came; those that never began are left out. Raises StoreUnavailable."""
        names = [(system, name) for system, objects in self._objects.items() for name in objects]
        replies = await self._store.read(
            [("GET", self._shard(home_of(*each, self._partitions)).key(name_of(*each))) for each in names]
        )
        return {each: unpacked(data) for each, data in zip(names, replies, strict=True) if data is not None}

    async def sweeps(self) -> list[SweepStatus]:
        """Return the states for people. Raises StoreUnavailable."""
        return [_shown(*key, state) for key, state in (await self.states()).items()]

    async def backfill(self) -> BackfillStatus | None:
        """Return how the first filling does; None where none was ordered. Raises StoreUnavailable."""
        order = await FillingOrders(self._store).ordered()
        if order is None:
            return None
        home = self._shard(filling_home(self._partitions))
        (data,) = await self._store.read([("GET", home.key(FILLING))])
        state = None if data is None else filling_state(data)
        if state is None or state.ordered_at != order.ordered_at:
            return BackfillStatus(
                phase="ordered",
                ordered_at=order.ordered_at,
                hand_over=order.hand_over,
                read={},
                waiting=0,
                read_at=None,
            )
        waiting = await self._waiting()
        phase = "reading" if not state.read_at else "writing" if waiting else "done"
        return BackfillStatus(
            phase=phase,
            ordered_at=state.ordered_at,
            hand_over=state.hand_over,
            read=state.read,
            waiting=waiting,
            read_at=state.read_at or None,
        )

    async def _waiting(self) -> int:
        least = Priority.BACKFILL * PRIORITY_STEP
        counts = await self._store.read(
            [
                ("ZCOUNT", self._shard(each).key(f"dirty:{side}"), least, "+inf")
                for each in range(self._partitions)
                for side in Side
            ]
        )
        return sum(int(each) for each in counts)

    async def drift(self) -> dict[str, int]:
        """Return what was found, by ``system:field``. Raises StoreUnavailable."""
        return await self._tallied(DRIFT)

    async def echoes(self) -> dict[str, int]:
        """Return what came of our own writes, see services.sync.consumers.shard_leads. Raises StoreUnavailable."""
        return await self._tallied(ECHOES)

    async def _tallied(self, name: str) -> dict[str, int]:
        """Return the sum of the shards' counts of the hash *name*."""
        replies = await self._store.read(
            [("HGETALL", self._shard(each).key(name)) for each in range(self._partitions)]
        )
        total: dict[str, int] = {}
        for found in cast("list[Mapping[bytes, bytes]]", replies):
            for key, count in found.items():
                total[key.decode()] = total.get(key.decode(), 0) + int(count)
        return dict(sorted(total.items()))

    def _shard(self, partition: int) -> ShardId:
        return ShardId(SERVICE, LEAD_CHANGES.name, partition)


def _shown(system: str, name: str, state: SweepState) -> SweepStatus:
    run, last = state.run, state.last
    figures = run or last
    return SweepStatus(
        system=system,
        object=name,
        swept_until=state.until,
        running=None if run is None else run.cause,
        read=0 if figures is None else figures.read,
        others=0 if figures is None else figures.others,
        ended_at=None if last is None else last.at,
        cause=None if last is None else last.cause,
    )
