"""Ctrl-C: the first one stops the lives, the second one ends the demo at once; so do SIGTERM and SIGHUP."""

import asyncio
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Self

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """
    Takes the signals over inside a `with`; the task that enters it is the one that is ended.

    Args:
        at_once: Called before the task is cancelled.
    """

    def __init__(self, at_once: Callable[[], None]) -> None:
        self._at_once = at_once
        self._gently: Callable[[], None] | None = None
        self._task: asyncio.Task[object] | None = None

    def gently(self, stop: Callable[[], None]) -> None:
        """Let the first Ctrl-C from now on call *stop* instead of ending the task."""
        self._gently = stop

    def __enter__(self) -> Self:
        """Take over."""
        self._task = asyncio.current_task()
        for number in _STOPS:
            asyncio.get_running_loop().add_signal_handler(number, self._received, number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back."""
        for number in _STOPS:
            asyncio.get_running_loop().remove_signal_handler(number)

    def _received(self, number: signal.Signals) -> None:
        if number == signal.SIGINT and self._gently is not None:
            stop, self._gently = self._gently, None
            stop()
        elif self._task is not None:
            task, self._task = self._task, None  # a third one must not disturb the tidying up
            self._at_once()
            task.cancel()
