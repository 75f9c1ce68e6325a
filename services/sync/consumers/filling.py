"""
The first filling at work: it reads both systems, page by page, in the home that it has in a shard of the leads.

| name     | type   | holds                                            |
|----------|--------|--------------------------------------------------|
| backfill | string | MessagePack of a `FillingState`: how far it came |
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import structlog

from services.errors import Rejected, Retryable
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.log.port import partition_of
from services.runtime.operations import Operations
from services.runtime.packing import pack, unpack
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.backfill import LOOK_MS, FillingOrder, Fillings
from services.sync.application.gate import Gate
from services.sync.application.ports import Connector, Place
from services.sync.application.quota import OutOfQuota
from services.sync.application.sweep import Known, Sweep, Walk
from services.sync.application.trouble import report

log = structlog.get_logger()

NAME = "backfill"
LONGEST_WAIT_MS = 5_000
PATIENCE_MS = 600_000


@dataclass(slots=True)
class FillingState:
    """
    How far a filling came.

    `step` is which of the objects is being read, `place` where; `read` are the records listed so far, by
    ``system:object``. `read_at`: when all was read, epoch ms; 0 before.
    """

    ordered_at: int
    hand_over: bool
    step: int = 0
    place: Place = field(default_factory=lambda: Place(0))
    read: dict[str, int] = field(default_factory=dict[str, int])
    read_at: int = 0


def packed(state: FillingState) -> bytes:
    """Return *state* as bytes."""
    return pack(asdict(state))


def unpacked(data: bytes) -> FillingState:
    """Return the state that `packed` made *data* of."""
    raw = cast("dict[str, Any]", unpack(data))
    raw["place"] = Place(**raw["place"])
    return FillingState(**raw)


def home_of(partitions: int) -> int:
    """Return the shard of the leads, by its partition, in which the filling lives."""
    return partition_of(NAME, partitions)


def steps(connectors: Sequence[Connector]) -> list[tuple[Connector, str]]:
    """Return what is read, in order: the persons of a system before what hangs on them."""
    longest = max((len(each.objects) for each in connectors), default=0)
    return [
        (each, each.objects[place])
        for place in range(longest)
        for each in connectors
        if place < len(each.objects)
    ]


class Filling:
    """
    Carries the order out in the process that holds its home; whoever takes the home over goes on from the last page.

    Args:
        partitions: Of the topic whose shards are the homes.
        failed: Told of an unexpected end; it is to end the process.
        look_ms: How often it looks for an order.
    """

    def __init__(
        self,
        *,
        connectors: Sequence[Connector],
        sweep: Sweep,
        known: Known,
        fillings: Fillings,
        store: Store,
        partitions: int,
        clock: Clock,
        failed: Callable[[BaseException], None],
        look_ms: int = 1_000,
    ) -> None:
        self._steps = steps(connectors)
        self._sweep = sweep
        self._known = known
        self._fillings = fillings
        self._store = store
        self._home = home_of(partitions)
        self._clock = clock
        self._failed = failed
        self._look_s = look_ms / 1000
        self._task: asyncio.Task[None] | None = None
        self.state: FillingState | None = None

    async def opened(self, shard: Shard) -> None:
        """Go on where the filling stands, if *shard* is its home."""
        if shard.id.partition == self._home:
            self._task = asyncio.create_task(self._serve(shard), name=NAME)
            self._task.add_done_callback(lambda done: report_end(done, self._failed))

    async def closed(self, shard: Shard) -> None:
        """Stop; the next owner goes on."""
        if shard.id.partition == self._home and self._task is not None:
            task, self._task, self.state = self._task, None, None
            await ended(task)

    async def _serve(self, shard: Shard) -> None:
        gate = Gate(self._clock)
        while True:
            before = await gate.wait()
            try:
                if not await self._look(shard):
                    await asyncio.sleep(self._look_s)
                    continue
                await self._step(shard)
                gate.succeed()
            except OutOfQuota as error:
                await asyncio.sleep(min(max(error.until - self._clock(), 1), LONGEST_WAIT_MS) / 1000)
            except Rejected as error:
                log.error("backfill.refused", reason=error.reason)  # noqa: TRY400 (no bug)
                gate.fail(Retryable(str(error), retry_after_ms=LONGEST_WAIT_MS), before)
            except Retryable as error:
                gate.fail(error, before)
                report("backfill.failed", error)

    async def _look(self, shard: Shard) -> bool:
        """Return whether there is something to read; takes up a new order."""
        order = await self._fillings.ordered()
        if order is None:
            return False
        state = self.state
        if state is None:
            (data,) = await self._store.mget([shard.key(NAME)])
            state = self.state = None if data is None else unpacked(data)
        if state is None or state.ordered_at != order.ordered_at:
            # Each process must know that nothing of it may be written yet.
            await asyncio.sleep(2 * LOOK_MS / 1000)
            state = self.state = FillingState(order.ordered_at, order.hand_over)
            log.info("backfill.began", hand_over=order.hand_over)
            await self._keep(shard, state)
        if state.read_at and await self._fillings.reading():
            await self._fillings.has_read(order)  # a crash came between
        return state.read_at == 0

    async def _step(self, shard: Shard) -> None:
        """Read a page, wait until it is taken in, and commit how far that came."""
        state = self.state
        if state is None:
            return
        if state.step >= len(self._steps):
            if not await self._known.settled(PATIENCE_MS):
                return
            state.read_at = self._clock()
            await self._keep(shard, state)
            await self._fillings.has_read(FillingOrder(state.ordered_at, state.hand_over))
            log.info(
                "backfill.read_in", records=sum(state.read.values()), took_ms=state.read_at - state.ordered_at
            )
            return
        connector, name = self._steps[state.step]
        walk = Walk(
            object=name,
            place=state.place,
            until=state.ordered_at,
            cause=NAME,
            sure_until=0,
            history_until=None if state.hand_over else state.ordered_at,
        )
        swept = await self._sweep.page(connector, walk)
        key = f"{connector.system}:{name}"
        state.read[key] = state.read.get(key, 0) + swept.read
        if swept.next is None:
            state.step, state.place = state.step + 1, Place(0)
        else:
            state.place = swept.next
        await self._keep(shard, state)

    async def _keep(self, shard: Shard, state: FillingState) -> None:
        await shard.commit(Operations().set(shard.key(NAME), packed(state)))
