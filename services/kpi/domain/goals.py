"""From the revenue goal back to orders, opportunities and leads; and what other firms say they reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal


@dataclass(frozen=True, slots=True)
class Needed:
    """How many of each a revenue goal takes, each rounded up; `exact_leads` before rounding."""

    orders: int
    opportunities: int
    leads: int
    exact_leads: float


def needed(*, revenue: int, average_order: int, win_rate: float, opportunity_rate: float) -> Needed:
    """
    Return what *revenue* takes.

    Revenue ÷ average order = orders; ÷ win rate = opportunities; ÷ opportunity rate = leads. Each step goes on
    with the exact figure, and is rounded up to be told.

    Args:
        revenue: The goal, minor units of a currency; 0 or more.
        average_order: The same currency; above 0.
        win_rate: Orders of opportunities, above 0 to 1.
        opportunity_rate: Opportunities of leads (商談化率), above 0 to 1.

    Raises:
        ValueError: One of them isn't in its range.
    """
    if revenue < 0 or average_order <= 0:
        raise ValueError("the goal is 0 or more, the average order above 0")
    if not 0 < win_rate <= 1 or not 0 < opportunity_rate <= 1:
        raise ValueError("a rate is above 0 and at most 1")
    # Decimal, for 20 ÷ 0.2 in binary fractions may be a hair above 100 and round up to 101.
    orders = Decimal(revenue) / Decimal(average_order)
    opportunities = orders / Decimal(str(win_rate))
    leads = opportunities / Decimal(str(opportunity_rate))
    return Needed(_up(orders), _up(opportunities), _up(leads), float(leads))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """A firm's goal for a year; see `needed`, also for the errors."""

    revenue: int
    average_order: int
    win_rate: float
    opportunity_rate: float

    @property
    def needed(self) -> Needed:
        """Return what the goal takes."""
        return needed(
            revenue=self.revenue,
            average_order=self.average_order,
            win_rate=self.win_rate,
            opportunity_rate=self.opportunity_rate,
        )

    @property
    def of_year(self) -> Mapping[str, int]:
        """Return, by metric, what a year is to bring."""
        found = self.needed
        return {
            "won_amount": self.revenue,
            "won": found.orders,
            "opportunities": found.opportunities,
            "leads": found.leads,
        }


def _up(exact: Decimal) -> int:
    # The 28 digits of a quotient may end in a rounding of their own.
    return int(exact.quantize(Decimal("1e-9")).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Reference:
    """What firms of a kind say of their opportunity rate: a range of shares, from surveys, self-reported."""

    name: str
    ja: str
    en: str
    low: float
    high: float
    note: str = ""


INDUSTRY_REFERENCES = (
    Reference("b2b", "B2B全体", "B2B overall", 0.20, 0.30),
    Reference("manufacturing", "製造業", "Manufacturing", 0.15, 0.25),
    Reference("it", "IT", "IT", 0.25, 0.35),
    Reference("advertising", "広告経由のリード", "Leads from advertising", 0.11, 0.20, "15 % passes"),
)
"""商談化率 of other firms, Japanese surveys of 2025; to be shown as self-reported."""

GENERAL_FUNNEL = {"sql_rate": 0.30, "sql_to_opportunity_rate": 0.50}
"""What a funnel generally reaches."""
