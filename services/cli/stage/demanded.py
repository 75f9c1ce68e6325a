"""What alerts must stand on their topic: worked out from the facts alone, beside what stands there."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from schemas.alerts import ClockAlert
from schemas.lifecycle import LifecycleFact
from services.kpi.application.told import fact_of
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.facts import CycleTold
from services.kpi.domain.lead import KpiLead, take
from services.kpi.domain.lead_clocks import ClockState, clocks_of
from services.kpi.domain.sla.steps import BREACH, MET_LATE
from services.kpi.domain.sla.telling import RETRACTED


class Due(NamedTuple):
    """One step of one promise about one lead."""

    lead: str
    cycle: int
    policy: str
    round: int
    step: str


def demanded(events: Iterable[LifecycleFact], rules: ClockRules, as_of: int) -> set[Due]:
    """Return every step that has come due by *as_of*, epoch ms, by all that *events* tell."""
    leads: dict[str, tuple[KpiLead, ClockState]] = {}
    for event in events:
        lead, state = leads.setdefault(event.subject, (KpiLead(event.subject), ClockState()))
        fact = fact_of(event, event.subject, as_of)
        if isinstance(fact, CycleTold):
            known = state.cycles.get(fact.cycle, (-1, 0))
            state.cycles[fact.cycle] = max(known, (fact.order, fact.started_at))
        elif fact is not None:
            take(lead, fact)
    return {due for lead, state in leads.values() for due in _of(lead, state, rules, as_of)}


def _of(lead: KpiLead, state: ClockState, rules: ClockRules, as_of: int) -> Iterator[Due]:
    for (cycle, policy), clock in clocks_of(lead, state, rules).items():
        for each in clock.rounds:
            for step in each.steps:
                if step.at <= as_of:
                    yield Due(lead.id, cycle, policy, each.number, step.name)


class Judged(NamedTuple):
    """`missing`: due and not told. `untrue`: told, stands, and isn't so. `retracted`: breaches that were taken back."""

    missing: set[Due]
    untrue: set[Due]
    retracted: int


def judge(
    alerts: Iterable[ClockAlert], wanted: set[Due], *, each: Collection[str], steady: Collection[str]
) -> Judged:
    """
    Return how *alerts*, each once and in order, differ from what is *wanted*.

    A breach, and that it was met late, stand until they are taken back. Of the promises *each* every step is told;
    of the others steps may be told by later ones. Warnings and escalations aren't taken back, so what of them isn't
    so may only be of leads that aren't *steady*.
    """
    told, standing, retracted = set[Due](), set[Due](), 0
    for alert in alerts:
        data = alert.data
        due = Due(alert.subject, data.cycle, data.policy, data.round, data.step)
        if data.step == RETRACTED:
            retracted += 1
            standing -= {due._replace(step=step) for step in (BREACH, MET_LATE)}
        else:
            told.add(due)
            standing.add(due)
    final = {BREACH, MET_LATE}
    missing = {due for due in wanted - standing if due.step in final}
    missing |= {due for due in wanted - told if due.policy in each}
    untrue = {due for due in standing - wanted if due.step in final or due.lead in steady}
    return Judged(missing, untrue, retracted)
