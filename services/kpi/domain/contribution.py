"""What a lead can add to the counters: something counted, a duration, a day on which a person was active."""

from typing import NamedTuple, TypeAlias

Segments: TypeAlias = tuple[str, ...]
"""The endings of the names of the counters that something counts in: "" for the whole, else ``:name=value``."""


class Tally(NamedTuple):
    """Something counted under `code` in the epoch minute `minute`."""

    code: str
    minute: int
    segments: Segments


class Span(NamedTuple):
    """A duration in `bin` of the sketch `code`, that ended in the epoch minute `minute`."""

    code: str
    bin: int
    minute: int
    segments: Segments


class Visit(NamedTuple):
    """
    A person active under `code` on `day`, `gap` days after that person's last such day; 0 on the first.

    Of the days from a to b a person has one whose gap reaches before a: counting those counts each person once.
    """

    code: str
    gap: int
    day: int
    segments: Segments


Contribution: TypeAlias = Tally | Span | Visit
