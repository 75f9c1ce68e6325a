"""A record as HubSpot returns it, seen as an observation."""

from dataclasses import replace
from typing import Any

import pytest

from services.sync.adapters.hubspot.mapping import Context
from services.sync.adapters.hubspot.objects import OBJECTS
from services.sync.adapters.hubspot.seeing import Sight
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.records import FieldChange, Scalar

APP = 1_160_452
FIELDS = (
    MappedField(name="company", vendor_name="company"),
    MappedField(name="visits", vendor_name="visits", type=FieldType.INTEGER),
)
SIGHT = Sight(OBJECTS["contact"], FIELDS, APP, "tasuki_id", Context())


def row(**parts: Any) -> dict[str, Any]:
    """Return a contact with *parts*."""
    return {
        "id": "7",
        "createdAt": "2026-11-22T00:00:00Z",
        "updatedAt": "2026-11-22T00:00:01.500Z",
        "archived": False,
        "properties": {"company": "甲", "visits": None, "tasuki_id": "L1"},
        **parts,
    }


def version(value: str, **origin: Any) -> dict[str, Any]:
    """Return an entry of a history."""
    return {"value": value, "timestamp": "2026-11-22T00:00:01.250Z", **origin}


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ({"sourceType": "INTEGRATION", "sourceId": "1160452"}, True),
        ({"sourceType": "INTEGRATION", "sourceId": 1_160_452}, True),
        ({"sourceType": "INTEGRATION", "sourceId": "appId:1160452"}, True),
        ({"sourceType": "INTEGRATION", "sourceId": "1160453"}, False),
        ({"sourceType": "INTEGRATION", "sourceId": "91160452"}, False),
        ({"sourceType": "INTEGRATION"}, False),
        ({"sourceType": "CRM_UI", "sourceId": "userId:1160452"}, False),
        ({}, False),
    ],
)
def test_only_our_apps_integration_changes_are_our_own(origin: dict[str, Any], own: bool) -> None:  # noqa: FBT001
    """Another app's, a user's with the same number, and one without an origin are not ours."""
    seen = SIGHT.observation(row(propertiesWithHistory={"company": [version("甲", **origin)]}), 5, ())
    assert seen.fields == (FieldChange("company", "甲", 1_795_305_601_250, own=own),)


def test_without_a_history_the_present_value_is_inexact() -> None:
    """Only the record's modification time is known then; an unset property says nothing."""
    seen = SIGHT.observation(row(), 5, ())
    assert seen.fields == (FieldChange("company", "甲", 1_795_305_601_500, exact=False),)
    assert seen.external_id == "L1"
    assert seen.created_at == 1_795_305_600_000
    assert seen.observed_at == 5


def test_what_cannot_be_read_is_not_observed_and_a_cleared_value_is() -> None:
    """A text in a counter is left out; an empty text means that the value was taken away."""
    histories = {"visits": [version("many"), version("3")], "company": [version("")]}
    seen = SIGHT.observation(row(propertiesWithHistory=histories), 5, ())
    assert [(each.name, each.value) for each in seen.fields] == [("company", None), ("visits", 3)]


@pytest.mark.parametrize(
    ("of", "name", "value"),
    [("contact", "met_at", 1_795_305_601_000), ("call", "at", 1_795_305_601_987)],
)
@pytest.mark.parametrize("with_history", [True, False])
def test_a_leads_instant_is_seen_in_whole_seconds_and_that_of_a_deed_as_it_is(
    of: str, name: str, value: Scalar, *, with_history: bool
) -> None:
    """Sales keeps no more of a field; when it changed, and when somebody called, is written nowhere."""
    mapped = MappedField(name=name, vendor_name="met_at", type=FieldType.INSTANT)
    told = version("2026-11-22T00:00:01.987Z")
    seen = replace(SIGHT, known=OBJECTS[of], fields=(mapped,)).observation(
        row(
            properties={"met_at": told["value"]},
            propertiesWithHistory={"met_at": [told]} if with_history else {},
        ),
        5,
        (),
    )
    change = next(each for each in seen.fields if each.name == name)
    assert change.value == value
    assert change.changed_at % 1_000 != 0


def test_an_odd_shape_is_seen_as_empty() -> None:
    """Missing parts and parts of another shape do no harm."""
    seen = SIGHT.observation(row(properties=None, propertiesWithHistory=[], archived=True), 5, ())
    assert seen.fields == ()
    assert seen.external_id is None
    assert seen.deleted
