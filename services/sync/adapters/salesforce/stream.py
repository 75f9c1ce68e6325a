"""Follows one channel of change events over the Pub/Sub API, from a position on, for ever."""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import fastavro.schema
import grpc
import grpc.aio
import structlog

from services.runtime.clock import Clock
from services.sync.adapters.salesforce.account import SalesforceAccount
from services.sync.adapters.salesforce.events import EventDecoder, unreadable
from services.sync.adapters.salesforce.pubsub import Fetches, PubSub, port_error
from services.sync.adapters.salesforce.session import Session, Sessions
from services.sync.adapters.salesforce.wire import pubsub_api_pb2 as wire
from services.sync.application.ports import (
    Forbidden,
    StreamBatch,
    StreamPosition,
    StreamPositionLost,
    Unavailable,
)
from services.sync.domain.records import Notification

MAX_OUTSTANDING = 100
"""
Events that may be asked for and not yet delivered.

Source: https://developer.salesforce.com/docs/platform/pub-sub-api/guide/flow-control.html
"""

_END: object = getattr(grpc.aio, "EOF")  # noqa: B009 -- grpc ships no types for it

_logger = structlog.stdlib.get_logger(__name__)


class ChangeStream:
    """Reads change events of an organisation; schemas are asked for once and kept."""

    def __init__(self, account: SalesforceAccount, sessions: Sessions, pubsub: PubSub, clock: Clock) -> None:
        self._account = account
        self._sessions = sessions
        self._pubsub = pubsub
        self._clock = clock
        self._decoders: dict[str, EventDecoder] = {}
        self._untried: Session | None = None

    async def follow(self, position: StreamPosition) -> AsyncIterator[StreamBatch]:
        """
        Yield what happens on *position*'s channel after it. An empty cursor means all that is kept.

        A session that ended is renewed once. Raises Unavailable, Unauthorised, Forbidden, Throttled, StreamPositionLost.
        """
        request = first_request(position)
        session = await self._sessions.current()
        try:
            async with aclosing(self._responses(session, request)) as responses:
                async for response in responses:
                    self._untried = None
                    yield await self._batch(session, position.channel, response)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise port_error(error) from error
            await self._renew(session, port_error(error))

    async def _renew(self, session: Session, refusal: Exception) -> None:
        """Renew the session, so that reopening the stream succeeds; a fresh one refused is a refusal."""
        if session is self._untried:
            raise refusal
        self._untried = await self._sessions.renewed(session)
        raise Unavailable("Salesforce's session ended; the stream has to be opened again", retry_after_ms=0)

    async def _responses(
        self, session: Session, request: wire.FetchRequest
    ) -> AsyncGenerator[wire.FetchResponse, None]:
        """Yield responses, asking for more when half of what may be outstanding has come."""
        fetches = self._pubsub.subscribe(session)
        outstanding = MAX_OUTSTANDING
        try:
            await self._write(fetches, request)
            while True:
                response = await self._read(fetches)
                outstanding -= len(response.events)
                yield response
                if outstanding <= MAX_OUTSTANDING // 2:
                    await self._write(fetches, wire.FetchRequest(num_requested=MAX_OUTSTANDING - outstanding))
                    outstanding = MAX_OUTSTANDING
        finally:
            fetches.cancel()

    async def _write(self, fetches: Fetches, request: wire.FetchRequest) -> None:
        try:
            await fetches.write(request)
        except asyncio.InvalidStateError:
            return  # the stream has ended: the next read says why

    async def _read(self, fetches: Fetches) -> wire.FetchResponse:
        silence_ms = self._account.stream_silence_ms
        try:
            async with asyncio.timeout(silence_ms / 1000):
                response = await fetches.read()
        except TimeoutError:
            raise Unavailable(f"Salesforce's event stream was silent for {silence_ms} ms") from None
        if response is _END:
            raise Unavailable("Salesforce ended the event stream")
        return response

    async def _batch(self, session: Session, channel: str, response: wire.FetchResponse) -> StreamBatch:
        notifications: list[Notification] = []
        received_at = self._clock()
        for each in response.events:
            decoder = await self._decoder(session, each.event.schema_id)
            try:
                notifications.extend(decoder.notifications(each.event.payload, received_at))
            except (ValueError, EOFError, LookupError, TypeError) as error:
                _logger.exception("event.unreadable", channel=channel, schema=each.event.schema_id)
                notifications.append(unreadable(channel, each.event, error, received_at))
        replay_id = response.events[-1].replay_id if response.events else response.latest_replay_id
        return StreamBatch(StreamPosition(channel, base64.b64encode(replay_id).decode()), notifications)

    async def _decoder(self, session: Session, schema_id: str) -> EventDecoder:
        decoder = self._decoders.get(schema_id)
        if decoder is None:
            info = await self._pubsub.schema(session, schema_id)
            try:
                decoder = EventDecoder(info.schema_json)
            except (ValueError, fastavro.schema.SchemaParseException) as error:
                raise Unavailable(f"The schema {schema_id} cannot be read: {error}") from error
            self._decoders[schema_id] = decoder
        return decoder

    async def reach(self, channel: str) -> None:
        """Raise unless *channel* can be subscribed to: Unauthorised, Unavailable, Throttled."""
        session = await self._sessions.current()
        try:
            topic = await self._pubsub.topic(session, channel)
        except grpc.aio.AioRpcError as error:
            raise port_error(error) from error
        if not topic.can_subscribe:
            raise Forbidden(f"{channel} may not be subscribed to by the integration user")


def first_request(position: StreamPosition) -> wire.FetchRequest:
    """
    Return the request that opens a stream after *position*. Raises StreamPositionLost for a bad cursor.

    Without a cursor it begins with the earliest event that is kept (72 hours): between two attempts to follow
    from now on, before the first position is stored, changes would be lost. What is read twice is harmless.
    """
    if not position.cursor:
        return wire.FetchRequest(
            topic_name=position.channel, replay_preset=wire.EARLIEST, num_requested=MAX_OUTSTANDING
        )
    try:
        replay_id = base64.b64decode(position.cursor, validate=True)
    except (binascii.Error, ValueError) as error:
        raise StreamPositionLost(f"{position.cursor!r} is not a position of {position.channel}") from error
    return wire.FetchRequest(
        topic_name=position.channel,
        replay_preset=wire.CUSTOM,
        replay_id=replay_id,
        num_requested=MAX_OUTSTANDING,
    )
