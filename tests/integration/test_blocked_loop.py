"""What a supervisor sees of a process whose event loop is blocked: no answer in time, then why."""

import asyncio
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
import pytest
from fastapi import FastAPI

from services.runtime.clock import now_ms
from services.runtime.health import Health
from services.runtime.health_probes import LoopWatch
from services.runtime.http import serve
from services.runtime.metrics import Metrics
from services.runtime.status_routes import make_status_router
from tests.waiting import PATIENCE_S, wait_until

ANSWER_WITHIN_S = 0.5
"""How long the supervisor waits: Kubernetes gives a liveness probe a second."""


@dataclass
class Process:
    """A process in a thread: its loop, and where its health is asked for."""

    url: Future[str] = field(default_factory=Future[str])
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def main(self) -> None:
        """Serve until it is over."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        metrics, health = Metrics(), Health(now_ms, fresh_ms=0)
        watch = LoopWatch(metrics, late_ms=100, every_ms=5)
        health.register("loop", watch)
        app = FastAPI()
        app.include_router(make_status_router(health, metrics))
        await watch.start()
        server = await serve(app, "127.0.0.1", 0)
        self.url.set_result(f"http://127.0.0.1:{server.port}/health")
        await self.over.wait()
        await server.stop()
        await watch.stop()

    @contextmanager
    def blocked(self) -> Generator[None]:
        """Block the loop, as a call that waits would, until the block is left; at most 10 s."""
        entered, left = threading.Event(), threading.Event()

        def block() -> None:
            entered.set()
            left.wait(10)

        self.loop.call_soon_threadsafe(block)
        assert entered.wait(5)
        try:
            yield
        finally:
            left.set()


@pytest.fixture
def process() -> Iterator[Process]:
    """Give a process that serves its health."""
    process = Process()
    thread = threading.Thread(target=process.main, daemon=True)
    thread.start()
    process.url.result(10)
    yield process
    process.loop.call_soon_threadsafe(process.over.set)
    thread.join(10)
    assert not thread.is_alive()


async def test_a_blocked_event_loop_is_not_alive_until_it_goes_on(process: Process) -> None:
    """No answer comes in time; afterwards it lives, says for how long it was blocked, and isn't ready yet."""
    url = process.url.result(0)
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        assert (await http.get(f"{url}/live")).status_code == 200
        with process.blocked(), pytest.raises(httpx2.TimeoutException):
            await http.get(f"{url}/live", timeout=ANSWER_WITHIN_S)

        async def told() -> bool:
            return "the event loop was blocked for" in (await http.get(f"{url}/ready")).text

        await wait_until(told, description="health tells of the block")
        assert (await http.get(f"{url}/live")).status_code == 200
        assert (await http.get(f"{url}/ready")).status_code == 503
