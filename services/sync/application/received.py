"""A notification in the words of the inbox topic: plain data, as it becomes JSON."""

from uuid import uuid4

from schemas.instants import rfc3339
from services.sync.application.tell import Event
from services.sync.domain.records import Notification


def received(notification: Notification, traceparent: str | None = None, *, source: str) -> Event:
    """
    Return *notification* as the event that `schemas.inbox.InboxReceived` reads.

    Args:
        notification: What the vendor told.
        traceparent: The trace it belongs to; the event has no such attribute without one.
        source: Who brought it: the door, or the system whose stream told it.
    """
    event: Event = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": source,
        "subject": str(notification.ref),
        "time": rfc3339(notification.received_at),
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
    return event
