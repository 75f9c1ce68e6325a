"""Webhook bodies: what they are split into, and that nothing in them can break the splitter."""

import json
from random import Random
from typing import Any

import orjson
import pytest

from services.errors import Rejected
from services.sync.adapters.hubspot.events import MAX_BODY_BYTES, merged, notifications
from services.sync.domain.records import RecordRef

NOW = 1_700_000_000_000
EVENT: dict[str, Any] = {
    "eventId": 3_816_279_340,
    "subscriptionId": 25,
    "portalId": 33,
    "appId": 1_160_452,
    "occurredAt": 1_462_216_307_945,
    "subscriptionType": "contact.propertyChange",
    "attemptNumber": 0,
    "objectId": 1_246_965,
    "propertyName": "lifecyclestage",
    "propertyValue": "subscriber",
    "changeSource": "INTEGRATION",
    "sourceId": "1160452",
}
REASONS = {"too-large", "bad-body", "too-many-events", "too-deep", "bad-event"}


def body(*events: Any) -> bytes:
    """Return a webhook's body."""
    return orjson.dumps(list(events))


def test_each_event_becomes_a_notification() -> None:
    """The record, the instant and the event's own text come out."""
    found = notifications(body(EVENT, EVENT | {"objectId": 7, "eventId": 3_816_279_340}), NOW)
    assert [each.ref for each in found] == [
        RecordRef("hubspot", "contact", "1246965"),
        RecordRef("hubspot", "contact", "7"),
    ]
    assert found[0].occurred_at == 1_462_216_307_945
    assert found[0].received_at == NOW
    assert json.loads(found[0].body) == EVENT


@pytest.mark.parametrize(
    ("changed", "of"),
    [
        ({"subscriptionType": None, "eventType": "contact.creation"}, "contact"),
        ({"subscriptionType": "deal.creation"}, "deal"),
        ({"subscriptionType": "object.creation", "objectTypeId": "0-48"}, "call"),
        ({"subscriptionType": "object.propertyChange", "objectTypeId": "0-47"}, "meeting"),
        ({"subscriptionType": "object.propertyChange", "objectTypeId": "0-27"}, "task"),
        ({"subscriptionType": "object.propertyChange", "objectTypeId": "0-49"}, "email"),
        ({"subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}, "contact"),
        ({"sourceId": None, "occurredAt": "soon", "propertyName": None}, "contact"),
        ({"objectId": "1246965"}, "contact"),
    ],
)
def test_both_spellings_and_missing_fields_are_taken(changed: dict[str, Any], of: str) -> None:
    """Old and new event types and left-out fields all lead to the record."""
    found = notifications(body(EVENT | changed), NOW)
    assert [each.ref for each in found] == [RecordRef("hubspot", of, "1246965")]


def test_events_of_other_portals_and_objects_are_left_out() -> None:
    """A public app's URL gets all its portals' events; tickets are not ours to read."""
    other = EVENT | {"portalId": 34}
    ticket = EVENT | {"subscriptionType": "ticket.creation"}
    custom = EVENT | {"subscriptionType": "object.creation", "objectTypeId": "2-99"}
    found = notifications(body(other, ticket, custom, EVENT), NOW, portal_id=33)
    assert len(found) == 1
    assert notifications(body(other), NOW, portal_id=33) == []


def test_an_event_that_names_no_record_stands_alone() -> None:
    """The good events go on; the bad one becomes a notification that only `observe` rejects."""
    found = notifications(body(EVENT, {"subscriptionType": "contact.creation"}), NOW)
    assert [each.ref.object for each in found] == ["contact", "unknown"]
    with pytest.raises(Rejected) as refused:
        notifications(body({"subscriptionType": "contact.creation"}), NOW)
    assert refused.value.reason == "bad-event"


def test_a_merge_leads_to_the_record_that_is_left() -> None:
    """The surviving record is notified, and the text of the event tells which ids ceased."""
    merge = EVENT | {
        "subscriptionType": "contact.merge",
        "objectId": 100,
        "primaryObjectId": 100,
        "mergedObjectIds": [200],
        "newObjectId": 300,
    }
    found = notifications(body(merge), NOW)
    assert found[0].ref.id == "300"
    assert merged(found[0].body) == {"100": "300", "200": "300"}
    old = body(merge | {"newObjectId": None})
    assert merged(notifications(old, NOW)[0].body) == {"200": "100"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "bad-body"),
        (b"{}", "bad-body"),
        (b"[1]", "bad-body"),
        (b'["\\ud800"]', "bad-body"),
        (b"[" * 100_000, "bad-body"),
        (body(*[EVENT] * 1_001), "too-many-events"),
        (b'[{"a":' + b"[" * 20 + b"]" * 20 + b"}]", "too-deep"),
        (b" " * (MAX_BODY_BYTES + 1), "too-large"),
    ],
)
def test_what_is_no_webhook_is_rejected_with_a_reason(raw: bytes, reason: str) -> None:
    """Each reason is one of a closed list."""
    with pytest.raises(Rejected) as refused:
        notifications(raw, NOW)
    assert refused.value.reason == reason


def test_a_huge_value_does_not_make_a_huge_notification() -> None:
    """The value is read from HubSpot anyway, so it needn't travel."""
    found = notifications(body(EVENT | {"propertyValue": "x" * 600_000}), NOW)
    assert len(found[0].body) < 1_000
    assert found[0].ref.id == "1246965"


def anything(random: Random, depth: int = 0) -> Any:
    """Return a random JSON value."""
    leaves: list[Any] = [
        None,
        True,
        0,
        -1,
        2**63,
        1e308,
        "",
        "\0",
        "１",
        "山田",
        "x" * 50,
        "contact.merge",
        7,
    ]
    kind = random.randrange(len(leaves) + 2)
    if kind < len(leaves) or depth > 10:
        return random.choice(leaves)
    names = [*EVENT, "newObjectId", "mergedObjectIds", "primaryObjectId", "objectTypeId", "eventType"]
    if kind == len(leaves):
        return [anything(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(names): anything(random, depth + 1) for _ in range(random.randrange(6))}


def mangled(random: Random) -> bytes:
    """Return a body that is somewhere between right and rubbish."""
    events: list[Any] = [dict(EVENT) for _ in range(random.randrange(1, 4))]
    for _ in range(random.randrange(4)):
        event = random.choice(events)
        if isinstance(event, dict):
            event[random.choice([*EVENT, "newObjectId", "mergedObjectIds"])] = anything(random)
    if random.random() < 0.3:
        events[random.randrange(len(events))] = anything(random)
    raw = bytearray(json.dumps(events).encode())
    for _ in range(random.choice((0, 0, 1, 3))):
        place = random.randrange(len(raw) + 1)
        raw[place : place + random.randrange(3)] = random.randbytes(random.randrange(3))
    return bytes(raw)


def test_three_thousand_mangled_bodies_are_taken_or_rejected() -> None:
    """Nothing but Rejected, with a known reason, ever comes out; what is taken can be read again."""
    random = Random(20_261_122)
    taken, reasons = 0, set[str]()
    for _ in range(3_000):
        raw = mangled(random)
        try:
            found = notifications(raw, NOW, portal_id=random.choice((None, 33)))
        except Rejected as rejected:
            reasons.add(rejected.reason)
            continue
        taken += 1
        for each in found:
            assert each.ref.id.isdigit()
            assert isinstance(json.loads(each.body), dict)
            merged(each.body)
    assert reasons <= REASONS
    assert 500 < taken < 2_900
