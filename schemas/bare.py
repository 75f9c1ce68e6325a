"""What of an event isn't personal: so it is still told of people who were erased."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from schemas.dead_letters import DeadLettered
from schemas.envelope import Envelope
from schemas.inbox import InboxReceived
from schemas.reading import Unreadable, read
from schemas.requests import Request
from schemas.topics import DEAD_LETTERS, INBOX, REQUESTS, Topic


def bare_received(value: bytes) -> bytes | None:
    """Return an inbox event that only asks for its record to be read."""
    return _with(INBOX, value, {"body": ""})


def bare_letter(value: bytes) -> bytes | None:
    """Return a dead letter without the original, and without words of it."""
    return _with(DEAD_LETTERS, value, {"body": "", "detail": ""})


def bare_request(value: bytes) -> bytes | None:
    """Return a request without its texts."""
    return _with(REQUESTS, value, {"subject": "", "body": ""})


BARE: Mapping[str, Callable[[bytes], bytes | None]] = MappingProxyType(
    {INBOX.name: bare_received, DEAD_LETTERS.name: bare_letter, REQUESTS.name: bare_request}
)
"""By topic; nothing is left of what isn't here, but of changes of leads, where it depends on the firm's fields."""


def _with(topic: Topic, value: bytes, blank: Mapping[str, str]) -> bytes | None:
    """Return *value*, an event of *topic*, with *blank* in its data; None if it is no such event."""
    try:
        event = cast("InboxReceived | DeadLettered | Request", read(topic, value))
    except Unreadable:
        return None
    return without(event, {name: each for name, each in blank.items() if hasattr(event.data, name)})


def without(event: Envelope, blank: Mapping[str, object]) -> bytes:
    """Return *event* as JSON with *blank* in its data."""
    data = getattr(event, "data")  # noqa: B009 - each event has its own
    return event.model_copy(update={"data": data.model_copy(update=dict(blank))}).model_dump_json().encode()
