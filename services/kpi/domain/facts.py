"""
What is told of a lead, in the words of the KPIs: a fact says how one slot of the lead stands.

A slot is a milestone of a cycle, an activity, a handoff of a cycle, or the lead as a whole. `order` says which of
two facts was told later; see `schemas.order`. The latest fact about a slot is what holds for it.
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

NOT = -1
"""The instant of what didn't happen, or was taken back."""


class Milestone(StrEnum):
    """A point of the lifecycle; in the order of the funnel."""

    LEAD = "lead"
    MQL = "mql"
    FIRST_RESPONSE = "first_response"
    SQL = "sql"
    APPOINTMENT = "appointment"
    OPPORTUNITY = "opportunity"
    EFFECTIVE_OPPORTUNITY = "effective_opportunity"
    WON = "won"
    LOST = "lost"
    RECYCLED = "recycled"


class Standing(NamedTuple):
    """Who the lead is: `origin` sdr or bdr, `owner` "" if nobody, `segments` sorted pairs of name and value."""

    origin: str = ""
    owner: str = ""
    segments: tuple[tuple[str, str], ...] = ()


class MilestoneTold(NamedTuple):
    """`milestone` of `cycle` was reached at `at`, or NOT; `amount` is in minor units of `currency`."""

    order: int
    standing: Standing
    cycle: int
    milestone: Milestone
    at: int
    amount: int = 0
    currency: str = ""


class ActivityTold(NamedTuple):
    """The activity `key` of type `kind` was done at `at`, or NOT; by `owner`, "" if that isn't known."""

    order: int
    standing: Standing
    key: str
    at: int
    kind: str = ""
    outcome: str = ""
    owner: str = ""


class HandoffTold(NamedTuple):
    """The lead qualified at `qualified_at` and stands in the sales tool since `offered_at`; `handoff` mql or sql."""

    order: int
    standing: Standing
    cycle: int
    handoff: str
    qualified_at: int
    offered_at: int


class LeadGone(NamedTuple):
    """The lead turned out to be another one: it no longer counts, what it amounts to is told of the other."""

    order: int


class CycleTold(NamedTuple):
    """The lead qualified again: `cycle` began at `started_at`. Only the clocks of promises know cycles by themselves."""

    order: int
    cycle: int
    started_at: int


Fact: TypeAlias = MilestoneTold | ActivityTold | HandoffTold | LeadGone
