"""A HubSpot sandbox, the connector before it, and a receiver of webhooks, for HubSpot's tests."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2
import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

from services.errors import Rejected
from services.runtime.clock import now_ms
from services.sync.adapters.hubspot import HubSpotAccount, HubSpotConnector
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox, SandboxSettings
from services.sync.adapters.sandbox.admin import Act
from services.sync.application.ports import WebhookRequest
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind, Notification, Observation, RecordRef, Scalar, Write
from tests.waiting import PATIENCE_S

FIELD_MAP = FieldMap(
    fields={
        Kind.LEAD: (
            MappedField(name="email", vendor_name="email", type=FieldType.EMAIL),
            MappedField(name="last_name", vendor_name="lastname"),
            MappedField(name="company", vendor_name="company"),
            MappedField(name="phone", vendor_name="phone"),
            MappedField(name="stage", vendor_name="lifecyclestage"),
            MappedField(name="owner", vendor_name="hubspot_owner_id", type=FieldType.OWNER),
            MappedField(name="opted_out", vendor_name="hs_email_optout", type=FieldType.BOOLEAN),
            MappedField(name="revenue", vendor_name="annualrevenue", type=FieldType.MONEY),
            MappedField(
                name="visits",
                vendor_name="hs_analytics_num_visits",
                type=FieldType.INTEGER,
                writable=False,
            ),
            MappedField(name="downloads", vendor_name="document_downloads", type=FieldType.INTEGER),
        )
    }
)

BUSY = SandboxSettings(ten_secondly=1_000_000, daily=1_000_000_000, search_per_second=1_000_000)
"""Limits that no test meets by accident."""

_NUMBERS = count(1)


async def wait_until(done: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Return as soon as *done*, or fail after *timeout_s*."""
    async with asyncio.timeout(timeout_s):
        while not done():  # noqa: ASYNC110 - what is waited for is in another's hands
            await asyncio.sleep(0.002)


def account_of(sandbox: HubSpotSandbox, **changed: Any) -> HubSpotAccount:
    """Return the account that fits *sandbox*."""
    settings = sandbox.state.settings
    facts: dict[str, Any] = {
        "base_url": sandbox.base_url,
        "token": settings.token,
        "app_id": settings.app_id,
        "portal_id": settings.portal_id,
        "client_secret": settings.client_secret,
    }
    return HubSpotAccount(**(facts | changed))


@dataclass
class World:
    """A sandbox and the connector in front of it."""

    sandbox: HubSpotSandbox
    connector: HubSpotConnector

    def user(self, act: str, of: str = "contact", **given: Any) -> str:
        """Do a user's act and return the record's id."""
        done = self.sandbox.desk.act(Act(act=act, object=of, **given))
        assert done.error is None, done.error
        assert done.id is not None
        return done.id

    async def see(self, *refs: tuple[str, str], body: str = "{}") -> list[Observation]:
        """Observe records by object and id."""
        return list(await self.connector.observe([notified(*each, body=body) for each in refs]))

    def contact(self, row_id: str) -> dict[str, str]:
        """Return what the sandbox holds of a contact."""
        return self.sandbox.state.store.rows["contact"][row_id].values


@asynccontextmanager
async def open_world(
    settings: SandboxSettings = BUSY,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    field_map: FieldMap = FIELD_MAP,
    **account: Any,
) -> AsyncGenerator[World]:
    """Start a sandbox and a connector."""
    async with HubSpotSandbox(settings) as sandbox:
        connector = HubSpotConnector(account_of(sandbox, **account), field_map, transport=transport)
        await connector.start()
        try:
            yield World(sandbox, connector)
        finally:
            await connector.close()


def notified(of: str, row_id: str, body: str = "{}") -> Notification:
    """Return a notification about a record."""
    return Notification(ref=RecordRef("hubspot", of, row_id), body=body, received_at=now_ms())


def lead(
    fields: Mapping[str, Scalar],
    *,
    ref: str | None = None,
    email: str | None = None,
    lead_id: str | None = None,
) -> Write:
    """Return the write of a lead, by the contact's id or by e-mail address."""
    return Write(
        lead_id=lead_id or f"lead-{next(_NUMBERS)}",
        slot="lead",
        kind=Kind.LEAD,
        fields=fields,
        ref=RecordRef("hubspot", "contact", ref) if ref else None,
        match_email=email,
    )


@dataclass
class Receiver:
    """
    Takes webhooks as the real receiver does: by the connector's `verify` and `notifications`.

    `answers` are given first, one for each request (a status, or None to say nothing until the sender tires).
    """

    url: str
    connector: HubSpotConnector | None = None
    answers: list[int | None] = field(default_factory=list[int | None])
    notifications: list[Notification] = field(default_factory=list[Notification])
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requests: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    refused: list[str] = field(default_factory=list[str])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            await receive()
            return
        self.requests.append((now_ms(), answer))
        if answer < 300:
            answer = self._take(scope, body)
        await send({"type": "http.response.start", "status": answer, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def _take(self, scope: Scope, body: bytes) -> int:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        assert self.connector is not None
        try:
            self.connector.verify(WebhookRequest("POST", self.url, headers, body), now_ms())
            self.notifications += self.connector.notifications(body, now_ms())
        except Rejected as rejected:
            self.refused.append(rejected.reason)
            return 401
        self.events += orjson.loads(body)
        return 200


@asynccontextmanager
async def open_receiver(connector: HubSpotConnector | None = None) -> AsyncGenerator[Receiver]:
    """Start a receiver on a free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/hubspot", connector)
    config = uvicorn.Config(receiver, lifespan="off", log_level="critical", access_log=False, ws="none")
    server = uvicorn.Server(config)
    config.load()
    with listener:
        serving = asyncio.create_task(server._serve([listener]))  # pyright: ignore[reportPrivateUsage]
        await wait_until(lambda: server.started)
        try:
            yield receiver
        finally:
            server.should_exit = server.force_exit = True
            await serving
