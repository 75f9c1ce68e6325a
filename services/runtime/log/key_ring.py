"""
The keys that personal values in the log are sealed with: one or more for each record key, and none once destroyed.

The keys' own topic is the truth: compacted, so a destroyed key is removed from it. The store is a cache that every
process shares; what it lost is read from the topic again. In the store, outside the shards:

| name                | type | holds                                                                            |
|---------------------|------|----------------------------------------------------------------------------------|
| sealing:key:<of>    | hash | key id → 32 bytes; `destroyed` → 1 once destroyed, which holds nothing personal     |
| sealing:read        | hash | partition of the topic → the next offset to read from                              |
"""

import asyncio
import secrets
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import TypeAlias, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.instants import rfc3339
from schemas.sealing import Key, SealingKeyMade
from schemas.topics import SEALING_KEYS
from services.runtime.clock import Clock
from services.runtime.line import Command
from services.runtime.log.port import Log, Record
from services.runtime.store import Store

KeyName: TypeAlias = tuple[str, str]
"""What a key is for (a record key), and its id."""

K = TypeVar("K")
V = TypeVar("V")

_DESTROYED = b"destroyed"
_READ = "sealing:read"
_PAGE = 1_000
_REMEMBERED = 20_000
_BITS = 256


class KeyRing:
    """
    Gives keys to seal with and to open with, and destroys them.

    Args:
        log: Where the keys' topic is; `ensure_topics` was called with it.
        store: The cache.
        clock: For the time of the keys' events.
    """

    def __init__(self, log: Log, store: Store, clock: Clock) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._sealing: OrderedDict[str, tuple[str, AESGCM]] = OrderedDict()
        self._opening: OrderedDict[KeyName, AESGCM | None] = OrderedDict()
        self._reading = asyncio.Lock()

    async def to_seal(self, names: Collection[str]) -> Mapping[str, tuple[str, AESGCM]]:
        """
        Return for each record key the id of a key and the key; where there was none, one that is in the topic now.

        What was destroyed gets a key that nobody keeps. Raises StoreUnavailable, LogUnavailable.
        """
        found = {each: held for each in names if (held := self._sealing.get(each)) is not None}
        unknown = [each for each in dict.fromkeys(names) if each not in found]
        if not unknown:
            return found
        held = await self._held(unknown)
        fresh = {name: (secrets.token_hex(8), secrets.token_bytes(_BITS // 8)) for name in unknown}
        made = {name: fresh[name] for name in unknown if not held[name]}
        if made:
            await self._log.append([self._record(name, *key) for name, key in made.items()])
            await self._store.write_apart(_kept(made))
        for name in unknown:
            kept = held[name]
            if _DESTROYED in kept:
                key_id, key = fresh[name]
                found[name] = key_id, AESGCM(key)
                continue
            key_id, key = min((each.decode(), key) for each, key in kept.items()) if kept else made[name]
            found[name] = key_id, AESGCM(key)
            _remember(self._sealing, name, found[name])
        return found

    async def to_open(self, names: Collection[KeyName]) -> Mapping[KeyName, AESGCM | None]:
        """Return the keys; None for what was destroyed. Raises StoreUnavailable, LogUnavailable."""
        found = {each: self._opening[each] for each in names if each in self._opening}
        unknown = {each for each in names if each not in found}
        if not unknown:
            return found
        cached = await self._cached(unknown)
        if None in cached.values():
            await self._read_on()
            cached |= await self._cached({each for each, key in cached.items() if key is None})
        for name, key in cached.items():
            found[name] = None if key is None else AESGCM(key)
            _remember(self._opening, name, found[name])
        return found

    async def destroy(self, names: Collection[str]) -> None:
        """
        Destroy all keys of the record keys *names*: in the topic, in the store, in this process. Can be repeated.

        Other processes forget theirs when they end, or when they remember others.
        """
        await self._read_on()
        held = await self._held(names)
        gone = [
            (name, key_id.decode()) for name, keys in held.items() for key_id in keys if key_id != _DESTROYED
        ]
        await self._log.append([Record(SEALING_KEYS.name, f"{name}/{key_id}", None) for name, key_id in gone])
        await self._store.write_apart(
            [
                *(("HSET", _key(each), _DESTROYED, b"1") for each in names),
                *(("HDEL", _key(name), key_id) for name, key_id in gone),
            ]
        )
        for name in names:
            self._sealing.pop(name, None)
        for each in gone:
            self._opening.pop(each, None)

    def _record(self, name: str, key_id: str, key: bytes) -> Record:
        subject = f"{name}/{key_id}"
        event = SealingKeyMade(
            id=subject,
            source="/tasuki",
            subject=subject,
            time=rfc3339(self._clock()),
            data=Key(of=name, key=b64encode(key).decode()),
        )
        return Record(SEALING_KEYS.name, subject, event.model_dump_json().encode())

    async def _held(self, names: Collection[str]) -> Mapping[str, Mapping[bytes, bytes]]:
        replies = await self._store.read([("HGETALL", _key(each)) for each in names])
        return dict(zip(names, replies, strict=True))

    async def _cached(self, names: Collection[KeyName]) -> dict[KeyName, bytes | None]:
        wanted = list(names)
        return dict(
            zip(
                wanted,
                await self._store.read([("HGET", _key(of), key_id) for of, key_id in wanted]),
                strict=True,
            )
        )

    async def _read_on(self) -> None:
        """Bring the store up to the end of the topic."""
        async with self._reading:
            begun: dict[bytes, bytes] = (await self._store.read([("HGETALL", _READ)]))[0]
            for partition, offsets in (await self._log.offsets(SEALING_KEYS.name)).items():
                offset = max(int(begun.get(str(partition).encode(), 0)), offsets.begin)
                while offset < offsets.end:
                    page = await self._log.read(SEALING_KEYS.name, partition, offset, limit=_PAGE)
                    if not page:
                        break
                    await self._store.write_apart([_taken(each.key, each.value) for each in page])
                    offset = page[-1].offset + 1
                    await self._store.write_apart([("HSET", _READ, str(partition), str(offset))])


def _taken(subject: str, value: bytes | None) -> Command:
    """Return what a record of the topic does to the store."""
    of, _, key_id = subject.rpartition("/")
    if value is None:
        return ("HDEL", _key(of), key_id)
    made = SealingKeyMade.model_validate_json(value)
    return ("HSET", _key(of), key_id, b64decode(made.data.key))


def _kept(made: Mapping[str, tuple[str, bytes]]) -> list[Command]:
    return [("HSET", _key(name), key_id, key) for name, (key_id, key) in made.items()]


def _key(of: str) -> str:
    return f"sealing:key:{of}"


def _remember(held: OrderedDict[K, V], name: K, value: V) -> None:
    held[name] = value
    if len(held) > _REMEMBERED:
        held.popitem(last=False)
