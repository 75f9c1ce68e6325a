"""
A log whose personal values are sealed: who destroys a record key's keys has erased all values under it, everywhere.

AES-256-GCM with a nonce of its own for each value; topic and record key are bound to it, so a sealed value is of no use
under another key. A value that can't be opened any more is read as none, see `is_shredded`.
"""

import secrets
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import structlog
from cryptography.exceptions import InvalidTag

from services.runtime.log.key_ring import KeyRing, SealingKey
from services.runtime.log.port import (
    PLAIN,
    SEALED_HEADER,
    Log,
    LogRecord,
    LogUnavailable,
    Offsets,
    Origin,
    PartitionHandler,
    Record,
    TopicSpec,
)
from services.runtime.log.sealed_subscription import SealedSubscription
from services.runtime.log.topics import check_sizes
from services.runtime.store_errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

    from services.runtime.store import Store

_log = structlog.get_logger(__name__)

Bare: TypeAlias = Callable[[bytes], bytes | None]
"""Returns what of a value isn't personal; None: nothing is worth telling."""

_NONCE_BYTES = 12


class SealedLog:
    """
    The port `Log` over another one, which seals the values of *topics*.

    Args:
        inner: The log.
        ring: The keys, over *inner*.
        store: That of the keys; started and closed with the log.
        topics: Whose values are personal.
        bare: By topic, what is still told under a record key that was retired; without it nothing is appended.
    """

    def __init__(
        self,
        inner: Log,
        ring: KeyRing,
        store: "Store",
        topics: Container[str],
        bare: Mapping[str, Bare] = MappingProxyType({}),
    ) -> None:
        self.inner = inner
        self._ring = ring
        self._store = store
        self._topics = topics
        self._bare = bare

    async def start(self) -> None:
        """See the port."""
        await self.inner.start()
        with _as_log_errors():
            await self._store.start()

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
        names = [each.key for each in records if self._is_personal(each)]
        if names:
            with _as_log_errors():
                keys = await self._ring.to_seal(names)
            told = (self._sealed(each, keys) if self._is_personal(each) else each for each in records)
            records = [each for each in told if each is not None]
        await self.inner.append(records)

    async def landed(self, records: Sequence[Record], *, since: int) -> frozenset[Origin]:
        """See the port."""
        return await self.inner.landed(records, since=since)

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> SealedSubscription:
        """See the port."""
        made = SealedSubscription(handler, self.opened)
        made.inner = self.inner.subscribe(topic, group, made, max_records=max_records)
        return made

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

    async def retire(self, keys: Collection[str]) -> None:
        """Let only what isn't personal be appended under the record *keys* from now on. Raises LogUnavailable."""
        with _as_log_errors():
            await self._ring.retire(keys)

    async def destroy(self, keys: Collection[str]) -> None:
        """
        Retire the record *keys*, and erase all values that were ever sealed under them.

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
        return [
            each if (key_id := _key_id(each)) is None else _opened(each, keys[each.key, key_id])
            for each in records
        ]

    def _is_personal(self, record: Record) -> bool:
        return (
            record.topic in self._topics
            and record.value is not None
            and record.headers.get(SEALED_HEADER) != PLAIN
        )

    def _sealed(self, record: Record, keys: Mapping[str, SealingKey | None]) -> Record | None:
        """Return *record* sealed, or bare; None if nothing is left of it."""
        held, value = keys[record.key], record.value or b""
        if held is None:
            bare = self._bare.get(record.topic)
            left = None if bare is None else bare(value)
            headers = {**record.headers, SEALED_HEADER: PLAIN}
            return None if left is None else replace(record, value=left, headers=headers)
        key_id, key = held
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + key.encrypt(nonce, value, _bound(record))
        return replace(record, value=sealed, headers={**record.headers, SEALED_HEADER: key_id})


def _opened(record: LogRecord, key: "SealingKey | None") -> LogRecord:
    """Return *record*, which is sealed, as it was appended; without a value if it can't be opened."""
    sealed = record.value or b""
    if key is None:
        return replace(record, value=None)
    try:
        value = key[1].decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(record))
    except (InvalidTag, ValueError):
        _log.error("record.not_opened", topic=record.topic, partition=record.partition, offset=record.offset)
        return replace(record, value=None)
    headers = {name: held for name, held in record.headers.items() if name != SEALED_HEADER}
    return replace(record, value=value, headers=headers)


def _key_id(record: LogRecord) -> str | None:
    found = record.headers.get(SEALED_HEADER)
    return None if found == PLAIN or record.value is None else found


def _bound(record: Record | LogRecord) -> bytes:
    return f"{record.topic}\n{record.key}".encode()


@contextmanager
def _as_log_errors() -> "Generator[None]":
    """The port's callers know of one thing that may be away."""
    try:
        yield
    except StoreUnavailable as error:
        raise LogUnavailable(f"the keys of personal values: {error}") from error
