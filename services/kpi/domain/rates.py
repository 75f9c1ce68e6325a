"""A share and how sure one can be of it."""

from math import sqrt
from typing import NamedTuple

_Z = 1.959963984540054
"""The normal distribution's 97.5 % point: an interval of 95 %."""


class Interval(NamedTuple):
    """From `low` to `high`, shares 0 to 1."""

    low: float
    high: float


def rate(numerator: int, denominator: int) -> float | None:
    """Return the share, None over 0: no data. In the period reading it may exceed 1."""
    return numerator / denominator if denominator else None


def wilson(numerator: int, denominator: int) -> Interval | None:
    """
    Return the 95 % Wilson interval of a share; None over 0, and where the numerator isn't a part of the denominator.

    Source: https://doi.org/10.1080/01621459.1927.10502953
    """
    if denominator <= 0 or not 0 <= numerator <= denominator:
        return None
    share, z2 = numerator / denominator, _Z * _Z
    middle = share + z2 / (2 * denominator)
    spread = _Z * sqrt(share * (1 - share) / denominator + z2 / (4 * denominator * denominator))
    scale = 1 + z2 / denominator
    low = 0.0 if numerator == 0 else (middle - spread) / scale
    high = 1.0 if numerator == denominator else (middle + spread) / scale
    return Interval(low, high)
