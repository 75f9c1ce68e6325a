"""
What a lead adds to the counters: a pure function of what is known of it.

The change of the counters is what the lead adds now less what it added before; so a fact that is late, corrected,
taken back, repeated or out of order is no special case, and any order of facts ends in the same counters.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeAlias

from services.kpi.domain.calendar import MINUTE_MS, Calendar
from services.kpi.domain.contribution import Segments, Sums
from services.kpi.domain.counters import (
    DEED_CODES,
    ENDS,
    FIRST_RESPONSE_TIME,
    MILESTONE_CODES,
    OPPORTUNITIES_EXISTING,
    OPPORTUNITIES_NEW,
    PAIRS,
    PEOPLE,
    REP_DELAY,
    STAGES,
    SYSTEM_DELAY,
    cohort,
    money,
    stage_time,
)
from services.kpi.domain.facts import NOT, Milestone, Standing
from services.kpi.domain.lead import WHOLE, Deed, KpiLead, Mark, Parts
from services.kpi.domain.places import duration_field, people_field
from services.kpi.domain.rules import DAY_MS, OWNER, ROLE, TEAM, CountingRules, Sign, plain
from services.kpi.domain.sketch import bin_of

LONGEST_VALUE = 80
"""A segment's value is cut to so many characters, for each makes counters of its own."""

_KNOWN = 4_096
"""So many kinds of leads are remembered, each with the segments of so many owners: a firm has few."""

_Marks: TypeAlias = dict[Milestone, Mark]

_PLACE = {milestone: place for place, milestone in enumerate(Milestone)}
AFTER = {
    stage: [each for each in (*STAGES, *ENDS) if each in ENDS or _PLACE[each] > _PLACE[stage]]
    for stage in STAGES
}
"""What ends a stage."""
_WITHIN = [(entered, reached) for entered, reached in PAIRS if entered is not Milestone.LEAD]
_WITHIN_OF = {milestone: [pair for pair in _WITHIN if milestone in pair] for milestone in Milestone}
_ENTRY = [reached for entered, reached in PAIRS if entered is Milestone.LEAD]
_PEOPLE_OF = [(milestone, code) for milestone, code in MILESTONE_CODES.items() if code in PEOPLE]
_LAST_FIRST = [(stage, stage_time(stage)) for stage in reversed(STAGES)]


class Lapse(NamedTuple):
    """A duration under `code`, from `start` to `end`, epoch ms."""

    code: str
    start: int
    end: int
    where: Segments


class _Segments(dict[str, Segments]):
    """
    The segments of something that an owner did or had, by the owner, of leads that stand in one way.

    Who the lead is, is as last known, for all that ever happened to it; whose it was is as told with each
    fact. What was told while nobody had the lead is that of whoever has it now.
    """

    def __init__(self, rules: CountingRules, standing: Standing) -> None:
        self._rules = rules
        self._standing = standing

    def __missing__(self, owner: str) -> Segments:
        if len(self) >= _KNOWN:
            self.clear()
        rules, whose = self._rules, owner or self._standing.owner
        values = {**dict(self._standing.segments), ROLE: self._standing.origin}
        values |= {OWNER: whose, TEAM: rules.teams.get(whose, "")}
        self[owner] = (
            "",
            *(f":{name}={values.get(name, '')[:LONGEST_VALUE]}" for name in rules.dimensions),
        )
        return self[owner]


class Counting:
    """The firm's rules at work on leads."""

    def __init__(self, rules: CountingRules, calendar: Calendar) -> None:
        self._rules = rules
        self.generation = rules.generation
        self._calendar = calendar
        signs = {plain(said): sign for said, sign in rules.outcomes.items()}

        @lru_cache(1_024)
        def codes(kind: str, outcome: str) -> tuple[str, ...]:
            return DEED_CODES.get((kind, signs.get(plain(outcome), Sign.NONE)), ())

        self._codes_of = codes

        @lru_cache(_KNOWN)
        def segments_of(standing: Standing) -> _Segments:
            return _Segments(rules, standing)

        self._segments_of = segments_of
        self._cohorts = {
            pair: (cohort(*pair), [(cohort(*pair, days), days * DAY_MS) for days in rules.horizons_days])
            for pair in PAIRS
        }

    def add(self, sums: Sums, lead: KpiLead, parts: Parts = WHOLE, *, sign: int = 1) -> None:
        """
        Add to *sums* what *lead* adds to the counters; with a *sign* of -1 take it back.

        With *parts*, at least what those parts add, and always the same for equal parts; the rest is left out.
        """
        if lead.gone:
            return
        segments = self._segments_of(lead.standing)
        cycles = _whole(lead) if parts.whole else parts.cycles
        for cycle, touched in cycles.items():
            self._cycle(sums, sign, lead, cycle, touched, segments)
        if cycles:
            touched = set[Milestone]().union(*cycles.values())
            self._entry(sums, sign, lead, touched, segments)
            self._people(sums, sign, _milestone_days(lead, touched), segments)
        deeds: Iterable[str] = lead.deeds if parts.whole else parts.deeds
        for key in deeds:
            self._deed(sums, sign, lead.deeds.get(key), segments)
        if parts.whole or parts.deeds:
            self._people(sums, sign, self._deed_days(lead), segments)

    def segments(self, standing: Standing) -> Segments:
        """Return where something counts that is of a lead as it stands, its owner's."""
        return self._segments_of(standing)[standing.owner]

    def spent(self, lead: KpiLead) -> Iterator[tuple[int, Lapse]]:
        """Yield the durations that count of *lead*, each with its cycle."""
        segments = self._segments_of(lead.standing)
        for cycle in () if lead.gone else _whole(lead):
            marks = _marks(lead, cycle)
            for each in chain(_stages(marks, segments), _responses(lead, cycle, marks, segments)):
                if each[2] >= each[1]:
                    yield cycle, Lapse(*each)

    def _cycle(
        self,
        sums: Sums,
        sign: int,
        lead: KpiLead,
        cycle: int,
        touched: set[Milestone],
        segments: _Segments,
    ) -> None:
        marks = _marks(lead, cycle)
        for milestone in touched:
            if milestone in marks:
                self._reached(sums, sign, lead, milestone, marks[milestone], segments)
        for entered, reached in _pairs_of(touched):
            if entered in marks and reached in marks:
                self._got_on(sums, sign, (entered, reached), marks[entered], marks[reached].at, segments)
        spent = _responses(lead, cycle, marks, segments)
        spreads, day_of = sums.spreads, self._calendar.day_of
        for code, start, end, where in chain(_stages(marks, segments), spent) if touched else spent:
            if end >= start:
                what = (duration_field(code, bin_of(end - start)), day_of(end), where)
                spreads[what] = spreads.get(what, 0) + sign

    def _reached(
        self, sums: Sums, sign: int, lead: KpiLead, milestone: Milestone, mark: Mark, segments: _Segments
    ) -> None:
        minute, where, tallies = mark.at // MINUTE_MS, segments[mark.owner], sums.tallies
        what = (MILESTONE_CODES[milestone], minute, where)
        tallies[what] = tallies.get(what, 0) + sign
        sums.known[where] = sums.known.get(where, 0) + sign
        if milestone is Milestone.OPPORTUNITY:
            what = (self._customer(lead.standing), minute, where)
            tallies[what] = tallies.get(what, 0) + sign
        elif milestone is Milestone.WON and mark.amount:
            what = (money(mark.currency), minute, where)
            tallies[what] = tallies.get(what, 0) + sign * mark.amount

    def _entry(
        self, sums: Sums, sign: int, lead: KpiLead, touched: set[Milestone], segments: _Segments
    ) -> None:
        """What became of the lead, in whichever cycle."""
        entry = lead.marks.get((1, Milestone.LEAD))
        if entry is None or entry.at == NOT:
            return
        for reached in _ENTRY:
            if reached in touched or Milestone.LEAD in touched:
                times = [
                    mark.at for (_, each), mark in lead.marks.items() if each is reached and mark.at != NOT
                ]
                if times:
                    self._got_on(sums, sign, (Milestone.LEAD, reached), entry, min(times), segments)

    def _got_on(
        self,
        sums: Sums,
        sign: int,
        pair: tuple[Milestone, Milestone],
        entered: Mark,
        at: int,
        segments: _Segments,
    ) -> None:
        code, within = self._cohorts[pair]
        minute, where, cohorts = entered.at // MINUTE_MS, segments[entered.owner], sums.cohorts
        what = (code, minute, where)
        cohorts[what] = cohorts.get(what, 0) + sign
        for limited, most_ms in within:
            if at - entered.at <= most_ms:
                what = (limited, minute, where)
                cohorts[what] = cohorts.get(what, 0) + sign

    def _deed(self, sums: Sums, sign: int, deed: Deed | None, segments: _Segments) -> None:
        if deed is None or deed.at == NOT:
            return
        minute, where, tallies = deed.at // MINUTE_MS, segments[deed.owner], sums.tallies
        sums.known[where] = sums.known.get(where, 0) + sign
        for code in self._codes(deed):
            what = (code, minute, where)
            tallies[what] = tallies.get(what, 0) + sign

    def _codes(self, deed: Deed) -> Sequence[str]:
        return self._codes_of(deed.kind, deed.outcome)

    def _deed_days(self, lead: KpiLead) -> Iterator[tuple[str, int, str]]:
        for deed in lead.deeds.values():
            if deed.at != NOT:
                for code in self._codes(deed):
                    if code in PEOPLE:
                        yield code, deed.at, deed.owner

    def _people(
        self, sums: Sums, sign: int, done: Iterable[tuple[str, int, str]], segments: _Segments
    ) -> None:
        active: dict[str, dict[Segments, set[int]]] = {}
        for code, at, owner in done:
            days = active.setdefault(code, {}).setdefault(segments[owner], set())
            days.add(self._calendar.day_of(at))
        for code, by_segments in active.items():
            if len(by_segments) == 1:
                for where, days in by_segments.items():
                    _visits(sums, sign, code, days, where)
                continue
            # Owners took turns, so the days between two visits differ from segment to segment.
            apart: dict[str, set[int]] = {}
            for where, days in by_segments.items():
                for segment in where:
                    apart.setdefault(segment, set()).update(days)
            for segment, days in apart.items():
                _visits(sums, sign, code, days, (segment,))

    def _customer(self, standing: Standing) -> str:
        said = dict(standing.segments).get(self._rules.customer, "")
        return OPPORTUNITIES_EXISTING if said in self._rules.existing else OPPORTUNITIES_NEW


def _marks(lead: KpiLead, cycle: int) -> _Marks:
    return {each: mark for (which, each), mark in lead.marks.items() if which == cycle and mark.at != NOT}


def _whole(lead: KpiLead) -> dict[int, set[Milestone]]:
    cycles: dict[int, set[Milestone]] = {cycle: set() for cycle, _ in lead.offers}
    for cycle, milestone in lead.marks:
        cycles.setdefault(cycle, set()).add(milestone)
    return cycles


def _pairs_of(touched: set[Milestone]) -> Iterable[tuple[Milestone, Milestone]]:
    """Return the cohorts and results in which one of *touched* is, each once."""
    if len(touched) == 1:
        (milestone,) = touched
        return _WITHIN_OF[milestone]
    return [pair for pair in _WITHIN if not touched.isdisjoint(pair)]


def _milestone_days(lead: KpiLead, touched: set[Milestone]) -> Iterator[tuple[str, int, str]]:
    for milestone, code in _PEOPLE_OF:
        if milestone in touched:
            for (_, each), mark in lead.marks.items():
                if each is milestone and mark.at != NOT:
                    yield code, mark.at, mark.owner


def _visits(sums: Sums, sign: int, code: str, days: set[int], where: Segments) -> None:
    """
    Count a person active under *code* on *days*, each with the days since the one before; 0 on the first.

    Of the days from a to b a person has one whose gap reaches before a: counting those counts each person once.
    """
    spreads, last = sums.spreads, None
    for day in sorted(days):
        what = (people_field(code, 0 if last is None else day - last), day, where)
        spreads[what] = spreads.get(what, 0) + sign
        last = day


def _stages(marks: _Marks, segments: _Segments) -> Iterator[tuple[str, int, int, Segments]]:
    """Yield how long each stage took: until the first of what comes after it. One that was skipped took no time."""
    first = min([marks[each].at for each in ENDS if each in marks], default=NOT)
    for stage, code in _LAST_FIRST:
        mark = marks.get(stage)
        if mark is not None:
            if first != NOT:
                yield code, mark.at, first, segments[mark.owner]
            first = mark.at if first == NOT else min(first, mark.at)


def _responses(
    lead: KpiLead, cycle: int, marks: _Marks, segments: _Segments
) -> Iterator[tuple[str, int, int, Segments]]:
    response, mql = marks.get(Milestone.FIRST_RESPONSE), marks.get(Milestone.MQL)
    if response is not None and mql is not None:
        yield FIRST_RESPONSE_TIME, mql.at, response.at, segments[response.owner]
    offer = lead.offers.get((cycle, "mql"))
    if offer is not None:
        where = segments["" if mql is None else mql.owner]
        yield SYSTEM_DELAY, offer.qualified_at, offer.offered_at, where
        if response is not None:
            yield REP_DELAY, offer.offered_at, response.at, segments[response.owner]
