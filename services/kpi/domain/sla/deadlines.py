"""
Counting time that counts: on a business calendar or on the wall, in one stretch or with pauses in between.

A deadline is the earliest instant at which the budget is used up. Where that is closing time, it is closing
time, not the next opening. A budget of 0 is used up at once.
"""

from typing import NamedTuple, Protocol


class Hours(Protocol):
    """Which time counts. Both answers are exact to the millisecond."""

    def after(self, start_at: int, ms: int) -> int:
        """Return the earliest instant at which *ms* of the time that counts have passed since *start_at*."""
        ...

    def between(self, from_at: int, to_at: int) -> int:
        """Return the ms that count from *from_at* to *to_at*; 0 if that is no later."""
        ...


class WallClock:
    """All time counts: day and night, every day."""

    def after(self, start_at: int, ms: int) -> int:
        """Return the instant *ms* later."""
        return start_at + ms

    def between(self, from_at: int, to_at: int) -> int:
        """Return the ms from *from_at* to *to_at*; 0 if that is no later."""
        return max(0, to_at - from_at)


WALL_CLOCK = WallClock()


class Stretch(NamedTuple):
    """The clock ran from an instant on up to another; None while it still runs."""

    from_at: int
    to_at: int | None


def spent(hours: Hours, stretches: tuple[Stretch, ...], until_at: int) -> int:
    """Return the ms that count within *stretches*, up to *until_at*."""
    return sum(
        hours.between(from_at, until_at if to_at is None else min(to_at, until_at))
        for from_at, to_at in stretches
    )


def used_up(hours: Hours, stretches: tuple[Stretch, ...], budget_ms: int) -> int | None:
    """Return the earliest instant at which *budget_ms* are used up; None if the clock stops before that."""
    left_ms = budget_ms
    for from_at, to_at in stretches:
        if to_at is None:
            return hours.after(from_at, left_ms)
        ran_ms = hours.between(from_at, to_at)
        if ran_ms >= left_ms:
            return hours.after(from_at, left_ms)
        left_ms -= ran_ms
    return None
