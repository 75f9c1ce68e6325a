"""Ten thousand bodies nobody would send: each gets an answer with a reason, and the memory stays bounded."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from services.runtime.clock import now_ms
from services.sync.application.ports import Connector
from tests.integration.door_world import (
    Acme,
    Answer,
    HubSpotDoor,
    MemoryInbox,
    RawConnection,
    open_door,
    signed,
    signed_by_hubspot,
)
from tests.waiting import PATIENCE_S

BODIES = 10_000
CLIENTS = 8
SEED = 20_260_101


class Sign(Protocol):
    """Makes the headers of a well-signed request."""

    def __call__(self, body: bytes, *, path: str, at: int | None = None) -> dict[str, str]:
        """Sign *body* as called at *path*."""
        ...


@dataclass(frozen=True)
class Vendor:
    """Who is imitated: how it signs, and what its events look like."""

    system: str
    connector: Connector
    sign: Sign
    names: tuple[str, ...]
    events: tuple[Mapping[str, Any], ...]

    @property
    def path(self) -> str:
        """Where it calls."""
        return f"/webhooks/{self.system}"


ACME = Vendor(
    "acme",
    Acme(),
    signed,
    ("object", "id", "at", "value", "new"),
    (
        {"object": "person", "id": 41, "at": 1_767_225_600_000, "value": "山田"},
        {"object": "person", "id": 42, "nested": {"a": [1, 2.5, None, True]}},
    ),
)
HUBSPOT = Vendor(
    "hubspot",
    HubSpotDoor(),
    signed_by_hubspot,
    (
        "subscriptionType",
        "eventType",
        "objectId",
        "occurredAt",
        "portalId",
        "newObjectId",
        "propertyValue",
        "new",
    ),
    (
        {
            "subscriptionType": "contact.propertyChange",
            "objectId": 41,
            "occurredAt": 1_767_225_600_000,
            "propertyName": "lastname",
            "propertyValue": "山田",
            "portalId": 7,
            "subscriptionId": 3,
        },
        {
            "subscriptionType": "contact.merge",
            "objectId": 42,
            "primaryObjectId": 42,
            "mergedObjectIds": [43, 44],
            "newObjectId": 45,
            "numberOfPropertiesMoved": 2,
        },
        {"eventType": "contact.deletion", "objectId": "46"},
        {"subscriptionType": "contact.associationChange", "fromObjectId": 1, "toObjectId": 2},
    ),
)
_ODD: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**53, 2**64, -(2**70), 1e308, 0.1, "", "0", "*", "\u0000", "山" * 50, "💣"),
    *([], {}, [[]], {"": ""}, [None] * 5, "../../etc/passwd", "' OR 1=1 --", "a:b:c", "\r\nX: y", "\\u0000"),
]
_MEDIA = ["text/plain", "application/json;charset=latin-1", "application/", "json", "application/json;;;", ""]
_ALLOWED = frozenset({204, 400, 401, 404, 408, 413, 415, 503})


class Fuzzer:
    """Makes requests from a seed, so that a failure can be repeated."""

    def __init__(self, vendor: Vendor, seed: int) -> None:
        self._vendor = vendor
        self._random = random.Random(seed)

    def request(self) -> tuple[str, dict[str, str], bytes]:
        """Return path, headers and body: mostly well signed, for only those get far."""
        body = self._body()
        path = self._vendor.path
        if self._random.random() < 0.02:
            path = "/webhooks/" + "".join(
                self._random.choices("abc%2F._-~!", k=self._random.randrange(1, 30))
            )
        headers = self._vendor.sign(body, path=path)
        dice = self._random.random()
        if dice < 0.07:
            headers[self._random.choice(list(headers)[1:])] = self._header_text()
        elif dice < 0.10:
            at = now_ms() + self._random.choice([-1, 1]) * self._random.randrange(10**12)
            headers = self._vendor.sign(body, path=path, at=at)
        elif dice < 0.13:
            headers["Content-Type"] = self._random.choice(_MEDIA)
        elif dice < 0.15:
            headers["traceparent"] = self._header_text()
        return path, headers, body

    def _body(self) -> bytes:
        makers = [
            self._mutated,
            self._mutated,
            self._odd,
            self._odd,
            self._noise,
            self._deep,
            self._cut,
            self._large,
        ]
        return self._random.choice(makers)()

    def _valid(self) -> bytes:
        events = [dict(self._random.choice(self._vendor.events)) for _ in range(self._random.randrange(4))]
        return json.dumps(events, ensure_ascii=self._random.random() < 0.5).encode()

    def _mutated(self) -> bytes:
        body = bytearray(self._valid())
        for _ in range(self._random.randrange(4)):
            if body:
                body[self._random.randrange(len(body))] = self._random.randrange(256)
        return bytes(body)

    def _odd(self) -> bytes:
        event = dict(self._random.choice(self._vendor.events))
        for _ in range(self._random.randrange(1, 4)):
            event[self._random.choice(self._vendor.names)] = self._random.choice(_ODD)
        whole: Any = self._random.choice([[event], event, [[event]], [event, self._random.choice(_ODD)]])
        return json.dumps(whole).encode()

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(300))

    def _deep(self) -> bytes:
        levels = self._random.choice([10, 31, 32, 33, 100, 1_000, 20_000])
        opening, closing = self._random.choice(
            [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[", b"")]
        )
        return opening * levels + b"1" + closing * levels

    def _cut(self) -> bytes:
        body = self._valid()
        return body[: self._random.randrange(len(body) + 1)]

    def _large(self) -> bytes:
        if self._random.random() > 0.03:
            return json.dumps([{self._vendor.names[2]: 10 ** self._random.randrange(400)}]).encode()
        return b"[" + b" " * self._random.choice([900_000, 1_048_574, 1_048_576]) + b"]"

    def _header_text(self) -> str:
        letters = "".join(chr(code) for code in range(0x21, 0xFF) if code != 0x7F and not 0x80 <= code < 0xA0)
        return "".join(self._random.choices(letters, k=self._random.randrange(1, 100)))


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("vendor", "bodies"), [(HUBSPOT, BODIES), (ACME, BODIES // 5)], ids=["hubspot", "acme"]
)
async def test_every_body_gets_an_answer_with_a_reason_and_memory_stays_bounded(
    vendor: Vendor, bodies: int
) -> None:
    """Never a crash, never silence; what is kept is whole."""
    inbox = MemoryInbox(forget=True)
    seen: Counter[str] = Counter()
    async with open_door(connectors={vendor.system: vendor.connector}, inbox=inbox) as door:
        fuzzer = Fuzzer(vendor, SEED)
        await _send_all(door.port, fuzzer, bodies // 10, seen)
        before = _resident_bytes()
        await _send_all(door.port, fuzzer, bodies - bodies // 10, seen)
        grown = _resident_bytes() - before

        assert not door.outcomes(vendor.system).get("bug")
        assert not door.outcomes(vendor.system).get("other"), "a reason that the catalogue doesn't list"
    print(
        f"{sum(seen.values())} bodies, {inbox.count} notifications kept, memory grew by {grown / 1e6:.1f} MB: {seen}"
    )

    assert sum(seen.values()) == bodies
    assert {"accepted", "not-json", "too-deep", "bad-body", "bad-signature", "stale", "too-large"} <= set(
        seen
    )
    assert grown < 64_000_000


async def _send_all(port: int, fuzzer: Fuzzer, count: int, seen: Counter[str]) -> None:
    requests = (fuzzer.request() for _ in range(count))

    async def client() -> None:
        for path, headers, body in requests:
            async with RawConnection(port) as raw:
                _judge(await asyncio.wait_for(raw.post(path, headers, body), PATIENCE_S), headers, body, seen)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _judge(answer: Answer, headers: Mapping[str, str], body: bytes, seen: Counter[str]) -> None:
    told = f"{headers} {body[:200]!r} -> {answer}"
    assert answer.status in _ALLOWED, told
    if answer.status == 204:
        assert not answer.body, told
        seen["accepted"] += 1
        return
    problem = json.loads(answer.body)
    assert problem["reason"], told
    assert problem["detail"], told
    assert answer.headers["content-type"] == "application/problem+json", told
    seen[problem["reason"]] += 1


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
