"""Clients that are slow on purpose hold neither connections nor memory, and are told so."""

import asyncio
import socket

import httpx2
import pytest

from services.errors import Misconfigured
from services.runtime.http import serve
from services.sync.adapters.door import DoorLimits
from tests.integration.door_world import MemoryInbox, RawConnection, open_door, signed
from tests.waiting import PATIENCE_S, wait_until

BODY = b'[{"object":"person","id":1}]'
PATH = "/webhooks/acme"


async def test_a_head_that_trickles_in_is_cut_off_with_a_reason() -> None:
    """One byte now and then resets uvicorn's own timer, but not this one."""
    async with open_door(head_ms=300) as door, RawConnection(door.port) as raw:

        async def trickle() -> None:
            await raw.send(b"POST /webhooks/acme HTTP/1.1\r\nHost: d\r\n")
            while True:
                await raw.send(b"X")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        answer = await asyncio.wait_for(raw.answer(), PATIENCE_S)
        trickling.cancel()

        assert (answer.status, answer.reason) == (408, "slow-headers")
        refused = door.metrics.value("tasuki_http_connections_refused_total", reason="slow-headers")
        assert refused == 1


async def test_a_connection_that_says_nothing_is_cut_off_too() -> None:
    """Silence from the first byte on counts as a head that doesn't come."""
    async with open_door(head_ms=100) as door, RawConnection(door.port) as raw:
        answer = await asyncio.wait_for(raw.answer(), PATIENCE_S)

        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert await raw.ended()


async def test_the_second_head_on_a_kept_connection_has_its_time_as_well() -> None:
    """A client that was polite once may not be so for ever."""
    async with open_door(head_ms=1_000) as door, RawConnection(door.port) as raw:
        assert (await raw.post(PATH, signed(BODY), BODY)).status == 204
        await raw.send(b"POST /webh")

        answer = await asyncio.wait_for(raw.answer(), PATIENCE_S)
        assert answer.reason == "slow-headers"


async def test_a_request_that_takes_longer_than_a_head_may_is_not_cut_off() -> None:
    """The timer ends with the head: what follows has limits of its own."""
    limits = DoorLimits(body_ms=5_000)
    async with open_door(head_ms=500, limits=limits) as door, RawConnection(door.port) as raw:
        lines = [f"{name}: {value}" for name, value in signed(BODY).items()]
        head = "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: d", f"Content-Length: {len(BODY)}", *lines])
        await raw.send(head.encode() + b"\r\n\r\n" + BODY[:5])
        await asyncio.sleep(0.7)
        await raw.send(BODY[5:])

        assert (await asyncio.wait_for(raw.answer(), PATIENCE_S)).status == 204


async def test_a_body_that_trickles_in_is_cut_off_with_a_reason() -> None:
    """The time is for the whole body, however many bytes keep coming."""
    async with open_door(limits=DoorLimits(body_ms=200)) as door, RawConnection(door.port) as raw:
        await raw.send(f"POST {PATH} HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\n".encode())

        async def trickle() -> None:
            while True:
                await raw.send(b" ")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        answer = await asyncio.wait_for(raw.answer(), PATIENCE_S)
        trickling.cancel()

        assert (answer.status, answer.reason) == (408, "slow-body")
        assert answer.headers["connection"] == "close"
        assert door.outcomes() == {"slow-body": 1}


async def test_a_hundred_slow_clients_do_not_keep_a_vendor_out() -> None:
    """Honest requests are answered while the slow ones wait for their end."""
    async with open_door(head_ms=2_000, most_connections=200) as door:
        slow = [await RawConnection(door.port).__aenter__() for _ in range(100)]
        for each in slow:
            await each.send(b"POST /webhooks/acme HTTP/1.1\r\nHost:")
        async with httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http:
            answers = [await http.post(PATH, content=BODY, headers=signed(BODY)) for _ in range(20)]
        assert [answer.status_code for answer in answers] == [204] * 20

        ends = await asyncio.wait_for(asyncio.gather(*(each.answer() for each in slow)), PATIENCE_S)
        assert {answer.reason for answer in ends} == {"slow-headers"}
        for each in slow:
            await each.__aexit__()


async def test_one_connection_too_many_is_turned_away_with_a_reason() -> None:
    """And when another ends there is room again."""
    async with open_door(most_connections=2) as door:
        async with RawConnection(door.port) as one, RawConnection(door.port) as two:
            assert (await one.post(PATH, signed(BODY), BODY)).status == 204
            assert (await two.post(PATH, signed(BODY), BODY)).status == 204
            async with RawConnection(door.port) as three:
                answer = await asyncio.wait_for(three.answer(), PATIENCE_S)
                assert (answer.status, answer.reason) == (503, "too-many-connections")
                assert answer.headers["retry-after"] == "1"
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with RawConnection(door.port) as again:
                    if (await again.post(PATH, signed(BODY), BODY)).status == 204:
                        break


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"POST /webhooks/acme HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhooks/acme HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /webhooks/acme HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 20_000,
    ],
    ids=["TLS", "no version", "negative length", "two lengths", "no chunk size", "long head"],
)
async def test_what_is_no_http_is_answered_and_closed(nonsense: bytes) -> None:
    """Never silence, and never a crash: the next client is served."""
    async with open_door() as door:
        async with RawConnection(door.port) as raw:
            await raw.send(nonsense)
            answer = await asyncio.wait_for(raw.answer(), PATIENCE_S)
            assert (answer.status, answer.reason) in {(400, "invalid-http"), (400, "disconnected")}
        async with RawConnection(door.port) as raw:
            assert (await raw.post(PATH, signed(BODY), BODY)).status == 204


async def test_stopping_lets_running_requests_end() -> None:
    """A notification that is being kept is answered before the door closes."""
    inbox = MemoryInbox(hangs=True)
    limits = DoorLimits(append_ms=300)
    async with open_door(inbox=inbox, limits=limits, grace_ms=PATIENCE_S * 1_000) as door:
        raw = await RawConnection(door.port).__aenter__()
        asking = asyncio.create_task(raw.post(PATH, signed(BODY), BODY))
        await wait_until(lambda: inbox.asked == 1, description="it is being kept")

    assert (await asking).reason == "timeout"
    await raw.__aexit__()


async def test_an_address_that_is_taken_is_a_matter_of_configuration() -> None:
    """The text names address and mend; the process does not exit from inside."""
    async with open_door() as door:
        with pytest.raises(Misconfigured, match=f"127.0.0.1:{door.port}.*another port"):
            await serve(_app(), "127.0.0.1", door.port)
    with pytest.raises(Misconfigured, match="an address of this machine"):
        await serve(_app(), "no.such.host.invalid", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_ipv6_works_as_well() -> None:
    """The URL carries the brackets."""
    try:
        server = await serve(_app(), "::1", 0)
    except Misconfigured:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
            assert (await http.get(server.url + "/openapi.json")).status_code == 200
    finally:
        await server.stop()


def _app():  # noqa: ANN202 - FastAPI's own type says nothing here
    from fastapi import FastAPI  # noqa: PLC0415 - only these two tests need it

    return FastAPI()
