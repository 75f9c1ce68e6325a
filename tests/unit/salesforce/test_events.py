"""Change events decoded, and bodies that no vendor would send."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Rejected
from services.sync.adapters.salesforce.events import EventDecoder, change_of, unreadable
from services.sync.adapters.salesforce.sandbox.avro import EventSchema
from services.sync.adapters.salesforce.sandbox.catalogue import schema
from services.sync.adapters.salesforce.sandbox.changes import Change as Told
from services.sync.adapters.salesforce.wire import pubsub_api_pb2 as wire
from services.sync.domain.records import Notification, RecordRef

SCHEMA = EventSchema(schema().objects["Contact"])
DECODER = EventDecoder(SCHEMA.json)
AT = 1_795_361_867_026
LEAD = RecordRef("salesforce", "Lead", "00Q5g0000000001EAA")

_VALUES = {
    "string": st.text(min_size=1, max_size=20),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "datetime": st.integers(0, 4_000_000_000_000),
}
_FIELDS = {
    each.name: _VALUES.get(each.type, _VALUES["string"])
    for each in schema().objects["Contact"].fields.values()
    if each.evented
}


def told(kind: str, values: dict[str, Any], *ids: str) -> Told:
    """Return a change of contacts."""
    return Told(
        object="Contact",
        ids=ids or ("0035g0000000001AAA",),
        type=kind,
        values=values,
        at=AT,
        user="0055g0000000001AAA",
        origin="",
        transaction="t",
        sequence=1,
    )


def notification(body: str, ref: RecordRef = LEAD) -> Notification:
    """Return a notification with *body*."""
    return Notification(ref=ref, body=body, received_at=1)


@given(st.fixed_dictionaries({}, optional=_FIELDS))
def test_a_create_survives_avro(values: dict[str, Any]) -> None:
    """Every value of a new record arrives as it was."""
    (got,) = DECODER.notifications(SCHEMA.write(told("CREATE", values)), 0)
    assert json.loads(got.body)["values"] == values


@given(
    st.dictionaries(st.sampled_from(sorted(_FIELDS)), st.none(), max_size=6),
    st.fixed_dictionaries({}, optional=_FIELDS),
)
def test_an_update_tells_what_changed_and_what_was_cleared(
    cleared: dict[str, None], changed: dict[str, Any]
) -> None:
    """Changed values arrive, cleared ones as null, unchanged ones not at all."""
    values = {**changed, **cleared}
    (got,) = DECODER.notifications(SCHEMA.write(told("UPDATE", values)), 0)
    body = json.loads(got.body)
    assert body["values"] == values
    assert set(body["header"]["nulledFields"]) == {name for name, value in values.items() if value is None}


@pytest.mark.parametrize(
    ("kind", "ids", "refs"),
    [
        (
            "UPDATE",
            ("0035g0000000001AAA", "0035g0000000002AAA"),
            ["0035g0000000001AAA", "0035g0000000002AAA"],
        ),
        ("UPDATE", ("003*",), ["*"]),
        ("GAP_OVERFLOW", ("000000000000000AAA",), ["*"]),
    ],
)
def test_each_record_of_an_event_gets_its_notification(
    kind: str, ids: tuple[str, ...], refs: list[str]
) -> None:
    """Several ids are several notifications; a wildcard concerns the whole object."""
    got = DECODER.notifications(SCHEMA.write(told(kind, {}, *ids)), 7)
    assert [each.ref.id for each in got] == refs
    assert {(each.received_at, each.occurred_at) for each in got} == {(7, AT)}


def test_logical_types_of_avro_become_plain_values() -> None:
    """A schema that marks its datetimes as such yields epoch milliseconds too."""
    described = json.loads(SCHEMA.json)
    (field,) = [each for each in described["fields"] if each["name"] == "CreatedDate"]
    field["type"] = ["null", {"type": "long", "logicalType": "timestamp-millis"}]
    payload = SCHEMA.write(told("CREATE", {"CreatedDate": AT}))
    (got,) = EventDecoder(json.dumps(described)).notifications(payload, 0)
    assert json.loads(got.body)["values"] == {"CreatedDate": AT}


def test_a_diff_is_no_value() -> None:
    """Large text comes as a difference: the field is named, its value is not known."""
    event = {
        "ChangeEventHeader": {
            **_header(),
            "changedFields": bitmaps("Description", "Title"),
            "diffFields": bitmaps("Description"),
        },
        "Description": "--- a\n+++ b",
        "Title": "部長",
    }
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(json.loads(SCHEMA.json)), event)
    (got,) = DECODER.notifications(buffer.getvalue(), 0)
    change = change_of(got)
    assert (change.values, change.diffs) == ({"Title": "部長"}, {"Description"})


def bitmaps(*names: str) -> list[str]:
    """Return the bitmaps of top-level fields."""
    places = [at for at, each in enumerate(SCHEMA.schema["fields"]) if each["name"] in names]
    digits = f"{sum(1 << at for at in places):X}"
    return [f"0x{digits}"]


def _header() -> dict[str, Any]:
    stamp = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000)
    return {
        "entityName": "Contact",
        "recordIds": ["0035g0000000001AAA"],
        "changeType": "UPDATE",
        "changeOrigin": "",
        "transactionKey": "t",
        "sequenceNumber": 1,
        "commitTimestamp": stamp,
        "commitNumber": 1,
        "commitUser": "0055g0000000001AAA",
        "nulledFields": [],
    }


def test_an_unreadable_event_is_kept_whole_and_rejected() -> None:
    """It reaches the dead letters with its bytes."""
    event = wire.ProducerEvent(id="x", schema_id="s", payload=b"\xff\x00")
    kept = unreadable("/data/LeadChangeEvent", event, ValueError("no"), 5)
    assert json.loads(kept.body)["unreadable"] == "/wA="
    with pytest.raises(Rejected):
        change_of(kept)


def test_no_body_asks_for_a_read() -> None:
    """The core may ask for a record that no event told of."""
    assert change_of(notification("")).type == "READ"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["header", "values", "changeType", "commitTimestamp", "commitUser", "diffFields"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.text(max_size=80) | JSON.map(json.dumps))
def test_any_body_is_understood_or_rejected(body: str) -> None:
    """Nothing else comes out of it."""
    with suppress(Rejected):
        assert change_of(notification(body)).at >= 0
