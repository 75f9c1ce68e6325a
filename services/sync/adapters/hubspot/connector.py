"""The HubSpot connector: implements the port `Connector` on the marketing side."""

from collections.abc import AsyncIterator, Sequence

import httpx2

from services.errors import Rejected
from services.runtime.clock import Clock, now_ms
from services.sync.adapters.hubspot import events, signature
from services.sync.adapters.hubspot.account import HubSpotAccount
from services.sync.adapters.hubspot.checking import Checker
from services.sync.adapters.hubspot.client import ApiRefused, HubSpotClient, Limits
from services.sync.adapters.hubspot.company_writing import CompanyWriter
from services.sync.adapters.hubspot.objects import COMPANY, CONTACT, OBJECTS, SYSTEM
from services.sync.adapters.hubspot.owners import OwnerDirectory
from services.sync.adapters.hubspot.reading import Reader
from services.sync.adapters.hubspot.sweep import Sweep
from services.sync.adapters.hubspot.writing import BATCH, Writer
from services.sync.application.ports import (
    BatchRefused,
    Finding,
    Page,
    Place,
    StreamBatch,
    StreamPosition,
    StreamPositionLost,
    WebhookRequest,
)
from services.sync.application.quota import UNGOVERNED, CallMeter
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import (
    Kind,
    Notification,
    Observation,
    RecordRef,
    Refused,
    Side,
    Write,
    WriteResult,
)


class HubSpotConnector:
    """
    HubSpot's contacts as leads, its companies, its calls, meetings, tasks and e-mails as activities, its deals read only.

    Args:
        account: Where HubSpot is and who we are there.
        field_map: Which properties hold the canonical fields.
        clock: Returns the present, epoch ms.
        transport: Carries the HTTP requests; None is the network.
        quota: Asked before each call.
    """

    system = SYSTEM
    side = Side.MA
    write_batch = BATCH
    channels: Sequence[str] = ()

    def __init__(
        self,
        account: HubSpotAccount,
        field_map: FieldMap,
        *,
        clock: Clock = now_ms,
        transport: httpx2.AsyncBaseTransport | None = None,
        quota: CallMeter = UNGOVERNED,
    ) -> None:
        if (account.token is None) == (account.oauth is None):
            raise ValueError("a HubSpot account needs either a token or an OAuth grant")
        self._account = account
        self.client = HubSpotClient(account, clock, transport, quota)
        owners = OwnerDirectory(self.client, clock)
        self._reader = Reader(self.client, account, field_map, owners, clock)
        self._writer = Writer(self.client, account, field_map, owners)
        self._checker = Checker(self.client, account, field_map, owners)
        self._companies = CompanyWriter(self.client, field_map, owners)
        self.objects: Sequence[str] = (CONTACT, COMPANY) if field_map.keeps_companies else (CONTACT,)
        self._sweep = Sweep(self.client, self._reader)

    @property
    def limits(self) -> Limits | None:
        """What HubSpot told last about the quota; None before its first answer."""
        return self.client.limits

    @property
    def calls(self) -> int:
        """How many requests were sent to HubSpot."""
        return self.client.calls

    async def start(self) -> None:
        """Make ready to connect."""
        self.client.start()

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    def verify(self, request: WebhookRequest, now: int) -> None:
        """Raise Rejected unless HubSpot signed *request* lately, for the URL that it names."""
        account = self._account
        window_ms = account.webhook_window_ms
        signature.verify(request, account.client_secret, now, account.signatures, window_ms)

    def notifications(self, body: bytes, now: int) -> Sequence[Notification]:
        """Split a webhook's *body* into its events."""
        return events.notifications(body, now, self._account.portal_id)

    async def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        """Raise: HubSpot has no stream; it calls webhooks."""
        raise StreamPositionLost(f"HubSpot has no change stream {position.channel!r}")
        yield  # pragma: no cover - makes this a generator

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        """Return what the notified records are now, with the history of each mapped field."""
        try:
            return await self._reader.observe(notifications)
        except ApiRefused as refused:
            raise Rejected(f"HubSpot refuses to read: {refused}", reason="read-refused") from refused

    def told_by(self, channel: str) -> Sequence[str]:
        """Return nothing: HubSpot has no streams."""
        del channel
        return ()

    def since(self, notification: Notification) -> int:
        """Return 0: HubSpot never asks for a whole object; who does, means all of it."""
        del notification
        return 0

    async def changed(self, name: str, place: Place, until: int) -> Page:
        """Return a page of the records that changed, by HubSpot's search, which may lag behind by seconds."""
        try:
            return await self._sweep.changed(OBJECTS[name], place, until)
        except ApiRefused as refused:
            raise Rejected(f"HubSpot refuses to search: {refused}", reason="read-refused") from refused

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """Write leads to contacts and companies to companies; HubSpot as the marketing tool gets nothing else."""
        kinds = {each.kind for each in writes}
        if not kinds <= {Kind.LEAD} and not kinds <= {Kind.COMPANY}:
            unsupported = Refused(
                code="unsupported", detail="this connector writes contacts and companies only"
            )
            return [unsupported] * len(writes)
        try:
            if kinds == {Kind.COMPANY}:
                return await self._companies.write(writes)
            return await self._writer.write(writes)
        except BatchRefused as refused:
            if len(writes) > 1:
                raise
            return [Refused(code=refused.code, detail=refused.detail)]

    async def search(self, *, email: str) -> Sequence[RecordRef]:
        """Return the contact that has *email*: HubSpot never has two, and none for what is no address."""
        try:
            rows = await self._writer.read([{"id": email.strip().lower()}], by="email")
        except BatchRefused:
            return []
        return [RecordRef(SYSTEM, CONTACT, str(each["id"])) for each in rows if each.get("id")]

    async def check(self) -> Sequence[Finding]:
        """Look at credentials, permissions, properties, subscriptions and quota."""
        return await self._checker.findings()
