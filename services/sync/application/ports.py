"""
The ports of the sync service, with what each promises.

A connector is one vendor: a folder with `client.py`, `events.py`, `mapping.py`, `sandbox/`. All connectors
pass one contract suite (tests/contracts/test_connector.py).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from services.errors import Retryable
from services.sync.domain.records import Notification, Observation, RecordRef, Side, Write, WriteResult


class Throttled(Retryable):
    """The vendor's quota is used up; `retry_after_ms` if it said so."""


class Unavailable(Retryable):
    """The vendor is down, unreachable, or answered 5xx."""


class Unauthorised(Retryable):
    """The vendor refuses our credentials: not an outage; a person must renew them."""


class Forbidden(Unauthorised):
    """The vendor knows us, but we lack a right for this call: a person must grant it."""


class BatchRefused(Exception):
    """
    The vendor refused a batch as a whole without saying which record is bad: halve it and try again.

    Args:
        code: The vendor's word for it.
        detail: The vendor's text.
    """

    def __init__(self, *, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it came: method, full public URL as the vendor called it, headers in lower case, bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """Where a change stream stands: opaque bytes of the vendor's, base64 text; empty for the beginning of what is kept."""

    channel: str
    cursor: str


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """Some notifications from a stream and the position after them; no notifications for a keep-alive."""

    position: StreamPosition
    notifications: Sequence[Notification]


@dataclass(frozen=True, slots=True)
class Place:
    """
    How far a walk over an object's changes came: up to *at*, the vendor's epoch ms, and *after*, the last id of that instant.

    `deleted`: all changes up to *at* were seen, and the walk is among the deleted records, which the vendor lists
    apart from the others and whole; *after* is the vendor's cursor there.
    """

    at: int
    after: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """
    Some of the records that changed, the oldest change first, and where the walk goes on; None at its end.

    Each is seen as a listing tells it: its present values without a history, changed at some time up to the
    record's. `gone` are records that stand there no more; `gone_at` is when they went, epoch ms, where it is known.
    """

    seen: Sequence[Observation]
    next: Place | None
    gone: Sequence[RecordRef] = ()
    gone_at: Mapping[RecordRef, int] = field(default_factory=dict[RecordRef, int])


class Severity(StrEnum):
    """How bad a finding of `check` is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `check` looked at: what, how it stands, and how to mend it when it is not OK."""

    severity: Severity
    subject: str
    detail: str
    mend: str = ""


class Connector(Protocol):
    """
    One vendor's system.

    Errors: every call to the vendor raises Throttled, Unavailable or Unauthorised (Forbidden among
    them) when the call as a whole may succeed later; nothing else escapes but bugs.
    """

    @property
    def system(self) -> str:
        """The vendor's name in keys, paths and configuration: ``hubspot``, ``salesforce``."""
        ...

    @property
    def side(self) -> Side:
        """Which side it serves."""
        ...

    @property
    def write_batch(self) -> int:
        """The most records one `write` may carry."""
        ...

    @property
    def channels(self) -> Sequence[str]:
        """The change streams to follow; empty for a vendor that only calls webhooks."""
        ...

    @property
    def objects(self) -> Sequence[str]:
        """The vendor's objects that are swept for changes, persons first."""
        ...

    def told_by(self, channel: str) -> Sequence[str]:
        """Return the objects whose changes the stream *channel* tells."""
        ...

    def since(self, notification: Notification) -> int:
        """Return from when on, by the vendor's epoch ms, a whole object is to be read, as a notification with "*" asks; 0 for all of it."""
        ...

    async def changed(self, name: str, place: Place, until: int) -> Page:
        """
        Return a page of the records of the object *name* that changed from *place* on up to *until* (epoch ms).

        Raises Rejected when the vendor will never answer that.
        """
        ...

    async def start(self) -> None:
        """Open connections; reads nothing. Safe to call once."""
        ...

    async def close(self) -> None:
        """Close connections. Safe to call twice."""
        ...

    def verify(self, request: WebhookRequest, now: int) -> None:
        """Raise Rejected (``bad-signature``, ``stale``, ``unsigned``) unless *request* is the vendor's own."""
        ...

    def notifications(self, body: bytes, now: int) -> Sequence[Notification]:
        """Split a webhook's *body*. Raises Rejected (``bad-body`` …) when it is not what the vendor sends."""
        ...

    def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        """
        Yield what the change stream tells after *position*, for ever.

        Raises Unavailable when the stream breaks (reopen from the last position), StreamPositionLost when
        the position is unknown to the vendor (start anew and read the objects again).
        """
        ...

    async def observe(self, notifications: Sequence[Notification]) -> Sequence[Observation]:
        """
        Return what the notified records are now, one or more observations each.

        Reads the vendor where the notification does not carry the values, in the vendor's batch sizes.
        A record that cannot be found yields an observation with `deleted`. Order follows the input.
        Raises Rejected for a notification that can never be understood; the caller then sends it alone.
        """
        ...

    async def write(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """
        Bring records to the wanted state by upsert; returns one result for each write, in order.

        All writes of a call have the same kind; at most `write_batch`. Repeating a write is harmless: it
        finds what the first attempt made. Raises BatchRefused, Throttled, Unavailable, Unauthorised.
        """
        ...

    async def search(self, *, email: str) -> Sequence[RecordRef]:
        """Return the persons that have *email*, the one to prefer first."""
        ...

    async def check(self) -> Sequence[Finding]:
        """Test credentials, permissions, mapped fields, subscriptions and quotas; never raises."""
        ...


class StreamPositionLost(Exception):
    """The vendor no longer knows the stream position: expired or corrupted."""
