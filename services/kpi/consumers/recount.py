"""After the rules changed: counts the leads of a shard anew, beside the work, and then drops the old counters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import structlog

from services.errors import Retryable
from services.kpi.consumers.shard_counts import ShardCounts
from services.runtime.endings import ended, report_end
from services.runtime.operations import Operations
from services.runtime.shard import Shard

_PAGE = 500
_AWAY_S = 1.0
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
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    async def start_if_due(self) -> None:
        """Begin, unless all leads are counted by the rules in force."""
        said = await self._counts.generation()
        if said is None and self._shard.ledger.offset < 0:
            await self._agree()
        elif said != self._counts.in_force:
            self._task = asyncio.create_task(self._run(), name=f"recount {self._shard.id}")
            self._task.add_done_callback(self._report)

    async def stop(self) -> None:
        """Stop; safe where it never began."""
        await ended(self._task)

    async def _run(self) -> None:
        _log.info("recount.started", shard=str(self._shard.id))
        while not await self._done():  # noqa: ASYNC110 -- what is waited for is the store, which tells nobody
            await asyncio.sleep(_AWAY_S)
        _log.info("recount.finished", shard=str(self._shard.id))

    async def _done(self) -> bool:
        """Whether it went through; what was done before the store went away isn't done again."""
        try:
            async for page in _pages(self._counts.lead_ids()):
                async with self._shard.turn() as turn:
                    await turn.commit(await self._again(self._counts, page))
            await self._agree()
            async for page in _pages(self._counts.outdated()):
                operations = Operations()
                for name in page:
                    operations.delete(self._shard.key(name))
                await self._shard.commit(operations)
        except Retryable as error:
            _log.warning("store.unavailable", shard=str(self._shard.id), reason=str(error))
            return False
        return True

    async def _agree(self) -> None:
        operations = Operations()
        self._counts.agree(operations)
        await self._shard.commit(operations)

    def _report(self, task: asyncio.Task[None]) -> None:
        report_end(task, self._failed)


async def _pages(names: AsyncIterator[str]) -> AsyncIterator[Sequence[str]]:
    page: list[str] = []
    async for name in names:
        page.append(name)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page
