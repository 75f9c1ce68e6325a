"""The Pub/Sub API's server: streams of change events with flow control, schemas, topics."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import grpc.aio

from services.sync.adapters.salesforce.sandbox.avro import EventSchema
from services.sync.adapters.salesforce.sandbox.bus import Channel, EventBus, PositionLost, Told
from services.sync.adapters.salesforce.sandbox.oauth import Logins
from services.sync.adapters.salesforce.sandbox.organisation import ORGANISATION_ID, Organisation
from services.sync.adapters.salesforce.wire import pubsub_api_pb2 as wire

_END: object = getattr(grpc.aio, "EOF")  # noqa: B009 -- grpc ships no types for it
SERVICE = "eventbus.v1.PubSub"
MAX_OUTSTANDING = 100
_CODES = "sfdc.platform.eventbus.grpc."
_AUTH = (grpc.StatusCode.UNAUTHENTICATED, _CODES + "service.auth.error", "The session is invalid.")
_NO_TOPIC = (grpc.StatusCode.NOT_FOUND, _CODES + "topic.not.found", "The topic was not found.")
_NO_SCHEMA = (grpc.StatusCode.NOT_FOUND, _CODES + "schema.not.found", "The schema was not found.")
_BAD_COUNT = (
    grpc.StatusCode.INVALID_ARGUMENT,
    _CODES + "subscription.fetch.requested.events.invalid",
    "The number of requested events is not valid.",
)
_BAD_TOPIC = (
    grpc.StatusCode.INVALID_ARGUMENT,
    _CODES + "subscription.fetch.topic.invalid",
    "The topic of a stream cannot change.",
)
_LOST = (
    grpc.StatusCode.INVALID_ARGUMENT,
    _CODES + "subscription.fetch.replayid.corrupted",
    "The Replay ID validation failed.",
)
_DOWN = (grpc.StatusCode.UNAVAILABLE, _CODES + "service.unavailable", "The service is unavailable.")


class _Stream:
    """One subscription under way."""

    def __init__(self, bus: EventBus, channel: Channel, number: int) -> None:
        self.bus = bus
        self.channel = channel
        self.number = number
        self.pending = 0
        self.asked = asyncio.Event()
        self.refused: tuple[grpc.StatusCode, str, str] | None = None
        self.ended = False


class PubSubService:
    """The three calls, for `server.add_generic_rpc_handlers`."""

    def __init__(self, org: Organisation, logins: Logins) -> None:
        self._org = org
        self._logins = logins
        self._schemas = {name: EventSchema(kind) for name, kind in org.schema.objects.items()}
        self._by_id = {each.id: each for each in self._schemas.values()}
        self._streams: set[_Stream] = set()
        self._left_at: dict[str, tuple[EventBus, Channel, int]] = {}
        self.sent = 0
        self.schema_reads = 0

    def handler(self) -> Any:
        """Return the service as a generic handler."""
        method: Any = grpc.stream_stream_rpc_method_handler
        unary: Any = grpc.unary_unary_rpc_method_handler
        calls = {
            "Subscribe": method(
                self.subscribe, wire.FetchRequest.FromString, wire.FetchResponse.SerializeToString
            ),
            "GetSchema": unary(self.schema, wire.SchemaRequest.FromString, wire.SchemaInfo.SerializeToString),
            "GetTopic": unary(self.topic, wire.TopicRequest.FromString, wire.TopicInfo.SerializeToString),
        }
        generic: Any = grpc.method_handlers_generic_handler
        return generic(SERVICE, calls)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    @property
    def undelivered(self) -> int:
        """How many events the slowest of the streams has not been given yet, be it open or broken off."""
        open_ones = (each.channel.left_after(each.number) for each in self._streams)
        broken = (
            channel.left_after(number)
            for bus, channel, number in self._left_at.values()
            if bus is self._org.bus
        )
        return max((*open_ones, *broken), default=0)

    async def schema(self, request: wire.SchemaRequest, context: Any) -> wire.SchemaInfo:
        """Answer GetSchema."""
        await self._authorise(context)
        self.schema_reads += 1
        found = self._by_id.get(request.schema_id)
        if found is None:
            await _abort(context, _NO_SCHEMA)
        return wire.SchemaInfo(schema_json=found.json, schema_id=found.id, rpc_id=str(uuid.uuid4()))

    async def topic(self, request: wire.TopicRequest, context: Any) -> wire.TopicInfo:
        """Answer GetTopic."""
        await self._authorise(context)
        if request.topic_name not in self._org.bus.channels:
            await _abort(context, _NO_TOPIC)
        sobject = request.topic_name.rpartition("/")[2].removesuffix("ChangeEvent")
        known = self._schemas.get(sobject)
        return wire.TopicInfo(
            topic_name=request.topic_name,
            tenant_guid=ORGANISATION_ID,
            can_publish=False,
            can_subscribe=True,
            schema_id=known.id if known else "",
            rpc_id=str(uuid.uuid4()),
        )

    async def subscribe(self, _requests: Any, context: Any) -> None:
        """Answer Subscribe until either side ends it."""
        await self._authorise(context)
        first = await context.read()
        if first is _END:
            return
        stream = await self._open(first, context)
        reader = asyncio.create_task(self._read_requests(stream, first.topic_name, context.read))
        self._streams.add(stream)
        self._left_at.pop(first.topic_name, None)
        try:
            await self._serve(stream, context)
        finally:
            self._streams.discard(stream)
            self._left_at[first.topic_name] = stream.bus, stream.channel, stream.number
            reader.cancel()

    async def _open(self, first: wire.FetchRequest, context: Any) -> _Stream:
        bus = self._org.bus
        channel = bus.channels.get(first.topic_name)
        if channel is None:
            await _abort(context, _NO_TOPIC)
        number = bus.latest
        if first.replay_preset == wire.EARLIEST:
            number = bus.earliest(channel)
        elif first.replay_preset == wire.CUSTOM:
            try:
                number = bus.number(first.replay_id, channel)
            except PositionLost:
                await _abort(context, _LOST)
        if not 0 < first.num_requested <= MAX_OUTSTANDING:
            await _abort(context, _BAD_COUNT)
        stream = _Stream(bus, channel, number)
        stream.pending = first.num_requested
        return stream

    async def _read_requests(self, stream: _Stream, topic: str, read: Callable[[], Awaitable[Any]]) -> None:
        while (request := await read()) is not _END:
            if request.topic_name not in {"", topic}:
                stream.refused = _BAD_TOPIC
            elif request.num_requested <= 0 or stream.pending + request.num_requested > MAX_OUTSTANDING:
                stream.refused = _BAD_COUNT
            stream.pending += request.num_requested
            stream.asked.set()
        stream.ended = True
        stream.asked.set()

    async def _serve(self, stream: _Stream, context: Any) -> None:
        faults = self._org.faults
        while not stream.ended:
            grown = stream.bus.grown
            stream.asked.clear()
            if stream.refused is not None:
                await _abort(context, stream.refused)
            if stream.bus is not self._org.bus or faults.faults.outage:
                await _abort(context, _DOWN)
            events = stream.channel.after(stream.number, stream.pending) if stream.pending else ()
            if not events:
                if not await _either(grown, stream.asked, self._org.settings.keep_alive_ms):
                    await self._keep_alive(stream, context)
                continue
            if faults.strikes(faults.faults.stream_abort):
                await _abort(context, _DOWN)
            stream.number = events[-1].number
            stream.pending -= len(events)
            self.sent += len(events)
            await context.write(
                wire.FetchResponse(
                    events=[self._event(stream.bus, each) for each in events],
                    latest_replay_id=stream.bus.replay_id(stream.number),
                    rpc_id=str(uuid.uuid4()),
                    pending_num_requested=stream.pending,
                )
            )

    async def _keep_alive(self, stream: _Stream, context: Any) -> None:
        """Say that the line is alive; with nothing left to deliver, the position moves to the bus's newest."""
        if not stream.channel.left_after(stream.number):
            stream.number = stream.bus.latest
        await context.write(
            wire.FetchResponse(
                latest_replay_id=stream.bus.replay_id(stream.number),
                rpc_id=str(uuid.uuid4()),
                pending_num_requested=stream.pending,
            )
        )

    def _event(self, bus: EventBus, told: Told) -> wire.ConsumerEvent:
        schema = self._schemas[told.change.object]
        if told.payload is None:
            told.payload = schema.write(told.change)
        event = wire.ProducerEvent(
            id=str(uuid.UUID(int=told.number)), schema_id=schema.id, payload=told.payload
        )
        return wire.ConsumerEvent(event=event, replay_id=bus.replay_id(told.number))

    async def _authorise(self, context: Any) -> None:
        given = dict(context.invocation_metadata())
        if self._logins.user(str(given.get("accesstoken", ""))) is None:
            await _abort(context, _AUTH)
        if self._org.faults.faults.outage:
            await _abort(context, _DOWN)


async def _abort(context: Any, why: tuple[grpc.StatusCode, str, str]) -> NoReturn:
    status, code, text = why
    rpc_id = str(uuid.uuid4())
    trailers = (("error-code", code), ("rpc-id", rpc_id))
    await context.abort(status, f"{text} rpcId: {rpc_id}", trailers)
    raise AssertionError("abort raises")


async def _either(one: asyncio.Event, other: asyncio.Event, timeout_ms: int) -> bool:
    """Wait for one of two events; return False if neither came in time."""
    waits = [asyncio.ensure_future(each.wait()) for each in (one, other)]
    try:
        done, _pending = await asyncio.wait(
            waits, timeout=timeout_ms / 1000, return_when=asyncio.FIRST_COMPLETED
        )
        return bool(done)
    finally:
        for each in waits:
            each.cancel()
