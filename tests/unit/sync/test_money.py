"""Amounts in other currencies: exact, by the rate of the day on which the deal closes, told where there is none."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.domain.deals import SAID_AMOUNT, SAID_CURRENCY
from services.sync.domain.money import NoRate, Rates, minor
from services.sync.domain.records import Scalar, Side
from services.sync.domain.rules import Rules
from tests import firm
from tests.firm import MINUTE, START, Story

RATES = Rates(
    currency="JPY",
    dated={
        "USD": (("2026-01-01", Decimal("149.53")), ("2026-10-01", Decimal(151))),
        "KWD": (("2026-01-01", Decimal("487.125")),),
    },
)


def rules(**changes: object) -> Rules:
    """Return a firm's rules with rates."""
    return firm.rules(rates=RATES, **changes)


@pytest.mark.parametrize(
    ("amount", "currency", "to", "day", "found"),
    [
        (100_000, "USD", "JPY", "2026-09-30", 149_530),
        (100_000, "USD", "JPY", "2026-10-01", 151_000),
        (1, "USD", "JPY", "2026-09-30", 1),
        (-1, "USD", "JPY", "2026-09-30", -1),
        (50, "USD", "JPY", "2026-10-01", 76),  # 75.5: halves go away from 0
        (-50, "USD", "JPY", "2026-10-01", -76),
        (1_000, "KWD", "JPY", "2026-09-30", 487),
        (1_000, "KWD", "USD", "2026-09-30", 326),
        (10**15, "USD", "USD", "1990-01-01", 10**15),
        (149_530, "JPY", "USD", "2026-09-30", 100_000),
    ],
)
def test_an_amount_is_converted_exactly(amount: int, currency: str, to: str, day: str, found: int) -> None:
    """By the decimals of both currencies and the rate that holds on the day; rounded once."""
    assert RATES.convert(amount, currency, to, day) == found


@pytest.mark.parametrize(
    ("currency", "day"), [("EUR", "2026-09-30"), ("USD", "2025-12-31"), ("", "2026-09-30")]
)
def test_without_a_rate_nothing_is_guessed(currency: str, day: str) -> None:
    """Neither the next rate nor 1."""
    with pytest.raises(NoRate):
        RATES.convert(1, currency, "JPY", day)


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "KWD"]))
def test_an_amount_survives_the_way_to_the_firm_s_currency_to_half_a_unit(amount: int, currency: str) -> None:
    """Rounding loses at most half a unit of the coarser currency."""
    there = RATES.convert(amount, currency, "JPY", "2026-09-30")
    back = RATES.convert(there, "JPY", currency, "2026-09-30")
    assert abs(RATES.convert(back, currency, "JPY", "2026-09-30") - there) <= 1


def test_what_is_read_is_rounded_to_the_currency_s_smallest_unit() -> None:
    """Binary fractions don't matter."""
    assert (minor(Decimal("0.1"), "USD"), minor(Decimal("19.995"), "USD"), minor(Decimal("1.5"), "JPY")) == (
        10,
        2000,
        2,
    )


def won(at: int, rules: Rules, **fields: Scalar) -> Story:
    """Return a story with a won deal of which *fields* are known, `_` for the dots of their names."""
    story = Story(rules)
    story.marketing(START, email="a@b.jp", forms=3)
    story.sales(START, email="a@b.jp")
    names = {"said": SAID_AMOUNT, "currency": SAID_CURRENCY}
    told: dict[str, Scalar] = {names.get(name, name): value for name, value in fields.items()}
    story.deal(at, "opportunity:1", stage="Won", **told)
    return story


def test_the_kpis_are_told_amounts_in_the_firm_s_currency() -> None:
    """By the day on which the deal closes, whatever day it is now; corrected when one of its parts changes."""
    story = won(START, rules(), said="1000.50", currency="USD", close_on="2026-09-30")
    (told,) = [each for each in story.told("milestone-reached") if each.milestone == "won"]
    assert (told.amount, told.currency) == (149_605, "JPY")
    story.deal(START + MINUTE, close_on="2026-10-02")
    assert [each.amount for each in story.told("milestone-reached") if each.milestone == "won"][-1] == 151_076
    story.deal(START + 2 * MINUTE, **{SAID_CURRENCY: "JPY", SAID_AMOUNT: "5000"})
    assert [each.amount for each in story.told("milestone-reached") if each.milestone == "won"][-1] == 5_000


def test_marketing_is_told_the_amount_in_its_own_currency() -> None:
    """The amount as sales has it, not by way of the firm's currency."""
    own = rules(sales_currency="USD")
    story = won(START, own, said="999.99", currency="USD", close_on="2026-09-30")
    assert story.lacks(Side.MA)["lead"].fields["sales_amount"] == 99_999
    story = won(START, own, said="149530", currency="JPY", close_on="2026-09-30")
    assert story.lacks(Side.MA)["lead"].fields["sales_amount"] == 100_000


def test_an_amount_without_a_rate_is_told_once_and_left_out() -> None:
    """The milestone is told without an amount, a letter says what is missing; what marketing has stays."""
    story = won(START, rules(), said="10", currency="EUR", close_on="2026-09-30")
    (letter,) = story.last.dead_letters
    assert (letter.data.reason, letter.data.origin) == ("no-rate", "salesforce")
    assert letter.data.key == "salesforce:Opportunity:opportunity:1"
    assert "EUR on 2026-09-30" in letter.data.detail
    (told,) = [each for each in story.told("milestone-reached") if each.milestone == "won"]
    assert (told.amount, told.currency) == (None, None)
    assert "sales_amount" not in story.lacks(Side.MA)["lead"].fields
    assert story.deal(START + MINUTE, owner="x@firm").dead_letters == []
    assert len(story.deal(START + MINUTE, **{SAID_CURRENCY: "GBP"}).dead_letters) == 1


def test_a_fixed_currency_needs_no_field() -> None:
    """All amounts of sales are in that one."""
    story = won(START, rules(deal_currency="USD"), said="10", close_on="2026-10-01")
    (told,) = [each for each in story.told("milestone-reached") if each.milestone == "won"]
    assert told.amount == 1_510
