"""Tracing: one trace from the door through records to the vendor call, and next to nothing when off."""

import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.contextvars import get_contextvars

from services.errors import Misconfigured
from services.runtime.log.port import LogRecord, Record
from services.runtime.tracing import HEADER, Tracing, checked, start_tracing, trace_headers

VENDORS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Exported:
    """Tracing into memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = Tracing(provider)

    def __getitem__(self, name: str) -> ReadableSpan:
        return next(span for span in self.exporter.get_finished_spans() if span.name == name)


@pytest.fixture
def exported() -> Iterator[Exported]:
    """Return tracing into memory."""
    memory = Exported()
    yield memory
    memory.exporter.shutdown()


def test_one_trace_spans_door_decide_and_dispatch_through_records(exported: Exported) -> None:
    """The context travels in the records' headers; each step is the child of the one before it."""
    tracing = exported.tracing
    with tracing.span("door", parent=checked(VENDORS), system="hubspot") as door:
        change = _appended(Record("tasuki.lead-changes.v1", "l-1", b"{}", trace_headers(door.traceparent)))

    with tracing.span("decide", parent=change.headers.get(HEADER), lead_id="l-1") as decide:
        desired = _appended(Record("tasuki.lifecycle.v1", "l-1", b"{}", trace_headers(decide.traceparent)))

    with tracing.span("dispatch", parent=desired.headers.get(HEADER)), tracing.span("vendor.call"):
        pass

    spans = [exported[name] for name in ("door", "decide", "dispatch", "vendor.call")]
    contexts = [span.get_span_context() for span in spans]
    assert {each and each.trace_id for each in contexts} == {int("0af7651916cd43dd8448eb211c80319c", 16)}
    parents = [span.parent.span_id if span.parent else None for span in spans]
    assert parents == [int("b7ad6b7169203331", 16), *(each and each.span_id for each in contexts[:-1])]


def test_the_door_begins_a_trace_where_the_caller_brought_none(exported: Exported) -> None:
    """Without a parent the span is a root, and its context can be handed on."""
    with exported.tracing.span("door") as door:
        assert checked(door.traceparent) == door.traceparent

    assert exported["door"].parent is None


def test_an_error_marks_the_span_with_its_type_and_no_text(exported: Exported) -> None:
    """A span goes to others' servers: what an exception quotes must not go along."""
    with pytest.raises(ValueError, match="taro"), exported.tracing.span("decide"):
        raise ValueError("taro@example.com")

    span = exported["decide"]
    assert span.attributes == {"error.type": "ValueError"}
    assert not span.status.is_ok
    assert not span.events
    assert span.status.description is None


def test_attributes_pass_the_same_redaction_as_logs(exported: Exported) -> None:
    """Unlisted keys don't pass, listed ones are scrubbed."""
    with exported.tracing.span(
        "dispatch", system="hubspot", email="taro@example.com", reason="to taro@example.com"
    ):
        pass

    assert exported["dispatch"].attributes == {"system": "hubspot", "reason": "to [email]"}


def test_the_trace_stands_on_log_lines_inside_the_span(exported: Exported) -> None:
    """From a line one finds the trace."""
    with exported.tracing.span("observe", parent=VENDORS):
        assert get_contextvars()["trace_id"] == "0af7651916cd43dd8448eb211c80319c"

    assert "trace_id" not in get_contextvars()


@pytest.mark.parametrize(
    "strange",
    [
        "",
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        VENDORS + "-x",
        VENDORS + "\n",
        "taro@example.com",
    ],
)
def test_a_strangers_header_that_is_no_trace_context_goes_nowhere(strange: str) -> None:
    """Only the exact shape is carried into events."""
    assert checked(strange) is None
    assert checked(VENDORS) == VENDORS


def test_off_hands_the_context_on_and_costs_next_to_nothing() -> None:
    """The default must be free: under 5 us a span even on a slow machine, about 0.4 us as measured."""
    tracing = Tracing()
    with tracing.span("door", parent=VENDORS, system="hubspot") as step:
        assert step.traceparent == VENDORS

    rounds = 20_000
    began = time.process_time()  # what others do on the machine meanwhile is no cost of ours
    for _ in range(rounds):
        with tracing.span("decide", parent=VENDORS, lead_id="l-1"):
            pass
    each_us = (time.process_time() - began) / rounds * 1e6
    print(f"a span that is off: {each_us:.2f} us")

    assert each_us < 5
    assert not tracing.on


async def test_no_endpoint_is_no_tracing() -> None:
    """Nothing is loaded, nothing is sent, closing is harmless."""
    tracing = start_tracing(None, service="sync")

    assert not tracing.on
    await tracing.close()


def test_an_endpoint_without_the_extra_names_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who configured tracing must learn why there is none."""
    monkeypatch.setitem(
        __import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None
    )

    with pytest.raises(Misconfigured, match=r"pip install 'tasuki\[otel\]'"):
        start_tracing("http://collector:4318", service="sync")


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector:4317", "http://"])
def test_an_endpoint_that_is_no_http_address_is_refused(endpoint: str) -> None:
    """OTLP goes over HTTP here."""
    with pytest.raises(Misconfigured, match="http://collector:4318"):
        start_tracing(endpoint, service="sync")


def _appended(record: Record) -> LogRecord:
    return LogRecord(record.topic, 0, 1, record.key, record.value, record.headers, 0)
