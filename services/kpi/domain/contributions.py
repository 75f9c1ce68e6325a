"""
What a lead adds to the counters: a pure function of what is known of it.

The change of the counters is what the lead adds now less what it added before; so a fact that is late, corrected,
taken back, repeated or out of order is no special case, and any order of facts ends in the same counters.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import NamedTuple, TypeAlias

from services.kpi.domain.calendar import MINUTE_MS, Calendar
from services.kpi.domain.contribution import Contribution, Segments, Span, Tally, Visit
from services.kpi.domain.counters import (
    DEED_CODES,
    ENDS,
    FIRST_RESPONSE_TIME,
    KNOWN,
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
from services.kpi.domain.rules import DAY_MS, OWNER, ROLE, TEAM, CountingRules, Sign, plain
from services.kpi.domain.sketch import bin_of

LONGEST_VALUE = 80
"""A segment's value is cut to so many characters, for each makes counters of its own."""

_KNOWN = 4_096
"""So many kinds of leads with an owner are remembered with their segments: a firm has few."""

_Segments: TypeAlias = Callable[[str], Segments]
_Marks: TypeAlias = dict[Milestone, Mark]

_PLACE = {milestone: place for place, milestone in enumerate(Milestone)}
_WITHIN = [(entered, reached) for entered, reached in PAIRS if entered is not Milestone.LEAD]
_ENTRY = [reached for entered, reached in PAIRS if entered is Milestone.LEAD]
AFTER = {
    stage: [each for each in (*STAGES, *ENDS) if each in ENDS or _PLACE[each] > _PLACE[stage]]
    for stage in STAGES
}
"""What ends a stage."""


class Lapse(NamedTuple):
    """A duration under `code`, from `start` to `end`, epoch ms."""

    code: str
    start: int
    end: int
    where: Segments


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
        def where(standing: Standing, owner: str) -> Segments:
            whose = owner or standing.owner
            values = {**dict(standing.segments), ROLE: standing.origin}
            values |= {OWNER: whose, TEAM: rules.teams.get(whose, "")}
            return ("", *(f":{name}={values.get(name, '')[:LONGEST_VALUE]}" for name in rules.dimensions))

        self._where = where
        self._cohorts = {
            pair: (cohort(*pair), [(cohort(*pair, days), days * DAY_MS) for days in rules.horizons_days])
            for pair in PAIRS
        }

    def of(self, lead: KpiLead, parts: Parts = WHOLE) -> dict[Contribution, int]:
        """
        Return what *lead* adds to the counters, with how much (1, or money).

        With *parts*, at least what those parts add, and always the same for equal parts; the rest is left out.
        """
        added: dict[Contribution, int] = {}
        if lead.gone:
            return added
        segments = self._segments_of(lead.standing)
        cycles = _whole(lead) if parts.whole else parts.cycles
        for cycle, touched in cycles.items():
            self._cycle(added, lead, cycle, touched, segments)
        if cycles:
            touched = set[Milestone]().union(*cycles.values())
            self._entry(added, lead, touched, segments)
            self._people(added, _milestone_days(lead, touched), segments)
        deeds: Iterable[str] = lead.deeds if parts.whole else parts.deeds
        for key in deeds:
            self._deed(added, lead.deeds.get(key), segments)
        if parts.whole or parts.deeds:
            self._people(added, self._deed_days(lead), segments)
        return added

    def segments(self, standing: Standing) -> Segments:
        """Return where something counts that is of a lead as it stands, its owner's."""
        return self._segments_of(standing)(standing.owner)

    def spent(self, lead: KpiLead) -> Iterator[tuple[int, Lapse]]:
        """Yield the durations that count of *lead*, each with its cycle."""
        segments = self._segments_of(lead.standing)
        for cycle in () if lead.gone else _whole(lead):
            marks = _marks(lead, cycle)
            for each in chain(_stages(marks, segments), _responses(lead, cycle, marks, segments)):
                if each.end >= each.start:
                    yield cycle, each

    def _cycle(
        self,
        added: dict[Contribution, int],
        lead: KpiLead,
        cycle: int,
        touched: set[Milestone],
        segments: _Segments,
    ) -> None:
        marks = _marks(lead, cycle)
        for milestone in touched:
            if milestone in marks:
                self._reached(added, lead, milestone, marks[milestone], segments)
        for entered, reached in _WITHIN:
            if (entered in touched or reached in touched) and entered in marks and reached in marks:
                self._got_on(added, (entered, reached), marks[entered], marks[reached].at, segments)
        spent = _responses(lead, cycle, marks, segments)
        for code, start, end, where in chain(_stages(marks, segments), spent) if touched else spent:
            if end >= start:
                _add(added, Span(code, bin_of(end - start), end // MINUTE_MS, where))

    def _reached(
        self,
        added: dict[Contribution, int],
        lead: KpiLead,
        milestone: Milestone,
        mark: Mark,
        segments: _Segments,
    ) -> None:
        minute, where = mark.at // MINUTE_MS, segments(mark.owner)
        _add(added, Tally(MILESTONE_CODES[milestone], minute, where))
        _add(added, Tally(KNOWN, 0, where))
        if milestone is Milestone.OPPORTUNITY:
            _add(added, Tally(self._customer(lead.standing), minute, where))
        elif milestone is Milestone.WON and mark.amount:
            _add(added, Tally(money(mark.currency), minute, where), mark.amount)

    def _entry(
        self, added: dict[Contribution, int], lead: KpiLead, touched: set[Milestone], segments: _Segments
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
                    self._got_on(added, (Milestone.LEAD, reached), entry, min(times), segments)

    def _got_on(
        self,
        added: dict[Contribution, int],
        pair: tuple[Milestone, Milestone],
        entered: Mark,
        at: int,
        segments: _Segments,
    ) -> None:
        code, within = self._cohorts[pair]
        minute, where = entered.at // MINUTE_MS, segments(entered.owner)
        _add(added, Tally(code, minute, where))
        for limited, most_ms in within:
            if at - entered.at <= most_ms:
                _add(added, Tally(limited, minute, where))

    def _deed(self, added: dict[Contribution, int], deed: Deed | None, segments: _Segments) -> None:
        if deed is None or deed.at == NOT:
            return
        where = segments(deed.owner)
        _add(added, Tally(KNOWN, 0, where))
        for code in self._codes(deed):
            _add(added, Tally(code, deed.at // MINUTE_MS, where))

    def _codes(self, deed: Deed) -> Sequence[str]:
        return self._codes_of(deed.kind, deed.outcome)

    def _deed_days(self, lead: KpiLead) -> Iterator[tuple[str, int, str]]:
        for deed in lead.deeds.values():
            if deed.at != NOT:
                for code in self._codes(deed):
                    if code in PEOPLE:
                        yield code, deed.at, deed.owner

    def _people(
        self, added: dict[Contribution, int], done: Iterable[tuple[str, int, str]], segments: _Segments
    ) -> None:
        active: dict[str, dict[Segments, set[int]]] = {}
        for code, at, owner in done:
            days = active.setdefault(code, {}).setdefault(segments(owner), set())
            days.add(self._calendar.day_of(at))
        for code, by_segments in active.items():
            if len(by_segments) == 1:
                for where, days in by_segments.items():
                    _visits(added, code, days, where)
                continue
            # Owners took turns, so the days between two visits differ from segment to segment.
            apart: dict[str, set[int]] = {}
            for where, days in by_segments.items():
                for segment in where:
                    apart.setdefault(segment, set()).update(days)
            for segment, days in apart.items():
                _visits(added, code, days, (segment,))

    def _customer(self, standing: Standing) -> str:
        said = dict(standing.segments).get(self._rules.customer, "")
        return OPPORTUNITIES_EXISTING if said in self._rules.existing else OPPORTUNITIES_NEW

    def _segments_of(self, standing: Standing) -> _Segments:
        """
        Return what gives the segments of something that *owner* did or had.

        Who the lead is, is as last known, for all that ever happened to it; whose it was is as told with each
        fact. What was told while nobody had the lead is that of whoever has it now.
        """
        return partial(self._where, standing)


def _marks(lead: KpiLead, cycle: int) -> _Marks:
    return {each: mark for (which, each), mark in lead.marks.items() if which == cycle and mark.at != NOT}


def _whole(lead: KpiLead) -> dict[int, set[Milestone]]:
    cycles: dict[int, set[Milestone]] = {cycle: set() for cycle, _ in lead.offers}
    for cycle, milestone in lead.marks:
        cycles.setdefault(cycle, set()).add(milestone)
    return cycles


def _milestone_days(lead: KpiLead, touched: set[Milestone]) -> Iterator[tuple[str, int, str]]:
    for (_, milestone), mark in lead.marks.items():
        if milestone in touched and mark.at != NOT and (code := MILESTONE_CODES[milestone]) in PEOPLE:
            yield code, mark.at, mark.owner


def _visits(added: dict[Contribution, int], code: str, days: set[int], where: Segments) -> None:
    last = None
    for day in sorted(days):
        added[Visit(code, 0 if last is None else day - last, day, where)] = 1
        last = day


def _stages(marks: _Marks, segments: _Segments) -> Iterator[Lapse]:
    """Yield how long each stage took: until the first of what comes after it. One that was skipped took no time."""
    for stage, mark in marks.items():
        ends = [marks[each].at for each in AFTER.get(stage, ()) if each in marks]
        if ends:
            yield Lapse(stage_time(stage), mark.at, min(ends), segments(mark.owner))


def _responses(lead: KpiLead, cycle: int, marks: _Marks, segments: _Segments) -> Iterator[Lapse]:
    response, mql = marks.get(Milestone.FIRST_RESPONSE), marks.get(Milestone.MQL)
    if response is not None and mql is not None:
        yield Lapse(FIRST_RESPONSE_TIME, mql.at, response.at, segments(response.owner))
    offer = lead.offers.get((cycle, "mql"))
    if offer is not None:
        where = segments("" if mql is None else mql.owner)
        yield Lapse(SYSTEM_DELAY, offer.qualified_at, offer.offered_at, where)
        if response is not None:
            yield Lapse(REP_DELAY, offer.offered_at, response.at, segments(response.owner))


def _add(added: dict[Contribution, int], what: Contribution, amount: int = 1) -> None:
    added[what] = added.get(what, 0) + amount
