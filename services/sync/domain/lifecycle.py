"""
The lifecycle of a lead: its milestones by cycle, as a function of the set of what was seen.

    リード → MQL → (MQL対応) → SQL → アポ → 商談 → 有効商談 → 受注 | 失注
               └──────────── recycled: the next qualification starts the next cycle

A milestone keeps the earliest time of its cycle. Facts are walked in the order of their times, never in the
order of their arrival.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from services.sync.domain.lead import NEVER, Lead, Opportunity
from services.sync.domain.records import Kind, Scalar, Side
from services.sync.domain.rules import Milestone, Origin, Rules, StageMap
from services.sync.domain.scoring import ScoreEvent, Tally, score_events

MilestoneKey: TypeAlias = tuple[int, Milestone]

FUNNEL = tuple(Milestone)
_PLACE = {milestone: place for place, milestone in enumerate(FUNNEL)}


@dataclass(frozen=True, slots=True)
class Fact:
    """Somebody's tool says that `milestone` was reached at `at`."""

    at: int
    milestone: Milestone


@dataclass(slots=True)
class Lifecycle:
    """What a lead's facts amount to. `closed`: the present cycle was recycled."""

    cycle: int = 1
    closed: bool = False
    milestones: dict[MilestoneKey, int] = field(default_factory=dict[MilestoneKey, int])
    score: int = 0
    points: dict[str, int] = field(default_factory=dict[str, int])

    def reached(self, milestone: Milestone, cycle: int | None = None) -> int | None:
        """Return when *milestone* was reached in *cycle* (the present one), or None."""
        return self.milestones.get((cycle or self.cycle, milestone))

    @property
    def stage(self) -> Milestone:
        """The furthest milestone of the present cycle; the latest where two are equally final."""
        reached = [(at, each) for (cycle, each), at in self.milestones.items() if cycle == self.cycle]
        if not reached:
            return Milestone.LEAD
        if self.closed:
            return Milestone.RECYCLED
        ends = [(at, each) for at, each in reached if each in (Milestone.WON, Milestone.LOST)]
        return max(ends)[1] if ends else max(reached, key=lambda pair: _PLACE[pair[1]])[1]


def trace(lead: Lead, rules: Rules) -> Lifecycle:
    """Return the lifecycle that the lead's facts amount to."""
    life = Lifecycle()
    tally = Tally(rules.scoring)
    if lead.created_at != NEVER:
        life.milestones[1, Milestone.LEAD] = lead.created_at
    was_over = False
    for step in _steps(lead, rules):
        if isinstance(step, Fact):
            _reach(life, tally, step)
            was_over = tally.score >= rules.scoring.threshold
            continue
        over = tally.take(step) >= rules.scoring.threshold
        if over and (not was_over or life.reached(Milestone.MQL) is None or life.closed):
            _cross(life, step.at, was_over=was_over)
        was_over = over
    life.score, life.points = tally.score, tally.points()
    return life


def _steps(lead: Lead, rules: Rules) -> list[Fact | ScoreEvent]:
    """Everything that moves the lifecycle, by time; at one instant the score comes first, then the funnel's order."""
    steps: list[tuple[tuple[int, int, int, int], Fact | ScoreEvent]] = [
        ((event.at, 0, event.source, event.amount), event) for event in score_events(lead, rules.scoring)
    ]
    steps += [((fact.at, 1, _PLACE[fact.milestone], 0), fact) for fact in _facts(lead, rules)]
    return [step for _, step in sorted(steps, key=lambda pair: pair[0])]


def _reach(life: Lifecycle, tally: Tally, fact: Fact) -> None:
    if fact.milestone is Milestone.RECYCLED:
        if not life.closed:
            life.milestones.setdefault((life.cycle, Milestone.RECYCLED), fact.at)
            life.closed = True
            tally.restart()
        return
    if fact.milestone is Milestone.MQL:
        _qualify(life, fact.at)
        return
    if fact.milestone is Milestone.FIRST_RESPONSE and life.reached(Milestone.MQL) is None:
        return  # a touch before the handoff answers nothing
    life.milestones.setdefault((life.cycle, fact.milestone), fact.at)


def _cross(life: Lifecycle, at: int, *, was_over: bool) -> None:
    """The score is over the threshold at *at*; a recycled lead must cross it anew."""
    if life.closed and was_over:
        return
    _qualify(life, at)


def _qualify(life: Lifecycle, at: int) -> None:
    if life.closed:
        life.cycle += 1
        life.closed = False
    life.milestones.setdefault((life.cycle, Milestone.MQL), at)


def _facts(lead: Lead, rules: Rules) -> Iterator[Fact]:
    for stage_map in rules.stages:
        if stage_map.kind is Kind.LEAD:
            yield from _mapped(stage_map, lead.history.get(stage_map.field, {}))
        elif stage_map.kind is Kind.OPPORTUNITY and stage_map.side is Side.SFA:
            for opportunity in lead.opportunities.values():
                yield from _mapped(stage_map, opportunity.stages)
    yield from _first_touches(lead, rules)


def _mapped(stage_map: StageMap, seen: dict[int, Scalar]) -> Iterator[Fact]:
    for at, value in seen.items():
        milestone = stage_map.milestones.get(str(value))
        if milestone is not None:
            yield Fact(at, milestone)


def _first_touches(lead: Lead, rules: Rules) -> Iterator[Fact]:
    """Sales' calls, mails and meetings."""
    for activity in lead.activities.values():
        sales = activity.side is Side.SFA and not activity.deleted
        if sales and activity.type in rules.first_touch and activity.at != NEVER:
            yield Fact(activity.at, Milestone.FIRST_RESPONSE)


def origin_of(lead: Lead, rules: Rules) -> Origin:
    """Return whether the lead is inbound (SDR) or outbound (BDR): by its source, else by where it was made."""
    for side in (Side.MA, Side.SFA):
        source = lead.seen("source", side).said
        if source is not None and str(source) in rules.bdr_sources:
            return Origin.BDR
    return Origin.SDR


def opportunity_of(lead: Lead, life: Lifecycle) -> Opportunity | None:
    """Return the opportunity that stands for the lead now: of the latest cycle, then the latest made."""
    alive = [each for each in lead.opportunities.values() if not each.deleted]
    if not alive:
        return None
    return max(alive, key=lambda each: (cycle_of(each, life), each.created_at, each.ref.id))


def cycle_of(opportunity: Opportunity, life: Lifecycle) -> int:
    """Return the cycle an opportunity belongs to: the one it was made for, else the one it was made in."""
    if opportunity.cycle:
        return opportunity.cycle
    starts = [
        cycle
        for (cycle, each), at in life.milestones.items()
        if each is Milestone.MQL and at <= opportunity.created_at
    ]
    return max(starts, default=1)
