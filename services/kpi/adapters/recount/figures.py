"""What both sides of the recount say: one figure of a metric, and under which name it is compared."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Key(NamedTuple):
    """
    Which figure.

    `metric` is a name of the catalogue, with ``:JPY`` for money. `reading` is ``period``, ``cohort``, or
    ``cohort/30`` within 30 days; ``""`` where both are the same. `window` is a name, or a day as ``2026-11-22``.
    `segment` is ``""`` for the whole, else ``name=value``.
    """

    metric: str
    reading: str
    window: str
    segment: str


class Value(NamedTuple):
    """
    A figure: a count, people or money as `numerator`; a share's two terms; durations as how many there were.

    `median_ms` and `p90_ms` are None where it isn't a duration, or there is none.
    """

    numerator: int
    denominator: int | None = None
    median_ms: int | None = None
    p90_ms: int | None = None


Figures: TypeAlias = dict[Key, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a window is of: `from_at` on, up to but without `to_at`, epoch ms."""

    from_at: int
    to_at: int
