"""The timers of one shard: sleeps until the first clock comes due, and tells what has, a batch in each commit."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from services.errors import Retryable
from services.kpi.consumers.known import Known
from services.kpi.consumers.promised import Promised
from services.kpi.consumers.shard_clocks import ShardClocks, lead_of
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.operations import Operations
from services.runtime.outbox import Emission

_PAUSE_S = 1.0
_log = structlog.get_logger(__name__)

Fired = Callable[[Sequence[Emission]], None]
"""Told of the alerts that were told without a record that caused them, once they are committed."""


class Timers:
    """The task that fires the timers of a shard while it is held."""

    def __init__(
        self,
        clocks: ShardClocks,
        known: Known,
        promised: Promised,
        *,
        clock: Clock,
        fired: Fired,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._clocks = clocks
        self._known = known
        self._promised = promised
        self._clock = clock
        self._fired = fired
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Let them run."""
        self._task = asyncio.create_task(self._run(), name=f"timers {self._clocks.shard.id}")
        self._task.add_done_callback(self._report)

    async def stop(self) -> None:
        """Stop; what comes due is the next owner's to tell."""
        await ended(self._task)

    async def _run(self) -> None:
        shard = str(self._clocks.shard.id)
        while True:
            self._known.watch()
            try:
                next_at = await self._clocks.next_at()
                if next_at is not None and next_at <= self._clock():
                    await self._fire(await self._known.up_to(self._promised.grace_ms))
                    continue
            except Retryable as error:
                _log.warning("timers.delayed", shard=shard, reason=str(error))
                await asyncio.sleep(_PAUSE_S)
                continue
            await self._known.wait(None if next_at is None else max(0.001, (next_at - self._clock()) / 1000))

    async def _fire(self, now: int) -> None:
        """Tell what has come due by *now*, a batch of it: marks, timers, counters and alerts in one commit."""
        clocks = self._clocks
        async with clocks.shard.turn() as turn:
            members = await clocks.due(now, self._promised.batch)
            leads = list(dict.fromkeys(lead_of(each) for each in members))
            if not leads:
                return
            known, states = await clocks.tallying.counts.load(leads), await clocks.load(leads)
            operations = Operations()
            # A lead that is gone from the store tells nothing any more, nor does a clock that no longer is.
            clocks.drop(operations, members)
            told = await clocks.bring_all(
                turn, [known[each][0] for each in leads if each in known], states, now, operations
            )
        self._fired(told.told)
        _log.debug("timers.fired", shard=str(clocks.shard.id), timers=len(members), records=len(told.alerts))

    def _report(self, task: asyncio.Task[None]) -> None:
        report_end(task, self._failed)
