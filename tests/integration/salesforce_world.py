"""A Salesforce sandbox and a connector on it, for tests over real HTTP and gRPC."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from services.sync.adapters.salesforce.connector import SalesforceConnector
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox, SandboxSettings
from services.sync.application.ports import StreamBatch, StreamPosition
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind, Notification, RecordRef, Scalar, Write
from tests.waiting import PATIENCE_S, wait_until

LEAD_CHANNEL = "/data/LeadChangeEvent"
SATO = "sato@sales.example"
SUZUKI = "suzuki@sales.example"

FIELDS = FieldMap(
    fields={
        Kind.LEAD: (
            MappedField(name="email", vendor_name="Email", type=FieldType.EMAIL),
            MappedField(name="last_name", vendor_name="LastName"),
            MappedField(name="first_name", vendor_name="FirstName"),
            MappedField(name="company", vendor_name="Company", objects=("Lead",)),
            MappedField(name="sfa_status", vendor_name="Status", objects=("Lead",), writable=False),
            MappedField(name="country", vendor_name="Country", objects=("Lead",)),
            MappedField(name="country", vendor_name="MailingCountry", objects=("Contact",)),
            MappedField(name="owner", vendor_name="OwnerId", type=FieldType.OWNER),
            MappedField(name="opted_out", vendor_name="HasOptedOutOfEmail", type=FieldType.BOOLEAN),
            MappedField(name="score", vendor_name="Tasuki_Score__c", type=FieldType.INTEGER),
            MappedField(name="mql_at", vendor_name="Tasuki_Mql_At__c", type=FieldType.INSTANT),
        ),
        Kind.OPPORTUNITY: (
            MappedField(name="name", vendor_name="Name"),
            MappedField(name="stage", vendor_name="StageName"),
            MappedField(name="amount", vendor_name="Amount", type=FieldType.MONEY),
            MappedField(name="close_on", vendor_name="CloseDate", type=FieldType.DATE),
            MappedField(name="owner", vendor_name="OwnerId", type=FieldType.OWNER),
        ),
    }
)


class World:
    """A sandbox with a connector on it."""

    def __init__(self, sandbox: SalesforceSandbox, connector: SalesforceConnector) -> None:
        self.sandbox = sandbox
        self.connector = connector
        self.http = httpx2.AsyncClient(base_url=sandbox.base_url, timeout=PATIENCE_S)

    async def act(self, act: str, of: str, **more: Any) -> dict[str, Any]:
        """Do one act as a user and return its result; a refusal fails the test."""
        done = await self.acts({"act": act, "object": of, **more})
        assert done[0]["error"] is None, done
        return done[0]

    async def acts(self, *acts: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Do *acts* and return their results."""
        response = await self.http.post("/_sandbox/acts", json=list(acts))
        assert response.status_code == 200, response.text
        return response.json()["results"]

    async def faults(self, **faults: Any) -> None:
        """Make the sandbox misbehave; nothing ends it."""
        response = await self.http.put("/_sandbox/faults", json=faults)
        assert response.status_code == 200, response.text

    def row(self, ref: RecordRef) -> dict[str, Any]:
        """Return a record as the sandbox stores it."""
        return self.sandbox.state.tables[ref.object].rows[ref.id]

    def rows(self, of: str) -> list[dict[str, Any]]:
        """Return all records of the object *of* that are not deleted."""
        return [each for each in self.sandbox.state.tables[of].rows.values() if not each["IsDeleted"]]

    def token(self) -> dict[str, str]:
        """Return the headers of a session, for calls past the connector."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.settings.client_id,
            "client_secret": self.sandbox.settings.client_secret,
        }
        granted = self.sandbox.logins.grant(form, self.sandbox.base_url)
        return {"authorization": f"Bearer {granted['access_token']}"}


class Follower:
    """Follows a channel in the background and keeps what came."""

    def __init__(self, connector: SalesforceConnector, channel: str = LEAD_CHANNEL, cursor: str = "") -> None:
        self.batches: list[StreamBatch] = []
        self._stream = connector.follow(StreamPosition(channel, cursor))
        self.task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for batch in self._stream:
            self.batches.append(batch)

    @property
    def notifications(self) -> list[Notification]:
        """All notifications so far."""
        return [each for batch in self.batches for each in batch.notifications]

    @property
    def cursor(self) -> str:
        """The newest position."""
        return self.batches[-1].position.cursor

    async def until(self, count: int) -> list[Notification]:
        """Wait for *count* notifications and return them."""

        def enough() -> bool:
            if self.task.done():
                self.task.result()
            return len(self.notifications) >= count

        await wait_until(enough, description=f"{count} notifications")
        return self.notifications

    async def stop(self) -> None:
        """Stop following."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def salesforce(settings: SandboxSettings | None = None, **account: Any) -> AsyncGenerator[World]:
    """Run a sandbox with *settings*, and a connector told *account* beside the sandbox's address."""
    async with SalesforceSandbox(settings) as sandbox:
        connector = SalesforceConnector(sandbox.account(**account), FIELDS)
        await connector.start()
        world = World(sandbox, connector)
        try:
            yield world
        finally:
            await world.http.aclose()
            await connector.close()


@asynccontextmanager
async def following(world: World, channel: str = LEAD_CHANNEL, cursor: str = "") -> AsyncGenerator[Follower]:
    """Follow *channel*; the stream is open when the body runs."""
    before = world.sandbox.pubsub.streams
    follower = Follower(world.connector, channel, cursor)
    try:
        await wait_until(
            lambda: follower.task.done() or world.sandbox.pubsub.streams > before,
            description="an open stream",
        )
        yield follower
    finally:
        await follower.stop()
        await wait_until(lambda: world.sandbox.pubsub.streams <= before, description="the stream's end")


def lead_id(number: int = 1) -> str:
    """Return a lead_id as the core makes them."""
    return f"01932b00-0000-7000-8000-{number:012d}"


def a_lead(number: int = 1, *, ref: RecordRef | None = None, **fields: Scalar) -> Write:
    """Return a write of a person."""
    email = f"lead{number}@firm.example"
    known: dict[str, Scalar] = {"email": email, "last_name": "山田", "company": "株式会社例"}
    return Write(
        lead_id=lead_id(number),
        slot="lead",
        kind=Kind.LEAD,
        fields={**known, **fields} if ref is None else fields,
        ref=ref,
        match_email=email,
    )
