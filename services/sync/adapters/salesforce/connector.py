"""The Salesforce connector: Lead, Contact, Opportunity, Task and Event on the sales side."""

from collections.abc import AsyncIterator, Sequence

from services.errors import Rejected
from services.runtime.clock import Clock, now_ms
from services.sync.adapters.salesforce.account import SalesforceAccount
from services.sync.adapters.salesforce.checking import Checker
from services.sync.adapters.salesforce.client import MAX_RECORDS, ApiUsage, SalesforceClient
from services.sync.adapters.salesforce.events import GAP_OVERFLOW, SYSTEM, change_of
from services.sync.adapters.salesforce.finding import Finder
from services.sync.adapters.salesforce.mapping import FieldMapping
from services.sync.adapters.salesforce.observing import Observer
from services.sync.adapters.salesforce.pubsub import PubSub
from services.sync.adapters.salesforce.stream import ChangeStream
from services.sync.adapters.salesforce.task_status import TaskStatus
from services.sync.adapters.salesforce.users import Users
from services.sync.adapters.salesforce.writing import Writer
from services.sync.application.ports import Finding, Page, Place, StreamBatch, StreamPosition, WebhookRequest
from services.sync.application.quota import UNGOVERNED, CallMeter
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import Notification, Observation, RecordRef, Side, Write, WriteResult

OVERFLOW_MARGIN_MS = 60_000
"""An overflow event is told some time after its transaction began to change records."""

_SWEPT = ("Lead", "Contact", "Opportunity", "Task", "Event")


class SalesforceConnector:
    """
    Implements `services.sync.application.ports.Connector` for one organisation.

    Changes come over the change streams only: there are no webhooks.
    """

    def __init__(
        self,
        account: SalesforceAccount,
        fields: FieldMap,
        clock: Clock = now_ms,
        quota: CallMeter = UNGOVERNED,
    ) -> None:
        self._quota = quota
        self._account = account
        self._fields = FieldMapping(fields)
        self._clock = clock
        self._opened: _Parts | None = None

    @property
    def system(self) -> str:
        """The vendor's name."""
        return SYSTEM

    @property
    def side(self) -> Side:
        """Sales."""
        return Side.SFA

    @property
    def write_batch(self) -> int:
        """The most records one `write` may carry."""
        return MAX_RECORDS

    @property
    def channels(self) -> Sequence[str]:
        """The change streams to follow."""
        return self._account.channels

    @property
    def objects(self) -> Sequence[str]:
        """Those whose changes it follows, persons first: what nobody tells of isn't swept either."""
        told = {each for channel in self.channels for each in self.told_by(channel)}
        return [each for each in _SWEPT if each in told]

    def told_by(self, channel: str) -> Sequence[str]:
        """Return the objects of a channel: one, or all that we know."""
        name = channel.rpartition("/")[2].removesuffix("ChangeEvent")
        return (name,) if name in _SWEPT else _SWEPT

    def since(self, notification: Notification) -> int:
        """Return a little before an overflow's commit; a change of all records of a kind asks for all of them."""
        overflow = change_of(notification).type == GAP_OVERFLOW
        at = notification.occurred_at
        return at - OVERFLOW_MARGIN_MS if overflow and at is not None else 0

    async def changed(self, name: str, place: Place, until: int) -> Page:
        """Return a page of the records that changed, with those that were deleted."""
        return await self._parts.observer.changed(name, place, until)

    @property
    def usage(self) -> ApiUsage | None:
        """The vendor's latest count of the daily API calls; None before the first answer."""
        return self._opened.client.usage if self._opened else None

    @property
    def calls(self) -> int:
        """How many requests were sent to Salesforce since the start; its change stream is none."""
        return self._opened.client.calls if self._opened else 0

    async def start(self) -> None:
        """Open the clients; nothing is read yet."""
        self._opened = _Parts(self._account, self._fields, self._clock, self._quota)

    async def close(self) -> None:
        """Close connections. Safe to call twice."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.pubsub.close()
            await opened.client.close()

    def verify(self, request: WebhookRequest, now: int) -> None:
        """Refuse: Salesforce calls no webhook of ours, so whoever does is not Salesforce."""
        del request, now
        raise Rejected("Salesforce sends no webhooks; its changes come by stream.", reason="unsigned")

    def notifications(self, body: bytes, now: int) -> Sequence[Notification]:
        """Refuse, like `verify`."""
        del body, now
        raise Rejected("Salesforce sends no webhooks; its changes come by stream.", reason="bad-body")

    def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        """Yield what the channel tells after *position*, for ever; an empty cursor means from now on."""
        return self._parts.stream.follow(position)

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        """Return what the notified records are; a notification with an empty body has its record read."""
        return await self._parts.observer.observe(notifications)

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """Bring records to the wanted state; one result for each, in order."""
        return await self._parts.writer.write(writes)

    async def search(self, *, email: str) -> Sequence[RecordRef]:
        """Return the persons with *email*: contacts, then open leads, the oldest first."""
        return await self._parts.finder.all(email)

    async def check(self) -> Sequence[Finding]:
        """Look at login, fields, picklists, streams and quota; never raises."""
        return await self._parts.checker.check()

    @property
    def _parts(self) -> "_Parts":
        if self._opened is None:
            raise RuntimeError("the connector has not been started")
        return self._opened


class _Parts:
    """What a started connector consists of."""

    def __init__(
        self, account: SalesforceAccount, fields: FieldMapping, clock: Clock, quota: CallMeter
    ) -> None:
        self.client = SalesforceClient(account, clock, quota)
        self.pubsub = PubSub(account)
        users = Users(self.client, clock)
        self.stream = ChangeStream(account, self.client.sessions, self.pubsub, clock)
        self.observer = Observer(self.client, users, fields, account, clock)
        self.writer = Writer(self.client, users, fields, account, TaskStatus(self.client, clock))
        self.finder = Finder(self.client, account)
        self.checker = Checker(self.client, self.stream, fields, account, users)
