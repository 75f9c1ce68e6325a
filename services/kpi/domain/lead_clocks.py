"""The clocks of one lead: what is kept of them beside what is known of the lead, and what they amount to at an instant."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, TypeAlias

from services.kpi.domain.calendar import MINUTE_MS
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.contribution import Segments, Tally
from services.kpi.domain.counters import SLA_DUE, SLA_MET
from services.kpi.domain.facts import NOT, ActivityTold, HandoffTold, LeadGone, MilestoneTold, Standing
from services.kpi.domain.facts import Fact as Told
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_index import days
from services.kpi.domain.sla.changes import Move, moved
from services.kpi.domain.sla.clocks import Clock, derive
from services.kpi.domain.sla.facts import CYCLE_STARTED, Fact, Trait
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


@dataclass(slots=True)
class ClockState:
    """
    What is kept of a lead's clocks.

    Args:
        generation: Of the counting rules under which `counted` stands in the counters.
        era: The number of the clock rules by which they were worked out last, 0 where they never were.
        cycles: Cycle to what was told last of its start: the order, the instant.
        traits: As they were told, each from the instant at which it was first told so.
        marks: What each clock has told.
        counted: The rounds of each clock that stand in the counters.
    """

    generation: str = ""
    era: int = 0
    cycles: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    traits: list[Trait] = field(default_factory=list[Trait])
    marks: dict[ClockId, dict[StepKey, Mark]] = field(default_factory=dict[ClockId, dict[StepKey, Mark]])
    counted: dict[ClockId, dict[int, Verdict]] = field(default_factory=dict[ClockId, dict[int, Verdict]])


@dataclass(slots=True)
class Outcome:
    """
    What an evaluation found: what to tell, when each clock comes due next, and how the counters move.

    `deadlines` are those of the clocks that run: None where one stands still or is over. `paused` are the starts of
    those that stand still before their deadline, None for all others. `moves` are what other rules
    did, where the clocks were worked out by older ones before.
    """

    clocks: Mapping[ClockId, Clock] = field(default_factory=dict[ClockId, Clock])

    tells: list[tuple[ClockId, Tell]] = field(default_factory=list[tuple[ClockId, Tell]])
    moves: list[tuple[ClockId, Move]] = field(default_factory=list[tuple[ClockId, Move]])
    timers: dict[ClockId, int | None] = field(default_factory=dict[ClockId, "int | None"])
    deadlines: dict[ClockId, int | None] = field(default_factory=dict[ClockId, "int | None"])
    paused: dict[ClockId, int | None] = field(default_factory=dict[ClockId, "int | None"])
    before: Mapping[Tally, int] = field(default_factory=dict[Tally, int])
    after: Mapping[Tally, int] = field(default_factory=dict[Tally, int])

    def is_over(self, which: ClockId, tell: Tell, now: int) -> bool:
        """Return whether what *tell* is about had ended by *now*, so that nobody can do anything about it."""
        rounds = (each for each in self.clocks[which].rounds if each.number == tell.round)
        return all(each.ended_at is not None and each.ended_at <= now for each in rounds)


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


def is_promised(lead: KpiLead, state: ClockState, rules: ClockRules) -> bool:
    """Return whether something of *lead* ever starts a clock."""
    return any(fact.cycle and rules.promises(fact.name, fact.at) for fact in facts_of(lead, state))


def clocks_of(
    lead: KpiLead, state: ClockState, rules: ClockRules, also: Iterable[ClockId] = ()
) -> dict[ClockId, Clock]:
    """Return each clock of *lead* that was ever started, and *also* those. Raises Misconfigured, Rejected; see `derive`."""
    facts = facts_of(lead, state)
    ids = {
        (fact.cycle, name)
        for name in rules.eras
        for fact in facts
        if fact.cycle and rules.starts(name, fact.name)
    }
    ids |= {*state.marks, *state.counted, *also}
    return {
        (cycle, name): derive(cycle, facts, state.traits, rules.eras.get(name, ()))
        for cycle, name in sorted(ids)
    }


def evaluate(
    lead: KpiLead,
    state: ClockState,
    rules: ClockRules,
    now: int,
    *,
    generation: str,
    segments: SegmentsOf,
    before: ClockRules | None = None,
) -> Outcome:
    """
    Bring *state* up to *now* and to *rules*, and return what that tells and changes.

    *now* must be so that what happened up to then is known. Where something later was told already (another
    owner's clock was ahead), it is as of then: what came due isn't taken back because a clock went back.
    *before* are the rules that *state* was worked out by, if these are others.
    """
    earlier = {} if before is None else clocks_of(lead, state, before)
    clocks = clocks_of(lead, state, rules, earlier)
    found = Outcome(clocks=clocks, before=_tallies(state.counted if state.generation == generation else {}))
    after: dict[ClockId, dict[int, Verdict]] = {}
    where = segments(lead.standing)
    for which, clock in clocks.items():
        kept = _tell(which, clock, state, now, found)
        if verdicts := {} if lead.gone else dict(_verdicts(clock, kept, where)):
            after[which] = verdicts
        if before is not None and (move := moved(earlier.get(which), clock, now)) is not None:
            found.moves.append((which, move))
    state.generation, state.era, state.counted = generation, rules.number, after
    found.after = _tallies(after)
    found.tells.sort(key=lambda each: each[1].due_at)
    return found


def _tell(which: ClockId, clock: Clock, state: ClockState, now: int, found: Outcome) -> dict[StepKey, Mark]:
    """Put into *found* what *clock* tells and when it comes due next; return its marks, which *state* keeps."""
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
    return kept


def misplaced(state: ClockState, where: Segments) -> bool:
    """Return whether a verdict stands in other segments than *where*: who the lead is has changed since."""
    return any(each.segments != where for rounds in state.counted.values() for each in rounds.values())


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


def recounted(state: ClockState, lead: KpiLead, generation: str, segments: SegmentsOf) -> Mapping[Tally, int]:
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
            # By the deadline as it is known now: when it was told says in which order things became known.
            at = breach.told_for_at if each.breached_at is None else each.breached_at
            yield each.number, Verdict(met=False, minute=at // MINUTE_MS, segments=where)
        elif each.ending is Ending.STOPPED and each.ended_at is not None:
            met = each.breached_at is None
            at = each.ended_at if each.breached_at is None else each.breached_at
            yield each.number, Verdict(met=met, minute=at // MINUTE_MS, segments=where)


def _tallies(counted: Mapping[ClockId, Mapping[int, Verdict]]) -> Mapping[Tally, int]:
    found: Counter[Tally] = Counter()
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
