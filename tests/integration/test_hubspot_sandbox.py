"""The HubSpot sandbox keeps HubSpot's rules, limits and delays, and takes users' acts from a driver."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from services.sync.adapters.hubspot.sandbox import HubSpotSandbox, SandboxSettings, gate, search
from tests.integration.hubspot_world import BUSY
from tests.waiting import PATIENCE_S, clear_of_midnight

CONTACTS = "/crm/v3/objects/contacts"


class Stopwatch:
    """The time of the sandbox's limits and of its search, which only the test moves on; in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """See `time.monotonic`."""
        return self.now


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    """Let the sandbox's time stand."""
    watch = Stopwatch()
    for module in (gate, search):
        monkeypatch.setattr(module, "time", watch)
    return watch


@asynccontextmanager
async def opened(settings: SandboxSettings = BUSY) -> AsyncGenerator[httpx2.AsyncClient]:
    """Start a sandbox and return a client with its token."""
    async with (
        HubSpotSandbox(settings) as sandbox,
        httpx2.AsyncClient(
            base_url=sandbox.base_url,
            headers={"authorization": f"Bearer {settings.token}"},
            timeout=PATIENCE_S,
        ) as http,
    ):
        yield http


async def acts(http: httpx2.AsyncClient, *given: dict[str, Any]) -> list[dict[str, Any]]:
    """Do users' acts and return their results."""
    response = await http.post("/_sandbox/acts", json=list(given))
    assert response.status_code == 200, response.text
    return response.json()["results"]


async def test_the_sliding_window_refuses_and_frees_again(stopwatch: Stopwatch) -> None:
    """Over the limit comes 429 with the policy's name; what has left the window counts no more."""
    async with opened(replace(BUSY, ten_secondly=3)) as http:
        statuses: list[int] = []
        for _ in range(5):
            statuses.append((await http.get(CONTACTS)).status_code)
            stopwatch.now += 1
        last = await http.get(CONTACTS)
        stopwatch.now += 5  # the first is ten seconds old
        freed = [(await http.get(CONTACTS)).status_code for _ in range(2)]
    assert (statuses, freed) == ([200, 200, 200, 429, 429], [200, 429])
    assert last.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert last.json()["category"] == "RATE_LIMITS"
    assert "retry-after" not in last.headers


@pytest.mark.usefixtures("stopwatch")
async def test_the_day_and_the_searches_have_limits_of_their_own() -> None:
    """The daily limit says so; searches are counted by the second and show no limit headers."""
    await clear_of_midnight()
    ask: dict[str, Any] = {"filterGroups": [], "sorts": [], "properties": [], "limit": 10, "after": "0"}
    async with opened(replace(BUSY, search_per_second=2, daily=6)) as http:
        answers = [await http.post(f"{CONTACTS}/search", json=ask) for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert answers[2].json()["policyName"] == "SECONDLY"
        assert "x-hubspot-ratelimit-max" not in answers[0].headers
        plain = [await http.get(CONTACTS) for _ in range(5)]
    assert [each.status_code for each in plain] == [200, 200, 200, 200, 429]
    assert plain[-1].json()["policyName"] == "DAILY"
    assert plain[0].headers["x-hubspot-ratelimit-daily-remaining"] == "3"


async def test_search_lags_and_batch_reads_do_not(stopwatch: Stopwatch) -> None:
    """A contact just made is found by its address at once, by search only later."""
    ask: dict[str, Any] = {
        "filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "a@x.jp"}]}]
    }
    async with opened(replace(BUSY, search_lag_ms=200)) as http:
        await acts(http, {"act": "create", "object": "contact", "fields": {"email": "a@x.jp"}})
        assert (await http.post(f"{CONTACTS}/search", json=ask)).json()["total"] == 0
        read = {"idProperty": "email", "inputs": [{"id": "a@x.jp"}]}
        assert len((await http.post(f"{CONTACTS}/batch/read", json=read)).json()["results"]) == 1
        stopwatch.now += 0.2
        assert (await http.post(f"{CONTACTS}/search", json=ask)).json()["total"] == 1


async def test_searches_end_at_their_bounds() -> None:
    """Pages of more than 200, results beyond 10,000, unknown properties and operators are refused."""
    asked: tuple[dict[str, Any], ...] = (
        {"limit": 201},
        {"after": "9990", "limit": 20},
        {"filterGroups": [{"filters": [{"propertyName": "nonsense", "operator": "EQ", "value": "1"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "1"}]}]},
        {"filterGroups": [{"filters": []}] * 7},
    )
    async with opened() as http:
        for ask in asked:
            response = await http.post(f"{CONTACTS}/search", json=ask)
            assert response.status_code == 400, ask
            assert response.json()["category"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([("annualrevenue", "GT", "9")], {"b", "c"}),
        ([("annualrevenue", "BETWEEN", "5")], {"a", "b"}),
        ([("company", "CONTAINS_TOKEN", "*株式*")], {"a", "b"}),
        ([("company", "EQ", "ACME")], {"c"}),
        ([("phone", "HAS_PROPERTY", "")], {"c"}),
        ([("phone", "NOT_HAS_PROPERTY", ""), ("annualrevenue", "LTE", "5")], {"a"}),
        ([("company", "IN", "")], {"c"}),
        ([("createdate", "GTE", "1700000000000")], {"a", "b", "c"}),
        ([("createdate", "LT", "2023-11-14T22:13:20Z")], set[str]()),
    ],
)
async def test_search_filters_compare_by_type(filters: list[tuple[str, str, str]], found: set[str]) -> None:
    """Numbers as numbers, instants as instants in either form, texts without case."""
    people = (
        {"lastname": "a", "company": "株式会社甲", "annualrevenue": 5},
        {"lastname": "b", "company": "乙株式会社", "annualrevenue": 10},
        {"lastname": "c", "company": "Acme", "annualrevenue": 100, "phone": "03"},
    )
    asked = [
        {"propertyName": n, "operator": o, "value": v, "highValue": "10", "values": ["acme"]}
        for n, o, v in filters
    ]
    async with opened() as http:
        await acts(http, *({"act": "create", "object": "contact", "fields": each} for each in people))
        body = {"filterGroups": [{"filters": asked}], "properties": ["lastname"], "sorts": ["-lastname"]}
        results = (await http.post(f"{CONTACTS}/search", json=body)).json()["results"]
    names = [each["properties"]["lastname"] for each in results]
    assert set(names) == found
    assert names == sorted(names, reverse=True)


async def test_a_batch_read_with_histories_takes_fifty() -> None:
    """A hundred without, fifty with; above it the whole is refused."""
    inputs = {"inputs": [{"id": str(n)} for n in range(51)], "properties": []}
    async with opened() as http:
        assert (await http.post(f"{CONTACTS}/batch/read", json=inputs)).status_code == 207
        with_history = inputs | {"propertiesWithHistory": ["email"]}
        refused = await http.post(f"{CONTACTS}/batch/read", json=with_history)
    assert refused.status_code == 400
    assert "property histories is 50" in refused.json()["message"]


async def test_a_batch_is_all_or_nothing_without_trace_ids_or_by_email() -> None:
    """One bad record then refuses all the others, and nothing is written."""
    good, bad = {"lastname": "山"}, {"email": "bad"}
    async with opened() as http:
        create = {"inputs": [{"properties": good}, {"properties": bad}]}
        upsert = {
            "inputs": [
                {"id": f"{n}@x.jp", "idProperty": "email", "objectWriteTraceId": n, "properties": values}
                for n, values in (("1", good), ("2", {"annualrevenue": "much"}))
            ]
        }
        assert (await http.post(f"{CONTACTS}/batch/create", json=create)).status_code == 400
        assert (await http.post(f"{CONTACTS}/batch/upsert", json=upsert)).status_code == 400
        assert (await http.get(CONTACTS)).json()["results"] == []
        twice = {"inputs": [{"id": "1", "properties": good}] * 2}
        assert "Duplicate IDs" in (await http.post(f"{CONTACTS}/batch/update", json=twice)).json()["message"]
        number = {"properties": {"annualrevenue": 5, "lastname": "山"}}
        assert (await http.post(CONTACTS, json=number)).status_code == 400


async def test_a_stage_moves_forward_only_unless_cleared_or_switched_off() -> None:
    """The API answers success and leaves the stage; a user may do as they like."""
    back = {"properties": {"lifecyclestage": "lead"}}
    for forward_only in (True, False):
        async with opened(replace(BUSY, lifecycle_forward_only=forward_only)) as http:
            fields = {"email": "a@x.jp", "lifecyclestage": "customer"}
            (made,) = await acts(http, {"act": "create", "object": "contact", "fields": fields})
            url = f"{CONTACTS}/{made['id']}"
            patched = await http.patch(url, json=back)
            assert patched.status_code == 200
            kept = patched.json()["properties"]["lifecyclestage"]
            assert kept == ("customer" if forward_only else "lead")
            await http.patch(url, json={"properties": {"lifecyclestage": ""}})
            assert (await http.patch(url, json=back)).json()["properties"]["lifecyclestage"] == "lead"


async def test_acts_take_keys_and_say_why_not() -> None:
    """A driver names records by its own keys; a repeated create makes nothing; refusals are results."""
    async with opened() as http:
        create = {"act": "create", "object": "contact", "key": "k1", "fields": {"email": "a@x.jp"}}
        results = await acts(
            http,
            create,
            create,
            {"act": "update", "object": "contact", "key": "k1", "fields": {"document_downloads": 2}},
            {"act": "create", "object": "call", "key": "c", "parents": [{"object": "contact", "key": "k1"}], "fields": {"hs_timestamp": 5}},
            {"act": "create", "object": "contact", "fields": {"email": "a@x.jp"}},
            {"act": "dance", "object": "contact"},
            {"act": "update", "object": "contact", "key": "nobody"},
        )  # fmt: skip
        records = (await http.get("/_sandbox/records?history=1")).json()["records"]
        malformed = await http.post("/_sandbox/acts", json=[{"act": "create"}])
    assert results[0]["id"] == results[1]["id"] == results[2]["id"] == records[0]["id"]
    assert len(records) == 1
    assert records[0]["fields"]["document_downloads"] == "2"
    assert records[0]["links"] == {"call": [results[3]["id"]]}
    assert [each["origin"] for each in records[0]["history"]["document_downloads"]] == ["CRM_UI"]
    assert [bool(each["error"]) for each in results] == [False] * 4 + [True] * 3
    assert "Existing ID" in results[4]["error"]
    assert malformed.status_code == 400


async def test_a_driver_waits_for_changes_without_asking_again_and_again() -> None:
    """The long poll answers as soon as something happens, with what changed."""
    async with opened() as http:
        waiting = asyncio.create_task(http.get("/_sandbox/changes?since=0&wait_ms=20000"))
        (made,) = await acts(http, {"act": "create", "object": "contact", "fields": {"email": "a@x.jp"}})
        told = (await asyncio.wait_for(waiting, PATIENCE_S)).json()
        assert told["changes"][0]["id"] == made["id"]
        assert told["changes"][0]["origin"] == "user"
        assert told["changes"][0]["fields"] == {"email": "a@x.jp"}
        nothing = (await http.get(f"/_sandbox/changes?since={told['last']}&wait_ms=50")).json()
        assert nothing == {"changes": [], "last": told["last"], "truncated": False}


async def test_clock_faults_figures_and_reset_are_at_hand() -> None:
    """The driver sets the time and the faults, reads figures, and starts over."""
    async with opened() as http:
        assert (await http.put("/_sandbox/clock", json={"drive": 1_519_862_400_000})).status_code == 200
        act = {"act": "create", "object": "contact", "fields": {"lastname": "山"}, "at": 1_519_862_500_000}
        await acts(http, act)
        (record,) = (await http.get("/_sandbox/records")).json()["records"]
        assert record["createdAt"] == 1_519_862_500_000
        await http.put("/_sandbox/clock", json={"follow": True})
        assert (await http.put("/_sandbox/faults", json={"outage": True})).json()["outage"] is True
        assert (await http.put("/_sandbox/faults", json={"nonsense": 1})).status_code == 400
        assert (await http.get(CONTACTS)).status_code == 503
        stats = (await http.get("/_sandbox/stats")).json()
        assert stats["requests"][f"GET {CONTACTS}"] == {"503": 1}
        assert stats["records"]["contact"] == 1
        await http.post("/_sandbox/reset")
        assert (await http.get("/_sandbox/records")).json() == {"records": [], "after": None}
        assert (await http.get(CONTACTS)).status_code == 200


async def test_the_page_shows_records_and_takes_edits() -> None:
    """The newest come first, nothing in a value becomes markup, a form is a user's act."""
    async with opened() as http:
        fields = {"email": "a@x.jp", "lastname": "<b>山田</b>", "lifecyclestage": "lead"}
        (made,) = await acts(http, {"act": "create", "object": "contact", "fields": fields})
        page = await http.get("/", headers={"accept-language": "ja,en"})
        assert '<html lang="ja">' in page.text
        assert "ライフサイクル" in page.text
        assert "&lt;b&gt;山田&lt;/b&gt;" in page.text
        assert "<b>山田" not in page.text
        assert "Lifecycle stage" in (await http.get("/?lang=en")).text
        form = {"act": "update", "f.company": "新社名"}
        here = f"/?object=contact&id={made['id']}&lang=ja"
        edited = await http.post(here, data=form)
        assert edited.status_code == 303
        assert "新社名" in (await http.get("/")).text
        refused = await http.post(here, data=form | {"f.email": "bad"})
        assert refused.status_code == 422
        assert "HubSpot に拒否されました" in refused.text
        assert 'value="bad"' in refused.text
        foreign = await http.post(here, data=form, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        await http.post(here, data={"act": "delete", "f.company": "x"})
        assert 'class="gone"' in (await http.get("/")).text
        assert (await http.get("/?object=contact&id=9999")).status_code == 404
        for name in ("company", "deal", "call", "meeting", "task", "email"):
            assert (await http.get(f"/?object={name}")).status_code == 200


async def test_it_runs_by_itself() -> None:
    """As a process it prints where it answers, and ends when told to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.sync.adapters.hubspot.sandbox",
        "--port=0",
        "--token=pat-test",
        "--subscribe=contact.creation",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode().strip()
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
            answer = await http.get(CONTACTS, headers={"authorization": "Bearer pat-test"})
            assert answer.json() == {"results": []}
            assert (await http.get(CONTACTS)).status_code == 401
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
