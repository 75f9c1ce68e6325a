"""
One webhook request: from raw bytes to durable inbox records, or to a problem with a reason.

The order of the checks is by what a stranger may cost us: size and time while reading, then the media type,
then the signature over the raw bytes, and only then JSON, since nobody unverified is worth parsing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from starlette.requests import Request

from services.errors import Rejected
from services.runtime.body import json_deeper_than, read_body
from services.runtime.clock import Clock
from services.runtime.log.port import MAX_VALUE_BYTES, LogUnavailable, Record
from services.runtime.logs import events
from services.runtime.metrics import Metrics
from services.runtime.problems import Problem
from services.runtime.tracing import HEADER, Tracing, checked, trace_headers
from services.sync.application.ports import Connector, WebhookRequest
from services.sync.domain.records import Notification

Append = Callable[[Sequence[Record]], Awaitable[None]]
"""`Log.append`: returns when all records are durable; raises LogUnavailable."""

Encode = Callable[[Notification, str | None], bytes]
"""Makes the inbox record's value of a notification and the traceparent."""

log = events()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """
    How much the door takes.

    `body_ms` and `append_ms` together stay below 5 s, after which HubSpot takes a webhook for failed.
    At most `in_flight` bodies of `body_bytes` are held at a time. `record_id_chars` bounds a vendor's ids.
    Source: https://developers.hubspot.com/docs/api/webhooks
    """

    body_bytes: int = 1_048_576
    body_ms: int = 2_000
    append_ms: int = 2_000
    json_depth: int = 32
    notifications: int = 1_000
    record_id_chars: int = 256
    in_flight: int = 64
    retry_after_ms: int = 5_000


class Door:
    """Receives webhooks for the connectors it is given; see `make_door` for the arguments."""

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        append: Append,
        encode: Encode,
        topic: str,
        public_url: str,
        clock: Clock,
        limits: DoorLimits,
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        self._connectors = connectors
        self._append = append
        self._encode = encode
        self._topic = topic
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._tracing = tracing
        self._in_flight = 0

    async def receive(self, system: str, request: Request) -> None:
        """Take one request in; returns when it is durable. Raises Problem with the reason otherwise."""
        began = time.perf_counter()
        known = system if system in self._connectors else "unknown"
        outcome = "bug"
        try:
            await self._bounded(system, request)
            outcome = "accepted"
        except Problem as problem:
            outcome = problem.reason
            if outcome in _OURS:
                log.warning("webhook.refused", system=known, reason=outcome, status=problem.status_code)
            raise
        finally:
            self._metrics.count("tasuki_door_requests_total", system=known, outcome=outcome)
            self._metrics.observe("tasuki_door_seconds", time.perf_counter() - began, outcome=outcome)

    async def _bounded(self, system: str, request: Request) -> None:
        if self._in_flight >= self._limits.in_flight:
            detail = f"{self._in_flight} requests are being received"
            mend = "come again; call with fewer connections at a time"
            raise Problem(503, "busy", detail, mend=mend, retry_after_ms=1_000, close=True)
        self._in_flight += 1
        try:
            parent = checked(request.headers.get(HEADER))
            with self._tracing.span("door", parent=parent, system=system) as step:
                await self._take_in(system, request, step.traceparent)
        finally:
            self._in_flight -= 1

    async def _take_in(self, system: str, request: Request, traceparent: str | None) -> None:
        body = await read_body(request, limit=self._limits.body_bytes, within_ms=self._limits.body_ms)
        connector = self._connectors.get(system)
        if connector is None:
            known = ", ".join(sorted(self._connectors)) or "none"
            raise Problem(404, "unknown-system", "no such system is configured", mend=f"configured: {known}")
        _check_media(request)
        now = self._clock()
        self._verify(connector, request, body, now)
        self._check_json(body)
        notifications = self._split(connector, body, now)
        await self._keep(system, notifications, traceparent)

    def _verify(self, connector: Connector, request: Request, body: bytes, now: int) -> None:
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        try:
            connector.verify(WebhookRequest(request.method, self._url(request), headers, body), now)
        except Rejected as error:
            mend = _MENDS.get(error.reason, "check the secret and the public URL of the configuration")
            raise Problem(401, error.reason, str(error), mend=mend) from error

    def _url(self, request: Request) -> str:
        # As called, undecoded, for the signature covers it; the host from the configuration, since a proxy
        # changes Host and a stranger may choose it.
        path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        called = path + b"?" + query if query else path
        return self._public_url + called.decode("latin-1")

    def _check_json(self, body: bytes) -> None:
        if json_deeper_than(body, self._limits.json_depth):
            detail = f"the JSON nests deeper than {self._limits.json_depth}"
            raise Problem(400, "too-deep", detail, mend="send what the vendor documents")
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            # Its position only: the text of the error may quote the body.
            detail = f"the body is not JSON in UTF-8, at character {error.pos}"
            raise Problem(400, "not-json", detail, mend="send JSON in UTF-8") from error

    def _split(self, connector: Connector, body: bytes, now: int) -> Sequence[Notification]:
        try:
            notifications = connector.notifications(body, now)
        except Rejected as error:
            raise Problem(400, error.reason, str(error), mend="see the system's page in the docs") from error
        if len(notifications) > self._limits.notifications:
            detail = (
                f"{len(notifications)} notifications in one request; {self._limits.notifications} are taken"
            )
            raise Problem(400, "too-many-events", detail, mend="send fewer events in one request")
        for each in notifications:
            if len(each.ref.object) + len(each.ref.id) > self._limits.record_id_chars:
                detail = f"a record's id is longer than {self._limits.record_id_chars} characters"
                raise Problem(400, "bad-body", detail, mend="send what the vendor documents")
        return notifications

    async def _keep(
        self, system: str, notifications: Sequence[Notification], traceparent: str | None
    ) -> None:
        headers = trace_headers(traceparent)
        records = [
            Record(self._topic, str(each.ref), self._encode(each, traceparent), headers)
            for each in notifications
        ]
        fitting = [each for each in records if len(each.value or b"") <= MAX_VALUE_BYTES]
        if fitting:
            await self._append_in_time(fitting)
            self._metrics.count("tasuki_notifications_total", len(fitting), system=system)
        if len(fitting) < len(records):
            # The rest is safe already; this answer makes the vendor show the request to a person.
            detail = f"{len(records) - len(fitting)} of {len(records)} notifications exceed {MAX_VALUE_BYTES} bytes"
            raise Problem(413, "record-too-large", detail, mend="subscribe to smaller fields")

    async def _append_in_time(self, records: Sequence[Record]) -> None:
        wait_ms = self._limits.retry_after_ms
        try:
            async with asyncio.timeout(self._limits.append_ms / 1000):
                await self._append(records)
        except TimeoutError as error:
            detail = f"the log did not confirm within {self._limits.append_ms} ms"
            raise Problem(503, "timeout", detail, mend=_AGAIN, retry_after_ms=wait_ms) from error
        except LogUnavailable as error:
            detail = "the log is not available"
            wait_ms = error.retry_after_ms or wait_ms
            raise Problem(503, "log-unavailable", detail, mend=_AGAIN, retry_after_ms=wait_ms) from error


def _check_media(request: Request) -> None:
    media, _, parameters = request.headers.get("content-type", "application/json").partition(";")
    media = media.strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise Problem(415, "unsupported-media", "only JSON is taken", mend="Content-Type: application/json")
    charset = parameters.lower().replace('"', "").replace(" ", "")
    if "charset=" in charset and "charset=utf-8" not in charset:
        raise Problem(415, "unsupported-encoding", "only UTF-8 is taken", mend="send the body in UTF-8")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        detail = "a compressed body is not taken: its signature and size could not be told before unpacking"
        raise Problem(415, "unsupported-encoding", detail, mend="send the body as it is")


# A person must see these; "busy" and what strangers do wrong is counted, for it could flood the log.
_OURS = frozenset({"log-unavailable", "timeout"})
_AGAIN = "send the same request again; what was kept already does no harm twice"
_MENDS: Mapping[str, str] = {
    "unsigned": "call with the vendor's signature headers",
    "bad-signature": "check the app's secret and that the public URL is the one the vendor calls, to the letter",
    "stale": "check the clocks of both sides; a request older than the vendor's window is not taken",
}
