"""Cells as exports write them become times, amounts, numbers and answers."""

import pytest

from services.cli.rehearse.bad_value import BadValue
from services.cli.rehearse.cell_values import Reading, value_of
from services.cli.rehearse.moments import instant, wrong_format
from services.sync.domain.field_map import FieldType

TOKYO = "Asia/Tokyo"
MORNING = 1_711_931_400_000
"""2024-04-01 09:30 in Tokyo."""


@pytest.mark.parametrize(
    "text",
    [
        "2024-04-01 09:30",
        "2024/4/1 9:30",
        "2024.04.01 9:30:00",
        "2024年4月1日 9時30分",
        "2024年4月1日 午前9:30",
        "2024/04/01 9:30 AM",
        "2024/04/01 09:30",
        "2024-04-01T09:30:00.000+0900",
        "2024-04-01 09:30:00 +09:00",
        "2024-04-01T00:30:00Z",
        "2024-04-01 00:30 UTC",
        "20240401T093000",
        "1711931400",
        "1711931400000",
    ],
)
def test_times_are_read_as_tools_and_people_write_them(text: str) -> None:
    """Where they can only mean one thing, no format is needed."""
    assert instant(text, (), TOKYO) == MORNING


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("01/04/2024 9:30 AM", "%d/%m/%Y %I:%M %p"),
        ("04/01/2024 09:30", "%m/%d/%Y %H:%M"),
        ("1711931400.000", "epoch"),
        ("1711931400000", "epoch-ms"),
    ],
)
def test_other_times_are_read_by_the_first_format_that_fits(text: str, form: str) -> None:
    """A report may mix them; days before months can't be told by themselves."""
    assert instant(text, ("%Y", form), TOKYO) == MORNING
    if "/" in text:
        with pytest.raises(BadValue, match="at_format"):
            instant(text, (), TOKYO)


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2024-04-01 25:00", "1900/01/00", "1899-12-30", "9999-12-31", "昨日", "45383.39"]
)
def test_what_is_no_time_or_of_no_sensible_year_is_refused(text: str) -> None:
    """Never an exception of Python's own."""
    with pytest.raises(BadValue):
        instant(text, (), TOKYO)


def test_times_that_a_zone_skips_or_shows_twice_have_one_meaning() -> None:
    """New York, March 10 and November 3, 2024; Sao Paulo had no midnight on October 15, 2017."""
    hour = 3_600_000
    assert instant("2024-03-10 02:30", (), "America/New_York") == instant("2024-03-10T03:30-04:00", (), TOKYO)
    twice = instant("2024-11-03 01:30", (), "America/New_York")
    assert twice == instant("2024-11-03T01:30-04:00", (), TOKYO)
    assert instant("2024-11-03T01:30-05:00", (), TOKYO) - twice == hour
    assert instant("2017-10-15", (), "America/Sao_Paulo") == instant("2017-10-15T01:00-02:00", (), TOKYO)


@pytest.mark.parametrize("form", ["%Q", "%d %d", "Y-m-d", "%"])
def test_a_format_that_can_fit_nothing_is_told(form: str) -> None:
    """In the map, not in each row."""
    assert wrong_format(form) is not None
    assert wrong_format("%d/%m/%Y %I:%M %p") is None


@pytest.mark.parametrize(
    ("text", "typed", "yen"),
    [
        ("¥1,200,000", "1200000", 1_200_000),
        ("1200000.00", "1200000", 1_200_000),
        ("120万円", "1200000", 1_200_000),
        ("1.5億円", "150000000", 150_000_000),
        ("1億2,000万円", "120000000", 120_000_000),
        ("１，２００，０００円", "1200000", 1_200_000),
        ("JPY 1,200,000", "1200000", 1_200_000),
        ("△1,200", "-1200", -1_200),
        ("(1,200)", "-1200", -1_200),
        ("1.200.000", "1200000", 1_200_000),
        ("0", "0", 0),
    ],
)
def test_amounts_are_read_with_their_marks(text: str, typed: str, yen: int) -> None:
    """What is typed has no marks; what tasuki holds is in the smallest unit."""
    found = value_of(FieldType.MONEY, text, Reading(TOKYO))

    assert (found.typed, found.canonical) == (typed, yen)


def test_cents_are_taken_where_the_currency_has_them() -> None:
    """And refused where it has none, for they would be lost."""
    assert value_of(FieldType.MONEY, "$1,234.56", Reading(TOKYO, currency="USD")).canonical == 123_456
    assert value_of(FieldType.MONEY, "1.234,56 €", Reading(TOKYO, currency="EUR")).canonical == 123_456
    with pytest.raises(BadValue, match="more decimals than JPY"):
        value_of(FieldType.MONEY, "1234.56", Reading(TOKYO))


@pytest.mark.parametrize(
    ("text", "yes"), [("はい", True), ("TRUE", True), ("1", True), ("No", False), ("無", False)]
)
def test_yes_and_no_are_read_in_words(text: str, yes: bool) -> None:  # noqa: FBT001 (a value)
    """As tools export their check boxes."""
    found = value_of(FieldType.BOOLEAN, text, Reading(TOKYO))

    assert (found.canonical, found.typed) == (yes, "true" if yes else "false")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (FieldType.MONEY, "たくさん"),
        (FieldType.MONEY, "1,2,3,4"),
        (FieldType.MONEY, "."),
        (FieldType.MONEY, "円"),
        (FieldType.INTEGER, "2.5"),
        (FieldType.BOOLEAN, "maybe"),
        (FieldType.EMAIL, "taro@"),
        (FieldType.EMAIL, "a@x.jp; b@x.jp"),
        (FieldType.DATE, "soon"),
    ],
)
def test_what_is_none_is_refused_in_words(kind: FieldType, text: str) -> None:
    """The text itself is in the message."""
    with pytest.raises(BadValue, match=text.replace(".", r"\.").replace("?", r"\?")[:3]):
        value_of(kind, text, Reading(TOKYO))


def test_e_mail_addresses_are_one_however_they_are_written() -> None:
    """Capitals, full width and blanks around make nobody another person."""
    assert value_of(FieldType.EMAIL, " Taro＠Example.co.jp ", Reading(TOKYO)).typed == "taro@example.co.jp"
