"""A connector around another one: reads and writes of many shards go to the vendor together, see `Gathering`."""

from collections.abc import AsyncIterator, Sequence

from services.errors import Rejected
from services.runtime.gathering import Gathering
from services.sync.application.ports import (
    BatchRefused,
    Connector,
    Finding,
    Page,
    Place,
    StreamBatch,
    StreamPosition,
    WebhookRequest,
)
from services.sync.application.quota import current_priority
from services.sync.domain.priority import Priority
from services.sync.domain.records import Kind, Notification, Observation, RecordRef, Side, Write, WriteResult

READ_MOST = 200
"""Records of one read that several shards share; the connector cuts it into the vendor's own batches."""


class GatheredConnector:
    """
    See `Connector`: everything is the inner one's, but calls of several shards may be one.

    What a vendor refuses as a whole, or answers with records that nobody asked for, is asked again for each
    shard alone, so that no shard gets what is another's. Only calls of one priority are made as one, for whoever
    makes it makes it as its own.
    """

    def __init__(self, inner: Connector) -> None:
        self._inner = inner
        self._reads = {
            priority: Gathering[Notification, Observation](self._read_all, most=READ_MOST)
            for priority in Priority
        }
        self._writes = {
            (kind, priority): Gathering[Write, WriteResult](self._write_all, most=inner.write_batch)
            for kind in Kind
            for priority in Priority
        }

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        """See `Connector.observe`."""
        return await self._reads[current_priority()].ask(notifications)

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """See `Connector.write`."""
        if not writes:
            return []
        return await self._writes[writes[0].kind, current_priority()].ask(writes)

    async def _read_all(
        self, asked: Sequence[Sequence[Notification]]
    ) -> Sequence[Sequence[Observation] | Exception]:
        if len(asked) == 1:
            return [await self._inner.observe(asked[0])]
        try:
            seen = await self._inner.observe([each for part in asked for each in part])
        except Rejected:
            return [await self._read_alone(part) for part in asked]
        refs = [{each.ref for each in part} for part in asked]
        if {each.ref for each in seen} <= set[RecordRef]().union(*refs):
            return [[each for each in seen if each.ref in own] for own in refs]
        return [await self._read_alone(part) for part in asked]

    async def _read_alone(self, part: Sequence[Notification]) -> Sequence[Observation] | Exception:
        try:
            return await self._inner.observe(part)
        except Rejected as error:
            return error

    async def _write_all(
        self, asked: Sequence[Sequence[Write]]
    ) -> Sequence[Sequence[WriteResult] | Exception]:
        if len(asked) == 1:
            return [await self._inner.write(asked[0])]
        try:
            results = await self._inner.write([each for part in asked for each in part])
        except BatchRefused:
            return [await self._write_alone(part) for part in asked]
        parts: list[Sequence[WriteResult]] = []
        for part in asked:
            parts.append(results[: len(part)])
            results = results[len(part) :]
        return parts

    async def _write_alone(self, part: Sequence[Write]) -> Sequence[WriteResult] | Exception:
        try:
            return await self._inner.write(part)
        except BatchRefused as error:
            return error

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

    async def search(self, *, email: str) -> Sequence[RecordRef]:
        """See `Connector.search`."""
        return await self._inner.search(email=email)

    async def check(self) -> Sequence[Finding]:
        """See `Connector.check`."""
        return await self._inner.check()
