"""A processor with what goes beside it for as long as its shard is held, and with whoever is told of its commits."""

from collections.abc import Callable, Sequence
from typing import Protocol

from services.runtime.log.port import LogRecord
from services.runtime.outbox import Emission
from services.runtime.processor import Fold, Processor
from services.runtime.shard import Shard


class Companion(Protocol):
    """Something that works on a shard while it is held."""

    def opened(self, shard: Shard) -> None:
        """Begin; must neither wait nor fail."""
        ...

    async def closed(self, shard: Shard) -> None:
        """End; safe where it never began."""
        ...


class Accompanied:
    """
    See `Processor` in services.runtime.processor.

    Args:
        processor: What folds.
        companions: What goes beside it.
        committed: Told of what a batch emits, once it is committed.
    """

    def __init__(
        self,
        processor: Processor,
        companions: Sequence[Companion],
        committed: Callable[[Sequence[Emission]], None],
    ) -> None:
        self._processor = processor
        self._companions = companions
        self._committed = committed

    async def opened(self, shard: Shard) -> None:
        """See `Processor.opened`."""
        await self._processor.opened(shard)
        for each in self._companions:
            each.opened(shard)

    async def closed(self, shard: Shard) -> None:
        """See `Processor.closed`."""
        for each in self._companions:
            await each.closed(shard)
        await self._processor.closed(shard)

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """See `Processor.fold`."""
        fold = await self._processor.fold(shard, records)

        def applied() -> None:
            if fold.applied is not None:
                fold.applied()
            if fold.emissions:
                self._committed(fold.emissions)

        return Fold(fold.operations, fold.emissions, applied)
