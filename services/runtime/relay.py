"""
Carries a shard's outbox to the log, in order, and has it trimmed after.

What may have arrived already is asked for before it is sent: what an earlier owner left, and what an append that failed
was to carry. Only what is still on its way when the log answers can then be sent twice: from a process that was stopped,
or whose last request the broker hasn't handled yet.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from services.errors import Retryable
from services.runtime.endings import ended
from services.runtime.ledger import ShardEnded
from services.runtime.log.port import Origin, origin_of
from services.runtime.mechanism import Mechanism
from services.runtime.outbox import Entry
from services.runtime.shard import Shard

_log = structlog.get_logger(__name__)


class Relay:
    """
    The one relay of an owned shard; runs beside the batches.

    While the log is away it repeats the same run for ever; the outbox's cap makes the shard wait meanwhile.
    """

    def __init__(self, shard: Shard, mechanism: Mechanism) -> None:
        self._shard = shard
        self._mechanism = mechanism
        self._patience = replace(mechanism.patience, give_up_ms=None)
        self._doubtful = shard.outbox.waiting()
        self._landed: frozenset[Origin] = frozenset()
        self._task = asyncio.create_task(self._run(), name=f"relay {shard.id}")

    async def stop(self) -> None:
        """
        Stop relaying; what is left is the next owner's.

        A shard that is still held is drained and trimmed first, if that goes quickly: the next owner then
        has nothing to send twice.
        """
        draining = None
        try:
            if self._shard.ended is None and not self._task.done():
                draining = asyncio.create_task(self._drain(), name=f"drain {self._shard.id}")
                await asyncio.wait([draining], timeout=self._mechanism.drain_ms / 1000)
        finally:
            await ended(draining, self._task)

    async def _drain(self) -> None:
        with suppress(ShardEnded, Retryable):
            await self._shard.outbox.drained()
            await self._shard.trim()

    async def _run(self) -> None:
        try:
            while True:
                await self._step()
        except ShardEnded:
            pass  # who committed last has told the worker already
        except Exception as bug:  # noqa: BLE001 - not swallowed: it ends the shard, and so the worker
            self._shard.end(bug)

    async def _step(self) -> None:
        outbox = self._shard.outbox
        idle_s = self._mechanism.trim_idle_ms / 1000 if outbox.trim_is_due else None
        run = await outbox.next_run(self._mechanism.relay_batch, idle_s=idle_s)
        if not run:
            await self._shard.trim()
            return
        await self._patience.attempt(lambda: self._append(run), self._note_retry)
        outbox.acknowledge(run)
        self._landed = self._landed.difference(_origins(run))
        self._mechanism.metrics.observe(
            "tasuki_relay_seconds", time.perf_counter() - run[0].staged_at, topic=self._shard.id.topic
        )

    async def _append(self, run: Sequence[Entry]) -> None:
        if self._doubtful:
            await self._ask(self._doubtful)
        self._doubtful = run
        fresh = [entry.record for entry in run if origin_of(entry.record.headers) not in self._landed]
        if fresh:
            await self._mechanism.log.append(fresh)
        self._doubtful = ()

    async def _ask(self, doubtful: Sequence[Entry]) -> None:
        records = [entry.record for entry in doubtful]
        since = min(entry.emitted_at for entry in doubtful)
        began = time.perf_counter()
        landed = await self._mechanism.log.landed(records, since=since)
        self._landed |= landed
        if landed:
            _log.info(
                "relay.caught_up",
                shard=str(self._shard.id),
                events=len(doubtful),
                landed=len(landed),
                took_ms=round((time.perf_counter() - began) * 1000),
            )

    def _note_retry(self, failure: Retryable, wait_ms: int) -> None:
        _log.warning("relay.retried", shard=str(self._shard.id), wait_ms=wait_ms, reason=str(failure))


def _origins(run: Sequence[Entry]) -> set[Origin]:
    return {origin for entry in run if (origin := origin_of(entry.record.headers)) is not None}
