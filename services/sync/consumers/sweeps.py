"""The sweeps of all objects: each has its home in one of the shards of the leads, and its place is committed there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from services.errors import Rejected, Retryable
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.operations import Operations
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.gate import Gate
from services.sync.application.orders import Orders
from services.sync.application.ports import Connector, Place
from services.sync.application.quota import OutOfQuota
from services.sync.application.sweep import Sweep, Swept, Walk
from services.sync.application.trouble import report
from services.sync.consumers.sweep_state import (
    Ended,
    Run,
    SweepState,
    home_of,
    name_of,
    packed,
    unpacked,
)

log = structlog.get_logger()

LONGEST_WAIT_MS = 5_000


@dataclass(frozen=True, slots=True)
class Habits:
    """
    How often is swept, and how far back, epoch ms; `every_ms` None: only what is ordered.

    `grace_ms`: so long a notification may take, and HubSpot's search lag behind; what changed later is left to
    the next sweep.
    """

    every_ms: int | None = 900_000
    overlap_ms: int = 300_000
    grace_ms: int = 60_000
    look_ms: int = 1_000


class SweepTold:
    """Who wants to know of sweeps: nobody."""

    def page(self, system: str, name: str, swept: Swept) -> None:
        """A page was swept."""

    def ended(self, system: str, name: str, sweep: Ended) -> None:
        """A sweep came to its end."""


class Sweeps:
    """
    Sweeps the objects whose home is a shard that is held.

    Args:
        partitions: Of the topic whose shards are the homes.
        failed: Told of an unexpected end; it is to end the process.
    """

    def __init__(
        self,
        *,
        connectors: Sequence[Connector],
        sweep: Sweep,
        orders: Orders,
        store: Store,
        habits: Habits,
        partitions: int,
        clock: Clock,
        failed: Callable[[BaseException], None],
        told: SweepTold | None = None,
    ) -> None:
        self._sweep = sweep
        self._orders = orders
        self._store = store
        self._habits = habits
        self._clock = clock
        self._failed = failed
        self._told = told or SweepTold()
        self._homes = [
            (home_of(each.system, name, partitions), each, name)
            for each in connectors
            for name in each.objects
        ]
        self._tasks: dict[int, list[asyncio.Task[None]]] = {}
        self._states: dict[tuple[str, str], SweepState] = {}
        self._swept_from: dict[int, list[tuple[str, str]]] = {}

    @property
    def states(self) -> Mapping[tuple[str, str], SweepState]:
        """How far the sweeps came whose homes are held here, by system and object."""
        return self._states

    async def opened(self, shard: Shard) -> None:
        """Go on with the sweeps whose home *shard* is."""
        tasks = self._tasks[shard.id.partition] = []
        for home, connector, name in self._homes:
            if home == shard.id.partition:
                task = asyncio.create_task(self._serve(shard, connector, name), name=f"sweep {name}")
                task.add_done_callback(lambda done: report_end(done, self._failed))
                tasks.append(task)

    async def closed(self, shard: Shard) -> None:
        """Stop; the next owner goes on from the last page."""
        await ended(*self._tasks.pop(shard.id.partition, []))
        for home, connector, name in self._homes:
            if home == shard.id.partition:
                self._states.pop((connector.system, name), None)

    async def _serve(self, shard: Shard, connector: Connector, name: str) -> None:
        """Sweep for ever; a store or a vendor that is away is waited for."""
        gate = Gate(self._clock)
        state = await self._begin(shard, connector, name)
        while True:
            before = await gate.wait()
            try:
                await self._look(shard, connector, name, state)
                if state.run is None:
                    await asyncio.sleep(self._habits.look_ms / 1000)
                    continue
                await self._step(shard, connector, name, state, state.run)
                gate.succeed()
            except OutOfQuota as error:
                wait_ms = min(max(error.until - self._clock(), 1), LONGEST_WAIT_MS)
                await asyncio.sleep(wait_ms / 1000)
            except Rejected as error:
                log.error("sweep.refused", system=connector.system, object=name, reason=error.reason)  # noqa: TRY400 (no bug)
                gate.fail(Retryable(str(error), retry_after_ms=LONGEST_WAIT_MS), before)
            except Retryable as error:
                gate.fail(error, before)
                report("sweep.failed", error, system=connector.system, object=name)

    async def _begin(self, shard: Shard, connector: Connector, name: str) -> SweepState:
        """Return how far the sweep came; the first one of all begins now, for what was before is to be filled in."""
        while True:
            try:
                (data,) = await self._store.mget([shard.key(name_of(connector.system, name))])
            except Retryable:
                await asyncio.sleep(self._habits.look_ms / 1000)
                continue
            state = SweepState(self._clock()) if data is None else unpacked(data)
            self._states[connector.system, name] = state
            if data is None:
                await self._keep(shard, connector, name, state)
            return state

    async def _look(self, shard: Shard, connector: Connector, name: str, state: SweepState) -> None:
        """Take up what was ordered and what is due."""
        now = self._clock()
        mine = [
            each
            for each in await self._orders.given()
            if (each.system, each.object) == (connector.system, name)
        ]
        for each in mine:
            state.join(each.cause, max(0, each.since - self._habits.overlap_ms), now=now)
        if mine:
            await self._keep(shard, connector, name, state)
            await self._orders.taken(mine)
        habits = self._habits
        last_at = state.until if state.last is None else state.last.at
        due = habits.every_ms is not None and now - last_at >= habits.every_ms
        if state.run is None and due:
            until = now - habits.grace_ms
            state.run = Run("regular", Place(max(0, state.until - habits.overlap_ms)), until, now)

    async def _step(self, shard: Shard, connector: Connector, name: str, state: SweepState, run: Run) -> None:
        """Sweep a page and commit where the sweep stands."""
        now = self._clock()
        swept = await self._sweep.page(
            connector,
            Walk(
                object=name,
                place=run.place,
                until=run.until,
                cause=run.cause,
                sure_until=now - self._habits.grace_ms,
            ),
        )
        run.read += swept.read
        run.others += swept.others
        self._told.page(connector.system, name, swept)
        if swept.next is not None:
            run.place = swept.next
        else:
            found = state.finish(self._clock())
            if found is not None:
                self._told.ended(connector.system, name, found)
                log.info(
                    "sweep.ended",
                    system=connector.system,
                    object=name,
                    cause=found.cause,
                    read=found.read,
                    others=found.others,
                    took_ms=found.took_ms,
                )
        await self._keep(shard, connector, name, state)

    async def _keep(self, shard: Shard, connector: Connector, name: str, state: SweepState) -> None:
        await shard.commit(Operations().set(shard.key(name_of(connector.system, name)), packed(state)))
