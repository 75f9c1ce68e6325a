"""
The keys that personal values in the log are sealed with: one or more for each record key, and none once destroyed.

The keys' own topic is the truth: compacted, so a destroyed key is removed from it. The store is a cache that every
process shares; what it lost is read from the topic again. In the store, outside the shards:

| name               | type   | holds                                                                              |
|--------------------|--------|------------------------------------------------------------------------------------|
| sealing:key:<of>   | hash   | key id → 32 bytes; `retired` → 1 once nothing personal is to be appended any more    |
| sealing:read       | hash   | partition of the topic → the next offset to read from                                |
| sealing:generation | number | grows with every key that is retired or destroyed: then all forget what they remember |
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
SealingKey: TypeAlias = tuple[str, AESGCM]
"""A key's id, and the key."""

K = TypeVar("K")
V = TypeVar("V")

_RETIRED = b"retired"
_READ = "sealing:read"
_GENERATION = "sealing:generation"
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
        self._generation: bytes | None = None
        self._sealing: OrderedDict[str, SealingKey] = OrderedDict()
        self._opening: OrderedDict[KeyName, SealingKey | None] = OrderedDict()
        self._reading = asyncio.Lock()

    async def to_seal(self, names: Collection[str]) -> Mapping[str, SealingKey | None]:
        """
        Return for each record key a key, which is in the topic; None for one that was retired.

        Raises StoreUnavailable, LogUnavailable.
        """
        await self._catch_up()
        found: dict[str, SealingKey | None] = {
            each: held for each in names if (held := self._sealing.get(each)) is not None
        }
        unknown = [each for each in dict.fromkeys(names) if each not in found]
        if not unknown:
            return found
        held = await self._held(unknown)
        fresh = [each for each in unknown if not held[each]]
        if fresh:
            held = {**held, **await self._make(fresh)}
        for name in unknown:
            found[name] = _first_of(held[name])
            if (key := found[name]) is not None:
                _remember(self._sealing, name, key)
        return found

    async def to_open(self, names: Collection[KeyName]) -> Mapping[KeyName, SealingKey | None]:
        """Return the keys; None for what was destroyed. Raises StoreUnavailable, LogUnavailable."""
        await self._catch_up()
        found = {each: self._opening[each] for each in names if each in self._opening}
        unknown = {each for each in names if each not in found}
        if not unknown:
            return found
        cached = await self._cached(unknown)
        if None in cached.values():
            await self._read_on()
            cached |= await self._cached({each for each, key in cached.items() if key is None})
        for name, key in cached.items():
            found[name] = None if key is None else (name[1], AESGCM(key))
            _remember(self._opening, name, found[name])
        return found

    async def retire(self, names: Collection[str]) -> None:
        """Give no key to seal with for the record keys *names* any more. Can be repeated."""
        wanted = sorted(set(names))
        known = await self._store.read([("HEXISTS", _key(each), _RETIRED) for each in wanted])
        fresh = [each for each, retired in zip(wanted, known, strict=True) if not retired]
        if fresh:
            await self._store.write_apart([("HSET", _key(each), _RETIRED, b"1") for each in fresh])
            await self._tell()

    async def destroy(self, names: Collection[str]) -> None:
        """
        Retire *names* and destroy all their keys: in the topic, in the store, in this process. Can be repeated.

        Other processes forget theirs the next time that they open or seal anything.
        """
        await self.retire(names)
        await self._read_on()
        held = await self._held(sorted(set(names)))
        gone = [(name, key_id) for name, keys in held.items() for key_id in keys if key_id != _RETIRED]
        if gone:
            await self._log.append(
                [Record(SEALING_KEYS.name, f"{name}/{key_id.decode()}", None) for name, key_id in gone]
            )
            await self._store.write_apart([("HDEL", _key(name), key_id) for name, key_id in gone])
            await self._tell()

    async def _catch_up(self) -> None:
        """Forget what is remembered if a key was retired or destroyed since; fill a store that is new."""
        generation = await self._told()
        if generation is None:
            await self._read_on()
            await self._store.write_apart([("SET", _GENERATION, "1", "NX")])
            generation = await self._told()
        if generation != self._generation:
            self._generation = generation
            self._sealing.clear()
            self._opening.clear()

    async def _told(self) -> bytes | None:
        return (await self._store.read([("GET", _GENERATION)]))[0]

    async def _tell(self) -> None:
        await self._store.write_apart([("INCR", _GENERATION)])
        await self._catch_up()

    async def _make(self, names: Collection[str]) -> Mapping[str, Mapping[bytes, bytes]]:
        """Make a key for each of *names* and return what there is of them now: others may make keys as well."""
        made = {name: (secrets.token_hex(8), secrets.token_bytes(_BITS // 8)) for name in names}
        await self._log.append([self._record(name, *key) for name, key in made.items()])
        await self._store.write_apart(
            [("HSET", _key(name), key_id, key) for name, (key_id, key) in made.items()]
        )
        return await self._held(names)

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
        replies = await self._store.read([("HGET", _key(of), key_id) for of, key_id in wanted])
        return dict(zip(wanted, replies, strict=True))

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


def _first_of(held: Mapping[bytes, bytes]) -> SealingKey | None:
    """Return the key that all seal with, whoever made it; None if the record key was retired."""
    if _RETIRED in held:
        return None
    key_id, key = min(held.items())
    return key_id.decode(), AESGCM(key)


def _key(of: str) -> str:
    return f"sealing:key:{of}"


def _remember(held: OrderedDict[K, V], name: K, value: V) -> None:
    held[name] = value
    if len(held) > _REMEMBERED:
        held.popitem(last=False)
