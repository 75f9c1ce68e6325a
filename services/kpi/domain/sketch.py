"""
A distribution of durations as counts by logarithmic bins: sums of such counts are the sketch of the union.

Each bin spans a factor of GAMMA, so a quantile is off by at most ACCURACY of itself. Counts can be taken back.
Source: https://arxiv.org/abs/1908.10693 (DDSketch)
"""

import math
from collections.abc import Mapping

ACCURACY = 0.02
"""The greatest relative error of a quantile before it is rounded to a millisecond; below a second it is 0."""
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(GAMMA)
_UNIT_MS = 1_000


def bin_of(duration_ms: int) -> int:
    """Return the bin of a duration: 0 below a second, then one for each factor of GAMMA."""
    if duration_ms < _UNIT_MS:
        return 0
    return 1 + max(0, math.ceil(math.log(duration_ms / _UNIT_MS) / _LOG_GAMMA - 1e-9))


def value_of(number: int) -> int:
    """Return the duration that stands for a bin, ms."""
    return 0 if number == 0 else round(_UNIT_MS * 2 * GAMMA ** (number - 1) / (GAMMA + 1))


def quantile(counts: Mapping[int, int], share: float) -> int | None:
    """Return the duration, ms, below which *share* of those in *counts* (by bin) are; None where there are none."""
    total = sum(counts.values())
    if total <= 0:
        return None
    rank, below = math.ceil(share * total), 0
    for number in sorted(counts):
        below += counts[number]
        if below >= rank:
            return value_of(number)
    return None
