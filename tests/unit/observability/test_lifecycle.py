"""The process's life: started in order, stopped in order and in time, ended when a part fails."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from services.errors import Misconfigured, Retryable
from services.runtime.lifecycle import Component, ExitCode, Signals, exit_code, run
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[3]


class Parts:
    """Components that write down what happens to them."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.stop = asyncio.Event()

    def part(
        self, name: str, *, fails: Exception | None = None, runs: asyncio.Event | None = None
    ) -> Component:
        async def start() -> None:
            self.story.append(f"{name} starts")
            if fails is not None and runs is None:
                raise fails

        async def stop() -> None:
            self.story.append(f"{name} stops")

        async def work() -> None:
            assert runs is not None
            await runs.wait()
            if fails is not None:
                raise fails

        return Component(name=name, start=start, stop=stop, run=None if runs is None else work)


@pytest.fixture
def parts() -> Parts:
    """Return a maker of components."""
    return Parts()


async def test_parts_start_in_order_and_stop_in_reverse(parts: Parts) -> None:
    """What others build on starts first and ends last."""
    components = [parts.part("store"), parts.part("consumer"), parts.part("door")]
    asyncio.get_running_loop().call_later(0.02, parts.stop.set)

    assert await run(components, until=parts.stop) is ExitCode.STOPPED
    assert parts.story == [
        *("store starts", "consumer starts", "door starts"),
        *("door stops", "consumer stops", "store stops"),
    ]


async def test_an_order_of_stopping_can_be_given(parts: Parts) -> None:
    """The door may have to close before the consumers although it started in the middle."""
    components = [parts.part("store"), parts.part("door"), parts.part("consumer")]
    asyncio.get_running_loop().call_later(0.02, parts.stop.set)

    await run(components, until=parts.stop, stop_order=["door", "consumer", "store"])

    assert parts.story[3:] == ["door stops", "consumer stops", "store stops"]


async def test_a_failing_part_ends_the_process_and_the_others_stop_in_order(parts: Parts) -> None:
    """Half a process that looks alive is worse than a restart."""
    broken = asyncio.Event()
    components = [
        parts.part("store"),
        parts.part("consumer", fails=KeyError("x"), runs=broken),
        parts.part("door"),
    ]
    asyncio.get_running_loop().call_later(0.02, broken.set)

    assert await run(components, until=parts.stop) is ExitCode.FAILED
    assert parts.story[3:] == ["door stops", "consumer stops", "store stops"]


async def test_a_part_that_ends_by_itself_is_a_failure(parts: Parts) -> None:
    """A consumer that returns without being asked does its work no more."""
    over = asyncio.Event()
    over.set()

    assert await run([parts.part("consumer", runs=over)], until=parts.stop) is ExitCode.FAILED


async def test_a_part_that_ends_after_the_order_to_stop_is_none(parts: Parts) -> None:
    """Its own stop may be what lets it return."""
    over = asyncio.Event()

    async def stop() -> None:
        over.set()

    async def work() -> None:
        await over.wait()

    asyncio.get_running_loop().call_later(0.01, parts.stop.set)

    assert await run([Component(name="x", stop=stop, run=work)], until=parts.stop) is ExitCode.STOPPED


async def test_a_start_that_fails_stops_what_was_started(parts: Parts) -> None:
    """Nothing after it is started, and its own half is cleared away, too."""
    components = [parts.part("store"), parts.part("log", fails=Misconfigured("no")), parts.part("door")]

    assert await run(components, until=parts.stop) is ExitCode.MISCONFIGURED
    assert parts.story == ["store starts", "log starts", "log stops", "store stops"]


async def test_a_stop_that_hangs_is_left_when_the_time_is_over(parts: Parts) -> None:
    """The time is for all together, so the supervisor's patience is never tried."""

    async def hang() -> None:
        await asyncio.Event().wait()

    parts.stop.set()
    began = time.monotonic()
    components = [parts.part("store"), Component(name="stubborn", stop=hang)]

    assert await run(components, until=parts.stop, stop_within_ms=100) is ExitCode.FAILED
    assert time.monotonic() - began < PATIENCE_S
    assert parts.story[-1] == "store stops"


async def test_a_stop_that_fails_does_not_keep_the_others_from_stopping(parts: Parts) -> None:
    """And the exit code tells that something went wrong."""

    async def broken() -> None:
        raise KeyError("x")

    parts.stop.set()

    components = [parts.part("store"), Component(name="broken", stop=broken)]
    assert await run(components, until=parts.stop) is ExitCode.FAILED
    assert parts.story[-1] == "store stops"


async def test_an_order_to_stop_during_the_start_is_followed(parts: Parts) -> None:
    """A log that isn't there yet must not make the process deaf."""

    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    asyncio.get_running_loop().call_later(0.02, parts.stop.set)
    components = [parts.part("store"), Component(name="log", start=waits_for_ever), parts.part("door")]

    assert await run(components, until=parts.stop) is ExitCode.STOPPED
    assert parts.story == ["store starts", "store stops"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("x"), 78),
        (Retryable("x"), 75),
        (KeyError("x"), 1),
        (ExceptionGroup("x", [KeyError("x"), Misconfigured("x")]), 78),
        (ExceptionGroup("x", [Retryable("x"), KeyError("x")]), 1),
        (ExceptionGroup("x", [Retryable("x")]), 75),
    ],
)
def test_the_exit_code_says_what_to_do_next(error: Exception, code: int) -> None:
    """78: change the configuration; 75: try again; 1: read the log."""
    assert exit_code(error) == code


async def test_the_second_signal_ends_at_once() -> None:
    """Whoever presses twice means it; nothing is lost, since commits are atomic."""
    ended: list[int] = []
    signals = Signals(ended.append)

    signals.receive(signal.SIGTERM)
    assert signals.received.is_set()
    assert not ended
    signals.receive(signal.SIGINT)

    assert ended == [128 + signal.SIGINT]


PROCESS = """
    import asyncio, sys
    from services.runtime.lifecycle import Component, run
    from services.runtime.logs import set_up

    set_up()

    async def stop():
        print("stops", flush=True)
        await asyncio.sleep({stop_seconds})

    async def main():
        async def start():
            print("started", flush=True)
        return await run([Component(name="x", start=start, stop=stop)])

    sys.exit(asyncio.run(main()))
"""


@pytest.mark.parametrize(
    ("stop_seconds", "signals", "code"),
    [(0, [signal.SIGTERM], 0), (0, [signal.SIGINT], 0), (600, [signal.SIGTERM, signal.SIGTERM], 143)],
)
def test_a_real_process_obeys_real_signals(
    stop_seconds: int, signals: list[signal.Signals], code: int
) -> None:
    """Ordered on the first one, at once on the second."""
    script = textwrap.dedent(PROCESS.format(stop_seconds=stop_seconds))
    with subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "started\n"
            process.send_signal(signals[0])
            assert process.stdout.readline() == "stops\n"
            for each in signals[1:]:
                process.send_signal(each)
            assert process.wait(timeout=PATIENCE_S) == code
        finally:
            process.kill()
