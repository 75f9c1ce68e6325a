"""
Change events: from Avro to a notification's body, and from a body to what changed.

The body is JSON: ``{"header": {…}, "values": {API name: value}}``. For an update, `values` holds the changed
fields, null where they were cleared; for a create or undelete, all fields that have a value. Compound fields
are flattened to API names. Datetimes and dates are epoch milliseconds, as the vendor sends them.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO
from typing import Any, cast

import fastavro
import orjson

from services.errors import Rejected
from services.sync.adapters.salesforce import bitmap
from services.sync.adapters.salesforce.wire import pubsub_api_pb2 as wire
from services.sync.domain.records import Notification, RecordRef

SYSTEM = "salesforce"
HEADER = "ChangeEventHeader"
EVERYTHING = "*"
SAID = frozenset({"CREATE", "UPDATE"})
"""The changes whose values somebody said then. What is taken out of the bin is as it was."""
GAP_OVERFLOW = "GAP_OVERFLOW"
_CHANGE_TYPES = SAID | {
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    GAP_OVERFLOW,
}
_LAST_INSTANT = 253_402_300_800_000  # the year 10000, where Python's dates end


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    What one event says of one record, checked.

    `type` is the vendor's changeType, ``READ`` for a notification that carries no event. `diffs` are changed
    fields whose value came as a difference of texts, so that it is not known.
    """

    ref: RecordRef
    type: str
    at: int
    user: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    diffs: frozenset[str] = frozenset()


class EventDecoder:
    """Decodes the events of one schema."""

    def __init__(self, schema_json: str) -> None:
        self._schema = cast("dict[str, Any]", orjson.loads(schema_json))
        self._parsed = fastavro.parse_schema(self._schema, _write_hint=False)

    def notifications(self, payload: bytes, received_at: int) -> list[Notification]:
        """Return one notification for each record that *payload* names, ``*`` for a whole object."""
        decoded = cast(
            "dict[str, Any]", fastavro.schemaless_reader(BytesIO(payload), self._parsed, self._parsed)
        )
        header = cast("dict[str, Any]", decoded.pop(HEADER))
        values = _flatten(decoded)
        kind = str(header["changeType"])
        for bitmaps in ("changedFields", "nulledFields", "diffFields"):
            header[bitmaps] = bitmap.decode(self._schema, header.get(bitmaps) or [])
        if kind == "UPDATE":
            changed = [each for each in header["changedFields"] if each not in header["diffFields"]]
            values = {name: values.get(name) for name in changed}
        else:
            values = {name: value for name, value in values.items() if value is not None}
        body = orjson.dumps(
            {"header": header, "values": values}, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME
        ).decode()
        return [
            Notification(
                ref=RecordRef(SYSTEM, str(header["entityName"]), each),
                body=body,
                received_at=received_at,
                occurred_at=int(header["commitTimestamp"]),
            )
            for each in _record_ids(kind, header["recordIds"])
        ]


def _record_ids(kind: str, ids: Sequence[str]) -> Sequence[str]:
    """Return *ids*, or "*" for events that concern the whole object (``001*``, overflow)."""
    if kind == GAP_OVERFLOW or not ids or any(EVERYTHING in each for each in ids):
        return [EVERYTHING]
    return ids


def _flatten(decoded: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in decoded.items():
        if isinstance(value, Mapping):
            for child, part in cast("Mapping[str, Any]", value).items():
                values[bitmap.api_name(name, child)] = part
        else:
            values[name] = value
    return values


def _plain(value: object) -> object:
    """Turn what Avro's logical types may yield into what the vendor's plain types hold."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def unreadable(channel: str, event: wire.ProducerEvent, error: Exception, received_at: int) -> Notification:
    """
    Return a notification that `change_of` rejects: an event that does not fit its schema, kept whole.

    So it reaches the dead letters with its bytes, and the events behind it do not wait for it.
    """
    body = {
        "unreadable": base64.b64encode(event.payload).decode(),
        "schema_id": event.schema_id,
        "error": f"{type(error).__name__}: {error}",
    }
    sobject = channel.rpartition("/")[2].removesuffix("ChangeEvent")
    ref = RecordRef(SYSTEM, sobject, event.id or "unreadable")
    return Notification(ref=ref, body=orjson.dumps(body).decode(), received_at=received_at)


def change_of(notification: Notification) -> Change:
    """
    Return what *notification* says, checked. An empty body says only that the record should be read.

    Raises Rejected (``bad-body``) for what no event of the vendor looks like.
    """
    ref = notification.ref
    if not notification.body:
        return Change(ref=ref, type="READ", at=notification.occurred_at or notification.received_at)
    try:
        raw = orjson.loads(notification.body)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"The body of a change of {ref.object} is not JSON.", reason="bad-body") from error
    header = _mapping(raw, "header", ref)
    kind, at = header.get("changeType"), header.get("commitTimestamp")
    if not isinstance(kind, str) or kind not in _CHANGE_TYPES:
        raise _bad(ref, "changeType")
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < _LAST_INSTANT:
        raise _bad(ref, "commitTimestamp")
    user, diffs = header.get("commitUser"), header.get("diffFields", [])
    if user is not None and not isinstance(user, str):
        raise _bad(ref, "commitUser")
    if not isinstance(diffs, list) or not all(isinstance(each, str) for each in cast("list[object]", diffs)):
        raise _bad(ref, "diffFields")
    return Change(
        ref=ref,
        type=kind,
        at=at,
        user=user,
        values=_mapping(raw, "values", ref),
        diffs=frozenset(cast("list[str]", diffs)),
    )


def _mapping(raw: object, name: str, ref: RecordRef) -> Mapping[str, Any]:
    found = cast("Mapping[str, object]", raw).get(name) if isinstance(raw, Mapping) else None
    if not isinstance(found, Mapping):
        raise _bad(ref, name)
    return cast("Mapping[str, Any]", found)


def _bad(ref: RecordRef, what: str) -> Rejected:
    return Rejected(f"A change of {ref.object} {ref.id} has no usable {what}.", reason="bad-body")
