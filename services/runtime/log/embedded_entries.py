"""How the embedded log lies in the server: its keys, its entries, and what the server's errors mean."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import msgpack
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 -- redis-py's own
    ExecAbortError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,  # noqa: A004 -- redis-py's own
    TryAgainError,
)

from services.errors import Misconfigured
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, LogRecord, LogUnavailable, Record

_REFUSED = (AuthenticationError, AuthorizationError, NoPermissionError)
_TRANSIENT = (
    ConnectionError,
    TimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    ExecAbortError,
    TryAgainError,
    ClusterDownError,
)

META = b"m"
"""Field with key, append time and, if there are any, headers, as a MessagePack array."""

VALUE = b"v"
"""Field with the value; a tombstone has none."""


class Keys:
    """The keys of one topic; all carry one hash tag, so in a cluster a topic lies in one slot."""

    def __init__(self, namespace: str, topic: str) -> None:
        self.topic = f"{namespace}:{{{topic}}}"

    @property
    def spec(self) -> str:
        """Hash: partitions, retention_ms, compacted."""
        return f"{self.topic}:spec"

    def stream(self, partition: int) -> str:
        """Stream: the records of *partition*, ids ``0-<offset>``."""
        return f"{self.topic}:{partition}"

    def latest(self, partition: int) -> str:
        """Hash, of a compacted topic: a record's key to the id of its last entry in *partition*."""
        return f"{self.topic}:{partition}:latest"

    def taken(self, partition: int) -> str:
        """Hash: a producer of relayed events to the id of its last record in *partition*; as many as there are shards."""
        return f"{self.topic}:{partition}:taken"

    def group(self, group: str, part: str) -> str:
        """Return the key of one *part* of a group: offsets, members, owners, lease of a member, wake."""
        return f"{self.topic}:group:{group}:{part}"


def encode(record: Record, appended_at: int) -> tuple[bytes, ...]:
    """Return the fields and values of *record* as XADD takes them."""
    meta = [record.key, appended_at, dict(record.headers)] if record.headers else [record.key, appended_at]
    packed = cast("bytes", msgpack.packb(meta))
    return (META, packed) if record.value is None else (META, packed, VALUE, record.value)


def told_by(record: Record) -> tuple[str, str, str] | None:
    """Return the producer of *record* and both halves of its id; None where it isn't a relayed event."""
    producer, told = record.headers.get(PRODUCER_HEADER), record.headers.get(ID_HEADER, "")
    first, _, second = told.partition("-")
    if producer is None or not (_is_number(first) and _is_number(second)):
        return None
    return producer, first, second


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def decode(topic: str, partition: int, entries: Sequence[Any]) -> list[LogRecord]:
    """Return the records of *entries*: pairs of an id ``0-<offset>`` and a flat list of fields and values."""
    records: list[LogRecord] = []
    for identity, fields in entries:
        meta = cast("list[Any]", msgpack.unpackb(fields[1]))
        records.append(
            LogRecord(
                topic=topic,
                partition=partition,
                offset=int(identity[2:]),
                key=meta[0],
                value=fields[3] if len(fields) > 2 else None,  # noqa: PLR2004 -- META and VALUE
                headers=meta[2] if len(meta) > 2 else _NO_HEADERS,  # noqa: PLR2004 -- key, time, headers
                appended_at=meta[1],
            )
        )
    return records


_NO_HEADERS: Mapping[str, str] = {}


async def ask(redis: Redis, *command: str | int | bytes) -> Any:
    """Return the server's answer to *command*."""
    return cast("Any", await redis.execute_command(*command))


def as_it_is(response: Any, **_options: Any) -> Any:
    """Leave entries as the flat lists that `decode` reads: redis-py's parser makes a dictionary of each."""
    return response


@contextmanager
def translated(doing: str) -> Generator[None]:
    """Turn the server's errors into ours; *doing* says what was tried. What is left is a bug."""
    try:
        yield
    except _REFUSED as error:
        raise Misconfigured(f"{doing}: the server refuses our credentials: {error}") from error
    except _TRANSIENT as error:
        raise LogUnavailable(f"{doing}: {error or type(error).__name__}") from error
    except ResponseError as error:
        # MISCONF: the append-only file cannot be written (a full disk); there is no class for it.
        if str(error).startswith(("MISCONF", "NOREPLICAS", "LOADING")):
            raise LogUnavailable(f"{doing}: {error}") from error
        raise
    except RedisError as error:
        raise LogUnavailable(f"{doing}: {error}") from error
