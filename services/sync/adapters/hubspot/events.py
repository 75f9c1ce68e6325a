"""HubSpot's webhook bodies, split into notifications."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from services.errors import Rejected
from services.sync.adapters.hubspot.objects import BY_TYPE_ID, OBJECTS, SYSTEM
from services.sync.domain.records import Notification, RecordRef

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_EVENTS = 1_000
"""HubSpot sends at most 100 events at once; ten times that is still taken."""

MAX_DEPTH = 8
MAX_EVENT_BYTES = 256 * 1024
"""An event longer than this is kept without its value, which is read from HubSpot anyway."""

_KEPT = (
    "eventId",
    "eventType",
    "subscriptionType",
    "subscriptionId",
    "portalId",
    "appId",
    "occurredAt",
    "objectId",
    "objectTypeId",
    "primaryObjectId",
    "newObjectId",
)

UNKNOWN = "unknown"
"""The object of an event that names no record: `observe` rejects it, alone."""


def notifications(body: bytes, now: int, portal_id: int | None = None) -> Sequence[Notification]:
    """
    Return one notification for each event of *body*, a JSON array, that concerns an object we read.

    Events of other portals and of other objects are left out. Source:
    https://developers.hubspot.com/docs/api/webhooks

    Raises:
        Rejected: ``too-large``, ``bad-body`` (no JSON array of objects), ``too-many-events``, ``too-deep``,
            ``bad-event`` (no event in it names a record).
    """
    events = _events(body)
    found: list[Notification] = []
    for event in events:
        told = event.get("portalId")
        if portal_id is not None and told is not None and told != portal_id:
            continue
        notification = _notification(event, now)
        if notification is not None:
            found.append(notification)
    if found and all(each.ref.object == UNKNOWN for each in found):
        raise Rejected("no event of the webhook names a record", reason="bad-event")
    return found


def merged(body: str) -> Mapping[str, str]:
    """Return, from the text of a merge event, each old id with the id that took its place."""
    try:
        given: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(given, dict):
        return {}
    event = cast("Mapping[str, Any]", given)
    primary, others = _identity(event.get("primaryObjectId")), event.get("mergedObjectIds")
    survivor = _identity(event.get("newObjectId")) or primary
    if survivor is None or primary is None or not isinstance(others, list):
        return {}
    gone = [primary, *(_identity(each) for each in cast("list[Any]", others))]
    return {each: survivor for each in gone if each is not None and each != survivor}


def erased(body: str) -> bool:
    """
    Return whether *body* is the text of a privacy deletion: the contact asked to be forgotten.

    Source: https://developers.hubspot.com/docs/api/webhooks (contact.privacyDeletion)
    """
    try:
        given: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(given, dict):
        return False
    event = cast("Mapping[str, Any]", given)
    kind = event.get("subscriptionType") or event.get("eventType")
    return isinstance(kind, str) and kind.endswith(".privacyDeletion")


def _events(body: bytes) -> list[Mapping[str, Any]]:
    if len(body) > MAX_BODY_BYTES:
        raise Rejected(f"the webhook is longer than {MAX_BODY_BYTES} bytes", reason="too-large")
    try:
        given: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"the webhook is not JSON: {error}", reason="bad-body") from None
    if not isinstance(given, list):
        raise Rejected("the webhook is not a JSON array", reason="bad-body")
    events = cast("list[Any]", given)
    if len(events) > MAX_EVENTS:
        raise Rejected(f"the webhook holds more than {MAX_EVENTS} events", reason="too-many-events")
    if not all(isinstance(each, dict) for each in events):
        raise Rejected("the webhook holds something that is no event", reason="bad-body")
    if not all(_shallow(each, MAX_DEPTH) for each in events):
        raise Rejected(f"an event of the webhook is nested deeper than {MAX_DEPTH}", reason="too-deep")
    return events


def _shallow(value: Any, left: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    if not left:
        return False
    inner = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return all(_shallow(each, left - 1) for each in inner)


def _notification(event: Mapping[str, Any], now: int) -> Notification | None:
    kind = event.get("subscriptionType") or event.get("eventType")
    event, kind = _of_contact(event, kind)
    prefix = str(kind).partition(".")[0] if isinstance(kind, str) else UNKNOWN
    type_id = str(event.get("objectTypeId"))
    known = BY_TYPE_ID.get(type_id) if prefix == "object" else OBJECTS.get(prefix)
    identity = _identity(event.get("newObjectId")) or _identity(event.get("objectId"))
    if identity is None:
        identity = _identity(event.get("fromObjectId"))
    if known is None and prefix != UNKNOWN and identity is not None:
        return None
    ref = RecordRef(SYSTEM, known.name if known and identity else UNKNOWN, identity or "0")
    occurred = event.get("occurredAt")
    return Notification(
        ref=ref,
        body=_text(event),
        received_at=now,
        occurred_at=occurred if type(occurred) is int and 0 <= occurred < 2**53 else None,
    )


def _of_contact(event: Mapping[str, Any], kind: Any) -> tuple[Mapping[str, Any], Any]:
    """Return a company's association with a contact as the contact's: it is told of the company's end as well."""
    if kind != "company.associationChange" or event.get("associationType") != "COMPANY_TO_CONTACT":
        return event, kind
    return {**event, "objectId": event.get("toObjectId")}, "contact.associationChange"


def _identity(value: Any) -> str | None:
    """Return a record id as text, if *value* is one."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    return str(value) if type(value) is int and 0 < value < 2**63 else None


def _text(event: Mapping[str, Any]) -> str:
    text = orjson.dumps(event)
    if len(text) > MAX_EVENT_BYTES:
        text = orjson.dumps({name: event[name] for name in _KEPT if isinstance(event.get(name), (int, str))})
    return text.decode()
