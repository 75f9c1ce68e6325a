"""A notification as the CloudEvent of `tasuki.inbox.v1`, written without a model: the door is a hot path."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from services.sync.domain.records import Notification

SOURCE = "/tasuki/sync/door"


def encode_received(notification: Notification, traceparent: str | None) -> bytes:
    """Return the value of the inbox record; `schemas.inbox.InboxReceived` decodes it."""
    received = datetime.fromtimestamp(notification.received_at / 1000, UTC)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": SOURCE,
        "subject": str(notification.ref),
        "time": received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "type": "tasuki.inbox.received.v1",
        "data": {
            "system": notification.ref.system,
            "object": notification.ref.object,
            "record_id": notification.ref.id,
            "body": notification.body,
            "received_at": notification.received_at,
            "occurred_at": notification.occurred_at,
        },
    }
    if traceparent is not None:
        event["traceparent"] = traceparent
    return orjson.dumps(event)
