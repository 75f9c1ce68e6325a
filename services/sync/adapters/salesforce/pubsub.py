"""The Pub/Sub API's three calls over one gRPC channel, typed; errors become those of the port."""

import uuid
from collections.abc import Sequence
from typing import Any, Protocol, cast

import grpc
import grpc.aio

from services.sync.adapters.salesforce.account import SalesforceAccount
from services.sync.adapters.salesforce.session import Session
from services.sync.adapters.salesforce.wire import pubsub_api_pb2 as wire
from services.sync.application.ports import (
    Forbidden,
    StreamPositionLost,
    Throttled,
    Unauthorised,
    Unavailable,
)

SUBSCRIBE = "/eventbus.v1.PubSub/Subscribe"
GET_SCHEMA = "/eventbus.v1.PubSub/GetSchema"
GET_TOPIC = "/eventbus.v1.PubSub/GetTopic"

LOST_CODES = frozenset(
    {
        "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted",
        "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed",
    }
)
"""
What the vendor calls a replay id that is unknown or older than its 72 hours.

Source: https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html
"""

ERROR_CODE = "error-code"
CALL_TIMEOUT_S = 30.0
MAX_MESSAGE_BYTES = 8_388_608  # an event may have 1 MB, a response carries several
_OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.enable_retries", 0),
)


class Fetches(Protocol):
    """A Subscribe stream under way."""

    async def write(self, request: wire.FetchRequest) -> None:
        """Send *request*."""
        ...

    async def read(self) -> wire.FetchResponse | Any:
        """Return the next response; ``grpc.aio.EOF`` when the vendor ended the stream."""
        ...

    def cancel(self) -> bool:
        """End the stream."""
        ...


class PubSub:
    """The channel to the Pub/Sub API. Opening it does not connect; the first call does."""

    def __init__(self, account: SalesforceAccount) -> None:
        target = account.pubsub_endpoint
        self._channel: Any = (
            grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS)
            if account.pubsub_tls
            else grpc.aio.insecure_channel(target, options=_OPTIONS)
        )
        self._subscribe: Any = self._channel.stream_stream(
            SUBSCRIBE, wire.FetchRequest.SerializeToString, wire.FetchResponse.FromString
        )
        self._schema: Any = self._channel.unary_unary(
            GET_SCHEMA, wire.SchemaRequest.SerializeToString, wire.SchemaInfo.FromString
        )
        self._topic: Any = self._channel.unary_unary(
            GET_TOPIC, wire.TopicRequest.SerializeToString, wire.TopicInfo.FromString
        )

    async def close(self) -> None:
        """Close the channel. Safe to call twice."""
        await self._channel.close()

    def subscribe(self, session: Session) -> Fetches:
        """Open a stream; it fails at its first read."""
        return cast("Fetches", self._subscribe(metadata=_credentials(session)))

    async def schema(self, session: Session, schema_id: str) -> wire.SchemaInfo:
        """Return the schema *schema_id*, which never changes."""
        request = wire.SchemaRequest(schema_id=schema_id)
        return await self._schema(request, metadata=_credentials(session), timeout=CALL_TIMEOUT_S)

    async def topic(self, session: Session, name: str) -> wire.TopicInfo:
        """Return what the vendor says of the channel *name*."""
        request = wire.TopicRequest(topic_name=name)
        return await self._topic(request, metadata=_credentials(session), timeout=CALL_TIMEOUT_S)


def _credentials(session: Session) -> Sequence[tuple[str, str]]:
    return (
        ("accesstoken", session.token),
        ("instanceurl", session.instance_url),
        ("tenantid", session.organisation_id),
        ("x-client-trace-id", str(uuid.uuid4())),
    )


def error_code(error: grpc.aio.AioRpcError) -> str:
    """Return the vendor's own code from the trailers, or an empty text."""
    for key, value in cast("Sequence[tuple[str, str | bytes]]", error.trailing_metadata() or ()):
        if key == ERROR_CODE:
            return value.decode() if isinstance(value, bytes) else value
    return ""


def port_error(error: grpc.aio.AioRpcError) -> Exception:
    """Return what *error* means for whoever follows a stream."""
    code = error_code(error)
    status = error.code()
    text = f"Salesforce's event stream ended: {status.name} {code or error.details()}"
    if code in LOST_CODES or (
        not code and status is grpc.StatusCode.INVALID_ARGUMENT and "Replay ID" in str(error.details())
    ):
        return StreamPositionLost(text)
    if status is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthorised(f"{text}. Check the connected app and its secret or key.")
    if status is grpc.StatusCode.PERMISSION_DENIED:
        return Forbidden(f"{text}. The integration user needs to view all data of the object.")
    if status is grpc.StatusCode.NOT_FOUND:
        return Forbidden(f"{text}. Select the object under Setup, Change Data Capture.")
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Throttled(text)
    return Unavailable(text)
