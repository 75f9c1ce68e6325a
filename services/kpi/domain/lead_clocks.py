"""The clocks of one lead: what is kept of them beside what is known of the lead, and what they amount to at an instant."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, TypeAlias

from services.kpi.domain.calendar import MINUTE_MS
from services.kpi.domain.contribution import Contribution, Segments, Tally
from services.kpi.domain.counters import SLA_DUE, SLA_MET
from services.kpi.domain.facts import NOT, ActivityTold, HandoffTold, LeadGone, MilestoneTold, Standing
from services.kpi.domain.facts import Fact as Told
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_index import days
from services.kpi.domain.sla.clocks import Clock, derive
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.sla.facts import CYCLE_STARTED, Era, Fact, Terms, Trait
from services.kpi.domain.sla.policy import Policy, Turn
from services.kpi.domain.sla.rounds import Ending
from services.kpi.domain.sla.steps import BREACH
from services.kpi.domain.sla.telling import Mark, StepKey, Tell, due, next_at

ClockId: TypeAlias = tuple[int, str]
"""The cycle and the name of the policy."""

SegmentsOf: TypeAlias = Callable[[Standing], Segments]


class Verdict(NamedTuple):
    """How a round counts: whether it was met in time, in which epoch minute, in which segments."""

    met: bool
    minute: int
    segments: Segments


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRules:
    """
    The promises of a firm.

    Args:
        eras: The name of each policy to its terms in the course of time. Nothing is promised before the first.
        grace_ms: So long firing waits for facts that are in the log and not yet read.
        batch: So many timers fire in one commit at most.
    """

    eras: Mapping[str, tuple[Era, ...]] = field(default_factory=dict[str, tuple[Era, ...]])
    grace_ms: int = 30_000
    batch: int = 200

    @classmethod
    def of(
        cls,
        policies: Iterable[Policy],
        *,
        from_at: int,
        calendars: Mapping[str, Hours] | None = None,
        grace_ms: int = 30_000,
    ) -> "ClockRules":
        """Return the rules under which *policies* hold from *from_at* on. Raises Misconfigured."""
        eras = {
            each.name: (Era(from_at, Terms(policy=each, calendars=calendars or {})),) for each in policies
        }
        return cls(eras=eras, grace_ms=grace_ms)

    def policies(self, name: str) -> Iterator[Policy]:
        """Yield each version of the policy *name*."""
        for era in self.eras.get(name, ()):
            if era.terms is not None:
                yield era.terms.policy

    def concerns(self, fact: str) -> bool:
        """Return whether a policy names *fact*."""
        return any(each.effects(fact) for name in self.eras for each in self.policies(name))

    def starts(self, name: str, fact: str) -> bool:
        """Return whether *fact* starts a clock of the policy *name*."""
        return any((Turn.START, None) in each.effects(fact) for each in self.policies(name))

    @property
    def traits(self) -> frozenset[str]:
        """The traits by which budgets differ."""
        return frozenset(
            trait
            for name in self.eras
            for policy in self.policies(name)
            for target in policy.targets
            for trait in target.when
        )


@dataclass(slots=True)
class ClockState:
    """
    What is kept of a lead's clocks.

    Args:
        generation: Of the counting rules under which `counted` stands in the counters.
        cycles: Cycle to what was told last of its start: the order, the instant.
        traits: As they were told, each from the instant at which it was first told so.
        marks: What each clock has told.
        counted: The rounds of each clock that stand in the counters.
    """

    generation: str = ""
    cycles: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    traits: list[Trait] = field(default_factory=list[Trait])
    marks: dict[ClockId, dict[StepKey, Mark]] = field(default_factory=dict[ClockId, dict[StepKey, Mark]])
    counted: dict[ClockId, dict[int, Verdict]] = field(default_factory=dict[ClockId, dict[int, Verdict]])


@dataclass(slots=True)
class Outcome:
    """
    What an evaluation found: what to tell, when each clock comes due next, and how the counters move.

    `deadlines` are those of the clocks that run: None where one stands still or is over. `paused` are the starts of
    those that stand still before their deadline, None for all others.
    """

    tells: list[tuple[ClockId, Tell]] = field(default_factory=list[tuple[ClockId, Tell]])
    timers: dict[ClockId, int | None] = field(default_factory=dict[ClockId, "int | None"])
    deadlines: dict[ClockId, int | None] = field(default_factory=dict[ClockId, "int | None"])
    paused: dict[ClockId, int | None] = field(default_factory=dict[ClockId, "int | None"])
    before: Mapping[Contribution, int] = field(default_factory=dict[Contribution, int])
    after: Mapping[Contribution, int] = field(default_factory=dict[Contribution, int])


def names_of(told: Told) -> str:
    """Return the name by which policies know *told*, "" where they don't."""
    match told:
        case MilestoneTold():
            return str(told.milestone)
        case ActivityTold():
            return f"activity:{told.kind}" if told.kind else "activity:"
        case HandoffTold():
            return f"offered:{told.handoff}"
        case LeadGone():
            return ""


def facts_of(lead: KpiLead, state: ClockState) -> list[Fact]:
    """Return the facts that a lead's clocks are worked out from; none of a lead that is gone."""
    if lead.gone:
        return []
    found = [Fact(mark.at, str(name), cycle) for (cycle, name), mark in lead.marks.items() if mark.at != NOT]
    found += [
        Fact(deed.at, f"activity:{deed.kind}", 0, key) for key, deed in lead.deeds.items() if deed.at != NOT
    ]
    found += [
        Fact(offer.offered_at, f"offered:{handoff}", cycle) for (cycle, handoff), offer in lead.offers.items()
    ]
    found += [Fact(at, CYCLE_STARTED, cycle) for cycle, (_, at) in state.cycles.items()]
    return found


def note_traits(state: ClockState, lead: KpiLead, names: Iterable[str], at: int) -> bool:
    """Keep those traits of *names* that are other than before, as from *at* on; return whether there are any."""
    last = {each.name: each.value for each in state.traits}
    standing = lead.standing
    values = {"origin": standing.origin, "owner": standing.owner, **dict(standing.segments)}
    fresh = [
        Trait(at, name, values.get(name, ""))
        for name in sorted(names)
        if last.get(name) != values.get(name, "")
    ]
    state.traits += fresh
    return bool(fresh)


def clocks_of(lead: KpiLead, state: ClockState, rules: ClockRules) -> dict[ClockId, Clock]:
    """Return each clock of *lead* that was ever started. Raises Misconfigured, Rejected; see `derive`."""
    facts = facts_of(lead, state)
    ids = {
        (fact.cycle, name)
        for name in rules.eras
        for fact in facts
        if fact.cycle and rules.starts(name, fact.name)
    }
    ids |= state.marks.keys() | state.counted.keys()
    return {
        (cycle, name): derive(cycle, facts, state.traits, rules.eras.get(name, ()))
        for cycle, name in sorted(ids)
    }


def evaluate(
    lead: KpiLead, state: ClockState, rules: ClockRules, now: int, *, generation: str, segments: SegmentsOf
) -> Outcome:
    """
    Bring *state* up to *now*, and return what that tells and changes.

    *now* must be so that what happened up to then is known. Where something later was told already (another
    owner's clock was ahead), it is as of then: what came due isn't taken back because a clock went back.
    """
    found = Outcome()
    before = state.counted if state.generation == generation else {}
    found.before = _tallies(before)
    after: dict[ClockId, dict[int, Verdict]] = {}
    where = segments(lead.standing)
    for which, clock in clocks_of(lead, state, rules).items():
        marks = state.marks.get(which, {})
        at = max(now, max((each.told_for_at for each in marks.values() if each.stands), default=now))
        tells, kept = due(clock, marks, at)
        found.tells += ((which, each) for each in tells)
        found.timers[which] = next_at(clock, kept)
        present = clock.round
        runs = present is not None and present.ended_at is None and present.target is not None
        found.deadlines[which] = present.deadline_at if present is not None and runs else None
        stands = present is not None and runs and present.deadline_at is None
        found.paused[which] = present.started_at if present is not None and stands else None
        if kept:
            state.marks[which] = kept
        if verdicts := {} if lead.gone else dict(_verdicts(clock, kept, where)):
            after[which] = verdicts
    state.generation, state.counted = generation, after
    found.after = _tallies(after)
    found.tells.sort(key=lambda each: each[1].due_at)
    return found


def counted_days(state: ClockState) -> set[int]:
    """Return the days, since the epoch, on which the rounds of *state* count."""
    return days(each.minute * MINUTE_MS for rounds in state.counted.values() for each in rounds.values())


def undone(lead: KpiLead, told: Iterable[Told], rules: ClockRules) -> set[ClockId]:
    """Return the clocks of *lead* that *told* may have ended without a trace, by taking back what started them."""
    found: set[ClockId] = set()
    for each in told:
        if isinstance(each, LeadGone):
            found |= {(cycle, name) for cycle, _ in (*lead.marks, *lead.offers) for name in rules.eras}
        elif isinstance(each, MilestoneTold) and each.at == NOT:
            found |= {(each.cycle, name) for name in rules.eras if rules.starts(name, names_of(each))}
    return found


def recounted(
    state: ClockState, lead: KpiLead, generation: str, segments: SegmentsOf
) -> Mapping[Contribution, int]:
    """Return what the verdicts of *state* count under the rules of *generation*, under which they now stand."""
    where = segments(lead.standing)
    state.generation = generation
    state.counted = {
        which: {number: each._replace(segments=where) for number, each in rounds.items()}
        for which, rounds in state.counted.items()
    }
    return _tallies(state.counted)


def _verdicts(clock: Clock, marks: Mapping[StepKey, Mark], where: Segments) -> Iterator[tuple[int, Verdict]]:
    for each in clock.rounds:
        breach = marks.get((each.number, BREACH))
        if each.target is None:
            continue
        if breach is not None and breach.stands:
            yield each.number, Verdict(met=False, minute=breach.told_for_at // MINUTE_MS, segments=where)
        elif each.ending is Ending.STOPPED and each.ended_at is not None:
            met = each.breached_at is None
            at = each.ended_at if each.breached_at is None else each.breached_at
            yield each.number, Verdict(met=met, minute=at // MINUTE_MS, segments=where)


def _tallies(counted: Mapping[ClockId, Mapping[int, Verdict]]) -> Mapping[Contribution, int]:
    found: Counter[Contribution] = Counter()
    for each in chain.from_iterable(rounds.values() for rounds in counted.values()):
        found[Tally(SLA_DUE, each.minute, each.segments)] += 1
        if each.met:
            found[Tally(SLA_MET, each.minute, each.segments)] += 1
    return found


def concerned(told: Sequence[Told], rules: ClockRules) -> bool:
    """Return whether one of *told* can change a clock. What takes an activity back may not say of which type it was."""
    return any(
        isinstance(each, LeadGone) or (name := names_of(each)) == "activity:" or rules.concerns(name)
        for each in told
    )
