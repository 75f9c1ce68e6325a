"""From the revenue goal back to leads."""

import pytest

from services.kpi.domain.goals import INDUSTRY_REFERENCES, Needed, needed


def test_a_goal_is_taken_back_to_orders_opportunities_and_leads() -> None:
    """100 million yen at 5 million an order, 20 % won and 15 % made an opportunity, takes 667 leads."""
    found = needed(revenue=100_000_000, average_order=5_000_000, win_rate=0.2, opportunity_rate=0.15)
    assert (found.orders, found.opportunities, found.leads) == (20, 100, 667)
    assert found.exact_leads == pytest.approx(666.667, abs=0.001)


def test_what_comes_out_even_is_not_rounded_up() -> None:
    """Binary fractions don't add one to a number that is whole."""
    assert needed(revenue=3, average_order=1, win_rate=0.3, opportunity_rate=0.1) == Needed(3, 10, 100, 100.0)
    assert needed(revenue=0, average_order=1, win_rate=0.3, opportunity_rate=0.1).leads == 0


@pytest.mark.parametrize(
    "wrong",
    [{"revenue": -1}, {"average_order": 0}, {"win_rate": 0}, {"win_rate": 1.1}, {"opportunity_rate": 0}],
)
def test_a_share_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    """Nothing is divided by 0, and no rate is above 1."""
    figures: dict[str, float] = {"revenue": 10, "average_order": 1, "win_rate": 0.5, "opportunity_rate": 0.5}
    with pytest.raises(ValueError, match=r"is (above )?0"):
        needed(**{**figures, **wrong})  # pyright: ignore[reportArgumentType]


def test_references_are_ranges_of_shares() -> None:
    """Each reference names its range from low to high."""
    assert {each.name for each in INDUSTRY_REFERENCES} == {"b2b", "manufacturing", "it", "advertising"}
    assert all(0 < each.low < each.high < 1 for each in INDUSTRY_REFERENCES)
