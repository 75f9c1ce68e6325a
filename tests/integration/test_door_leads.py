"""Looking a lead up: with the key or from this machine, and never otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from services.errors import Misconfigured
from services.sync.adapters.door import make_leads_router
from tests.integration.door_world import open_door
from tests.waiting import PATIENCE_S

KEY = "a key of the test's, long enough"


async def timeline(id_or_email: str) -> dict[str, Any] | None:
    """Know one lead."""
    if id_or_email in {"l-1", "taro@example.com"}:
        return {"lead_id": "l-1", "decisions": [{"rule": "sfa", "field": "phone"}]}
    return None


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of a door that wants the key."""
    router = make_leads_router(timeline, api_key=KEY, host="0.0.0.0")  # noqa: S104 - the case at hand
    async with (
        open_door(routers=[router]) as door,
        httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as client,
    ):
        yield client


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-Api-Key": KEY}])
@pytest.mark.parametrize("asked", ["l-1", "taro@example.com", "taro%40example.com"])
async def test_a_lead_is_found_by_id_and_by_address(
    http: httpx2.AsyncClient, headers: dict[str, str], asked: str
) -> None:
    """With the key in either header."""
    answer = await http.get(f"/leads/{asked}", headers=headers)

    assert (answer.status_code, answer.json()["lead_id"]) == (200, "l-1")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": KEY},
        {"X-Api-Key": KEY[:-1]},
        {"X-Api-Key": ""},
        {"Authorization": "Bearer"},
        {"X-Api-Key": b"\xff\xfe"},
    ],
)
async def test_without_the_right_key_nothing_is_told(http: httpx2.AsyncClient, headers: Any) -> None:
    """Not even whether the lead exists."""
    for asked in ("l-1", "l-2"):
        answer = await http.get(f"/leads/{asked}", headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (401, "unauthorised")


async def test_an_unknown_lead_is_a_problem(http: httpx2.AsyncClient) -> None:
    """404 with the word for it, and without the address that was asked for."""
    answer = await http.get("/leads/hanako@example.com", headers={"X-Api-Key": KEY})

    assert (answer.status_code, answer.json()["reason"]) == (404, "no-such-lead")
    assert "hanako" not in answer.text


async def test_a_question_that_is_too_long_is_refused_without_repeating_it(http: httpx2.AsyncClient) -> None:
    """The validation's own text would quote the value."""
    answer = await http.get("/leads/" + "x" * 400, headers={"X-Api-Key": KEY})

    assert (answer.status_code, answer.json()["reason"]) == (422, "bad-request")
    assert "xxx" not in answer.text


async def test_on_loopback_no_key_is_needed_but_a_local_name_is() -> None:
    """A page in a browser may point its own name at 127.0.0.1, and gets nothing."""
    router = make_leads_router(timeline, api_key=None, host="127.0.0.1")
    async with (
        open_door(routers=[router]) as door,
        httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http,
    ):
        assert (await http.get("/leads/l-1")).status_code == 200
        assert (await http.get("/leads/l-1", headers={"Host": f"localhost:{door.port}"})).status_code == 200
        for foreign in ("evil.example.org", f"evil.example.org:{door.port}", "127.0.0.1.evil.example.org"):
            answer = await http.get("/leads/l-1", headers={"Host": foreign})
            assert (answer.status_code, answer.json()["reason"]) == (403, "foreign-host")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "leads.example.com"])  # noqa: S104 - the case at hand
def test_leads_are_not_served_to_others_without_a_key(host: str) -> None:
    """The process does not start that way."""
    with pytest.raises(Misconfigured, match="without an API key"):
        make_leads_router(timeline, api_key=None, host=host)


def test_a_key_that_can_be_guessed_is_refused() -> None:
    """Sixteen characters at least."""
    with pytest.raises(Misconfigured, match="16 characters"):
        make_leads_router(timeline, api_key="secret", host="127.0.0.1")
