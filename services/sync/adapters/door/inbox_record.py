"""A notification as the bytes of an inbox record."""

import orjson

from services.sync.application.received import received
from services.sync.domain.records import Notification

SOURCE = "/tasuki/sync/door"


def encode_received(notification: Notification, traceparent: str | None) -> bytes:
    """Return the value of the inbox record; `schemas.inbox.InboxReceived` decodes it."""
    return orjson.dumps(received(notification, traceparent, source=SOURCE))
