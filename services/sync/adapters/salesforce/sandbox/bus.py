"""The event bus: channels of change events, kept for a while, read from an opaque position on."""

import asyncio
import hashlib
import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from services.runtime.clock import Clock
from services.sync.adapters.salesforce.sandbox.changes import Change

ALL_CHANGES = "/data/ChangeEvents"
_TRIM = 1_000


class PositionLost(Exception):
    """The replay id is of no event that can still be replayed from."""


@dataclass(slots=True)
class Told:
    """One event on the bus; `number` orders it, `payload` is made when it is first delivered."""

    number: int
    change: Change
    published_at: int
    payload: bytes | None = None


class Channel:
    """The events of one channel that can still be replayed."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.events: list[Told] = []
        self.floor = 0
        """Events up to this number are gone."""

    def append(self, told: Told) -> None:
        """Add *told*, the newest event."""
        self.numbers.append(told.number)
        self.events.append(told)

    def after(self, number: int, limit: int) -> Sequence[Told]:
        """Return up to *limit* events after *number*."""
        begin = bisect_right(self.numbers, number)
        return self.events[begin : begin + limit]

    def left_after(self, number: int) -> int:
        """Return how many events there are after *number*."""
        return len(self.numbers) - bisect_right(self.numbers, number)

    def trim(self, oldest: int, most: int) -> None:
        """Drop events published before *oldest*, and so many that *most* are left."""
        drop = max(0, len(self.events) - most)
        while drop < len(self.events) and self.events[drop].published_at < oldest:
            drop += 1
        if drop:
            self.floor = self.numbers[drop - 1]
            del self.numbers[:drop]
            del self.events[:drop]


class EventBus:
    """All channels. Numbers grow by uneven steps, so that nobody can count on the next one."""

    def __init__(self, objects: Iterable[str], clock: Clock, *, seed: int, keep_ms: int, keep: int) -> None:
        self._clock = clock
        self._random = Random(seed)
        self._secret = self._random.randbytes(8)
        self._keep_ms = keep_ms
        self._keep = keep
        self.channels = {f"/data/{each}ChangeEvent": Channel() for each in objects}
        self.channels[ALL_CHANGES] = Channel()
        self.latest = self._random.randrange(1_000, 1_000_000)
        self._first = self.latest
        self._grown = asyncio.Event()
        self.published = 0

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell *changes*, in order, to whoever listens."""
        now = self._clock()
        for change in changes:
            channel = self.channels.get(f"/data/{change.object}ChangeEvent")
            if channel is None:
                continue
            self.latest += self._random.randrange(1, 10)
            told = Told(self.latest, change, now)
            for each in (channel, self.channels[ALL_CHANGES]):
                each.append(told)
                if len(each.events) % _TRIM == 0 or len(each.events) > self._keep:
                    self.trim(each)
            self.published += 1
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def trim(self, channel: Channel) -> None:
        """Forget what is older than the retention."""
        channel.trim(self._clock() - self._keep_ms, self._keep)

    @property
    def grown(self) -> asyncio.Event:
        """Set once more is published; take it before looking, then wait on it."""
        return self._grown

    def replay_id(self, number: int) -> bytes:
        """Return *number* as the opaque bytes that clients hold."""
        plain = struct.pack(">Q", number)
        mixed = bytes(one ^ other for one, other in zip(plain, self._secret, strict=True))
        return mixed + self._check(plain)

    def number(self, replay_id: bytes, channel: Channel) -> int:
        """Return where *replay_id* stands. Raises PositionLost when it is not ours, or too old."""
        plain = bytes(one ^ other for one, other in zip(replay_id[:8], self._secret, strict=False))
        if len(replay_id) != 10 or self._check(plain) != replay_id[8:]:  # noqa: PLR2004 -- 8 bytes and 2
            raise PositionLost("not a replay id of this organisation")
        (number,) = struct.unpack(">Q", plain)
        self.trim(channel)
        if number < channel.floor or not self._first <= number <= self.latest:
            raise PositionLost("outside the retention window")
        return number

    def earliest(self, channel: Channel) -> int:
        """Return the number before the oldest event that is kept."""
        self.trim(channel)
        return max(channel.floor, self._first)

    def _check(self, plain: bytes) -> bytes:
        return hashlib.blake2s(plain, key=self._secret, digest_size=2).digest()
