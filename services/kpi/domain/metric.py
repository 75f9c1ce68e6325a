"""What a metric is: a figure with its formula, its target, and to whom it matters."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from services.kpi.domain.facts import Milestone


class Unit(StrEnum):
    """What a metric's value is."""

    COUNT = "count"  # how often
    PEOPLE = "people"  # distinct people
    RATE = "rate"  # a share, 0 to 1
    DURATION = "duration"  # milliseconds: median and p90
    MONEY = "money"  # minor units of a currency


class Need(StrEnum):
    """How much a metric matters to a role."""

    MUST = "◎"
    RECOMMENDED = "○"
    AUXILIARY = "△"
    NONE = "–"


class Automatic(StrEnum):
    """Whether the tools measure it by themselves."""

    YES = "◎"
    MOSTLY = "○"  # where calls and stages are logged as they should be
    PARTLY = "△"  # somebody has to note the outcome


class Direction(StrEnum):
    """Which way is better."""

    UP = "up"
    DOWN = "down"


class Source(StrEnum):
    """Whose facts it is made of."""

    MA = "ma"
    SFA = "sfa"
    BOTH = "both"
    CLOCK = "clock"  # the SLA's


@dataclass(frozen=True, slots=True)
class Target:
    """
    What a metric should be: from `low`, to `high` where there is a range; a share, or a number of `per`.

    `of` names the metric that it is a share of, where that isn't the metric's own denominator.
    `from_goal` says that it is computed from the firm's own figures instead, see `goals`.
    """

    low: float | None = None
    high: float | None = None
    per: Literal["day and person"] | None = None
    of: str | None = None
    from_goal: Literal["leads", "revenue"] | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Codes of counters whose sum is a term of a formula."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """
    Counters over counters.

    `cohort` are the milestones that it leads from and to, where a lead takes time to get from one to the other;
    without it both readings are the same, for what is counted carries its own outcome.
    """

    numerator: Counted
    denominator: Counted
    cohort: tuple[Milestone, Milestone] | None = None


@dataclass(frozen=True, slots=True)
class People:
    """Distinct people under a code."""

    code: str


@dataclass(frozen=True, slots=True)
class Spent:
    """The distribution of durations under a code."""

    code: str


@dataclass(frozen=True, slots=True)
class Money:
    """Money of won deals, in one currency."""


Formula: TypeAlias = Counted | Share | People | Spent | Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """
    One metric. `numerator` and `denominator` are the formula in words, for people; `formula` is what is computed.

    `sdr` and `bdr` say how much it matters to each role, `target_sdr` and `target_bdr` what it should be there
    unless the firm says otherwise.
    """

    name: str
    ja: str
    en: str
    definition: str
    definition_ja: str
    unit: Unit
    formula: Formula
    numerator: str
    denominator: str = ""
    sdr: Need = Need.NONE
    bdr: Need = Need.NONE
    target_sdr: Target | None = None
    target_bdr: Target | None = None
    direction: Direction = Direction.UP
    source: Source = Source.BOTH
    automatic: Automatic = Automatic.YES
