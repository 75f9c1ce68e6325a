"""Values both ways between canonical and HubSpot's strings."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.adapters.hubspot.mapping import (
    MAX_LENGTH,
    Context,
    Unmappable,
    Unreadable,
    instant,
    to_canonical,
    to_vendor,
)
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.money import minor_digits
from services.sync.domain.records import Scalar

CONTEXT = Context(
    "JPY",
    owner_ids={"sato@x.example": "71001"},
    owner_emails={"71001": "sato@x.example", "71009": "left@x.example"},
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    str.strip
)
DAYS = st.dates().map(lambda day: day.isoformat())


def mapped(kind: FieldType, **values: str) -> MappedField:
    """Return a mapped field of *kind*."""
    return MappedField(name="field", vendor_name="property", type=kind, values=values)


def there_and_back(kind: FieldType, value: Scalar, context: Context = CONTEXT) -> Scalar:
    """Return *value* after a journey through HubSpot's string."""
    return to_canonical(mapped(kind), to_vendor(mapped(kind), value, context), context)


@given(TEXTS)
def test_a_text_comes_back(text: str) -> None:
    """Any text that HubSpot can hold survives, but for blanks at its ends: the other side cuts them off."""
    assert there_and_back(FieldType.TEXT, text) == text.strip()


@given(st.integers(-(2**53), 2**53))
def test_an_integer_comes_back(value: int) -> None:
    """Any whole number survives, as a count and as an instant far from now."""
    assert there_and_back(FieldType.INTEGER, value) == value


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_an_instant_comes_back(value: int) -> None:
    """Instants survive to the millisecond."""
    assert there_and_back(FieldType.INSTANT, value) == value


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_number_comes_back(value: float) -> None:
    """Numbers survive exactly, without an exponent on the way."""
    text = to_vendor(mapped(FieldType.NUMBER), value, CONTEXT)
    assert "e" not in text.lower()
    assert there_and_back(FieldType.NUMBER, value) == value


@given(st.integers(-(10**15), 10**15), st.sampled_from(["JPY", "USD", "KWD", "CLF", "EUR"]))
def test_money_comes_back_in_any_currency(value: int, currency: str) -> None:
    """Minor units survive whatever the currency's decimals."""
    assert there_and_back(FieldType.MONEY, value, Context(currency=currency)) == value


@given(DAYS)
def test_a_day_comes_back(day: str) -> None:
    """Days survive, sent as the midnight of UTC that HubSpot wants."""
    text = to_vendor(mapped(FieldType.DATE), day, CONTEXT)
    assert int(text) % 86_400_000 == 0
    assert there_and_back(FieldType.DATE, day) == day


@given(st.booleans())
def test_a_boolean_comes_back(value: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
    """Booleans are HubSpot's words."""
    assert to_vendor(mapped(FieldType.BOOLEAN), value, CONTEXT) == str(value).lower()
    assert there_and_back(FieldType.BOOLEAN, value) is value


@given(st.text(max_size=40), st.sampled_from(list(FieldType)))
def test_any_text_of_hubspots_is_read_or_unreadable(text: str, kind: FieldType) -> None:
    """No property value, however odd, breaks the reader."""
    try:
        value = to_canonical(mapped(kind), text, CONTEXT)
    except Unreadable:
        return
    assert value is None or isinstance(value, (str, int, float, bool))


@given(
    st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.booleans(),
    st.sampled_from(list(FieldType)),
)
def test_any_canonical_value_is_written_or_unmappable(value: Scalar, kind: FieldType) -> None:
    """A value of the wrong type is refused; nothing else happens."""
    try:
        text = to_vendor(mapped(kind), value, CONTEXT)
    except Unmappable:
        return
    assert "\0" not in text


def test_currencies_have_their_decimals() -> None:
    """Yen has none, dollar two, dinar three."""
    assert [minor_digits(each) for each in ("JPY", "USD", "KWD", "jpy")] == [0, 2, 3, 0]
    usd, kwd = Context(currency="USD"), Context(currency="KWD")
    assert to_vendor(mapped(FieldType.MONEY), 12_345, CONTEXT) == "12345"
    assert to_vendor(mapped(FieldType.MONEY), 12_345, usd) == "123.45"
    assert to_vendor(mapped(FieldType.MONEY), -5, kwd) == "-0.005"
    assert to_canonical(mapped(FieldType.MONEY), "1.2E+3", usd) == 120_000


@pytest.mark.parametrize("text", ["2018-03-01", "1519862400000", "2018-03-01T00:00:00Z", " 2018-03-01 "])
def test_a_day_is_read_in_each_form(text: str) -> None:
    """HubSpot tells days as days, as milliseconds and as date-times."""
    assert to_canonical(mapped(FieldType.DATE), text, CONTEXT) == "2018-03-01"


def test_instants_keep_their_milliseconds() -> None:
    """ISO texts with and without fractions and zones, and plain milliseconds."""
    assert instant("2026-11-22T15:25:11.043Z") == 1_795_361_111_043
    assert instant("2026-11-22T15:25:11Z") == 1_795_361_111_000
    assert instant("2026-11-23T00:25:11.043+09:00") == 1_795_361_111_043
    assert instant("1795361111043") == 1_795_361_111_043


def test_owners_go_by_address_and_come_by_id() -> None:
    """A known owner is translated, one who left is still read, an unknown one is refused."""
    owner = mapped(FieldType.OWNER)
    assert to_vendor(owner, "Sato@x.example ", CONTEXT) == "71001"
    assert to_canonical(owner, "71009", CONTEXT) == "left@x.example"
    assert to_canonical(owner, "5", CONTEXT) == "5"
    with pytest.raises(Unmappable):
        to_vendor(owner, "left@x.example", CONTEXT)


def test_the_field_maps_words_are_used_both_ways_and_others_pass() -> None:
    """Named values are translated, unnamed ones pass through."""
    status = mapped(FieldType.TEXT, OPEN="open", BAD_TIMING="recycled")
    assert to_vendor(status, "recycled", CONTEXT) == "BAD_TIMING"
    assert to_canonical(status, "BAD_TIMING", CONTEXT) == "recycled"
    assert to_vendor(status, "別の値", CONTEXT) == "別の値"
    assert to_canonical(status, "別の値", CONTEXT) == "別の値"


def test_what_hubspot_cannot_hold_is_taken_out() -> None:
    """NULs and halves of surrogate pairs go; what is too long is refused, for cut it would come back as an edit."""
    text = mapped(FieldType.TEXT)
    assert to_vendor(text, "a\0b\ud800c", CONTEXT) == "abc"
    assert len(to_vendor(text, "山" * MAX_LENGTH, CONTEXT)) == MAX_LENGTH
    with pytest.raises(Unmappable):
        to_vendor(text, "山" * (MAX_LENGTH + 1), CONTEXT)
    assert to_vendor(text, None, CONTEXT) == ""
    assert to_canonical(text, "", CONTEXT) is None


@pytest.mark.parametrize("value", [math.inf, math.nan, 1.5, "7", True])
def test_what_is_no_whole_number_is_unmappable(value: Scalar) -> None:
    """Infinity, fractions, texts and booleans are no counts."""
    with pytest.raises(Unmappable):
        to_vendor(mapped(FieldType.INTEGER), value, CONTEXT)
