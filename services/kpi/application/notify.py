"""
Notify: bring each alert to the people it is for, one loop for each sink of a shard, which waits for nobody else.

A message is noted as out, sent, and noted as settled; see services.kpi.domain.notice_queue for what a crash in
between does. The loop sleeps until something comes due or somebody wakes it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Protocol, TypeVar, runtime_checkable

import structlog

from services.errors import Rejected, Retryable
from services.kpi.domain.notice_digest import Message
from services.kpi.domain.notice_ledger import Change, SinkLedger
from services.kpi.domain.notice_plan import UNKNOWN, plan
from services.kpi.domain.notice_queue import Answer, Delivered, Failed, Refused, begin, message_id, settle
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notice_tasks import TaskRequest
from services.kpi.domain.notices import ClockKey, Live
from services.runtime.clock import Clock
from services.runtime.endings import ended

_log = structlog.get_logger(__name__)

_PAUSE_MS = 1_000
_GRACE_S = 1.0
_FORGETS_EVERY_MS = 60_000

Found = TypeVar("Found")


class SinkUnavailable(Retryable):
    """
    A sink didn't take a message now.

    `doubt`: it may have taken it all the same, for no clear answer came.
    """

    def __init__(self, message: str, *, doubt: bool, retry_after_ms: int | None = None) -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)
        self.doubt = doubt


class SinkRefused(Rejected):
    """A sink will never take this message as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="refused-by-sink")


class Sink(Protocol):
    """Where messages go, by one technology."""

    async def send(self, message: Message) -> None:
        """
        Hand over *message*; it may have had it before, under the same id.

        Raises SinkUnavailable or SinkRefused. May hang: the caller stops waiting after the sink's timeout.
        """
        ...


@runtime_checkable
class Asking(Protocol):
    """A sink that another service serves: it is asked through the log, in the commit that notes the delivery."""

    def asks(self, message: Message) -> tuple[TaskRequest, ...]:
        """Return what to ask for so that *message* is told. The same message asks for the same."""
        ...


class Clocks(Protocol):
    """What is known of the clocks beside the alerts: a lead that was answered in time is told by no alert."""

    async def now(self, clocks: Collection[ClockKey], at: int) -> Mapping[ClockKey, Live]:
        """Return how those of *clocks* stand at *at* of which it is known. Raises Retryable."""
        ...


class NoClocks:
    """Knows of no clock: alerts are told as they stood when they were told."""

    async def now(self, clocks: Collection[ClockKey], at: int) -> Mapping[ClockKey, Live]:  # noqa: ARG002 - the port's
        """See `Clocks.now`."""
        return UNKNOWN


class SinkQueue(Protocol):
    """One sink's ledger in a shard, and the right to change it."""

    @property
    def ledger(self) -> SinkLedger:
        """The ledger as committed."""
        ...

    async def change(self, decide: Callable[[SinkLedger], tuple[Change, Found]]) -> Found:
        """
        Commit what *decide* changes, and return what it found; nobody else changes the shard in between.

        Raises ShardEnded, StoreUnavailable.
        """
        ...

    async def forget(self, rule: SinkRule, now: int) -> None:
        """Drop what was done longer ago than *rule* remembers."""
        ...


class Delivery:
    """
    Feeds one sink from one shard.

    Args:
        sent: Told of each message that left, for the metrics: the sink, ``delivered`` | ``failed`` | ``refused``,
            how many alerts are in it, and how long the first of them had waited, ms.
    """

    def __init__(
        self,
        *,
        queue: SinkQueue,
        rule: SinkRule,
        sink: Sink | Asking,
        clocks: Clocks,
        clock: Clock,
        random: Random | None = None,
        sent: Callable[[str, str, int, int], None] = lambda _sink, _outcome, _alerts, _waited_ms: None,
    ) -> None:
        self._queue = queue
        self._rule = rule
        self._sink = sink
        self._clocks = clocks
        self._clock = clock
        self._random = random or Random()
        self._sent = sent
        self._wake = asyncio.Event()
        self._stopping = False
        self._well = True
        self._forgets_at = 0

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Serve until stopped or cancelled; an error that isn't the sink's ends it."""
        while not self._stopping:
            self._wake.clear()
            try:
                message, next_at = await self._next()
            except Retryable as error:
                _log.warning("notice.delayed", sink=self._rule.name, reason=str(error))
                await self._sleep(self._clock() + _PAUSE_MS)
                continue
            if message is None:
                await self._sleep(next_at)
            else:
                await self._deliver(message)

    async def stop(self, task: asyncio.Task[None]) -> None:
        """End *task*, which runs `run`; a message that is out has a moment to be answered."""
        self._stopping = True
        self.wake()
        await asyncio.wait([task], timeout=_GRACE_S)
        await ended(task)

    async def _next(self) -> tuple[Message | None, int | None]:
        """Drop what needs no telling; return the message that is now noted as out, or when to look again."""
        now = self._clock()
        first = plan(self._queue.ledger, self._rule, now)
        if first.target is None and not first.drops:
            return None, first.next_at
        asked = frozenset(each.clock for each in first.notices)
        live = await self._clocks.now(asked, now) if asked else UNKNOWN
        return await self._queue.change(lambda ledger: self._begun(ledger, now, asked, live))

    def _begun(
        self, ledger: SinkLedger, now: int, asked: Collection[ClockKey], live: Mapping[ClockKey, Live]
    ) -> tuple[Change, tuple[Message | None, int | None]]:
        found = plan(ledger, self._rule, now, live)
        change, target = found.drops, found.target
        if target is None:
            return change, (None, found.next_at)
        notices = found.notices
        if any(each.clock not in asked for each in notices):
            # Something came in while the clocks were asked. It goes with the next message, unless this is a
            # repeated one, which must stay as it is.
            again = ledger.channel(target).sending is not None
            notices = () if again else tuple(each for each in notices if each.clock in asked)
        if not notices:
            return change, (None, now)
        begun = begin(ledger, target, notices, now)
        change.channels |= begun.channels
        change.told |= begun.told
        message = message_id(tuple(each.id for each in notices))
        return change, (Message(message, self._rule.name, target, notices, now, live), None)

    async def _deliver(self, message: Message) -> None:
        answer = await self._answer(message)
        now, jitter = self._clock(), self._random.random()
        await self._queue.change(
            lambda ledger: (
                settle(ledger, message.target, self._rule, answer, now=now, jitter=jitter),
                None,
            )
        )
        waited_ms = now - min(each.told_at for each in message.notices)
        outcome = {Delivered: "delivered", Failed: "failed", Refused: "refused"}[type(answer)]
        if now >= self._forgets_at:
            await self._queue.forget(self._rule, now)
            self._forgets_at = now + min(_FORGETS_EVERY_MS, self._rule.remembers_ms // 10)
        self._sent(self._rule.name, outcome, len(message.notices), waited_ms)

    async def _answer(self, message: Message) -> Answer:
        name, count = self._rule.name, len(message.notices)
        if isinstance(self._sink, Asking):
            return Delivered(self._sink.asks(message))
        try:
            async with asyncio.timeout(self._rule.timeout_ms / 1000):
                await self._sink.send(message)
        except TimeoutError:
            self._note_failure("no answer in time")
            return Failed(doubt=True)
        except SinkUnavailable as error:
            self._note_failure(str(error))
            return Failed(error.doubt, error.retry_after_ms)
        except SinkRefused as error:
            _log.error("sink.refused", sink=name, records=count, reason=str(error))
            return Refused(str(error))
        if not self._well:
            _log.info("sink.recovered", sink=name)
        self._well = True
        _log.debug("notice.delivered", sink=name, records=count)
        return Delivered()

    def _note_failure(self, why: str) -> None:
        self._well = False
        _log.warning("sink.unavailable", sink=self._rule.name, reason=why)

    async def _sleep(self, until: int | None) -> None:
        """Wait to be woken, or until *until*, epoch ms; None: for ever."""
        timeout = None if until is None else max(0.001, (until - self._clock()) / 1000)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return
