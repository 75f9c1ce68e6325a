"""
A log whose personal values are sealed: who destroys a record key's keys has erased all values under it, everywhere.

AES-256-GCM with a nonce of its own for each value; topic and record key are bound to it, so a sealed value is of no use
under another key. A value that can't be opened any more is read as a tombstone.
"""

import secrets
from collections.abc import Collection, Container, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog
from cryptography.exceptions import InvalidTag

from services.errors import Retryable
from services.runtime.log.key_ring import KeyRing
from services.runtime.log.port import (
    SEALED_HEADER,
    Log,
    LogRecord,
    LogUnavailable,
    Offsets,
    PartitionHandler,
    Record,
    Subscription,
    TopicSpec,
)
from services.runtime.log.topics import check_sizes
from services.runtime.patience import Patience
from services.runtime.store_errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from services.runtime.store import Store

_log = structlog.get_logger(__name__)

PLAIN: Final = "plain"
"""In the header `SEALED_HEADER` of a record to append: it holds nothing personal, and is to outlive the keys."""

_NONCE_BYTES = 12
_FOR_EVER = Patience(give_up_ms=None)


class SealedLog:
    """
    The port `Log` over another one, which seals the values of *topics*.

    Args:
        inner: The log.
        ring: The keys, over *inner*.
        store: That of the keys; started and closed with the log.
        topics: Whose values are personal.
    """

    def __init__(self, inner: Log, ring: KeyRing, store: "Store", topics: Container[str]) -> None:
        self.inner = inner
        self._ring = ring
        self._store = store
        self._topics = topics

    async def start(self) -> None:
        """See the port."""
        await self._store.start()
        await self.inner.start()

    async def close(self) -> None:
        """See the port."""
        await self.inner.close()
        await self._store.close()

    async def ensure_topics(self, specs: Sequence[TopicSpec]) -> None:
        """See the port."""
        await self.inner.ensure_topics(specs)

    def partition_for(self, topic: str, key: str) -> int:
        """See the port."""
        return self.inner.partition_for(topic, key)

    async def append(self, records: Sequence[Record]) -> None:
        """See the port; without its keys nothing is appended."""
        check_sizes(records)
        personal = [each for each in records if self._is_personal(each)]
        with _as_log_errors():
            keys = await self._ring.to_seal([each.key for each in personal])
        sealed = [self._sealed(each, keys) if self._is_personal(each) else each for each in records]
        await self.inner.append(sealed)

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> Subscription:
        """See the port."""
        if topic in self._topics:
            handler = _Opening(handler, self)
        return self.inner.subscribe(topic, group, handler, max_records=max_records)

    async def read(self, topic: str, partition: int, offset: int, *, limit: int = 500) -> Sequence[LogRecord]:
        """See the port."""
        found = await self.inner.read(topic, partition, offset, limit=limit)
        return await self.opened(found)

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """See the port."""
        return await self.inner.offsets(topic)

    async def ping(self) -> None:
        """See the port."""
        await self.inner.ping()

    async def destroy(self, keys: Collection[str]) -> None:
        """
        Erase all values that were ever appended under the record *keys*, and all that come, but those that are plain.

        Raises LogUnavailable; then it is to be repeated.
        """
        with _as_log_errors():
            await self._ring.destroy(keys)

    async def opened(self, records: Sequence[LogRecord]) -> Sequence[LogRecord]:
        """Return *records* with their values opened. Raises LogUnavailable."""
        names = {(each.key, key_id) for each in records if (key_id := _key_id(each)) is not None}
        if not names:
            return records
        with _as_log_errors():
            keys = await self._ring.to_open(names)
        found: list[LogRecord] = []
        for each in records:
            key_id = _key_id(each)
            if key_id is None or each.value is None:
                found.append(each)
                continue
            key = keys[each.key, key_id]
            value = None
            if key is not None:
                nonce, body = each.value[:_NONCE_BYTES], each.value[_NONCE_BYTES:]
                try:
                    value = key.decrypt(nonce, body, _bound(each))
                except InvalidTag:
                    _log.error(
                        "record.not_opened", topic=each.topic, partition=each.partition, offset=each.offset
                    )
            headers = {
                name: held for name, held in each.headers.items() if name != SEALED_HEADER or value is None
            }
            found.append(replace(each, value=value, headers=headers))
        return found

    def _is_personal(self, record: Record) -> bool:
        return (
            record.topic in self._topics
            and record.value is not None
            and record.headers.get(SEALED_HEADER) != PLAIN
        )

    def _sealed(self, record: Record, keys: Mapping[str, tuple[str, "AESGCM"]]) -> Record:
        key_id, key = keys[record.key]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        value = nonce + key.encrypt(nonce, record.value or b"", _bound(record))
        return replace(record, value=value, headers={**record.headers, SEALED_HEADER: key_id})


class _Opening:
    """Opens what a subscription brings before its handler sees it; waits as long as the keys can't be had."""

    def __init__(self, handler: PartitionHandler, log: SealedLog) -> None:
        self._handler = handler
        self._log = log

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """See the port."""
        return await self._handler.assigned(partitions)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """See the port."""
        await self._handler.revoked(partitions)

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """See the port."""
        opened = await _FOR_EVER.attempt(lambda: self._log.opened(records), _note_wait)
        await self._handler.batch(partition, opened)


def _note_wait(failure: Retryable, wait_ms: int) -> None:
    _log.warning("records.unopened", wait_ms=wait_ms, reason=str(failure))


def _key_id(record: LogRecord) -> str | None:
    found = record.headers.get(SEALED_HEADER)
    return None if found == PLAIN else found


def _bound(record: Record | LogRecord) -> bytes:
    return f"{record.topic}\n{record.key}".encode()


@contextmanager
def _as_log_errors() -> "Generator[None]":
    """The port's callers know of one thing that may be away."""
    try:
        yield
    except StoreUnavailable as error:
        raise LogUnavailable(f"the keys of personal values: {error}") from error
