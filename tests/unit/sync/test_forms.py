"""Telephone numbers, width and parts of names: what is written is read back as it was."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.adapters.forms import (
    Name,
    canonical,
    columns,
    day_of_instant,
    join,
    midnight,
    phone,
    same_width,
    split,
    styled_phone,
)
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.forms import Form, NameOrder, NamePart, PhoneStyle


@pytest.mark.parametrize(
    "typed",
    [
        "03-1234-5678",
        "0312345678",
        "(03) 1234 5678",
        "０３−１２３４−５６７８",
        "+81 3-1234-5678",
        "+81312345678",
    ],
)
def test_a_number_is_the_same_however_it_is_typed(typed: str) -> None:
    """All of them are one canonical number."""
    assert phone(typed, "JP") == "+81312345678"


@pytest.mark.parametrize("typed", ["", "内線のみ", "12", "03-1234-5678 / 090-1111-2222", "call me"])
def test_what_is_no_number_stays_as_it_is(typed: str) -> None:
    """Nothing that somebody typed is lost."""
    assert phone(typed, "JP") == typed


def test_an_extension_is_kept() -> None:
    """It stands after the number, in each style too."""
    number = phone("03-1234-5678 ext. 12", "JP")
    assert number == "+81312345678;ext=12"
    for style in PhoneStyle:
        assert phone(styled_phone(number, Form(phone=style)), "JP") == number


def test_each_style_is_written_as_people_write_it() -> None:
    """A number of another country keeps its code in the national style too."""
    written = {each: styled_phone("+81312345678", Form(phone=each)) for each in PhoneStyle}
    assert written == {
        PhoneStyle.NATIONAL: "03-1234-5678",
        PhoneStyle.INTERNATIONAL: "+81 3-1234-5678",
        PhoneStyle.E164: "+81312345678",
    }
    assert styled_phone("+12125550123", Form()) == "+1 212-555-0123"


@given(st.text(max_size=30) | st.from_regex(r"\+?[0-9()\- ]{2,18}( ext\.? ?[0-9]{1,5})?", fullmatch=True))
def test_whatever_was_typed_is_written_and_read_back_as_the_same(typed: str) -> None:
    """In every style: otherwise each write would come back as an edit."""
    number = phone(typed, "JP")
    assert phone(number, "JP") == number
    for style in PhoneStyle:
        assert phone(styled_phone(number, Form(phone=style)), "JP") == number


@pytest.mark.parametrize(
    ("text", "order", "name"),
    [
        ("山田 太郎", NameOrder.JAPANESE, Name("山田", "太郎")),
        ("山田\u3000太郎", NameOrder.JAPANESE, Name("山田", "太郎")),
        ("山田", NameOrder.JAPANESE, Name("山田", None)),
        ("Taro Yamada", NameOrder.WESTERN, Name("Yamada", "Taro")),
        ("Juan Carlos Ortiz", NameOrder.WESTERN, Name("Ortiz", "Juan Carlos")),
        ("  ", NameOrder.WESTERN, Name(None, None)),
    ],
)
def test_a_whole_name_has_two_parts(text: str, order: NameOrder, name: Name) -> None:
    """By the blank, full width too; a name without one is a last name."""
    assert split(text, order) == name
    assert split(join(name, order) or "", order) == name


LAST = MappedField(name="last_name", vendor_name="name", form=Form(part=NamePart.LAST))
FIRST = MappedField(name="first_name", vendor_name="name", form=Form(part=NamePart.FIRST))


def test_the_parts_of_a_name_are_written_as_one() -> None:
    """One column, with both; read back they are the parts."""
    held, failed = columns([(FIRST, "太郎"), (LAST, "山田")])

    assert ([text for _, text in held], failed) == (["山田 太郎"], [])
    assert [canonical(each, "山田 太郎") for each in (LAST, FIRST)] == ["山田", "太郎"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([(LAST, "ファン デル"), (FIRST, "太郎")], "other parts"),
        ([(LAST, None), (FIRST, "太郎")], "other parts"),
        ([(LAST, "山田")], "a part isn't known"),
    ],
)
def test_a_name_that_would_come_back_otherwise_is_refused(
    fields: list[tuple[MappedField, str | None]], problem: str
) -> None:
    """It would be read as an edit, and go to and fro for ever."""
    held, failed = columns(fields)

    assert held == []
    assert [problem in each.detail for each in failed] == [True]


@given(st.text(max_size=40))
def test_width_is_settled_once(text: str) -> None:
    """The canonical form of a canonical text is itself."""
    assert same_width(same_width(text)) == same_width(text)


def test_width_of_latin_and_kana_is_the_same() -> None:
    """Full-width Latin is half, half-width kana is full."""
    column = MappedField(name="code", vendor_name="code", form=Form(same_width=True))
    assert canonical(column, "ＡＢ１ｱｶﾞ") == "AB1アガ"
    assert canonical(MappedField(name="code", vendor_name="code"), "ＡＢ") == "ＡＢ"


@given(
    st.dates(date(1900, 1, 1), date(2999, 12, 31)),
    st.sampled_from(["Asia/Tokyo", "America/New_York", "America/Sao_Paulo", "Pacific/Kiritimati"]),
)
def test_a_day_kept_as_an_instant_stays_the_same_day(day: date, zone: str) -> None:
    """Also where clocks change at midnight."""
    assert day_of_instant(midnight(day, zone), zone) == day.isoformat()


def test_telephone_columns_are_styled() -> None:
    """As the column says."""
    column = MappedField(
        name="phone", vendor_name="Phone", type=FieldType.PHONE, form=Form(phone=PhoneStyle.INTERNATIONAL)
    )
    assert columns([(column, "+81312345678")])[0] == [(column, "+81 3-1234-5678")]
