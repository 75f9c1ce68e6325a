"""Values between Salesforce's form and ours."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Rejected
from services.sync.adapters.salesforce.mapping import (
    FieldMapping,
    Unmappable,
    canonical_instant,
    vendor_instant,
)
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.money import minor_digits
from services.sync.domain.records import Kind, Scalar

USERS = {"sato@sales.example": "0055g0000000002AAA"}
OWNERS = {"0055g0000000002": "sato@sales.example"}
_DAY = 86_400_000

_CANONICAL: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    .map(str.strip)
    .filter(bool),
    FieldType.DOMAIN: st.sampled_from(["acme.co.jp", "xn--6oqv20b1zgzxr.jp"]),
    FieldType.EMAIL: st.emails().map(str.lower),
    FieldType.PHONE: st.integers(312000000, 312999999).map(lambda number: f"+81{number}"),
    FieldType.INTEGER: st.integers(-(2**53), 2**53),
    FieldType.NUMBER: st.floats(-1e15, 1e15),
    FieldType.MONEY: st.integers(-(10**14), 10**14),
    FieldType.DATE: st.dates().map(lambda day: day.isoformat()),
    FieldType.INSTANT: st.integers(-62_000_000_000_000, 250_000_000_000_000),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.OWNER: st.just("sato@sales.example"),
}


def field(kind: FieldType, **more: Any) -> MappedField:
    """Return a mapped field of *kind*."""
    return MappedField(name="f", vendor_name="F__c", type=kind, **more)


def mapping(currency: str = "JPY", zone: str = "Asia/Tokyo", *fields: MappedField) -> FieldMapping:
    """Return the mapping of *fields* of persons."""
    return FieldMapping(FieldMap(fields={Kind.LEAD: fields}, currency=currency, time_zone=zone))


@given(st.data(), st.sampled_from(FieldType), st.sampled_from(["JPY", "USD", "KWD"]))
def test_values_survive_the_way_to_salesforce_and_back(
    data: st.DataObject, kind: FieldType, currency: str
) -> None:
    """Every type, in currencies with 0, 2 and 3 decimals."""
    value = data.draw(_CANONICAL[kind])
    applied = mapping(currency)
    there = applied.write(field(kind), value, USERS)
    assert applied.read(field(kind), there, OWNERS) == value


@given(_CANONICAL[FieldType.INSTANT])
def test_instants_survive_and_have_no_colon_in_the_offset(at: int) -> None:
    """The vendor's own way to write UTC."""
    text = vendor_instant(at)
    assert text.endswith("+0000")
    assert canonical_instant(text) == at


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (FieldType.INSTANT, "2026-11-22T01:02:03.000+0000", 1_795_309_323_000),
        (FieldType.INSTANT, 1_795_309_323_000, 1_795_309_323_000),
        (FieldType.DATE, "2026-11-22", "2026-11-22"),
        (FieldType.DATE, 20_779 * _DAY, "2026-11-22"),
        (FieldType.DATE, "2026-11-22T15:30:00.000+0000", "2026-11-23"),
        (FieldType.DATE, 20_779 * _DAY + 15 * 3_600_000 + 1, "2026-11-23"),
        (FieldType.INTEGER, 72.0, 72),
        (FieldType.MONEY, 1_200_000.0, 1_200_000),
        (FieldType.TEXT, 3.0, "3"),
        (FieldType.BOOLEAN, "true", True),
        (FieldType.OWNER, "0055g0000000002AAA", "sato@sales.example"),
        (FieldType.OWNER, "00G5g0000000002AAA", None),
        (FieldType.OWNER, "0055g0000000009AAA", None),
        (FieldType.TEXT, "", None),
        (FieldType.NUMBER, None, None),
    ],
)
def test_the_vendors_forms_are_understood(kind: FieldType, raw: object, value: Scalar) -> None:
    """REST's texts, the event bus's numbers, queues that are nobody."""
    assert mapping().read(field(kind), raw, OWNERS) == value


def test_picklist_values_are_mapped_both_ways() -> None:
    """The first vendor value of several stands for a canonical one."""
    stage = field(FieldType.TEXT, values={"Closed Won": "won", "Won (old)": "won"})
    assert mapping().read(stage, "Won (old)", {}) == "won"
    assert mapping().write(stage, "won", {}) == "Closed Won"
    assert mapping().write(stage, "other", {}) == "other"


def test_money_has_the_decimals_of_its_currency() -> None:
    """Yen have none, dollars two, dinars three."""
    money = field(FieldType.MONEY)
    assert [minor_digits(each) for each in ("JPY", "USD", "KWD")] == [0, 2, 3]
    assert mapping("USD").write(money, 1299, {}) == 12.99
    assert mapping("JPY").write(money, 1299, {}) == 1299
    assert mapping("KWD").read(money, 1.299, {}) == 1299


_ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["1e999999999", "NaN", "2026-13-45", "9999-12-31T23:59:59.999-2359"])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)


@given(st.sampled_from(FieldType), _ANYTHING)
def test_any_value_is_understood_or_rejected(kind: FieldType, raw: object) -> None:
    """A field that holds something else than the map says is no crash."""
    with suppress(Rejected):
        mapping().read(field(kind), raw, OWNERS)


@given(
    st.sampled_from(FieldType), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
)
def test_any_canonical_value_is_written_or_unmappable(kind: FieldType, value: Scalar) -> None:
    """A value of the wrong type concerns its write only."""
    with suppress(Unmappable):
        mapping().write(field(kind), value, USERS)


def test_fields_of_other_objects_and_read_only_ones_are_left_out() -> None:
    """Company is a lead's; what sales alone says is not written."""
    applied = mapping(
        "JPY",
        "Asia/Tokyo",
        MappedField(name="company", vendor_name="Company", objects=("Lead",)),
        MappedField(name="status", vendor_name="Status", writable=False),
        MappedField(name="last_name", vendor_name="LastName"),
    )
    fields: dict[str, Scalar] = {"company": "c", "status": "s", "last_name": "l", "unknown": 1}
    assert applied.vendor(Kind.LEAD, "Contact", fields, {}) == ({"LastName": "l"}, [])
    assert applied.vendor(Kind.LEAD, "Lead", fields, {}) == ({"LastName": "l", "Company": "c"}, [])


def test_a_task_of_ours_is_known_without_the_field_map() -> None:
    """Handoffs make tasks in every organisation."""
    fields: dict[str, Scalar] = {
        "subject": "s",
        "type": "task",
        "due_on": "2026-11-24",
        "owner": "Sato@sales.example",
    }
    task = {"Subject": "s", "ActivityDate": "2026-11-24", "OwnerId": "0055g0000000002AAA"}
    assert mapping().vendor(Kind.ACTIVITY, "Task", fields, USERS) == (task, [])
