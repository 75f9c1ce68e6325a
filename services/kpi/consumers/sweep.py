"""Going through the leads of a shard beside the work, a page in each commit, until the whole shard is done."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import structlog

from services.errors import Retryable
from services.kpi.consumers.shard_counts import ShardCounts
from services.runtime.endings import ended, report_end
from services.runtime.shard import Shard

_AWAY_S = 1.0
_log = structlog.get_logger(__name__)


class Sweep:
    """
    One shard's sweep. It may be stopped at any instant: each lead carries what was done with it.

    Args:
        name: Of the task.
        page: Does so many of the leads at once, in a commit.
        finish: Does what is left once all leads are done.
        failed: Told of an unexpected end; it is to end the process.
        size: How many leads make a page.
    """

    def __init__(
        self,
        shard: Shard,
        counts: ShardCounts,
        *,
        name: str,
        page: Callable[[Sequence[str]], Awaitable[None]],
        finish: Callable[[], Awaitable[None]],
        failed: Callable[[BaseException], None],
        size: int = 500,
    ) -> None:
        self._shard = shard
        self._counts = counts
        self._name = name
        self._page = page
        self._finish = finish
        self._failed = failed
        self._size = size
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, or go on where an earlier owner stopped."""
        self._task = asyncio.create_task(self._run(), name=f"{self._name} {self._shard.id}")
        self._task.add_done_callback(self._report)

    async def stop(self) -> None:
        """Stop; safe where it never began."""
        await ended(self._task)

    async def _run(self) -> None:
        while not await self._done():  # noqa: ASYNC110 -- what is waited for is the store, which tells nobody
            await asyncio.sleep(_AWAY_S)

    async def _done(self) -> bool:
        """Whether it went through; what was done before store or log went away isn't done again."""
        try:
            async for page in pages(self._counts.lead_ids(), self._size):
                await self._page(page)
            await self._finish()
        except Retryable as error:
            _log.warning("store.unavailable", shard=str(self._shard.id), reason=str(error))
            return False
        return True

    def _report(self, task: asyncio.Task[None]) -> None:
        report_end(task, self._failed)


async def pages(names: AsyncIterator[str], size: int = 500) -> AsyncIterator[Sequence[str]]:
    """Yield *names* so many at a time."""
    page: list[str] = []
    async for name in names:
        page.append(name)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
