"""The facts behind a number: those that the figure of the same ask counts, one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge

from services.kpi.application.lead_store import LeadStore
from services.kpi.application.reading import Ask, Reading, Readings, Unanswerable
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.contributions import Counting
from services.kpi.domain.counters import cohort, money
from services.kpi.domain.evidence import Evidence, Place, Witness, got_on, kinds_of, once_each
from services.kpi.domain.facts import Milestone
from services.kpi.domain.lead_index import Entry
from services.kpi.domain.metric import Counted, Formula, Money, People, Share, Spent
from services.kpi.domain.rules import DAY_MS
from services.kpi.domain.windows import Range
from services.runtime.pacing import paced

_RUN = 500
MOST_LEADS = 50_000
"""So many leads are looked at for one list."""


class Part(StrEnum):
    """Which term of a rate; what is no rate has a numerator only."""

    NUMERATOR = "numerator"
    DENOMINATOR = "denominator"


@dataclass(frozen=True, slots=True)
class Behind:
    """
    What is behind a figure.

    Args:
        found: The facts, the latest first; as many as the figure counts, of people one each.
        amount: Of money: their sum, minor units.
        range: Which time it is of.
        offsets, complete: See `Answer`.
    """

    found: Sequence[Evidence]
    amount: int | None
    range: Range
    offsets: Mapping[int, int]
    complete: bool


class Backing:
    """Looks up what is behind figures."""

    def __init__(self, store: LeadStore, readings: Readings, *, most: int = MOST_LEADS) -> None:
        self._store = store
        self._readings = readings
        self._most = most
        self._counting = Counting(readings.rules, readings.calendar)

    async def of(self, ask: Ask, part: Part, *, now: int) -> Behind:
        """Return the facts behind *part* of the figure of *ask*. Raises Unanswerable, TooMany, StoreUnavailable."""
        formula = METRICS[ask.metric].formula if ask.metric in METRICS else None
        over = self._readings.covered(ask, now=now)  # refuses an unknown metric
        codes = _codes(formula, ask, part)
        leads = await self._store.under(_entries(codes, over), most=self._most)
        segment = "" if ask.segment is None else f":{ask.segment[0]}={ask.segment[1]}"
        witnesses = [Witness(self._counting, code, over, segment) for code in codes]
        generation = self._readings.generation
        runs: list[list[Evidence]] = [[]]
        async for known in paced(leads.known):
            if known.generation == generation:
                for witness in witnesses:
                    runs[-1] += witness.of(known.lead, known.clocks)
            if len(runs[-1]) >= _RUN:
                runs.append([])
        found = await _sorted(runs)
        if isinstance(formula, People):
            found = await _sorted([once_each(found)])
        if part is Part.DENOMINATOR and ask.reading is Reading.COHORT:
            found = [_got_on(each, formula) async for each in paced(found)]
        amount = sum(each.amount or 0 for each in found) if isinstance(formula, Money) else None
        return Behind(found, amount, over, leads.offsets, leads.generations <= {generation})

    async def versions(self) -> Mapping[int, int]:
        """Return how many commits each shard has had: while they are the same, so are the facts. Raises StoreUnavailable."""
        return await self._readings.versions()


async def _sorted(runs: Sequence[list[Evidence]]) -> list[Evidence]:
    """Return what is in *runs* by place; sorted run by run, for all at once would hold the event loop."""
    async for each in paced(runs):
        each.sort(key=_place)
    return [each async for each in paced(merge(*runs, key=_place))]


def _place(each: Evidence) -> Place:
    return each.place


def _codes(formula: Formula | None, ask: Ask, part: Part) -> tuple[str, ...]:
    if part is Part.DENOMINATOR:
        if not isinstance(formula, Share):
            raise Unanswerable(f"{ask.metric} has no denominator")
        return formula.denominator.codes
    match formula:
        case Counted(codes):
            return codes
        case Share():
            pair = formula.cohort if ask.reading is Reading.COHORT else None
            return formula.numerator.codes if pair is None else (cohort(*pair, ask.within_days),)
        case Money():
            return (money(ask.currency),)
        case Spent(code) | People(code):
            return (code,)
        case None:
            raise Unanswerable(f"there is no metric {ask.metric!r}")


def _entries(codes: Sequence[str], over: Range) -> set[Entry]:
    days = range(over.from_at // DAY_MS, (over.to_at - 1) // DAY_MS + 1) if over.to_at > over.from_at else ()
    return {(kind, day) for code in codes for kind in kinds_of(code) for day in days}


def _got_on(each: Evidence, formula: Formula | None) -> Evidence:
    if not isinstance(formula, Share) or formula.cohort is None or each.cycle is None:
        return each
    entered, reached = formula.cohort
    if entered is Milestone.LEAD and each.cycle != 1:
        return each
    later = got_on(each.lead, each.cycle, entered, reached)
    return each._replace(got_on_at=min((mark.at for mark in later.values()), default=None))
