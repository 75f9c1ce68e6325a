"""Dead letters over HTTP: read only, with the same key as leads."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from services.errors import Misconfigured
from services.sync.adapters.door import make_letters_router
from services.sync.application.letters import Letter, Wanted
from tests.integration.door_world import open_door
from tests.integration.letter_world import LEAD, LetterWorld, letter_world
from tests.waiting import PATIENCE_S

KEY = "a key of the test's, long enough"


@pytest.fixture
async def world() -> AsyncIterator[LetterWorld]:
    """Give four letters."""
    async with letter_world() as one:
        yield one


@pytest.fixture
async def http(world: LetterWorld) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client with the key."""
    router = make_letters_router(world.box, api_key=KEY, host="0.0.0.0")  # noqa: S104 - the case at hand
    async with (
        open_door(routers=[router]) as door,
        httpx2.AsyncClient(base_url=door.url, headers={"X-Api-Key": KEY}, timeout=PATIENCE_S) as client,
    ):
        yield client


async def test_letters_are_listed_and_narrowed(http: httpx2.AsyncClient, world: LetterWorld) -> None:
    """Those that wait, unless others are asked for; the latest of many."""
    answer = (await http.get("/dead-letters")).json()
    assert ([each["id"] for each in answer["letters"]], answer["total"]) == (
        ["bytes", "hint", "write", "foreign"],
        4,
    )
    await world.box.drop([each for each in await _all(world) if each.id == "bytes"], by="me")
    for asked, found in {
        "reason=refused": ["write"],
        f"lead={LEAD}": ["hint", "write"],
        "lead=nobody@example.jp": [],
        "state=dropped": ["bytes"],
        "state=all&limit=2": ["write", "foreign"],
        "until=0": [],
    }.items():
        answer = (await http.get(f"/dead-letters?{asked}")).json()
        assert [each["id"] for each in answer["letters"]] == found, asked


async def test_one_letter_comes_with_its_original_and_its_obstacle(http: httpx2.AsyncClient) -> None:
    """The list has no original, which may hold personal data."""
    assert "body" not in (await http.get("/dead-letters")).json()["letters"][0]
    answer = await http.get("/dead-letters/hint")
    assert (answer.json()["body"], answer.json()["obstacle"]) == ('{"objectId": 101}', None)
    assert answer.headers["cache-control"] == "no-store"
    assert "can't read it" in (await http.get("/dead-letters/bytes")).json()["obstacle"]
    unknown = await http.get("/dead-letters/nowhere")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "no-such-letter")


@pytest.mark.parametrize("path", ["/dead-letters", "/dead-letters/hint"])
async def test_without_the_key_nothing_is_told_and_nothing_can_be_changed(
    http: httpx2.AsyncClient, path: str
) -> None:
    """Not even whether a letter exists; and there is no way to replay by HTTP."""
    refused = await http.get(path, headers={"X-Api-Key": "wrong"})
    assert (refused.status_code, refused.json()["reason"]) == (401, "unauthorised")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await http.request(method, path)).status_code == 405


async def test_bad_questions_are_refused(http: httpx2.AsyncClient) -> None:
    """With the server's own word for it."""
    for asked in ("state=lost", "limit=0", "limit=100000", "since=yesterday"):
        answer = await http.get(f"/dead-letters?{asked}")
        assert (answer.status_code, answer.json()["reason"]) == (422, "bad-request")


async def test_letters_are_not_served_to_others_without_a_key(world: LetterWorld) -> None:
    """The process does not start that way."""
    with pytest.raises(Misconfigured, match="without an API key"):
        make_letters_router(world.box, api_key=None, host="10.0.0.5")


async def _all(world: LetterWorld) -> list[Letter]:
    return await world.box.letters(Wanted())
