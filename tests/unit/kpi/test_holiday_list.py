"""The public holidays of a country, with the firm's own."""

from datetime import date

import pytest

from services.errors import Misconfigured
from services.kpi.settings.holiday_list import holiday_dates


def test_japan_has_its_substitute_holidays_and_the_firm_its_own() -> None:
    """6 May 2026 stands for 3 May, a Sunday; 22 September lies between two holidays."""
    found = holiday_dates("JP", [2026, 2027], own=[date(2026, 12, 29)])
    assert {date(2026, 5, 6), date(2026, 9, 22), date(2027, 3, 22), date(2026, 12, 29)} <= found
    assert date(2026, 12, 31) not in found
    assert date(2026, 12, 31) in holiday_dates("JP", [2026], categories=("public", "bank"))


def test_a_subdivision_has_days_of_its_own() -> None:
    """All Saints' Day is one in Bavaria."""
    assert date(2024, 11, 1) in holiday_dates("DE", [2024], subdivision="BY")
    assert date(2024, 11, 1) not in holiday_dates("DE", [2024])


@pytest.mark.parametrize(
    ("country", "year", "subdivision", "category"),
    [
        ("XX", 2026, None, "public"),
        ("JP", 2026, "ZZ", "public"),
        ("JP", 2026, None, "zz"),
        ("JP", 2150, None, "public"),
    ],
)
def test_what_the_library_does_not_know_is_an_error(
    country: str, year: int, subdivision: str | None, category: str
) -> None:
    """An empty list would mean that the firm works every day."""
    with pytest.raises(Misconfigured, match=f"Holidays of {country}: "):
        holiday_dates(country, [year], subdivision=subdivision, categories=[category])
