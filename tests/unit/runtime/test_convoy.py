"""Commands of many callers on few connections: each gets its own replies, and one's trouble is not another's."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ConnectionError as ClientConnectionError
from redis.exceptions import ResponseError

from services.runtime.convoy import Convoy
from tests.fakes.lossy_link import LossyLink
from tests.private_store import shared_server
from tests.waiting import PATIENCE_S


@pytest.fixture
async def link() -> AsyncIterator[LossyLink]:
    """Give a link to a server."""
    async with LossyLink(shared_server().socket) as link:
        yield link


@pytest.fixture
async def convoy(link: LossyLink) -> AsyncIterator[Convoy]:
    """Give a convoy over the link."""
    convoy = Convoy(link.url, timeout_s=5)
    yield convoy
    await convoy.close()


async def test_each_caller_gets_its_own_replies(convoy: Convoy) -> None:
    """A thousand callers at once, each with two commands."""
    answers = await asyncio.gather(
        *(convoy.ask([("SET", f"k{each}", each), ("GET", f"k{each}")]) for each in range(1_000))
    )
    assert answers == [[b"OK", str(each).encode()] for each in range(1_000)]


async def test_an_error_reply_is_for_the_one_who_asked(convoy: Convoy) -> None:
    """Also one inside a transaction."""
    ends = await asyncio.gather(
        convoy.ask([("SET", "k", "text")]),
        convoy.ask([("LPUSH", "k", "x")]),
        convoy.ask([("MULTI",), ("LPUSH", "k", "x"), ("EXEC",)]),
        convoy.ask([("GET", "k")]),
        return_exceptions=True,
    )
    assert [type(each) for each in ends] == [list, ResponseError, ResponseError, list]
    assert ends[3] == [b"text"]


async def test_a_lost_answer_is_told_to_everybody_and_the_next_call_connects_anew(
    convoy: Convoy, link: LossyLink
) -> None:
    """Nobody gets the answer to what another one asked."""
    link.drop_answers(b"lost", 1)
    ends = await asyncio.gather(
        convoy.ask([("SET", "lost", 1)]), convoy.ask([("GET", "lost")]), return_exceptions=True
    )
    assert [type(each) for each in ends] == [ClientConnectionError] * 2
    assert await convoy.ask([("GET", "lost")]) == [b"1"]


async def test_who_is_cancelled_leaves_the_others_their_answers(convoy: Convoy) -> None:
    """Its reply is dropped; theirs are where they belong."""
    await convoy.ask([("SET", "k", "mine")])
    asked = [asyncio.create_task(convoy.ask([("ECHO", str(each))])) for each in range(20)]
    await asyncio.sleep(0)
    asked[3].cancel()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [each for number, each in enumerate(ends) if number != 3] == [
        [str(each).encode()] for each in range(20) if each != 3
    ]
    assert await convoy.ask([("GET", "k")]) == [b"mine"]


async def test_closing_lets_nobody_wait(convoy: Convoy) -> None:
    """Whoever still waits is told that the connection is gone."""
    asked = [asyncio.create_task(convoy.ask([("BLPOP", "nothing", 30)])) for _ in range(5)]
    await asyncio.sleep(0)  # two are on their way or wait for their connection, three for a line
    await convoy.close()
    async with asyncio.timeout(PATIENCE_S):
        ends = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, ClientConnectionError) for each in ends)
