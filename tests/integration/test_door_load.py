"""How fast the door is: latency at 100 requests a second, and the most it takes. The server has its own process."""

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.door_world import RawConnection, signed_by_hubspot

ROOT = Path(__file__).parents[2]
PATH = "/webhooks/hubspot"
EVENT = b'{"subscriptionType":"contact.propertyChange","objectId":%d,"propertyName":"x","propertyValue":"y"}'
RATE = 100
SECONDS = 4
CLIENTS = 16

SERVER = """
    import asyncio
    from services.runtime.logs import set_up
    from tests.integration.door_world import HubSpotDoor, MemoryInbox, open_door

    set_up(level="error")

    async def main():
        inbox = MemoryInbox(forget=True)
        async with open_door(connectors={"hubspot": HubSpotDoor()}, inbox=inbox) as door:
            print(door.port, flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return the port of a door in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def test_a_hundred_requests_a_second_are_answered_in_milliseconds(port: int) -> None:
    """Measured from when each was due, so that a stalled server can't hide behind a waiting client."""
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[RawConnection] = asyncio.Queue()
    for _ in range(CLIENTS):
        free.put_nowait(await RawConnection(port).__aenter__())
    took: list[float] = []

    async def post(number: int, due: float) -> None:
        await asyncio.sleep(due - loop.time())
        raw = await free.get()
        body = b"[" + EVENT % (number + 1) + b"]"
        assert (await raw.post(PATH, signed_by_hubspot(body), body)).status == 204
        took.append((loop.time() - due) * 1000)
        free.put_nowait(raw)

    for warming in range(20):
        await post(warming, loop.time())
    seconds: list[tuple[float, float]] = []
    for _ in range(SECONDS):
        took.clear()
        began = loop.time() + 0.05
        await asyncio.gather(*(post(number, began + number / RATE) for number in range(RATE)))
        took.sort()
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        print(f"door at {RATE} requests/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {took[-1]:.1f} ms")
        seconds.append((p50, p99))
    while not free.empty():
        await free.get_nowait().__aexit__()

    # The best of the seconds is judged: the machine may stand still in one of them, a slow door is slow in all.
    assert min(p50 for p50, _ in seconds) < 50
    assert min(p99 for _, p99 in seconds) < 500


@pytest.mark.parametrize("events", [1, 100])
async def test_the_door_takes_hundreds_of_requests_a_second(port: int, events: int) -> None:
    """As many as fit through kept connections, with one event each and with HubSpot's hundred."""
    body = b"[" + b",".join(EVENT % (number + 1) for number in range(events)) + b"]"
    done = 0
    until = time.monotonic() + 2

    async def client() -> None:
        nonlocal done
        async with RawConnection(port) as raw:
            while time.monotonic() < until:
                assert (await raw.post(PATH, signed_by_hubspot(body), body)).status == 204
                done += 1

    began = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    each_second = done / (time.monotonic() - began)
    print(
        f"door with {events} events a request: {each_second:.0f} requests/s, {each_second * events:.0f} events/s"
    )

    assert each_second > 50
