"""A shard in the hands of its owner: one commit after the other, until the hold on it ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from services.errors import Retryable
from services.runtime.keys import RUNTIME_NAMES, ShardId
from services.runtime.ledger import Fenced, InDoubt, Ledger, Outcome, Released, Reply, RolledBack, ShardEnded
from services.runtime.mechanism import Mechanism
from services.runtime.operations import Operations
from services.runtime.outbox import Emission, EntryId, Outbox, load_outbox
from services.runtime.seen import Seen, load_seen
from services.runtime.store import Store
from services.runtime.store_errors import InvalidOperation

_log = structlog.get_logger(__name__)


OnEnded = Callable[["Shard", BaseException], None]
"""Told once when a shard ends by itself: why. Must not wait."""


class Shard:
    """
    One owned partition: its ledger in memory, its outbox, and the right to commit.

    Everything that changes the shard takes a turn; turns follow each other in the order they were asked for.
    Read what a change depends on within the turn, or another's commit comes between.
    After Fenced, RolledBack or InDoubt the shard has ended: a new owner, or this one anew, opens it again.
    """

    def __init__(
        self,
        shard_id: ShardId,
        ledger: Ledger,
        outbox: Outbox,
        seen: Seen,
        mechanism: Mechanism,
        on_ended: OnEnded,
    ) -> None:
        self.id = shard_id
        self.outbox = outbox
        self.seen = seen
        self._ledger = ledger
        self._mechanism = mechanism
        self._on_ended = on_ended
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None
        self._ended: ShardEnded | None = None
        self._reserved = frozenset(shard_id.key(name) for name in RUNTIME_NAMES)

    @property
    def ledger(self) -> Ledger:
        """Where the shard stands after the last commit."""
        return self._ledger

    @property
    def store(self) -> Store:
        """The store, for reads."""
        return self._mechanism.store

    @property
    def ended(self) -> ShardEnded | None:
        """Why nothing can be committed any more, or None while the shard is held."""
        return self._ended

    def key(self, name: str) -> str:
        """Return the key of *name* in this shard."""
        return self.id.key(name)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator["Turn"]:
        """
        Have the shard to oneself: what is read within the turn is still so when it commits.

        Waits first while the outbox is full. Nothing slow belongs into a turn: no vendor is called within.
        Raises ShardEnded when the hold is over.
        """
        await self.outbox.room()
        async with self._exclusively() as turn:
            yield turn

    async def commit(self, operations: Operations, *, emissions: Sequence[Emission] = ()) -> Ledger:
        """Commit what depends on nothing that was read, in a turn of its own; see `Turn.commit`."""
        async with self.turn() as turn:
            return await turn.commit(operations, emissions=emissions)

    async def trim(self) -> None:
        """Commit the removal of acknowledged entries, if any is due."""
        async with self._exclusively() as turn:
            if self.outbox.trim_is_due:
                await turn.commit(Operations())

    async def verify(self) -> None:
        """Compare the ledger with the store's, and end the shard where they differ. Raises StoreUnavailable."""
        async with self._exclusively():
            stored = await self._mechanism.store.ledger(self.id)
            if stored != self._ledger:
                outcome = Outcome.FENCED if stored.epoch > self._ledger.epoch else Outcome.ROLLED_BACK
                self._judge(Reply(outcome, stored), self._ledger, self._ledger.offset)

    def end(self, why: BaseException) -> ShardEnded:
        """End the hold and return what its users will be told; the first reason stays."""
        if self._ended is None:
            self._ended = why if isinstance(why, ShardEnded) else InDoubt(self.id, repr(why))
            self.outbox.close()
            if not isinstance(why, Released):
                self._on_ended(self, why)
        return self._ended

    @asynccontextmanager
    async def _exclusively(self) -> AsyncGenerator["Turn"]:
        if self._holder is not None and self._holder is asyncio.current_task():
            raise RuntimeError(
                f"a turn on shard {self.id} within a turn of the same task would wait for ever"
            )
        async with self._lock:
            self._holder = asyncio.current_task()
            turn = Turn(self)
            try:
                self._check_held()
                yield turn
            finally:
                turn.over = True
                self._holder = None

    def _check_held(self) -> None:
        if self._ended is not None:
            raise self._ended

    async def apply(self, operations: Operations, target: int) -> None:
        """Commit *operations* and the offset *target*, repeating it until the outcome is known; within a turn."""
        self._check_held()
        base = self._ledger
        try:
            with self._mechanism.metrics.timed("tasuki_commit_seconds", topic=self.id.topic):
                reply = await self._mechanism.patience.attempt(
                    lambda: self._mechanism.store.commit(self.id, base, target, operations), self._note_retry
                )
        except InvalidOperation:
            raise
        except BaseException as error:
            # Given up or cancelled: it may be applied yet. Within this epoch nothing else may be sent.
            self.end(InDoubt(self.id, f"a commit was abandoned: {error!r}"))
            raise
        self._judge(reply, base, target)

    def _judge(self, reply: Reply, base: Ledger, target: int) -> None:
        outcome = reply.outcome
        self._mechanism.metrics.count("tasuki_commits_total", topic=self.id.topic, outcome=outcome.value)
        ours = Ledger(base.epoch, target, base.version + 1)
        # Within an epoch one commit is under way at a time, so a ledger that is where this one would have
        # brought it was brought there by an attempt whose answer was lost.
        if outcome is Outcome.COMMITTED or (outcome is Outcome.DUPLICATE and reply.ledger == ours):
            self._ledger = ours
            return
        _log.warning(
            f"commit.{outcome.value}", shard=str(self.id), base=_brief(base), stored=_brief(reply.ledger)
        )
        stands = f"the ledger stands at {_brief(reply.ledger)}, our base was {_brief(base)}"
        kind = Fenced if outcome is Outcome.FENCED else RolledBack
        raise self.end(kind(self.id, stands))

    def _note_retry(self, failure: Retryable, wait_ms: int) -> None:
        self._mechanism.metrics.count("tasuki_commits_total", topic=self.id.topic, outcome="unavailable")
        _log.warning("commit.retried", shard=str(self.id), wait_ms=wait_ms, reason=str(failure))

    def check_keys(self, operations: Operations) -> None:
        """Raise ValueError where *operations* leave the shard or touch what is the runtime's own."""
        for key in operations.keys:
            if not self.id.owns(key) or key in self._reserved:
                raise ValueError(f"{key!r} is not a key that a commit of shard {self.id} may touch")


class Turn:
    """The right to change a shard, from `Shard.turn`; void when its block is left."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self.over = False

    async def commit(
        self,
        operations: Operations,
        *,
        new_offset: int | None = None,
        emissions: Sequence[Emission] = (),
        marks: Mapping[str, EntryId] | None = None,
    ) -> Ledger:
        """
        Apply *operations*, append *emissions* to the outbox and move the offset: all of it, or nothing.

        While the store is away the same commit is repeated; when it was applied after all, that is success.

        Args:
            operations: Spent by this call.
            new_offset: The last record folded in; None leaves the offset as it is (timers, dispatch).
            emissions: What must go out.
            marks: From `Seen.sift`.

        Returns:
            The new ledger.

        Raises:
            Fenced, RolledBack: The shard has ended; nothing was applied.
            StoreUnavailable: Patience is at its end, and so is the shard.
            InvalidOperation: A bug in *operations*; nothing was applied.
        """
        if self.over:
            raise RuntimeError("a turn commits within its own block only")
        shard = self._shard
        shard.check_keys(operations)
        target = shard.ledger.offset if new_offset is None else new_offset
        entries = shard.outbox.stage(emissions, shard.ledger.offset, target, operations)
        trimmed = shard.outbox.stage_trim(operations)
        if marks:
            operations.hset(
                shard.id.seen_key, {name: f"{first}-{second}" for name, (first, second) in marks.items()}
            )
        await shard.apply(operations, target)
        shard.outbox.accept(entries, trimmed)
        shard.seen.accept(marks or {})
        return shard.ledger


async def open_shard(
    shard_id: ShardId, mechanism: Mechanism, *, on_ended: OnEnded, above_epoch: int = 0
) -> Shard:
    """Fence every earlier owner of the shard and return it as it stands. Raises StoreUnavailable."""
    store = mechanism.store
    ledger = await store.open(shard_id, now=mechanism.clock(), above=above_epoch)
    outbox = await load_outbox(
        store, shard_id, ledger.epoch, most=mechanism.outbox_most, clock=mechanism.clock
    )
    return Shard(shard_id, ledger, outbox, await load_seen(store, shard_id), mechanism, on_ended)


def _brief(ledger: Ledger) -> str:
    return f"epoch {ledger.epoch}, offset {ledger.offset}, version {ledger.version}"
