"""Amounts of money in one currency and in another: exact, by dated rates. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_EXPONENTS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(_WHOLE.split(), 0),
        **dict.fromkeys(_THOUSANDTHS.split(), 3),
        **dict.fromkeys(["CLF", "UYW"], 4),
    }
)


class NoRate(ValueError):
    """There is no rate of a currency on a day."""


def minor_digits(currency: str) -> int:
    """
    Return how many decimals *currency* has: JPY 0, USD 2, KWD 3.

    Source: https://www.six-group.com (ISO 4217, list one)
    """
    return _EXPONENTS.get(currency.upper(), 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """
    What one unit of other currencies is worth in the firm's.

    `dated`: by currency the rates, each from its day (YYYY-MM-DD) on, in the order of the days.
    """

    currency: str = "JPY"
    dated: Mapping[str, Sequence[tuple[str, Decimal]]] = field(
        default_factory=dict[str, Sequence[tuple[str, Decimal]]]
    )

    def rate(self, currency: str, day: str) -> Fraction:
        """Return what one unit of *currency* is worth on *day* in the firm's. Raises NoRate."""
        if currency == self.currency:
            return Fraction(1)
        begun = [each for since, each in self.dated.get(currency, ()) if since <= day]
        if not begun:
            raise NoRate(f"no rate of {currency or 'a currency without a code'} on {day}")
        return Fraction(begun[-1])

    def convert(self, amount: int, currency: str, to: str, day: str) -> int:
        """
        Return *amount* (minor units of *currency*) in minor units of *to*, by the rates of *day*; halves go away from 0.

        Raises NoRate. What stays in its currency needs none.
        """
        if currency == to:
            return amount
        worth = amount * self.rate(currency, day) / self.rate(to, day)
        return _rounded(worth * Fraction(10) ** (minor_digits(to) - minor_digits(currency)))


def minor(amount: Decimal, currency: str) -> int:
    """Return *amount* in minor units of *currency*, rounded as `Rates.convert` does."""
    return _rounded(Fraction(amount) * 10 ** minor_digits(currency))


def _rounded(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole
