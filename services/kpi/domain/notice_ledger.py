"""What one sink has before it and behind it in one shard, and what a step changes of that."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from services.kpi.domain.notice_tasks import TaskRequest
from services.kpi.domain.notices import ClockKey, Notice, Outcome, Place, ToldTo


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that waits: since when (epoch ms), and its number in the order of arrival."""

    notice: Notice
    queued_at: int
    number: int


@dataclass(frozen=True, slots=True)
class Sending:
    """
    A message that was sent, or may have been: nobody knows yet what came of it.

    `first_told` are the clocks whose breach the channel hears of by this message for the first time. `doubt`:
    the receiver may have it, so it is repeated as it was, under the same id.
    """

    id: str
    alert_ids: tuple[str, ...]
    first_told: tuple[ClockKey, ...] = ()
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Where a channel stands: the last messages' times, what is out, how often in vain, and when next."""

    sent_at: tuple[int, ...] = ()
    sending: Sending | None = None
    tries: int = 0
    next_at: int = 0


@dataclass(slots=True)
class Change:
    """
    What a step does to a ledger, to be committed as a whole.

    `done` takes alerts out of the queue and remembers them, since `at`. `reason` is the sink's own words for a
    refusal. `asks` goes out by the log in the same commit.
    """

    at: int = 0
    wait: dict[Place, Waiting] = field(default_factory=dict[Place, Waiting])
    done: dict[Place, Outcome] = field(default_factory=dict[Place, Outcome])
    channels: dict[str, ChannelState] = field(default_factory=dict[str, ChannelState])
    told: dict[ToldTo, int] = field(default_factory=dict[ToldTo, int])
    untold: list[ToldTo] = field(default_factory=list[ToldTo])
    held_until: int | None = None
    refusal: str = ""
    asks: tuple[TaskRequest, ...] = ()

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        parts = (self.wait, self.done, self.channels, self.told, self.untold)
        return any(parts) or self.held_until is not None


_NEW = ChannelState()


class SinkLedger:
    """
    The ledger of one sink in one shard, as committed.

    Args:
        held_until: The sink asked to be left alone until then, epoch ms.
    """

    def __init__(
        self,
        *,
        waiting: Mapping[Place, Waiting] = MappingProxyType({}),
        channels: Mapping[str, ChannelState] = MappingProxyType({}),
        told: Mapping[ToldTo, int] = MappingProxyType({}),
        held_until: int = 0,
    ) -> None:
        self.held_until = held_until
        self._waiting: dict[str, dict[str, Waiting]] = {}
        self._clocks: dict[ClockKey, dict[Place, Waiting]] = {}
        self._size = 0
        self._channels = dict(channels)
        self._told: dict[ClockKey, dict[str, int]] = {}
        for place, each in sorted(waiting.items(), key=lambda pair: pair[1].number):
            self._put(place, each)
        for each, at in sorted(told.items(), key=lambda pair: pair[1]):
            self._told.setdefault(each.clock, {})[each.target] = at

    @property
    def size(self) -> int:
        """How many alerts wait, counted at each channel."""
        return self._size

    @property
    def targets(self) -> Sequence[str]:
        """The channels for which something waits, in order."""
        return sorted(self._waiting)

    @property
    def places(self) -> Sequence[Place]:
        """What waits, where."""
        return [Place(target, each) for target, queue in self._waiting.items() for each in queue]

    def queue(self, target: str) -> Iterator[Waiting]:
        """Yield what waits for *target*, in the order of arrival."""
        yield from self._waiting.get(target, {}).values()

    def of_clock(self, target: str, clock: ClockKey) -> list[Waiting]:
        """Return what waits for *target* and speaks for *clock*, in the order of arrival."""
        return [each for place, each in self._clocks.get(clock, {}).items() if place.target == target]

    def find(self, place: Place) -> Waiting | None:
        """Return what waits at *place*."""
        return self._waiting.get(place.target, {}).get(place.alert_id)

    def channel(self, target: str) -> ChannelState:
        """Return where the channel of *target* stands."""
        return self._channels.get(target, _NEW)

    def was_told(self, target: str, clock: ClockKey) -> bool:
        """Return whether *target* may have heard that *clock*'s promise was broken."""
        return target in self._told.get(clock, ())

    def concerned(self, clock: ClockKey) -> set[str]:
        """Return the channels that may have heard of *clock*, or that something of it waits for."""
        return {*self._told.get(clock, ()), *(place.target for place in self._clocks.get(clock, ()))}

    def told_before(self, at: int) -> Iterator[ToldTo]:
        """Yield who was told of what before *at*."""
        for clock, targets in self._told.items():
            for target, told_at in targets.items():
                if told_at < at:
                    yield ToldTo(target, clock)

    def apply(self, change: Change) -> None:
        """Take over *change*, which is committed."""
        for place, each in change.wait.items():
            self._put(place, each)
        for place in change.done:
            self._take(place)
        self._channels.update(change.channels)
        for each, at in change.told.items():
            self._told.setdefault(each.clock, {})[each.target] = at
        for each in change.untold:
            targets = self._told.get(each.clock, {})
            targets.pop(each.target, None)
            if not targets:
                self._told.pop(each.clock, None)
        if change.held_until is not None:
            self.held_until = change.held_until

    def _put(self, place: Place, waiting: Waiting) -> None:
        self._waiting.setdefault(place.target, {})[place.alert_id] = waiting
        self._clocks.setdefault(waiting.notice.clock, {})[place] = waiting
        self._size += 1

    def _take(self, place: Place) -> None:
        queue = self._waiting.get(place.target, {})
        waiting = queue.pop(place.alert_id, None)
        if waiting is None:
            return
        self._size -= 1
        if not queue:
            del self._waiting[place.target]
        clock = waiting.notice.clock
        del self._clocks[clock][place]
        if not self._clocks[clock]:
            del self._clocks[clock]
