"""
The formulas of the catalogue, written down a second time, from the definitions, in the terms of ``happened.sql``.

A test holds the names against the catalogue's; nothing else is taken from there.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened."""

    term: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """
    What happened over what happened, in a period.

    `cohort`: of those that reached the first milestone in the window, those that got to the second.
    """

    above: tuple[str, ...]
    below: tuple[str, ...]
    cohort: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many different people it happened to."""

    term: str


@dataclass(frozen=True, slots=True)
class Durations:
    """How long it took: median and p90."""

    term: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Money, by currency."""


Definition: TypeAlias = Count | Ratio | Distinct | Durations | Sum


def _of(entered: str, reached: str) -> Ratio:
    return Ratio((reached,), (entered,), (entered, reached))


DEFINITIONS: dict[str, Definition] = {
    "leads": Count("lead"),
    "mqls": Count("mql"),
    "people_qualified": Distinct("mql"),
    "mqls_handled": Count("first_response"),
    "mql_handled_rate": _of("mql", "first_response"),
    "mql_rate": _of("lead", "mql"),
    "sqls": Count("sql"),
    "sql_rate": _of("mql", "sql"),
    "sql_to_opportunity_rate": _of("sql", "opportunity"),
    "opportunity_rate": _of("lead", "opportunity"),
    "calls": Count("call"),
    "people_called": Distinct("call"),
    "contact_rate": Ratio(("call:contact",), ("call",)),
    "people_contacted": Distinct("call:contact"),
    "effective_conversations": Count("call:effective"),
    "effective_conversation_rate": Ratio(("call:effective",), ("call",)),
    "hearing_rate": Ratio(("call:effective",), ("call:contact",)),
    "answer_rate": Ratio(("call:answered", "mail:answered"), ("call", "mail")),
    "opportunities": Count("opportunity"),
    "opportunities_new": Count("opportunity:new"),
    "opportunities_existing": Count("opportunity:existing"),
    "appointments": Count("appointment"),
    "appointment_to_opportunity_rate": _of("appointment", "opportunity"),
    "effective_opportunities": Count("effective_opportunity"),
    "opportunity_to_effective_rate": _of("opportunity", "effective_opportunity"),
    "won": Count("won"),
    "effective_to_won_rate": _of("effective_opportunity", "won"),
    "win_rate": _of("opportunity", "won"),
    "won_amount": Sum(),
    "sla_attainment": Ratio(("sla:met",), ("sla:due",)),
    "time_to_first_response": Durations("first-response"),
    "system_delay": Durations("system-delay"),
    "rep_delay": Durations("rep-delay"),
    **{
        f"time_in_{stage}": Durations(f"in:{stage}")
        for stage in ("lead", "mql", "sql", "appointment", "opportunity", "effective_opportunity")
    },
}

MONEY = "money:"
"""Before the currency in a term."""

PAIRS = frozenset(
    each.cohort for each in DEFINITIONS.values() if isinstance(each, Ratio) and each.cohort is not None
)
PEOPLE_TERMS = frozenset(each.term for each in DEFINITIONS.values() if isinstance(each, Distinct))


def cohort_term(pair: tuple[str, str], days: int | None) -> str:
    """Return the term of those of a cohort that got on, by now or within *days*."""
    return f"{pair[0]}>{pair[1]}" + ("" if days is None else f"/{days}")
