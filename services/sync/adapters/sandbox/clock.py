"""The sandbox's clock: real, or driven by the times of the history that is being played."""

from services.runtime.clock import Clock, now_ms

PROGRAMS_BEFORE_MS = 1_000
"""Under a driven clock programs write from so long before the present on: room for that many writes of a record."""


class SandboxClock:
    """
    Gives each change its time: `tick` a strictly growing one, `stamp` one that grows for each record only.

    While it is *driven*, time stands still but for ticks and what `advance` says; that is how a history of
    2018 is played with its own times.

    Args:
        clock: Real time.
        backwards: Whether `advance` may also go back: for a sandbox that only stamps.
    """

    def __init__(self, clock: Clock = now_ms, *, backwards: bool = False) -> None:
        self._clock = clock
        self._backwards = backwards
        self._driven = False
        self._last = 0

    def drive(self, start: int) -> None:
        """Stop following real time; the next tick is after *start*, epoch ms."""
        self._driven = True
        self._last = start

    def follow(self) -> None:
        """Follow real time again; ticks keep growing."""
        self._driven = False

    def advance(self, instant: int) -> None:
        """Move so that the next tick or stamp is at *instant*, or later where the clock doesn't go back."""
        back = self._driven and self._backwards
        self._last = instant - 1 if back else max(self._last, instant - 1)

    def tick(self) -> int:
        """Return the time of one more change, epoch ms."""
        present = self._last + 1 if self._driven else max(self._clock(), self._last + 1)
        self._last = present
        return present

    def stamp(self, after: int = 0, *, by_api: bool = False) -> int:
        """
        Return the time of a change of a record that last changed at *after*, epoch ms (0: a new one).

        It doesn't move a driven clock: changes of other records may have the very same time. Under a driven
        clock what programs write falls into the second before the present, so that what a person does at that
        instant comes after it and keeps its time, however late and often the program wrote.
        """
        present = (
            self._clock() if not self._driven else self._last + 1 - (PROGRAMS_BEFORE_MS if by_api else 0)
        )
        return max(present, after + 1)

    def now(self) -> int:
        """Return the present of the sandbox, epoch ms, without moving it."""
        return self._last if self._driven else max(self._clock(), self._last)
