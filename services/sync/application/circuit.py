"""
The limit that stops the line: when everything is refused, it isn't the records that are wrong.

One circuit for each system and direction (writes, reads), shared by all shards of a process. After so many
refusals in a row of different leads or records, with nothing taken between, the line stops: what else is
refused is held back, not set aside. Then one is tried after a pause, which grows; the first that is taken
opens the line again. A restart opens it too.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from services.runtime.clock import Clock
from services.sync.application.ports import Forbidden
from services.sync.application.trouble import EVERYTHING_REFUSED, PERMISSION_MISSING, Trouble
from services.sync.domain.records import Confirmed, Refused, WriteResult

log = structlog.get_logger()

MOST_REFUSALS = 20
FIRST_PAUSE_MS = 2_000
LONGEST_PAUSE_MS = 300_000


class Line(StrEnum):
    """Which of a system's lines."""

    WRITES = "writes"
    READS = "reads"


@dataclass(slots=True)
class Stop:
    """
    That a line stands: since when, why, the commonest code, what is known of it, how often one was tried since.

    `asked_at` is when somebody last asked it to go on, or when it stopped; both epoch ms.
    """

    at: int
    trouble: Trouble
    code: str
    detail: str
    attempts: int = 0
    asked_at: int = 0

    def __post_init__(self) -> None:
        self.asked_at = max(self.asked_at, self.at)


@dataclass(slots=True)
class Cut:
    """Counts, while a batch is halved, how many stood alone and were refused; ends the halving when all are."""

    most: int
    refused: int = 0
    taken: bool = False

    @property
    def over(self) -> bool:
        """Whether what is left of the batch need not be sent: it would be refused like the rest."""
        return not self.taken and 0 < self.most <= self.refused

    def note(self, results: Sequence[WriteResult]) -> None:
        """Take in how a part of the batch ended."""
        self.taken = self.taken or any(isinstance(each, Confirmed) for each in results)


class Circuit:
    """
    Knows whether a line stands, and lets one through now and then while it does.

    Args:
        system: Whose line.
        line: Which one.
        clock: The present, epoch ms.
        most: How many refusals in a row stop it; 0 never.
    """

    def __init__(self, system: str, line: Line, clock: Clock, *, most: int = MOST_REFUSALS) -> None:
        self.system = system
        self.line = line
        self.stop: Stop | None = None
        self._clock = clock
        self._most = most
        self._refused: dict[str, str] = {}
        self._pause_ms = FIRST_PAUSE_MS
        self._due_at = 0
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* when the line may go on; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @property
    def why(self) -> str:
        """What a person is told while the line stands."""
        stop = self.stop
        if stop is None:
            return ""
        head = f"the {self.line} of {self.system} stand, {stop.trouble.reason}: {stop.code}"
        return (
            f"{head}: {stop.detail}; {stop.trouble.mend}" if stop.detail else f"{head}; {stop.trouble.mend}"
        )

    # Whether something may go

    def room(self, most: int) -> int:
        """Return how many may go now: *most*, or 1 as a trial, or none until `due_at`."""
        if self.stop is None:
            return most
        return int(self._clock() >= self._due_at)

    @property
    def due_at(self) -> int | None:
        """When the next trial is due, epoch ms, if that is still to come; None while the line runs."""
        return self._due_at if self.stop is not None and self._due_at > self._clock() else None

    def claim(self) -> bool:
        """Take the trial that is due; the next one comes after a longer pause, whatever becomes of this one."""
        if self.stop is None:
            return True
        now = self._clock()
        if now < self._due_at:
            return False
        self.stop.attempts += 1
        self._pause_ms = min(2 * self._pause_ms, LONGEST_PAUSE_MS)
        self._due_at = now + self._pause_ms
        return True

    async def turn(self) -> None:
        """Return when the line runs, or with the trial that is due."""
        while not self.claim():
            self._changed.clear()
            try:
                async with asyncio.timeout(max(1, self._due_at - self._clock()) / 1000):
                    await self._changed.wait()
            except TimeoutError:
                continue

    # What became of it

    def judge(self, results: Sequence[tuple[str, WriteResult | None]]) -> list[bool]:
        """
        Return for each (lead_id, how its write ended) whether that stands; the others are to be held back.

        None is a write that wasn't sent. One that was refused `unsent` stands and counts for nothing: its lead
        comes again without the fields that can't be said.
        """
        if any(isinstance(result, Confirmed) for _, result in results):
            self.succeed()
            return [result is not None for _, result in results]
        return [self._stands(key, result) for key, result in results]

    def _stands(self, key: str, result: WriteResult | None) -> bool:
        if not isinstance(result, Refused) or result.unsent:
            return result is not None
        if self.stop is not None:
            return False
        self.refuse(key, result.code)
        return True

    def refuse(self, key: str, code: str) -> None:
        """Count that *key* (a lead or record) was refused with *code*; too many in a row stop the line."""
        if self.stop is not None or not self._most:
            return
        self._refused[key] = code
        if len(self._refused) >= self._most:
            ((commonest, count),) = Counter(self._refused.values()).most_common(1)
            detail = f"{count} of the last {len(self._refused)} were refused so, and none was taken"
            self._shut(EVERYTHING_REFUSED, commonest, detail)

    def forbid(self, error: Forbidden) -> None:
        """Stop the line at once: the vendor says of the call itself that we lack a right."""
        if self.stop is None:
            self._shut(PERMISSION_MISSING, type(error).__name__, str(error))

    def succeed(self) -> None:
        """The vendor took something: the line goes on."""
        self._refused.clear()
        if self.stop is None:
            return
        log.info(
            "line.resumed",
            system=self.system,
            kind=self.line.value,
            attempts=self.stop.attempts,
            duration_ms=self._clock() - self.stop.at,
        )
        self.stop = None
        self._pause_ms = FIRST_PAUSE_MS
        self._wake()

    def resume(self) -> None:
        """Try one at once, whatever the pause: somebody says that it is mended."""
        if self.stop is not None:
            self._pause_ms = FIRST_PAUSE_MS
            self._due_at = self._clock()
            self._wake()

    def cut(self) -> Cut:
        """Return the counter for the halving of a batch."""
        return Cut(self._most)

    def _shut(self, trouble: Trouble, code: str, detail: str) -> None:
        now = self._clock()
        self.stop = Stop(now, trouble, code, detail)
        self._pause_ms = FIRST_PAUSE_MS
        self._due_at = now + self._pause_ms
        self._refused.clear()
        log.error(
            "line.stopped",
            system=self.system,
            kind=self.line.value,
            reason=trouble.reason,
            code=code,
            mend=trouble.mend,
        )

    def _wake(self) -> None:
        self._changed.set()
        for each in list(self._listeners):
            each()


@dataclass(frozen=True, slots=True)
class Circuits:
    """The circuits of a process: those of each system's writes, and those of its reads."""

    writes: Mapping[str, Circuit]
    reads: Mapping[str, Circuit]

    def of(self, system: str) -> tuple[Circuit, Circuit]:
        """Return both of *system*."""
        return self.writes[system], self.reads[system]

    def stopped(self) -> list[Circuit]:
        """Return those whose line stands."""
        return [each for part in (self.writes, self.reads) for each in part.values() if each.stop is not None]


def make_circuits(systems: Collection[str], clock: Clock, *, most: int = MOST_REFUSALS) -> Circuits:
    """Return a circuit for each line of *systems*; see `Circuit`."""
    return Circuits(
        writes={each: Circuit(each, Line.WRITES, clock, most=most) for each in systems},
        reads={each: Circuit(each, Line.READS, clock, most=most) for each in systems},
    )
