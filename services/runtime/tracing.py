"""
Tracing with the OpenTelemetry API: W3C trace context from the door to the vendor call.

Off unless an endpoint is configured; then `span` hands on the parent's `traceparent` and does nothing else.
Between processes the context travels as text: in the event's `traceparent` and in the log record's header of
the same name. What stands on a span passes the same redaction as a log line.
Source: https://www.w3.org/TR/trace-context/
"""

import asyncio
import importlib
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Literal, Protocol, Self
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.errors import Misconfigured
from services.runtime.logs import bound, events
from services.runtime.redaction import passing

SpanName = Literal["door", "observe", "decide", "dispatch", "vendor.call"]

HEADER = "traceparent"
"""The key in a log record's headers and in an HTTP request's."""

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_PROPAGATOR = TraceContextTextMapPropagator()
_KINDS: Mapping[SpanName, trace.SpanKind] = {
    "door": trace.SpanKind.SERVER,
    "observe": trace.SpanKind.CONSUMER,
    "decide": trace.SpanKind.CONSUMER,
    "dispatch": trace.SpanKind.INTERNAL,
    "vendor.call": trace.SpanKind.CLIENT,
}

log = events()


class Step(Protocol):
    """What a span's block gets."""

    @property
    def traceparent(self) -> str | None:
        """The context to hand on: into the event and the record's headers; None where there is no trace."""
        ...


class Tracing:
    """
    Makes spans, or nothing.

    Args:
        provider: Where spans go; None is off. The SDK's TracerProvider in production (`start_tracing`).
    """

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("tasuki") if provider is not None else None

    @property
    def on(self) -> bool:
        """Whether spans are made."""
        return self._tracer is not None

    def span(
        self, name: SpanName, *, parent: str | None = None, **attributes: str | float | bool
    ) -> AbstractContextManager[Step]:
        """
        Return the block's span: a child of *parent*, else of the span around it, else the root of a new trace.

        An error that leaves the block marks the span with the error's type, never its text.
        """
        if self._tracer is None:
            return _Off(parent)
        return _On(self._tracer, name, parent, attributes)

    async def close(self) -> None:
        """Send what is still held."""
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown is not None:
            await asyncio.to_thread(shutdown)


def checked(traceparent: str | None) -> str | None:
    """Return *traceparent* if it is one of version 00; a stranger's header goes into our events only so."""
    return traceparent if traceparent is not None and _TRACEPARENT.fullmatch(traceparent) else None


def trace_headers(traceparent: str | None) -> dict[str, str]:
    """Return the log record's headers that carry *traceparent*."""
    return {} if traceparent is None else {HEADER: traceparent}


def start_tracing(endpoint: str | None, *, service: str, sample_rate: float = 1.0) -> Tracing:
    """
    Return tracing to the OTLP collector at *endpoint* (``http://collector:4318``), or none for None.

    Args:
        endpoint: The collector's address, OTLP over HTTP.
        service: The name shown for this process.
        sample_rate: The share of new traces that are kept, 0 to 1; a trace begun elsewhere keeps its choice.

    Raises:
        Misconfigured: The extra isn't installed, or *endpoint* is no HTTP address.
    """
    if endpoint is None:
        return Tracing()
    if urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).hostname:
        raise Misconfigured("the tracing endpoint must be like http://collector:4318")
    provider = _provider(endpoint, service, sample_rate)
    log.info("tracing.started", endpoint=endpoint, sample_rate=sample_rate)
    return Tracing(provider)


def _provider(endpoint: str, service: str, sample_rate: float) -> trace.TracerProvider:
    try:  # not at the top: the SDK is an extra, and most firms run without
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        sampling: Any = importlib.import_module("opentelemetry.sdk.trace.sampling")
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    except ImportError as error:
        raise Misconfigured(
            "a tracing endpoint is configured but the OpenTelemetry SDK isn't installed:"
            " install the extra with pip install 'tasuki[otel]', or remove the endpoint"
        ) from error
    provider = sdk.TracerProvider(
        resource=resources.Resource.create({"service.name": service}),
        sampler=sampling.ParentBased(sampling.TraceIdRatioBased(sample_rate)),
    )
    path = urlsplit(endpoint).path.rstrip("/")
    address = endpoint if path else endpoint.rstrip("/") + "/v1/traces"
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=address)))
    return provider


class _Off:
    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _On:
    def __init__(
        self,
        tracer: trace.Tracer,
        name: SpanName,
        parent: str | None,
        attributes: Mapping[str, str | float | bool],
    ) -> None:
        context = _PROPAGATOR.extract({HEADER: parent}) if parent is not None else None
        shown = {key: value for key, value in passing(attributes).items() if key != "withheld"}
        self._span = tracer.start_span(name, context=context, kind=_KINDS[name], attributes=shown)
        self._around = ExitStack()
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(self._span))
        self.traceparent = carrier.get(HEADER)

    def __enter__(self) -> Self:
        current = trace.use_span(self._span, record_exception=False, set_status_on_exception=False)
        self._around.enter_context(current)
        trace_id = trace.format_trace_id(self._span.get_span_context().trace_id)
        self._around.enter_context(bound(trace_id=trace_id))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(trace.StatusCode.ERROR)
        self._around.__exit__(kind, error, trail)
        self._span.end()
