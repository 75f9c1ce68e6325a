"""After the rules changed: counts the leads of a shard anew, beside the work, and then drops the old counters."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.kpi.consumers.shard_counts import ShardCounts
from services.kpi.consumers.sweep import Sweep, pages
from services.runtime.operations import Operations
from services.runtime.shard import Shard

_log = structlog.get_logger(__name__)

Again = Callable[[ShardCounts, Sequence[str]], Awaitable[Operations]]
"""Returns what counts those leads anew that need it; called within a turn."""


class Recount:
    """
    One shard's recount.

    It may be stopped at any instant: each lead carries the rules it was counted by, so the next owner goes on.
    """

    def __init__(
        self, shard: Shard, counts: ShardCounts, again: Again, failed: Callable[[BaseException], None]
    ) -> None:
        self._shard = shard
        self._counts = counts
        self._again = again
        self._sweep = Sweep(
            shard, counts, name="recount", page=self._page, finish=self._finish, failed=failed
        )

    async def start_if_due(self) -> None:
        """Begin, unless all leads are counted by the rules in force."""
        said = await self._counts.generation()
        if said is None and self._shard.ledger.offset < 0:
            await self._agree()
        elif said != self._counts.in_force:
            _log.info("recount.started", shard=str(self._shard.id))
            self._sweep.start()

    async def stop(self) -> None:
        """Stop; safe where it never began."""
        await self._sweep.stop()

    async def _page(self, lead_ids: Sequence[str]) -> None:
        async with self._shard.turn() as turn:
            await turn.commit(await self._again(self._counts, lead_ids))

    async def _finish(self) -> None:
        await self._agree()
        async for page in pages(self._counts.outdated()):
            operations = Operations()
            for name in page:
                operations.delete(self._shard.key(name))
            await self._shard.commit(operations)
        _log.info("recount.finished", shard=str(self._shard.id))

    async def _agree(self) -> None:
        operations = Operations()
        self._counts.agree(operations)
        await self._shard.commit(operations)
