"""A subscription whose values are opened before its handler sees them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from services.errors import Retryable
from services.runtime.log.port import LogRecord, PartitionHandler, Subscription
from services.runtime.patience import Patience

_log = structlog.get_logger(__name__)

_FOR_EVER = Patience(give_up_ms=None)


class SealedSubscription:
    """
    The port `Subscription` over another one, whose handler it is; waits as long as the keys can't be had.

    Args:
        handler: Sees the opened values.
        opened: Opens values.
    """

    inner: Subscription

    def __init__(
        self,
        handler: PartitionHandler,
        opened: Callable[[Sequence[LogRecord]], Awaitable[Sequence[LogRecord]]],
    ) -> None:
        self._handler = handler
        self._opened = opened
        self._seeks = Counter[int]()

    @property
    def assignment(self) -> frozenset[int]:
        """See the port."""
        return self.inner.assignment

    @property
    def last_poll_at(self) -> int:
        """See the port."""
        return self.inner.last_poll_at

    @property
    def failure(self) -> BaseException | None:
        """See the port."""
        return self.inner.failure

    async def start(self) -> None:
        """See the port."""
        await self.inner.start()

    async def stop(self) -> None:
        """See the port."""
        await self.inner.stop()

    def seek(self, partition: int, offset: int) -> None:
        """See the port."""
        self._seeks[partition] += 1
        self.inner.seek(partition, offset)

    async def commit(self, partition: int, offset: int) -> None:
        """See the port."""
        await self.inner.commit(partition, offset)

    async def lag(self) -> Mapping[int, int]:
        """See the port."""
        return await self.inner.lag()

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """See `PartitionHandler`."""
        return await self._handler.assigned(partitions)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """See `PartitionHandler`."""
        await self._handler.revoked(partitions)

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """See `PartitionHandler`; what a seek overtook while it was opened isn't handed on."""
        seeks = self._seeks[partition]
        opened = await _FOR_EVER.attempt(lambda: self._opened(records), _note_wait)
        if self._seeks[partition] == seeks:
            await self._handler.batch(partition, opened)


def _note_wait(failure: Retryable, wait_ms: int) -> None:
    _log.warning("records.unopened", wait_ms=wait_ms, reason=str(failure))
