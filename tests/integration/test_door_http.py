"""The door over real HTTP: what it takes, what it refuses, and that it always says why."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import httpx2
import pytest
from structlog.testing import capture_logs

from schemas.topics import INBOX
from services.runtime.clock import now_ms
from services.runtime.log.port import MAX_VALUE_BYTES
from services.sync.adapters.door import DoorLimits, encode_received
from services.sync.domain.records import Notification, RecordRef
from tests.integration.door_world import (
    PUBLIC_URL,
    TOPIC,
    Acme,
    MemoryInbox,
    OpenDoor,
    RawConnection,
    open_door,
    signed,
)
from tests.waiting import PATIENCE_S

TWO = json.dumps([{"object": "person", "id": 41}, {"object": "person", "id": 42, "name": "山田"}]).encode()
PATH = "/webhooks/acme"


@pytest.fixture
async def door() -> AsyncIterator[OpenDoor]:
    """Return an open door with usual limits."""
    async with open_door() as opened:
        yield opened


@pytest.fixture
async def http(door: OpenDoor) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the open door."""
    async with httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as client:
        yield client


def refused(answer: httpx2.Response, status: int, reason: str) -> Mapping[str, Any]:
    """Assert that *answer* is a problem with *reason* and a mend; returns its body."""
    body = cast("dict[str, Any]", answer.json())
    assert (answer.status_code, body["reason"]) == (status, reason), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["detail"]
    assert body["mend"]
    return body


async def test_signed_notifications_are_in_the_inbox_when_the_answer_comes(
    door: OpenDoor, http: httpx2.AsyncClient
) -> None:
    """One record for each, keyed by the vendor's record, decodable by the published schema."""
    answer = await http.post(PATH, content=TWO, headers=signed(TWO))

    assert (answer.status_code, answer.content) == (204, b"")
    assert [(each.topic, each.key) for each in door.inbox.records] == [
        (TOPIC, "acme:person:41"),
        (TOPIC, "acme:person:42"),
    ]
    event: Any = INBOX.events.validate_json(door.inbox.records[1].value or b"")
    assert event.subject == "acme:person:42"
    assert json.loads(event.data.body)["name"] == "山田"
    assert abs(event.data.received_at - now_ms()) < 60_000
    assert door.metrics.value("tasuki_notifications_total", system="acme") == 2
    assert door.outcomes() == {"accepted": 1}


async def test_an_empty_list_of_notifications_is_taken(door: OpenDoor, http: httpx2.AsyncClient) -> None:
    """Nothing to keep is no error."""
    assert (await http.post(PATH, content=b"[]", headers=signed(b"[]"))).status_code == 204
    assert not door.inbox.records


async def test_the_signature_is_checked_against_the_public_url_with_its_query(
    http: httpx2.AsyncClient,
) -> None:
    """The path as called counts, the Host header doesn't."""
    path = PATH + "?portal=62515&next=%2Fhome"
    good = signed(TWO, path=path) | {"Host": "evil.example.org"}

    assert (await http.post(path, content=TWO, headers=good)).status_code == 204
    refused(await http.post(PATH, content=TWO, headers=good), 401, "bad-signature")


async def test_unsigned_and_wrongly_signed_requests_are_refused(
    door: OpenDoor, http: httpx2.AsyncClient
) -> None:
    """Nothing of them is kept, and the reasons differ."""
    plain = {"Content-Type": "application/json"}
    refused(await http.post(PATH, content=TWO, headers=plain), 401, "unsigned")
    refused(await http.post(PATH, content=TWO, headers=signed(TWO, secret=b"other")), 401, "bad-signature")
    refused(await http.post(PATH, content=TWO + b" ", headers=signed(TWO)), 401, "bad-signature")

    assert not door.inbox.records
    assert door.outcomes() == {"unsigned": 1, "bad-signature": 2}


@pytest.mark.parametrize("away_ms", [-301_000, 301_000])
async def test_stale_requests_are_refused_both_ways(
    door: OpenDoor, http: httpx2.AsyncClient, away_ms: int
) -> None:
    """A request from the future is as replayable as one from the past."""
    refused(await http.post(PATH, content=TWO, headers=signed(TWO, at=now_ms() + away_ms)), 401, "stale")

    assert not door.inbox.records


async def test_an_unknown_system_is_not_found(door: OpenDoor, http: httpx2.AsyncClient) -> None:
    """The answer names those there are; the metric doesn't grow by a stranger's words."""
    body = refused(await http.post("/webhooks/other", content=TWO), 404, "unknown-system")

    assert "acme" in body["mend"]
    assert door.outcomes("unknown") == {"unknown-system": 1}


NONSENSE: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "not-json"),
    "text": (b"hello", "not-json"),
    "cut off": (b"[1,", "not-json"),
    "not UTF-8": (b'{"a": "\xff"}', "not-json"),
    "half a character": ('["\ud800"]'.encode("utf-8", "surrogatepass"), "not-json"),
    "half a character, escaped": (b'[{"object": "person", "id": "\\ud800"}]', "not-json"),
    "not a number": (b'[{"object": "person", "id": NaN}]', "not-json"),
    "one too deep": (b"[" * 33 + b"]" * 33, "too-deep"),
    "never closed": (b"[" * 500_000, "too-deep"),
    "very deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too-deep"),
    "an object": (b"{}", "bad-body"),
    "null": (b"null", "bad-body"),
    "numbers": (b"[1]", "bad-body"),
    "a text for a number": (b'[{"object": "person", "id": "41"}]', "bad-body"),
    "an object for a number": (b'[{"object": "person", "id": {"$gt": 1}}]', "bad-body"),
    "a number without end": (b'[{"object": "person", "id": 1' + b"0" * 300 + b"}]", "bad-body"),
    "an unknown object": (b'[{"object": "invoice", "id": 41}]', "unknown-object"),
    "too many": (
        b"[" + b'{"object":"person","id":1},' * 1000 + b'{"object":"person","id":1}]',
        "too-many-events",
    ),
}


@pytest.mark.parametrize(("body", "reason"), NONSENSE.values(), ids=NONSENSE)
async def test_signed_nonsense_is_refused_with_its_reason(
    door: OpenDoor, http: httpx2.AsyncClient, body: bytes, reason: str
) -> None:
    """A vendor's mistake, or a stolen secret, comes no further than this."""
    refused(await http.post(PATH, content=body, headers=signed(body)), 400, reason)

    assert not door.inbox.records


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("Content-Type", "text/xml", "unsupported-media"),
        ("Content-Type", "application/x-www-form-urlencoded", "unsupported-media"),
        ("Content-Type", "application/json; charset=Shift_JIS", "unsupported-encoding"),
        ("Content-Encoding", "gzip", "unsupported-encoding"),
    ],
)
async def test_other_media_and_encodings_are_refused(
    http: httpx2.AsyncClient, header: str, value: str, reason: str
) -> None:
    """What is not plain UTF-8 JSON is refused before its signature is looked at."""
    refused(await http.post(PATH, content=TWO, headers=signed(TWO) | {header: value}), 415, reason)


@pytest.mark.parametrize("media", ["application/json; charset=UTF-8", "application/cloudevents+json", None])
async def test_json_by_its_usual_names_is_taken(http: httpx2.AsyncClient, media: str | None) -> None:
    """Also without a content type: the signature says more than it."""
    headers = {key: value for key, value in signed(TWO).items() if key != "Content-Type"}
    answer = await http.post(
        PATH, content=TWO, headers=headers | ({} if media is None else {"Content-Type": media})
    )

    assert answer.status_code == 204


async def test_an_announced_oversize_is_refused_at_once(door: OpenDoor, http: httpx2.AsyncClient) -> None:
    """The length alone is enough to refuse."""
    body = b"x" * 2_000_000
    refused(await http.post(PATH, content=body, headers=signed(body)), 413, "too-large")

    assert door.outcomes() == {"too-large": 1}


async def test_an_oversize_in_chunks_is_refused_while_reading(http: httpx2.AsyncClient) -> None:
    """Without a length the bytes are counted as they come."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    refused(await http.post(PATH, content=chunks(), headers=signed(b"")), 413, "too-large")


async def test_a_body_exactly_at_the_limit_is_read(http: httpx2.AsyncClient) -> None:
    """A MiB passes, one byte more doesn't."""
    body = b"[" + b" " * (1_048_576 - 2) + b"]"
    assert (await http.post(PATH, content=body, headers=signed(body))).status_code == 204

    refused(await http.post(PATH, content=body + b" ", headers=signed(body + b" ")), 413, "too-large")


async def test_an_endless_body_is_refused_and_cut_off(door: OpenDoor) -> None:
    """A client that goes on sending after the refusal holds neither memory nor the connection."""
    async with RawConnection(door.port) as raw:
        head = f"POST {PATH} HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"
        await raw.send(head.encode())
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

        async def send_for_ever() -> None:
            while True:
                await raw.send(chunk)

        sending = asyncio.create_task(send_for_ever())
        answer = await asyncio.wait_for(raw.answer(), PATIENCE_S)
        assert (answer.status, answer.reason) == (413, "too-large")
        assert answer.headers["connection"] == "close"
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(sending, PATIENCE_S)


async def test_a_notification_too_large_for_the_log_is_refused_and_the_rest_kept() -> None:
    """Its neighbours must not share its fate; the vendor learns that something was not taken."""
    # The connector writes it out in escapes, twice as long as it came.
    big = json.dumps([{"object": "person", "id": 1, "note": "山" * 320_000}], ensure_ascii=False).encode()
    body = big[:-1] + b', {"object": "person", "id": 2}]'
    assert len(body) < MAX_VALUE_BYTES
    async with open_door() as door, httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http:
        refused(await http.post(PATH, content=body, headers=signed(body)), 413, "record-too-large")

        assert [each.key for each in door.inbox.records] == ["acme:person:2"]


async def test_a_log_that_is_down_is_503_with_a_time_to_come_again() -> None:
    """The vendor keeps the notification until we can."""
    async with (
        open_door(inbox=MemoryInbox(down=True)) as door,
        httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http,
    ):
        answer = await http.post(PATH, content=TWO, headers=signed(TWO))

        refused(answer, 503, "log-unavailable")
        assert answer.headers["retry-after"] == "8"
        door.inbox.down = False
        assert (await http.post(PATH, content=TWO, headers=signed(TWO))).status_code == 204
        assert len(door.inbox.records) == 2


async def test_a_log_that_hangs_is_503_well_before_the_vendor_gives_up() -> None:
    """Silence for 5 s counts as a failure with HubSpot; an answer in time says what is wrong."""
    limits = DoorLimits(append_ms=150)
    async with (
        open_door(inbox=MemoryInbox(hangs=True), limits=limits) as door,
        httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http,
    ):
        answer = await http.post(PATH, content=TWO, headers=signed(TWO))

        refused(answer, 503, "timeout")
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.elapsed.total_seconds() < 5


def test_the_limits_together_stay_below_the_vendors_patience() -> None:
    """Reading and keeping, each at its slowest, must end within 5 s."""
    limits = DoorLimits()

    assert limits.body_ms + limits.append_ms < 5_000


async def test_more_requests_than_the_door_holds_are_asked_to_come_again() -> None:
    """The bodies held at a time bound the memory."""
    limits = DoorLimits(in_flight=4, append_ms=1_000)
    async with (
        open_door(inbox=MemoryInbox(hangs=True), limits=limits) as door,
        httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http,
    ):
        answers = await asyncio.gather(
            *(http.post(PATH, content=TWO, headers=signed(TWO)) for _ in range(12))
        )

        reasons = sorted(answer.json()["reason"] for answer in answers)
        assert reasons.count("busy") >= 1
        assert reasons.count("busy") + reasons.count("timeout") == 12
        assert all("retry-after" in answer.headers for answer in answers)
        door.inbox.hangs = False
        assert (await http.post(PATH, content=TWO, headers=signed(TWO))).status_code == 204


async def test_a_mistake_of_ours_is_an_answer_too() -> None:
    """A bug in a connector is a 500 with a reason, logged with its place, and the door stays open."""

    class Broken(Acme):
        def notifications(self, body: bytes, now: int) -> list[Notification]:
            raise KeyError("taro@example.com", body, now)

    connectors = {"broken": Broken(), "acme": Acme()}
    async with (
        open_door(connectors=connectors) as door,
        httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as http,
    ):
        headers = signed(TWO, path="/webhooks/broken")
        with capture_logs() as logged:
            answer = await http.post("/webhooks/broken", content=TWO, headers=headers)
        refused(answer, 500, "bug")
        assert [(each["event"], each["route"]) for each in logged] == [
            ("http.request_failed", "/webhooks/{system}")
        ]
        assert "taro" not in answer.text
        assert door.outcomes("broken") == {"bug": 1}
        assert (await http.post(PATH, content=TWO, headers=signed(TWO))).status_code == 204


async def test_other_paths_and_methods_are_problems_too(http: httpx2.AsyncClient) -> None:
    """Whoever calls wrongly is told where the right way is described."""
    refused(await http.get("/nowhere"), 404, "not-found")
    refused(await http.get(PATH), 405, "method-not-allowed")


async def test_a_browser_of_another_origin_gets_no_permission(http: httpx2.AsyncClient) -> None:
    """CORS is closed: no header of it is ever sent."""
    origin = {"Origin": "https://evil.example.org"}
    asked = await http.options(PATH, headers=origin | {"Access-Control-Request-Method": "POST"})
    posted = await http.post(PATH, content=TWO, headers=signed(TWO) | origin)

    for answer in (asked, posted):
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_health_and_metrics_are_served(door: OpenDoor, http: httpx2.AsyncClient) -> None:
    """With each component, and 503 with the reasons while something needed is away; a scrape asks by itself."""
    assert "tasuki_ready 1.0" in (await http.get("/metrics")).text
    ready = await http.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["components"]["log"]["condition"] == "ok"

    door.inbox.down = True
    await asyncio.sleep(0.02)  # reports are kept for 1 ms here
    red = await http.get("/health/ready")
    assert red.status_code == 503
    assert red.json()["reasons"] == ["log: the test's log is down"]
    assert (await http.get("/health/live")).status_code == 200
    assert (await http.get("/health/ready", params={"only": "log"})).status_code == 503
    refused(await http.get("/health/ready", params={"only": "nothing"}), 404, "unknown-component")

    scraped = await http.get("/metrics")
    assert "tasuki_ready 0.0" in scraped.text
    assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_the_api_is_described_with_examples(http: httpx2.AsyncClient) -> None:
    """Someone who connects a system finds every answer with its reason, and an example to send."""
    described = (await http.get("/openapi.json")).json()
    post = described["paths"]["/webhooks/{system}"]["post"]

    assert {"204", "400", "401", "404", "408", "413", "415", "503"} <= set(post["responses"])
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    assert examples["hubspot"]["value"][0]["subscriptionType"] == "contact.propertyChange"
    for status, answer in post["responses"].items():
        if status not in {"204", "422"}:
            problem = answer["content"]["application/problem+json"]
            assert problem["example"]["reason"] in answer["description"] or status == "401"
    assert "/health/ready" in described["paths"]
    assert (await http.get("/docs")).status_code == 200


async def test_a_traceparent_of_the_caller_travels_with_the_notification(
    door: OpenDoor, http: httpx2.AsyncClient
) -> None:
    """In the event and in the record's header; what is no trace context goes nowhere."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await http.post(PATH, content=TWO, headers=signed(TWO) | {"traceparent": parent})
    await http.post(PATH, content=TWO, headers=signed(TWO) | {"traceparent": "taro@example.com"})

    with_trace, _, without, _ = door.inbox.records
    assert with_trace.headers == {"traceparent": parent}
    assert json.loads(with_trace.value or b"")["traceparent"] == parent
    assert without.headers == {}
    assert "traceparent" not in json.loads(without.value or b"")


def test_the_inbox_record_is_what_the_schema_says() -> None:
    """Written by hand for speed, so it is compared with the published model, field by field."""
    ref = RecordRef("acme", "person", "41")
    notification = Notification(ref=ref, body='{"a": 1}', received_at=1_767_225_600_123, occurred_at=5)
    event: Any = INBOX.events.validate_json(encode_received(notification, None))

    assert event.time == "2026-01-01T00:00:00.123Z"
    assert event.type == "tasuki.inbox.received.v1"
    assert not event.model_extra
    assert not event.data.model_extra
    assert event.data.model_dump() == {
        "system": "acme",
        "object": "person",
        "record_id": "41",
        "body": '{"a": 1}',
        "received_at": 1_767_225_600_123,
        "occurred_at": 5,
    }


def test_the_public_url_of_the_tests_is_not_where_they_listen() -> None:
    """Otherwise the signature tests would prove nothing about the Host header."""
    assert "127.0.0.1" not in PUBLIC_URL
