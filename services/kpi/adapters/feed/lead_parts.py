"""What the routes about leads, clocks and alerts are made of, put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.kpi.adapters.feed.lead_bodies import Names
from services.kpi.adapters.stored_leads import StoredLeads
from services.kpi.application.behind import Backing
from services.kpi.application.clock_board import ClockBoard
from services.kpi.application.history import Histories
from services.kpi.application.lead_page import LeadPages
from services.kpi.application.reading import Readings
from services.kpi.domain.lead_clocks import ClockRules
from services.runtime.log.port import Log
from services.runtime.store import Store


@dataclass(frozen=True, slots=True)
class LeadParts:
    """Who answers what; `names` is what people read for each promise, `teams` is owner to team."""

    backing: Backing
    board: ClockBoard
    pages: LeadPages
    histories: Histories
    teams: Mapping[str, str]
    names: Names = field(default_factory=dict[str, Mapping[str, str]])


def make_lead_parts(
    *,
    store: Store,
    log: Log,
    readings: Readings,
    rules: Callable[[], ClockRules],
    service: str,
    partitions: int,
    names: Names | None = None,
) -> LeadParts:
    """
    Return the parts over the shards of *service*.

    Args:
        store: Where they keep leads and clocks.
        log: With the topics that histories and alerts are read from.
        readings: The figures.
        rules: Returns the promises in force; asked with each request.
        service: Under whose name leads are kept.
        partitions: Of the lifecycle topic.
        names: What people read for each promise, by ``ja`` and ``en``; its name where that isn't given.
    """
    leads = StoredLeads(store, service=service, partitions=partitions)
    return LeadParts(
        backing=Backing(leads, readings),
        board=ClockBoard(leads, rules, readings.rules),
        pages=LeadPages(leads, rules),
        histories=Histories(log),
        teams=readings.rules.teams,
        names=names or {},
    )
