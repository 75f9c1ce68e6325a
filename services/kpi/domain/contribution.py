"""What leads add to the counters: amounts by code, time and segments, added up or taken back."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, TypeAlias

Segments: TypeAlias = tuple[str, ...]
"""The endings of the names of the counters that something counts in: "" for the whole, else ``:name=value``."""


class Tally(NamedTuple):
    """Something counted under `code` in the epoch minute `minute`."""

    code: str
    minute: int
    segments: Segments


Tallied: TypeAlias = dict[tuple[str, int, Segments], int]
"""The amount by code, epoch minute and segments."""

Spread: TypeAlias = dict[tuple[str, int, Segments], int]
"""The amount by field (a duration's or a person's, see `places`), day and segments."""


class Sums:
    """
    What leads add, summed. What is taken back is added with its sign turned; what comes to 0 is nothing.

    The fields are for those who add and who read: a lead adds some ten amounts, so each is one look into a dictionary.

    Attributes:
        known: Of what belongs to no time, the amount by segments.
        tallies: What is counted by minutes, hours and days.
        cohorts: What became of cohorts: counted by the day of the minute.
        spreads: Durations and distinct people, by days.
    """

    __slots__ = ("cohorts", "known", "spreads", "tallies")

    def __init__(self) -> None:
        self.known: dict[Segments, int] = {}
        self.tallies: Tallied = {}
        self.cohorts: Tallied = {}
        self.spreads: Spread = {}

    def tallied(self) -> Iterator[tuple[Tally, int]]:
        """Yield what is counted in a minute, cohorts as well."""
        for (code, minute, segments), amount in chain(self.tallies.items(), self.cohorts.items()):
            yield Tally(code, minute, segments), amount
