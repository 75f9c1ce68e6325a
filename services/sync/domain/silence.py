"""
Whether somebody who usually speaks has fallen silent. Pure.

The measure is the same stretch of time a week ago; in the first week, a day ago. So nights and weekends are
silent as they always are, and nobody has to state how much is usual.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BUCKET_MS = 300_000
"""Notifications are counted by stretches of five minutes."""

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
LEAST = 10
"""So many notifications must be usual in the stretch: less may be chance."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when nothing came, epoch ms, and how much came in such a stretch before."""

    since: int
    usual: int


def silence(counts: Mapping[int, int], now: int, after_ms: int, *, least: int = LEAST) -> Silence | None:
    """
    Return the silence at *now*; None where somebody spoke lately, or such a silence is nothing unusual.

    Args:
        counts: How many notifications came, by the number of the stretch: its beginning divided by `BUCKET_MS`.
        now: Epoch ms.
        after_ms: A shorter one is none.
        least: So many must have come in the stretch before.
    """
    last = max((each for each, count in counts.items() if count and each * BUCKET_MS <= now), default=None)
    if last is None:
        return None
    since = (last + 1) * BUCKET_MS
    if now - since < after_ms:
        return None
    first = min(counts)
    for back_ms in (WEEK_MS, DAY_MS):
        begin, end = (since - back_ms) // BUCKET_MS, (now - back_ms) // BUCKET_MS
        if first <= begin:
            usual = sum(counts.get(each, 0) for each in range(begin, end))
            return Silence(since, usual) if usual >= least else None
    return None
