"""
The life of a process: components start in order, run together, and stop in the reverse order on a signal.

- The first SIGTERM or SIGINT stops in order, within 10 s in all; a second one ends the process at once. Both
  lose nothing: whatever was not committed is read again from the log.
- A component that fails, or ends before it is asked to, takes the process down: half a process that looks
  alive is worse than a restart.

Exit codes: 0 stopped in order; 1 a bug or a component ended; 75 the environment did not answer, try again;
78 a person must change the configuration; 128 + signal when ended at once. 75 and 78 are sysexits.h's
EX_TEMPFAIL and EX_CONFIG.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from services.errors import Misconfigured, Retryable
from services.runtime.log.port import Subscription
from services.runtime.logs import events

log = events()

STOP_WITHIN_MS = 10_000
_FAILURE_POLL_SECONDS = 0.25
_FORCE_MS = 2_000
_YOUNG_OBJECTS = 20_000


class ExitCode(IntEnum):
    """What the process tells its supervisor."""

    STOPPED = 0
    FAILED = 1
    TRY_AGAIN = 75
    MISCONFIGURED = 78


class EndedEarly(Exception):
    """A component's `run` returned although nobody asked it to stop."""


async def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """
    A part of the process.

    `start` returns when the part works; `stop` ends it, also when its `start` failed half-way. `run`, if given,
    runs as long as the part does, raises when the part fails, and is cancelled once `stop` has returned.
    """

    name: str
    start: Callable[[], Awaitable[None]] = _nothing
    stop: Callable[[], Awaitable[None]] = _nothing
    run: Callable[[], Awaitable[None]] | None = None


class Signals:
    """
    Turns SIGTERM and SIGINT into an order to stop; the second one ends the process at once.

    Args:
        end_at_once: Called with 128 + signal at the second one.
    """

    def __init__(self, end_at_once: Callable[[int], object] = os._exit) -> None:
        self._end_at_once = end_at_once
        self.received = asyncio.Event()

    def install(self) -> None:
        """Take the signals over; must run in the main thread's event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self.receive, number)
            except NotImplementedError:  # Windows' loops
                signal.signal(
                    number, lambda got, _: loop.call_soon_threadsafe(self.receive, signal.Signals(got))
                )

    def uninstall(self) -> None:
        """Give the signals back to the interpreter."""
        loop = asyncio.get_running_loop()
        for number, handler in (
            (signal.SIGTERM, signal.SIG_DFL),
            (signal.SIGINT, signal.default_int_handler),
        ):
            try:
                loop.remove_signal_handler(number)
            except NotImplementedError:
                signal.signal(number, handler)

    def receive(self, number: signal.Signals) -> None:
        """Count one signal."""
        if self.received.is_set():
            log.warning("process.aborted", signal=number.name)
            sys.stderr.flush()
            self._end_at_once(128 + number)
            return
        log.info("process.signalled", signal=number.name)
        self.received.set()


async def run(
    components: Sequence[Component],
    *,
    until: asyncio.Event | None = None,
    stop_within_ms: int = STOP_WITHIN_MS,
    stop_order: Sequence[str] | None = None,
) -> ExitCode:
    """
    Start *components* in order, run them, stop them; returns the exit code.

    Args:
        components: In the order of starting.
        until: The order to stop. None takes SIGTERM and SIGINT, and ends the process by force where even a
            cancelled part doesn't end 2 s after *stop_within_ms*.
        stop_within_ms: For all stops together; what isn't stopped by then is cancelled and left.
        stop_order: The names in the order of stopping; None is the reverse order of starting.
    """
    life = _Life(components, stop_within_ms, stop_order)
    if until is not None:
        return await life.lead(until)
    signals = Signals()
    signals.install()
    try:
        return await life.lead(signals.received, force=True)
    finally:
        signals.uninstall()


def watch(subscription: Subscription) -> Callable[[], Awaitable[None]]:
    """Return a component's `run` that raises what ended *subscription*."""

    async def failure() -> None:
        while subscription.failure is None:  # noqa: ASYNC110 - the port has a property, no event
            await asyncio.sleep(_FAILURE_POLL_SECONDS)
        raise subscription.failure

    return failure


def exit_code(error: BaseException) -> ExitCode:
    """Return what to exit with because of *error*."""
    if isinstance(error, BaseExceptionGroup):
        codes = {exit_code(each) for each in error.exceptions}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        # A person is needed before trying again is of use; a bug beside them would show again by itself.
        for code in (ExitCode.MISCONFIGURED, ExitCode.FAILED, ExitCode.TRY_AGAIN):
            if code in codes:
                return code
    if isinstance(error, Misconfigured):
        return ExitCode.MISCONFIGURED
    return ExitCode.TRY_AGAIN if isinstance(error, Retryable) else ExitCode.FAILED


class _Life:
    def __init__(
        self, components: Sequence[Component], stop_within_ms: int, stop_order: Sequence[str] | None
    ) -> None:
        self._components = components
        self._stop_within_ms = stop_within_ms
        self._stop_order = stop_order
        self._over = asyncio.Event()
        self._started: list[Component] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._code = ExitCode.STOPPED

    async def lead(self, until: asyncio.Event, *, force: bool = False) -> ExitCode:
        async with asyncio.TaskGroup() as group:
            ordered = group.create_task(self._await_order(until))
            starting = group.create_task(self._start(group))
            try:
                await self._over.wait()
            finally:
                if force:
                    _end_by_force_in(self._stop_within_ms + _FORCE_MS)
                starting.cancel()
                ordered.cancel()
                await self._stop()
        log.info("process.stopped", exit_code=int(self._code))
        return self._code

    async def _await_order(self, until: asyncio.Event) -> None:
        await until.wait()
        self._over.set()

    def _fail(self, name: str, error: Exception) -> None:
        log.failed("component.failed", error, component=name)
        # The first failure names the cause; those after it are often its consequences.
        if self._code is ExitCode.STOPPED:
            self._code = exit_code(error)
        self._over.set()

    async def _start(self, group: asyncio.TaskGroup) -> None:
        for component in self._components:
            self._started.append(component)
            try:
                await component.start()
            except Exception as error:  # noqa: BLE001 - it decides the exit code; the others are stopped in order
                self._fail(component.name, error)
                return
            log.info("component.started", component=component.name)
            if component.run is not None:
                self._tasks[component.name] = group.create_task(self._run(component.name, component.run))
        log.info("process.started", components=len(self._components))

    async def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - it decides the exit code; the others are stopped in order
            self._fail(name, error)
        else:
            if not self._over.is_set():
                self._fail(name, EndedEarly(f"{name} ended although nobody asked it to"))

    async def _stop(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._stop_within_ms / 1000
        for component in self._in_stop_order():
            stopping = asyncio.ensure_future(component.stop())
            await asyncio.wait({stopping}, timeout=max(0.0, deadline - loop.time()))
            self._note_stop(component.name, stopping)
            running = self._tasks.get(component.name)
            if running is not None:
                running.cancel()

    def _note_stop(self, name: str, stopping: asyncio.Future[None]) -> None:
        if not stopping.done():
            stopping.cancel()
            log.error("component.stop_timed_out", component=name, timeout_ms=self._stop_within_ms)
            self._code = self._code or ExitCode.FAILED
            return
        error = stopping.exception()
        if isinstance(error, Exception):
            self._fail(name, error)
        else:
            log.info("component.stopped", component=name)

    def _in_stop_order(self) -> list[Component]:
        if self._stop_order is None:
            return list(reversed(self._started))
        place = {name: index for index, name in enumerate(self._stop_order)}
        return sorted(self._started, key=lambda each: place.get(each.name, len(place)))


def _end_by_force_in(milliseconds: int) -> None:
    # A daemon: it never keeps a process alive that ended well.
    timer = threading.Timer(milliseconds / 1000, os._exit, [ExitCode.FAILED])
    timer.daemon = True
    timer.start()
