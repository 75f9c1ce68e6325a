"""The bitmaps of change events: names in, names out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.adapters.salesforce import bitmap
from services.sync.adapters.salesforce.sandbox.avro import EventSchema
from services.sync.adapters.salesforce.sandbox.catalogue import schema

LEAD = EventSchema(schema().objects["Lead"]).schema
NAMES = [each.name for each in schema().objects["Lead"].fields.values() if each.evented]


@given(st.sets(st.sampled_from(NAMES)))
def test_names_survive_the_way_there_and_back(names: set[str]) -> None:
    """Any set of fields, nested ones among them."""
    assert set(bitmap.decode(LEAD, bitmap.encode(LEAD, names))) == names


def small() -> bitmap.Schema:
    """Return a schema of five fields, the third of which is compound."""
    name = {"type": "record", "name": "N", "fields": [{"name": "First", "type": "string"}] * 2}
    kinds = ["string", "string", ["null", "string", name], "string", "string"]
    return {"fields": [{"name": f"f{at}", "type": kind} for at, kind in enumerate(kinds)]}


@pytest.mark.parametrize(
    ("bitmaps", "names"),
    [
        (["0x12"], ["f1", "f4"]),
        (["0x01", "2-0x02"], ["f0", "First"]),
        (["0x04"], ["First"]),
        ([], []),
        (["0x"], None),
        (["12"], None),
        (["0x20"], None),
        (["9-0x01"], None),
        (["1-0x01"], None),
    ],
)
def test_bits_count_from_the_right(bitmaps: list[str], names: list[str] | None) -> None:
    """Bit i is the i-th field; what does not fit the schema is refused."""
    if names is None:
        with pytest.raises(ValueError, match=r"bitmap|position|fields"):
            bitmap.decode(small(), bitmaps)
    else:
        assert bitmap.decode(small(), bitmaps) == names


@pytest.mark.parametrize(
    ("parent", "child", "name"),
    [
        ("Name", "LastName", "LastName"),
        ("Address", "City", "City"),
        ("MailingAddress", "City", "MailingCity"),
    ],
)
def test_nested_fields_have_their_api_names(parent: str, child: str, name: str) -> None:
    """Compound fields are nested in events and flat in the API."""
    assert bitmap.api_name(parent, child) == name
