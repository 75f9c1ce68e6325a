"""
What is behind a number: the facts of a lead that count under a code.

What a single fact adds is asked of the counters' own code, of a lead that has nothing but this fact; so a list of
facts and the number it belongs to are made by the same rules.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from services.kpi.domain.calendar import MINUTE_MS
from services.kpi.domain.contribution import Segments, Sums
from services.kpi.domain.contributions import AFTER, Counting
from services.kpi.domain.counters import (
    CALL,
    COHORT_SIGN,
    FIRST_RESPONSE_TIME,
    MAIL,
    MILESTONE_CODES,
    OPPORTUNITIES_EXISTING,
    OPPORTUNITIES_NEW,
    PAIRS,
    REP_DELAY,
    SLA_DUE,
    SLA_MET,
    STAGES,
    SYSTEM_DELAY,
    cohort,
    money,
    stage_time,
)
from services.kpi.domain.facts import NOT, Milestone
from services.kpi.domain.lead import KpiLead, Mark
from services.kpi.domain.lead_clocks import ClockState
from services.kpi.domain.lead_index import DEED_KINDS, OFFERED, VERDICT
from services.kpi.domain.windows import Range

_OF_CODE = {
    **{code: milestone for milestone, code in MILESTONE_CODES.items()},
    OPPORTUNITIES_NEW: Milestone.OPPORTUNITY,
    OPPORTUNITIES_EXISTING: Milestone.OPPORTUNITY,
}
_MONEY = money("")
_SPANS: Mapping[str, tuple[str, frozenset[str]]] = {
    FIRST_RESPONSE_TIME: (Milestone.FIRST_RESPONSE, frozenset({MILESTONE_CODES[Milestone.FIRST_RESPONSE]})),
    REP_DELAY: (Milestone.FIRST_RESPONSE, frozenset({MILESTONE_CODES[Milestone.FIRST_RESPONSE]})),
    SYSTEM_DELAY: ("offered:mql", frozenset({OFFERED})),
    **{
        stage_time(stage): (stage, frozenset(MILESTONE_CODES[each] for each in AFTER[stage]))
        for stage in STAGES
    },
}
"""A duration's code: what it is of, and the kinds of facts that end it."""


Place: TypeAlias = tuple[int, str, str, int, str]
"""What a list is sorted by, see `Evidence.place`."""


class Evidence(NamedTuple):
    """
    A fact that counts: `at` is when it does, epoch ms.

    `kind` is a milestone, a type of activity, ``offered:mql`` or ``sla``; `key` is an activity's, or the promise's with
    the number of the round. `amount` is in minor units of `currency`,
    `got_on_at` is when somebody who entered a cohort got on, `policy` and `met` are a promise's.
    """

    at: int
    lead: KpiLead
    kind: str
    cycle: int | None = None
    key: str | None = None
    owner: str = ""
    amount: int | None = None
    currency: str | None = None
    duration_ms: int | None = None
    got_on_at: int | None = None
    policy: str | None = None
    met: bool | None = None

    @property
    def place(self) -> Place:
        """What a list is sorted by, the latest first; no two facts of a list have the same."""
        return -self.at, self.lead.id, self.kind, self.cycle or 0, self.key or ""


def kinds_of(code: str) -> frozenset[str]:
    """Return the kinds of entries under which all leads are found that count under *code*."""
    if code in _SPANS:
        return _SPANS[code][1]
    if code in {SLA_MET, SLA_DUE}:
        return frozenset({VERDICT})
    milestone = _milestone(code)
    return frozenset({code[0] if milestone is None else MILESTONE_CODES[milestone]})


class Witness:
    """
    Says which facts of leads count under *code* within *over*, in *segment* ("" for all, else ``:name=value``).

    The entries to look under are those of `kinds_of`, of the same time.
    """

    def __init__(self, counting: Counting, code: str, over: Range, segment: str) -> None:
        self._counting = counting
        self._code = code
        self._over = over
        self._segment = segment
        self._facts = self._chosen()

    def of(self, lead: KpiLead, state: ClockState | None) -> Iterator[Evidence]:
        """Yield the facts of *lead*, whose promises are *state*."""
        if not lead.gone:
            yield from self._facts(lead, state)

    def _chosen(self) -> Callable[[KpiLead, ClockState | None], Iterator[Evidence]]:
        code = self._code
        if code in _SPANS:
            return self._spans
        if code in {SLA_MET, SLA_DUE}:
            return self._verdicts
        if code[0] in {CALL, MAIL}:
            return self._deeds
        return self._entered if COHORT_SIGN in code else self._marks

    def _marks(self, lead: KpiLead, _state: ClockState | None) -> Iterator[Evidence]:
        wanted = _milestone(self._code)
        for (cycle, milestone), mark in lead.marks.items():
            if milestone is wanted and self._within(mark.at):
                amount = self._counted(_alone(lead, {(cycle, milestone): mark}))
                if amount:
                    yield self._mark(lead, cycle, milestone, mark, amount)

    def _entered(self, lead: KpiLead, _state: ClockState | None) -> Iterator[Evidence]:
        code = self._code.rstrip("0123456789")
        entered, reached = next(pair for pair in PAIRS if cohort(*pair) == code)
        for (cycle, milestone), mark in lead.marks.items():
            if milestone is not entered or not self._within(mark.at):
                continue
            later = got_on(lead, cycle, entered, reached)
            alone = _alone(lead, {(cycle, entered): mark, **later})
            if self._counted(alone):
                found = self._mark(lead, cycle, milestone, mark, 1)
                yield found._replace(got_on_at=min(each.at for each in later.values()))

    def _mark(self, lead: KpiLead, cycle: int, milestone: Milestone, mark: Mark, amount: int) -> Evidence:
        found = Evidence(mark.at, lead, str(milestone), cycle, owner=mark.owner or lead.standing.owner)
        if self._code.startswith(_MONEY):
            return found._replace(amount=amount, currency=mark.currency)
        return found

    def _deeds(self, lead: KpiLead, _state: ClockState | None) -> Iterator[Evidence]:
        for key, deed in lead.deeds.items():
            if DEED_KINDS.get(deed.kind) == self._code[0] and self._within(deed.at):
                alone = KpiLead(lead.id, lead.standing, lead.stood, deeds={key: deed})
                if self._counted(alone):
                    yield Evidence(deed.at, lead, deed.kind, key=key, owner=deed.owner or lead.standing.owner)

    def _spans(self, lead: KpiLead, _state: ClockState | None) -> Iterator[Evidence]:
        kind = _SPANS[self._code][0]
        for cycle, each in self._counting.spent(lead):
            if each.code == self._code and self._within(each.end) and self._segment in each.where:
                yield Evidence(
                    each.end,
                    lead,
                    str(kind),
                    cycle,
                    owner=_owner(each.where) or lead.standing.owner,
                    duration_ms=each.end - each.start,
                )

    def _verdicts(self, lead: KpiLead, state: ClockState | None) -> Iterator[Evidence]:
        if state is None or state.generation != self._counting.generation:
            return
        for (cycle, policy), rounds in state.counted.items():
            for number, each in rounds.items():
                at = each.minute * MINUTE_MS
                if (
                    self._within(at)
                    and self._segment in each.segments
                    and (each.met or self._code == SLA_DUE)
                ):
                    yield Evidence(
                        at,
                        lead,
                        "sla",
                        cycle,
                        owner=lead.standing.owner,
                        key=f"{policy}/{number}",
                        policy=policy,
                        met=each.met,
                    )

    def _counted(self, alone: KpiLead) -> int:
        """Return how much *alone* adds under the code in the time and the segment."""
        sums = Sums()
        self._counting.add(sums, alone)
        return sum(
            amount
            for what, amount in sums.tallied()
            if what.code == self._code
            and self._segment in what.segments
            and self._within(what.minute * MINUTE_MS)
        )

    def _within(self, at: int) -> bool:
        # The range has the edges of buckets, so an instant is in it with its whole minute.
        return at != NOT and self._over.from_at <= at < self._over.to_at


def got_on(
    lead: KpiLead, cycle: int, entered: Milestone, reached: Milestone
) -> dict[tuple[int, Milestone], Mark]:
    """Return the marks of *reached* that say when who entered in *cycle* got on; a lead may in any later cycle."""
    return {
        slot: mark
        for slot, mark in lead.marks.items()
        if slot[1] is reached and mark.at != NOT and (slot[0] == cycle or entered is Milestone.LEAD)
    }


def once_each(found: Iterable[Evidence]) -> list[Evidence]:
    """Return of each lead the first of what was *found*: the people."""
    first: dict[str, Evidence] = {}
    for each in found:
        held = first.get(each.lead.id)
        if held is None or each.at < held.at:
            first[each.lead.id] = each
    return list(first.values())


def _alone(lead: KpiLead, marks: dict[tuple[int, Milestone], Mark]) -> KpiLead:
    return KpiLead(lead.id, lead.standing, lead.stood, marks=marks)


def _milestone(code: str) -> Milestone | None:
    if code.startswith(_MONEY):
        return Milestone.WON
    return _OF_CODE.get(code.partition(COHORT_SIGN)[0])


def _owner(where: Segments) -> str:
    head = ":owner="
    return next((each.removeprefix(head) for each in where if each.startswith(head)), "")
