"""One partition in a worker's hands: opened, fed batches, repaired when the store lost writes, let go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from services.errors import Misconfigured, Retryable
from services.runtime.endings import carried_out, ended
from services.runtime.keys import ShardId
from services.runtime.ledger import Fenced, Ledger, Released, ShardEnded
from services.runtime.log.port import LogRecord
from services.runtime.mechanism import Mechanism
from services.runtime.processor import Fold, Processor
from services.runtime.relay import Relay
from services.runtime.shard import Shard, open_shard
from services.runtime.store_errors import StoreUnavailable

_log = structlog.get_logger(__name__)

# A fenced partition's records are dropped at this pace until the group takes the partition away.
_FENCED_PAUSE_S = 0.25
_HINT_PATIENCE_S = 1.0
_HINT_PAUSE_S = 0.25


class Position(Protocol):
    """The part of `Subscription` that moves a partition's position."""

    def seek(self, partition: int, offset: int) -> None:
        """See `Subscription.seek`."""
        ...

    async def commit(self, partition: int, offset: int) -> None:
        """See `Subscription.commit`."""
        ...


class HeldPartition:
    """
    One partition from `assigned` to `revoked`.

    What ends its shard, and what follows
    - rolled back, or a commit in doubt: the shard is opened again and the log is read from its ledger on;
    - fenced: a successor is at work. Nothing more is done here, and the group is expected to revoke the
      partition. If it does not within `fenced_grace_ms`, group and store disagree, and that is a failure;
    - anything else: a bug, a failure.
    A failure is raised by the next batch and told to *on_failure*; the process is to end by it.
    """

    def __init__(
        self,
        shard_id: ShardId,
        mechanism: Mechanism,
        processor: Processor,
        position: Position,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._id = shard_id
        self._mechanism = mechanism
        self._processor = processor
        self._position = position
        self._on_failure = on_failure
        self._gate = asyncio.Lock()  # a batch, a repair and the release don't run at the same time
        self._shard: Shard | None = None
        self._relay: Relay | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._epoch = 0
        self._closing = False
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._hints = _Hints(shard_id.partition, position)

    @property
    def shard(self) -> Shard | None:
        """The shard while it is held."""
        return self._shard

    async def open(self) -> int:
        """Open the shard, as long as patience lasts, and return the next offset to read."""
        return await self._mechanism.patience.attempt(self._open_once, self._note_retry)

    async def handle(self, records: Sequence[LogRecord]) -> None:
        """Fold and commit *records*, which are 1 or more in the order of their offsets."""
        async with self._gate:
            if self._failure is not None:
                raise self._failure
            if self._shard is None:
                await asyncio.sleep(_FENCED_PAUSE_S)
                return
            try:
                await self._process(self._shard, records)
            except ShardEnded:
                await self._recover(self._shard)
                return
        self._hints.send(records[-1].offset + 1)

    async def close(self) -> None:
        """Let the shard go."""
        self._closing = True
        await ended(*self._tasks)
        async with self._gate:
            shard, self._shard = self._shard, None
            if shard is not None:
                await self._let_go(shard)
        await self._hints.finish()

    async def _open_once(self) -> int:
        shard = await open_shard(
            self._id, self._mechanism, on_ended=self._shard_ended, above_epoch=self._epoch
        )
        self._epoch = shard.ledger.epoch
        await self._compare_with_log(shard.ledger)
        self._relay = Relay(shard, self._mechanism)
        self._pulse = asyncio.create_task(self._verify(shard), name=f"verify {self._id}")
        try:
            await self._processor.opened(shard)
        except BaseException as error:
            shard.end(Released(self._id, "it could not be opened"))
            await carried_out(self._stop_helpers())
            if isinstance(error, ShardEnded) and not isinstance(error, Fenced):
                raise StoreUnavailable(f"the shard ended while it was opened: {error}") from error
            raise
        self._shard = shard
        if shard.ended is not None:
            self._shard_ended(shard, shard.ended)
        _log.debug(
            "shard.assigned", shard=str(self._id), offset=shard.ledger.offset, outbox=len(shard.outbox)
        )
        return shard.ledger.offset + 1

    async def _compare_with_log(self, ledger: Ledger) -> None:
        offsets = (await self._mechanism.log.offsets(self._id.topic))[self._id.partition]
        if ledger.offset >= offsets.end:
            raise Misconfigured(
                f"shard {self._id} has applied offset {ledger.offset}, but its log ends before {offsets.end}: the "
                "topic was made anew or lost records; restore it, or empty the shard's state and replay"
            )
        if offsets.begin > ledger.offset + 1 > 0:
            _log.error("shard.records_missed", shard=str(self._id), after=ledger.offset, begin=offsets.begin)

    async def _process(self, shard: Shard, records: Sequence[LogRecord]) -> None:
        metrics, topic = self._mechanism.metrics, self._id.topic
        async with shard.turn() as turn:
            above = [record for record in records if record.offset > shard.ledger.offset]
            if not above:
                return
            fresh, marks = shard.seen.sift(above)
            metrics.observe("tasuki_batch_records", len(above), topic=topic)
            readable = [record for record in fresh if not record.is_shredded]
            fold = await self._fold(shard, readable) if readable else Fold()
            await turn.commit(
                fold.operations, new_offset=above[-1].offset, emissions=fold.emissions, marks=marks
            )
            if fold.applied is not None:
                fold.applied()

    async def _fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        with self._mechanism.metrics.timed("tasuki_fold_seconds", topic=self._id.topic):
            return await self._mechanism.patience.attempt(
                lambda: self._processor.fold(shard, records), self._note_retry
            )

    def _shard_ended(self, shard: Shard, why: BaseException) -> None:
        """Have an ended shard looked after, whoever noticed it; the gate sorts out who does it."""
        if shard is self._shard and not self._closing:
            self._start(self._tend(shard, why))

    async def _tend(self, shard: Shard, why: BaseException) -> None:
        try:
            async with self._gate:
                if shard is not self._shard:
                    return  # a batch has noticed it as well and was first
                if not isinstance(why, ShardEnded):
                    raise why
                await self._recover(shard)
        except Exception as error:  # noqa: BLE001 - not swallowed: the process is to end by it
            self._fail(error)

    async def _recover(self, shard: Shard) -> None:
        self._shard = None
        await self._let_go(shard)
        if isinstance(shard.ended, Fenced):
            _log.warning("shard.fenced", shard=str(self._id), reason=str(shard.ended))
            self._start(self._watch(shard.ended))
            return
        # No wait between the new shard and the seek: what was fetched before must not reach it.
        self._position.seek(self._id.partition, await self.open())

    async def _watch(self, fenced: Fenced) -> None:
        await asyncio.sleep(self._mechanism.fenced_grace_ms / 1000)
        self._fail(fenced)

    async def _let_go(self, shard: Shard) -> None:
        try:
            # The processor first: nothing more is emitted, so the relay can drain.
            await self._processor.closed(shard)
        finally:
            await self._stop_helpers()
            shard.end(Released(self._id, "its worker let it go"))
        _log.debug("shard.revoked", shard=str(self._id), offset=shard.ledger.offset, outbox=len(shard.outbox))

    async def _stop_helpers(self) -> None:
        await ended(self._pulse)
        if self._relay is not None:
            await self._relay.stop()

    async def _verify(self, shard: Shard) -> None:
        # Each batch's commit compares the ledgers as well; this is for shards that have nothing to commit.
        while shard.ended is None:
            version = shard.ledger.version
            await asyncio.sleep(self._mechanism.verify_ms / 1000)
            if shard.ledger.version == version:
                with suppress(ShardEnded, Retryable):
                    await shard.verify()

    def _fail(self, failure: BaseException) -> None:
        self._failure = failure
        self._on_failure(failure)

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_retry(self, failure: Retryable, wait_ms: int) -> None:
        _log.warning("store.unavailable", shard=str(self._id), wait_ms=wait_ms, reason=str(failure))


class _Hints:
    """Tells the group how far a partition is, a few times a second, always the newest; nobody waits for it."""

    def __init__(self, partition: int, position: Position) -> None:
        self._partition = partition
        self._position = position
        self._newest = self._told = 0
        self._last = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def send(self, offset: int) -> None:
        self._newest = offset
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def finish(self) -> None:
        self._last.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_HINT_PATIENCE_S)
            await ended(self._task)

    async def _run(self) -> None:
        while self._told != self._newest:
            newest = self._newest
            try:
                await self._position.commit(self._partition, newest)
            except Retryable as failure:
                # Only a hint: the next batch brings a newer one.
                _log.debug("log.unavailable", partition=self._partition, reason=str(failure))
                return
            self._told = newest
            with suppress(TimeoutError):
                async with asyncio.timeout(_HINT_PAUSE_S):
                    await self._last.wait()
