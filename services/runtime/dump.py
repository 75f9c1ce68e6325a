"""A shard's state as canonical bytes: equal state gives equal bytes, whatever way it came about."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.runtime.keys import ShardId
from services.runtime.packing import pack
from services.runtime.store import Store
from services.runtime.store_errors import store_errors

_COUNT = 1_000


async def dump(store: Store, shard: ShardId) -> bytes:
    """
    Return all keys of *shard* with their values and expiries, sorted.

    Of the ledger only the offset counts, for epoch and version tell of the owners; of a stream only its
    entries, for what was relayed and trimmed is no state. Nobody may write meanwhile.

    Returns:
        MessagePack: an array of [name without the tag, type, content, expiry in epoch ms or -1].
    """
    found: list[list[Any]] = []
    for key in await shard_keys(store, shard):
        name = key.removeprefix(shard.tag.encode())
        with store_errors():
            kind: str = (await store.client.type(key)).decode()
            content = await _READ[kind](store.client, key)
            expires_at: int = await store.client.pexpiretime(key)
        if name == b"ledger":
            content = [field for field in content if field[0] == b"offset"]
        if content:
            found.append([name, kind, content, expires_at])
    return pack(found)


async def shard_keys(store: Store, shard: ShardId) -> list[bytes]:
    """Return the keys of *shard* in the store, sorted. Walks the whole store: for tests and exports."""
    pattern = "".join(f"\\{sign}" if sign in "*?[]\\^-" else sign for sign in shard.tag) + "*"
    with store_errors():
        return sorted({key async for key in store.client.scan_iter(match=pattern, count=_COUNT)})


async def _string(client: Any, key: bytes) -> Any:
    return await client.get(key)


async def _hash(client: Any, key: bytes) -> Any:
    fields: Mapping[bytes, bytes] = await client.hgetall(key)
    return [[field, fields[field]] for field in sorted(fields)]


async def _set(client: Any, key: bytes) -> Any:
    return sorted(await client.smembers(key))


async def _zset(client: Any, key: bytes) -> Any:
    return [[member, score] for member, score in await client.zrange(key, 0, -1, withscores=True)]


async def _stream(client: Any, key: bytes) -> Any:
    return [[entry, sorted(fields.items())] for entry, fields in await client.xrange(key)]


_READ: Mapping[str, Callable[[Any, bytes], Awaitable[Any]]] = {
    "string": _string,
    "hash": _hash,
    "set": _set,
    "zset": _zset,
    "stream": _stream,
}
