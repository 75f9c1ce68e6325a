"""One lead as the KPIs know it: its facts, its clocks round by round, and the two delays of each handoff."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.kpi.application.lead_store import LeadStore
from services.kpi.domain.clock_view import HoursAhead, RoundView, view
from services.kpi.domain.facts import NOT, Milestone
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import ClockId, ClockRules, ClockState, clocks_of
from services.kpi.domain.sla.handoffs import MQL_HANDOFF, SQL_HANDOFF, Delays, Handoff, delays

_HANDOFFS = {"mql": MQL_HANDOFF, "sql": SQL_HANDOFF}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPage:
    """
    A lead.

    Args:
        cycles: When each cycle after the first began.
        clocks: The rounds of each clock that was ever started.
        delays: Of each handoff, by cycle; on the wall clock, as they are counted.
        offsets: The offset of its partition.
    """

    lead: KpiLead
    cycles: Mapping[int, int]
    clocks: Mapping[ClockId, Sequence[RoundView]]
    delays: Sequence[tuple[int, str, Delays]]
    offsets: Mapping[int, int]


class LeadPages:
    """Looks leads up."""

    def __init__(self, store: LeadStore, rules: Callable[[], ClockRules]) -> None:
        self._store = store
        self._rules = rules

    async def of(self, lead_id: str, now: int) -> LeadPage | None:
        """Return the lead as of *now*, None where nobody told of it. Raises StoreUnavailable."""
        known, offsets = await self._store.lead(lead_id)
        if known is None:
            return None
        lead, state, ahead = known.lead, known.clocks or ClockState(), HoursAhead(now)
        found = clocks_of(lead, state, self._rules())
        return LeadPage(
            lead=lead,
            cycles={cycle: at for cycle, (_, at) in state.cycles.items()},
            clocks={
                which: [view(each, state.marks.get(which, {}), now, ahead) for each in clock.rounds]
                for which, clock in found.items()
            },
            delays=[*_delays(lead)],
            offsets=offsets,
        )


def _delays(lead: KpiLead) -> Iterator[tuple[int, str, Delays]]:
    known = {(cycle, name) for cycle, name in lead.offers}
    for (cycle, milestone), mark in lead.marks.items():
        if mark.at != NOT and milestone.value in _HANDOFFS:
            known.add((cycle, milestone.value))
    for cycle, name in sorted(known):
        yield cycle, name, _of(lead, cycle, name, _HANDOFFS[name])


def _of(lead: KpiLead, cycle: int, name: str, handoff: Handoff) -> Delays:
    offer = lead.offers.get((cycle, name))
    return delays(
        None if offer is None else offer.qualified_at,
        None if offer is None else offer.offered_at,
        _reached_at(lead, cycle, Milestone(handoff.responded)),
    )


def _reached_at(lead: KpiLead, cycle: int, milestone: Milestone) -> int | None:
    mark = lead.marks.get((cycle, milestone))
    return None if mark is None or mark.at == NOT else mark.at
