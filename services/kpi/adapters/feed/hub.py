"""
Who listens to which figures, and one reader for all of them.

While somebody listens, the shards' versions are looked at in one call every 200 ms. Only when one has changed, or a
minute has passed and windows move, the figures are read: once for each distinct set, whoever many listen to it, all
sets in one reading. What listeners get is the state; who resumes gets the state of now, if it is another one.
Of overdue clocks they get all at first, then what is new of them.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.errors import Retryable
from services.kpi.adapters.feed.asking import Asked, Asking
from services.kpi.adapters.feed.bodies import FigureBody, ReflectsBody, figure_body, offsets
from services.kpi.adapters.feed.clock_watch import ClockWatch
from services.kpi.application.reading import Answer, Figure, Readings
from services.kpi.domain.calendar import MINUTE_MS
from services.runtime.clock import Clock
from services.runtime.endings import ended
from services.runtime.logs import events
from services.runtime.pacing import paced

log = events()

FIGURES, CLOCKS = "figures", "clocks"
_PAUSE_S = 1.0


class ChangeBody(ReflectsBody):
    """The data of an event: all figures of the set, as they are now."""

    figures: Sequence[FigureBody]


@dataclass(frozen=True, slots=True)
class Topic:
    """A distinct set of figures that is listened to; `clocks`: whether to the overdue clocks as well."""

    metrics: tuple[str, ...]
    asked: Asked
    clocks: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One state of a topic; equal ids are equal figures or clocks, whatever their offsets and windows."""

    id: str
    data: str
    event: str = FIGURES


@dataclass(slots=True, eq=False)
class Listener:
    """
    One client: what it hasn't got yet, and why it was dropped, if it was.

    `seen` are the ids of the states that it had last; `knows_clocks`: whether it had the overdue clocks.
    `closed` is ``too-slow`` where more waited for it than fits, ``stopping`` at the service's end.
    """

    topic: Topic
    seen: dict[str, str]
    most_waiting: int
    knows_clocks: bool = False
    waiting: deque[Change] = field(default_factory=deque[Change])
    closed: str | None = None
    on_close: Callable[[], None] = lambda: None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, change: Change) -> None:
        """Give it *change*, unless it is the last that it had."""
        if self.closed is not None or change.id == self.seen.get(change.event):
            return
        if len(self.waiting) >= self.most_waiting:
            self.close("too-slow")
            return
        self.seen[change.event] = change.id
        # The client sends the id of the last event back: it must say which states of both kinds it had.
        self.waiting.append(
            replace(change, id=".".join(self.seen[each] for each in sorted(self.seen, reverse=True)))
        )
        self._woken.set()

    def close(self, why: str) -> None:
        """Drop it."""
        if self.closed is None:
            self.closed = why
            self.waiting.clear()
            self._woken.set()
            self.on_close()

    async def next(self, within_s: float) -> Change | None:
        """Return the next change, None where there is none within so many seconds, or it was dropped."""
        if not self.waiting and self.closed is None:
            self._woken.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._woken.wait()
            except TimeoutError:
                return None
        return self.waiting.popleft() if self.waiting else None


class Full(Retryable):
    """As many listen as may."""


class Hub:
    """
    All listeners of a process.

    Args:
        failed: Told of the reader's unexpected end; it is to end the process.
        watch: The overdue clocks; None where nobody may listen to them.
        most_listeners, most_topics: Beyond these `Full` is raised.
        most_waiting: Changes that wait for one listener; one more and it is dropped.
    """

    def __init__(
        self,
        readings: Readings,
        clock: Clock,
        *,
        failed: Callable[[BaseException], None],
        watch: ClockWatch | None = None,
        every_ms: int = 200,
        most_listeners: int = 1_000,
        most_topics: int = 100,
        most_waiting: int = 16,
    ) -> None:
        self._readings = readings
        self._asking = Asking(readings, clock)
        self._clock = clock
        self._failed = failed
        self.watch = watch
        self._every_s = every_ms / 1000
        self._most_listeners, self._most_topics = most_listeners, most_topics
        self._most_waiting = most_waiting
        self._listeners: dict[Topic, set[Listener]] = {}
        self._states: dict[Topic, Change] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.readings_made = 0

    @property
    def listening(self) -> int:
        """How many listen."""
        return sum(len(each) for each in self._listeners.values())

    def listen(self, topic: Topic, seen: str | None) -> Listener:
        """Begin to listen to *topic*; *seen* is the id of the last change that the client had. Raises Full."""
        if self._stopping or self.listening >= self._most_listeners:
            raise Full("no more listeners are taken here", retry_after_ms=5_000)
        if topic not in self._listeners and len(self._listeners) >= self._most_topics:
            raise Full("no more different sets of metrics can be listened to here", retry_after_ms=5_000)
        listener = Listener(topic, _states_in(seen), self._most_waiting)
        self._listeners.setdefault(topic, set()).add(listener)
        state = self._states.get(topic)
        if state is not None:
            listener.offer(state)
        self._woken.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="kpi-feed")
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        group = self._listeners.get(listener.topic, set())
        group.discard(listener)
        if not group:
            self._listeners.pop(listener.topic, None)
            self._states.pop(listener.topic, None)

    async def stop(self) -> None:
        """Drop all, and end the reader."""
        self._stopping = True
        self._close_all("stopping")
        if self._task is not None:
            await ended(self._task)

    async def _run(self) -> None:
        try:
            await self._read_while_listened_to()
        except Exception as error:
            self._close_all("failed")
            self._failed(error)
            raise

    async def _read_while_listened_to(self) -> None:
        known: object = None
        while self._listeners:
            self._woken.clear()
            try:
                now = self._clock()
                found = (await self._readings.versions(), now // MINUTE_MS)
                due = [
                    each
                    for each in self._listeners
                    if each.metrics and (found != known or each not in self._states)
                ]
                if due:
                    await self._read(due, now)
                await self._tell_clocks(now, found[0])
                known = found
            except Retryable as error:
                log.warning("feed.delayed", reason=str(error))
                await asyncio.sleep(_PAUSE_S)
            await self._pause()

    async def _read(self, due: Sequence[Topic], now: int) -> None:
        moved = {topic: self._asking.moved(topic.asked, now) for topic in due}
        asks = [moved[topic].of(name) for topic in due for name in topic.metrics]
        answer = await self._readings.many(asks, now=now)
        self.readings_made += 1
        figures = iter(answer.figures)
        async for topic in paced(due):
            change = _change(answer, [next(figures) for _ in topic.metrics])
            if topic not in self._listeners:
                continue  # everybody left meanwhile
            self._states[topic] = change
            for listener in tuple(self._listeners[topic]):
                listener.offer(change)

    async def _tell_clocks(self, now: int, versions: Mapping[int, int]) -> None:
        watch = self.watch
        if watch is None:
            return
        if not any(each.clocks for each in self._listeners):
            watch.forget()
            return
        changed = await watch.look(now, versions)
        news = Change(watch.id, watch.difference(), CLOCKS) if changed else None
        listening = [each for topic, group in self._listeners.items() if topic.clocks for each in group]
        async for listener in paced(listening):
            if not listener.knows_clocks:
                listener.knows_clocks = True
                listener.offer(Change(watch.id, await watch.whole(), CLOCKS))
            elif news is not None:
                listener.offer(news)

    async def _pause(self) -> None:
        # A newcomer to a set that nobody listened to doesn't wait for the next round.
        try:
            async with asyncio.timeout(self._every_s):
                await self._woken.wait()
        except TimeoutError:
            return

    def _close_all(self, why: str) -> None:
        for group in self._listeners.values():
            for listener in group:
                listener.close(why)


def _states_in(said: str | None) -> dict[str, str]:
    """Return the ids of the states in the id of an event."""
    parts = (said or "").split(".")
    return {CLOCKS if each.startswith("c-") else FIGURES: each for each in parts if each}


def _change(answer: Answer, figures: Sequence[Figure]) -> Change:
    held = [figure_body(each) for each in figures]
    said = repr([each.model_dump(exclude={"range"}) for each in held] + [answer.complete])
    body = ChangeBody(figures=held, offsets=offsets(answer), complete=answer.complete)
    return Change(hashlib.sha256(said.encode()).hexdigest()[:16], body.model_dump_json())
