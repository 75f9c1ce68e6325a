"""A door over real HTTP with a small vendor behind it, for the door's tests and measurements."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast

from fastapi import APIRouter

from services.errors import Rejected
from services.runtime.clock import now_ms
from services.runtime.health import Health
from services.runtime.health_probes import ping_probe
from services.runtime.http import serve
from services.runtime.log.port import MAX_VALUE_BYTES, LogUnavailable, Record, RecordTooLarge
from services.runtime.metrics import Metrics
from services.runtime.tracing import Tracing
from services.sync.adapters.door import DoorLimits, make_door
from services.sync.adapters.hubspot import events as hubspot_events
from services.sync.adapters.hubspot import signature as signatures
from services.sync.adapters.hubspot.account import SignatureVersion
from services.sync.application.ports import (
    Connector,
    Finding,
    Page,
    Place,
    StreamBatch,
    StreamPosition,
    WebhookRequest,
)
from services.sync.domain.records import Notification, Observation, RecordRef, Side, Write, WriteResult

PUBLIC_URL = "https://hooks.example.com"
SECRET = b"a secret of the test's"
WINDOW_MS = 300_000
TOPIC = "tasuki.inbox.v1"


def signature(url: str, body: bytes, timestamp: str, secret: bytes = SECRET) -> str:
    """Return what the small vendor signs a request with."""
    return hmac.new(secret, f"POST{url}".encode() + body + timestamp.encode(), hashlib.sha256).hexdigest()


def signed(
    body: bytes, *, path: str = "/webhooks/acme", at: int | None = None, secret: bytes = SECRET
) -> dict[str, str]:
    """Return the headers of a well-signed request."""
    timestamp = str(now_ms() if at is None else at)
    return {
        "Content-Type": "application/json",
        "X-Acme-Timestamp": timestamp,
        "X-Acme-Signature": signature(PUBLIC_URL + path, body, timestamp, secret),
    }


class Acme:
    """A connector whose vendor signs with an HMAC and sends arrays of {object, id, at}."""

    system = "acme"
    side = Side.MA
    write_batch = 100
    channels = ()
    objects: Sequence[str] = ()

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    def verify(self, request: WebhookRequest, now: int) -> None:
        given = request.headers.get("x-acme-signature")
        timestamp = request.headers.get("x-acme-timestamp", "")
        if given is None:
            raise Rejected("no signature", reason="unsigned")
        expected = signature(request.url, request.body, timestamp).encode()
        if not hmac.compare_digest(expected, given.encode("utf-8", "replace")):
            raise Rejected("the signature does not match", reason="bad-signature")
        if not timestamp.isdecimal() or abs(now - int(timestamp[:18])) > WINDOW_MS:
            raise Rejected("outside the window of 5 minutes", reason="stale")

    def notifications(self, body: bytes, now: int) -> Sequence[Notification]:
        given: Any = json.loads(body)
        if not isinstance(given, list):
            raise Rejected("the body is not an array", reason="bad-body")
        return [self._notification(each, now) for each in cast("list[Any]", given)]

    def _notification(self, event: Any, now: int) -> Notification:
        if not isinstance(event, dict):
            raise Rejected("an event is not an object", reason="bad-body")
        known = cast("dict[str, Any]", event)
        kind, record = known.get("object"), known.get("id")
        if kind != "person":
            raise Rejected("an object that is not subscribed to", reason="unknown-object")
        if not isinstance(record, int):
            raise Rejected("an id is not a number", reason="bad-body")
        return Notification(
            ref=RecordRef(self.system, kind, str(record)), body=json.dumps(event), received_at=now
        )

    # Nothing below is the door's business.
    def told_by(self, channel: str) -> Sequence[str]:
        raise NotImplementedError(channel)

    def since(self, notification: Notification) -> int:
        raise NotImplementedError(notification)

    async def changed(self, name: str, place: Place, until: int) -> Page:
        raise NotImplementedError(name, place, until)

    async def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        raise NotImplementedError(position)
        yield

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        raise NotImplementedError(notifications)

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        raise NotImplementedError(writes)

    async def search(self, *, email: str) -> Sequence[RecordRef]:
        raise NotImplementedError(email)

    async def check(self) -> Sequence[Finding]:
        return ()


class HubSpotDoor(Acme):
    """HubSpot's real verifier and splitter, without the rest of its connector."""

    system = "hubspot"

    def verify(self, request: WebhookRequest, now: int) -> None:
        signatures.verify(request, SECRET.decode(), now, frozenset({SignatureVersion.V3}))

    def notifications(self, body: bytes, now: int) -> Sequence[Notification]:
        return hubspot_events.notifications(body, now)


def signed_by_hubspot(
    body: bytes, *, path: str = "/webhooks/hubspot", at: int | None = None, secret: bytes = SECRET
) -> dict[str, str]:
    """
    Return the headers of a webhook as HubSpot signs it, v3, computed without the connector's code.

    Source: https://developers.hubspot.com/docs/api/webhooks/validating-requests
    """
    timestamp = str(now_ms() if at is None else at)
    text = f"POST{PUBLIC_URL}{path}".encode() + body + timestamp.encode()
    digest = hmac.new(secret, text, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
    }


@dataclass
class MemoryInbox:
    """Keeps what is appended, or misbehaves as the log may."""

    records: list[Record] = field(default_factory=list[Record])
    down: bool = False
    hangs: bool = False
    forget: bool = False
    count: int = 0
    asked: int = 0

    async def append(self, records: Sequence[Record]) -> None:
        self.asked += 1
        for each in records:
            if len(each.value or b"") > MAX_VALUE_BYTES:
                raise RecordTooLarge(topic=each.topic, key=each.key, size=len(each.value or b""))
        if self.down:
            raise LogUnavailable("the test's log is down", retry_after_ms=7_200)
        if self.hangs:
            await asyncio.Event().wait()
        self.count += len(records)
        if not self.forget:
            self.records.extend(records)

    async def ping(self) -> None:
        if self.down:
            raise LogUnavailable("the test's log is down")


@dataclass(frozen=True)
class OpenDoor:
    """A door that is open at `url`."""

    url: str
    port: int
    inbox: MemoryInbox
    metrics: Metrics
    health: Health

    def outcomes(self, system: str = "acme") -> Mapping[str, float]:
        """Return how many requests of *system* ended how."""
        return {
            sample.labels["outcome"]: sample.value
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "tasuki_door_requests_total" and sample.labels["system"] == system
        }


@asynccontextmanager
async def open_door(
    *,
    connectors: Mapping[str, Connector] | None = None,
    inbox: MemoryInbox | None = None,
    limits: DoorLimits | None = None,
    tracing: Tracing | None = None,
    routers: Sequence[APIRouter] = (),
    head_ms: int = 5_000,
    grace_ms: int = 1_000,
    most_connections: int = 500,
) -> AsyncGenerator[OpenDoor]:
    """Open a door on a free port for the block."""
    kept, metrics, health = inbox or MemoryInbox(), Metrics(), Health(now_ms, fresh_ms=1)
    health.register("log", ping_probe(kept.ping))
    app = make_door(
        connectors=connectors or {"acme": Acme()},
        append=kept.append,
        topic=TOPIC,
        public_url=PUBLIC_URL,
        clock=now_ms,
        metrics=metrics,
        health=health,
        limits=limits,
        tracing=tracing,
        routers=routers,
    )
    server = await serve(
        app,
        "127.0.0.1",
        0,
        metrics=metrics,
        head_ms=head_ms,
        grace_ms=grace_ms,
        most_connections=most_connections,
    )
    try:
        yield OpenDoor(server.url, server.port, kept, metrics, health)
    finally:
        await server.stop()


@dataclass(frozen=True)
class Answer:
    """An answer read from a raw connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        """The problem's reason; empty for a success."""
        return str(json.loads(self.body)["reason"]) if self.body else ""


class RawConnection:
    """A connection whose bytes the test chooses, kept open between requests."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        lines = [f"POST {path} HTTP/1.1", "Host: door", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return await self.answer()

    async def answer(self) -> Answer:
        """Read one answer; raises IncompleteReadError where the connection ends without one."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body)

    async def ended(self) -> bool:
        """Return whether the server closed the connection with nothing more to say."""
        return await self._reader.read(1) == b""
