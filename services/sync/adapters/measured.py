"""A connector around another one: its reads and writes as metrics and as spans."""

from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Literal

from services.errors import Rejected
from services.runtime.metric_catalogue import HistogramName
from services.runtime.metrics import Metrics
from services.sync.application.ports import (
    BatchRefused,
    Connector,
    Finding,
    Forbidden,
    Page,
    Place,
    StreamBatch,
    StreamPosition,
    Throttled,
    Unauthorised,
    Unavailable,
    WebhookRequest,
)
from services.sync.domain.records import (
    Confirmed,
    Notification,
    Observation,
    RecordRef,
    Refused,
    Side,
    Write,
    WriteResult,
)

_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (Throttled, "throttled"),
    (Unavailable, "unavailable"),
    (Forbidden, "forbidden"),
    (Unauthorised, "unauthorised"),
    (BatchRefused, "refused"),
    (Rejected, "refused"),
)


class MeasuredConnector:
    """
    See `Connector`: everything is the inner one's. A call that ends by a bug or by cancelling counts as none.

    Args:
        inner: Who does the work.
        metrics: Where reads and writes are counted.
        calling: The span around a ``read`` or ``write`` of a system's records; it gets how many there are.
    """

    def __init__(
        self,
        inner: Connector,
        metrics: Metrics,
        calling: Callable[[str, Literal["read", "write"], int], AbstractContextManager[object]],
    ) -> None:
        self._inner = inner
        self._metrics = metrics
        self._calling = calling

    @property
    def system(self) -> str:
        """See `Connector.system`."""
        return self._inner.system

    @property
    def side(self) -> Side:
        """See `Connector.side`."""
        return self._inner.side

    @property
    def write_batch(self) -> int:
        """See `Connector.write_batch`."""
        return self._inner.write_batch

    @property
    def channels(self) -> Sequence[str]:
        """See `Connector.channels`."""
        return self._inner.channels

    @property
    def objects(self) -> Sequence[str]:
        """See `Connector.objects`."""
        return self._inner.objects

    def told_by(self, channel: str) -> Sequence[str]:
        """See `Connector.told_by`."""
        return self._inner.told_by(channel)

    def since(self, notification: Notification) -> int:
        """See `Connector.since`."""
        return self._inner.since(notification)

    async def changed(self, name: str, place: Place, until: int) -> Page:
        """See `Connector.changed`."""
        reading = self._calling(self.system, "read", 1)
        with reading, self._timed("tasuki_vendor_read_seconds", reads=True):
            return await self._inner.changed(name, place, until)

    async def start(self) -> None:
        """See `Connector.start`."""
        await self._inner.start()

    async def close(self) -> None:
        """See `Connector.close`."""
        await self._inner.close()

    def verify(self, request: WebhookRequest, now: int) -> None:
        """See `Connector.verify`."""
        self._inner.verify(request, now)

    def notifications(self, body: bytes, now: int) -> Sequence[Notification]:
        """See `Connector.notifications`."""
        return self._inner.notifications(body, now)

    def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        """See `Connector.follow`."""
        return self._inner.follow(position)

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        """See `Connector.observe`."""
        reading = self._calling(self.system, "read", len(notifications))
        with reading, self._timed("tasuki_vendor_read_seconds", reads=True):
            return await self._inner.observe(notifications)

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """See `Connector.write`."""
        writing = self._calling(self.system, "write", len(writes))
        with writing, self._timed("tasuki_vendor_write_seconds"):
            results = await self._inner.write(writes)
        for each in results:
            self._metrics.count("tasuki_vendor_writes_total", system=self.system, outcome=_outcome(each))
        return results

    async def search(self, *, email: str) -> Sequence[RecordRef]:
        """See `Connector.search`."""
        return await self._inner.search(email=email)

    async def check(self) -> Sequence[Finding]:
        """See `Connector.check`."""
        return await self._inner.check()

    @contextmanager
    def _timed(self, name: HistogramName, *, reads: bool = False) -> Generator[None]:
        began = perf_counter()
        try:
            yield
        except (Throttled, Unavailable, Unauthorised, BatchRefused, Rejected) as error:
            outcome = next(word for kind, word in _FAILURES if isinstance(error, kind))
            self._ended(name, outcome, perf_counter() - began, reads=reads)
            raise
        self._ended(name, "ok", perf_counter() - began, reads=reads)

    def _ended(self, name: HistogramName, outcome: str, took_s: float, *, reads: bool) -> None:
        self._metrics.observe(name, took_s, system=self.system, outcome=outcome)
        if reads:
            self._metrics.count("tasuki_vendor_reads_total", system=self.system, outcome=outcome)


def _outcome(result: WriteResult) -> Literal["confirmed", "created", "refused", "deferred"]:
    if isinstance(result, Confirmed):
        return "created" if result.created else "confirmed"
    return "refused" if isinstance(result, Refused) else "deferred"
