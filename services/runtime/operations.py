"""What a commit is to do to a shard's keys: a typed builder of the operations that `commit.lua` allows."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Self, TypeAlias

from services.runtime.packing import pack

Value: TypeAlias = bytes | str | int
"""Text is stored as UTF-8, an integer (within 2^53 - 1) as decimal text."""

_FIRST_INDEX = 2  # KEYS[1] is the ledger
_MOST_ARGUMENTS = 2_000  # commit.lua refuses 4,000
_PART = _MOST_ARGUMENTS // 2  # an even number, so that pairs stay together


class Operations:
    """
    Operations in the order they are to run, spent by one commit.

    Operations of one command on one key that follow each other become one, so counting a thousand events
    into ten hashes is ten operations. An empty argument list adds nothing.
    """

    __slots__ = ("_indexes", "_last", "_operations")

    def __init__(self) -> None:
        self._indexes: dict[str, int] = {}
        self._operations: list[list[Any]] = []
        self._last: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._operations)

    @property
    def keys(self) -> Iterable[str]:
        """The keys touched, each once, in the order of their indexes."""
        return self._indexes.keys()

    def set(self, key: str, value: Value) -> Self:
        """Make *key* a string holding *value*, whatever it was; an expiry is removed."""
        return self._add("SET", key, [value], joined=False)

    def delete(self, key: str) -> Self:
        """Remove *key*, whatever it is."""
        return self._add("DEL", key, [], joined=False)

    def hset(self, key: str, fields: Mapping[str, Value]) -> Self:
        """Set *fields* of a hash."""
        return self._add_many("HSET", key, chain.from_iterable(fields.items()))

    def hdel(self, key: str, fields: Iterable[str]) -> Self:
        """Remove *fields* of a hash."""
        return self._add_many("HDEL", key, fields)

    def hincrby(self, key: str, deltas: Mapping[str, int]) -> Self:
        """Add *deltas* to integer fields of a hash; a field that isn't there counts as 0."""
        return self._add_many("HINCRBY", key, chain.from_iterable(deltas.items()))

    def zadd(self, key: str, scores: Mapping[str, float]) -> Self:
        """Give members of a sorted set their scores, finite numbers."""
        pairs = ((_score(score), member) for member, score in scores.items())
        return self._add_many("ZADD", key, chain.from_iterable(pairs))

    def zrem(self, key: str, members: Iterable[str]) -> Self:
        """Remove *members* of a sorted set."""
        return self._add_many("ZREM", key, members)

    def sadd(self, key: str, members: Iterable[Value]) -> Self:
        """Add *members* to a set."""
        return self._add_many("SADD", key, members)

    def srem(self, key: str, members: Iterable[Value]) -> Self:
        """Remove *members* of a set."""
        return self._add_many("SREM", key, members)

    def xadd(self, key: str, entry_id: str, fields: Mapping[str, Value]) -> Self:
        """Append to a stream; *entry_id* is ``<n>-<n>`` or ``<n>-*``, above the last one."""
        return self._add("XADD", key, [entry_id, *chain.from_iterable(fields.items())], joined=False)

    def xtrim(self, key: str, first_kept: str) -> Self:
        """Drop the entries of a stream below the id *first_kept*, ``<n>-<n>``."""
        return self._add("XTRIM", key, [first_kept], joined=False)

    def pexpireat(self, key: str, at: int) -> Self:
        """Let *key* vanish at *at*, epoch milliseconds UTC. HINCRBY on it must come before."""
        return self._add("PEXPIREAT", key, [at], joined=False)

    def packed(self) -> bytes:
        """Return the operations as `commit.lua` takes them; keys by their index, from 2."""
        # cmsgpack reads the raw type of the old specification only, not bin.
        # Source: https://github.com/antirez/lua-cmsgpack
        return pack(self._operations, use_bin_type=False)

    def _add_many(self, command: str, key: str, arguments: Iterable[Value]) -> Self:
        given = list(arguments)
        for part in (given,) if 0 < len(given) <= _PART else _parts(given):
            self._add(command, key, part, joined=True)
        return self

    def _add(self, command: str, key: str, arguments: list[Value], *, joined: bool) -> Self:
        last = self._last.get(key)
        if (
            joined
            and last is not None
            and last[0] == command
            and len(last) + len(arguments) < _MOST_ARGUMENTS
        ):
            last.extend(arguments)
            return self
        index = self._indexes.setdefault(key, len(self._indexes) + _FIRST_INDEX)
        operation = [command, index, *arguments]
        self._operations.append(operation)
        self._last[key] = operation
        return self


def _parts(arguments: list[Value]) -> Iterator[list[Value]]:
    return (arguments[at : at + _PART] for at in range(0, len(arguments), _PART))


def _score(score: float) -> int | str:
    return score if isinstance(score, int) else repr(score)
