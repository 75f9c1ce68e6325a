"""The port to a service's business: what a worker asks of whoever folds a topic's records into state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.runtime.log.port import LogRecord
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.shard import Shard


@dataclass(slots=True)
class Fold:
    """
    What a batch does to its shard.

    `applied` is called once the batch is committed, before anybody else has a turn; for waking timers and
    dispatch, and for caches. It must neither wait nor fail.
    """

    operations: Operations = field(default_factory=Operations)
    emissions: Sequence[Emission] = ()
    applied: Callable[[], None] | None = None


class Processor(Protocol):
    """
    Folds records into the state of shards, each of which it may hold at the same time as others.

    A shard that the store rolled back is closed and opened again, as a new `Shard`; what was remembered of
    its state, and tasks that work on it, end with `closed`.
    """

    async def opened(self, shard: Shard) -> None:
        """
        Take up *shard*: load what is kept in memory, start its timers and dispatch.

        Called before the first batch; may commit. When it raises Retryable it is called again with a new
        Shard, without `closed` in between.
        """
        ...

    async def closed(self, shard: Shard) -> None:
        """Let go of *shard*: end its tasks and forget its state. It may have ended; see `Shard.ended`."""
        ...

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """
        Load the state that *records* need, and return what they do to it; runs within a turn.

        What it does to state depends on the state and *records* alone: no clock, no chance, no order of a
        set. What it emits depends on the log's records alone (see `outbox`). It writes nothing itself.
        *records* are 1 or more, in the order of their offsets; repeated ones are gone already.
        When it raises Retryable it is called again, as long as patience lasts; any other error ends the process.
        """
        ...
