"""
The lifecycle of a lead: its milestones by cycle, as a function of the set of what was seen.

    リード → MQL → (MQL対応) → SQL → アポ → 商談 → 有効商談 → 受注 | 失注
               └──────────── recycled: the next qualification starts the next cycle

A milestone keeps the earliest time of its cycle. Facts are walked in the order of their times, never in the
order of their arrival.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from services.sync.domain.lead import NEVER, Lead, Opportunity
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import Milestone, Origin, Rules, StageMap
from services.sync.domain.scoring import ScoreEvent, score_events, turns
from services.sync.domain.tally import Reason, Tally

MilestoneKey: TypeAlias = tuple[int, Milestone]

FUNNEL = tuple(Milestone)
PLACE = {milestone: place for place, milestone in enumerate(FUNNEL)}
"""Where a milestone stands in the funnel."""


class Fact(NamedTuple):
    """
    Somebody's tool says that `milestone` was reached at `at`; by `deal`, if an opportunity says so.

    `scored`: no tool says so, but the score did, by rules that don't hold any more.
    """

    at: int
    milestone: Milestone
    deal: Opportunity | None = None
    scored: bool = False


@dataclass(slots=True)
class Lifecycle:
    """
    What a lead's facts amount to. `closed`: the present cycle was recycled. `starts`: when each cycle began.

    `amounts`: what the deals are worth by which milestones were reached, where that is known. `reasons`: what makes
    the score; `changes_at`: when it changes if nothing happens, NEVER if it doesn't. `held`: the score is over the
    threshold, by changed rules only, and the next thing that raises it qualifies.
    """

    cycle: int = 1
    closed: bool = False
    milestones: dict[MilestoneKey, int] = field(default_factory=dict[MilestoneKey, int])
    amounts: dict[MilestoneKey, int] = field(default_factory=dict[MilestoneKey, int])
    score: int = 0
    points: dict[str, int] = field(default_factory=dict[str, int])
    reasons: list[Reason] = field(default_factory=list[Reason])
    changes_at: int = NEVER
    held: bool = False
    starts: dict[int, int] = field(default_factory=lambda: {1: NEVER})

    def reached(self, milestone: Milestone, cycle: int | None = None) -> int | None:
        """Return when *milestone* was reached in *cycle* (the present one), or None."""
        return self.milestones.get((cycle or self.cycle, milestone))

    @property
    def stage(self) -> Milestone:
        """The furthest milestone of the present cycle; the latest where two are equally final."""
        if self.closed:
            return Milestone.RECYCLED
        reached = [each for cycle, each in self.milestones if cycle == self.cycle]
        return self.end(self.cycle) or max(reached, key=PLACE.__getitem__, default=Milestone.LEAD)

    def end(self, cycle: int) -> Milestone | None:
        """Return how *cycle* ended, won or lost: the later where deals ended differently."""
        ends = [(at, each) for each in _ENDS if (at := self.milestones.get((cycle, each))) is not None]
        return max(ends)[1] if ends else None


_ENDS = (Milestone.WON, Milestone.LOST)
_WORTH = frozenset({Milestone.OPPORTUNITY, Milestone.EFFECTIVE_OPPORTUNITY, *_ENDS})
"""The milestones that are told with the deal's amount."""


def trace(lead: Lead, rules: Rules) -> Lifecycle:
    """
    Return the lifecycle that the lead's facts amount to, as of `lead.as_of`: what gets old later isn't yet.

    Of one instant the score counts first, as a whole; then the facts, in the order of the funnel.
    """
    walk = _Walk(lead, rules)
    tally, until = walk.tally, lead.as_of if rules.scoring.ages else NEVER
    facts, events = sorted(_facts(lead, rules), key=_place), score_events(lead, rules)
    done = place = 0
    while (at := _next_moment(events, place, tally, until)) != NEVER:
        while done < len(facts) and facts[done].at < at:
            walk.reach(facts[done])
            done += 1
        before = tally.score
        if until:
            tally.lapse(min(at, until))  # what is told of a day to come makes nothing old before it
        while place < len(events) and events[place][0] == at:
            tally.take(events[place][1], events[place][2], at)
            place += 1
        walk.judge(at, before)
    for fact in facts[done:]:
        walk.reach(fact)
    life = walk.end()
    if lead.erased_at != NEVER:
        _as_told(life, lead)
    return life


def _next_moment(events: list[ScoreEvent], place: int, tally: Tally, until: int) -> int:
    """Return the next instant at which the score may move, NEVER if there is none; points get old up to *until*."""
    at = events[place][0] if place < len(events) else NEVER
    if until:
        old_at = tally.next_lapse
        if NEVER < old_at <= until and (at == NEVER or old_at < at):
            return old_at
    return at


class _Walk:
    """
    The way through a lead's facts, in the order of their times.

    `armed`: going over the threshold qualifies. It doesn't any more once it did, until the score was below the lower
    mark: a score that wobbles around the threshold is no new interest.
    """

    def __init__(self, lead: Lead, rules: Rules) -> None:
        self._scoring = rules.scoring
        self._threshold, self._rearm_at = rules.scoring.threshold, rules.scoring.rearm_at
        self._since = lead.rules_since
        self.tally = Tally(rules.scoring, rules.time_zone)
        self._life = Lifecycle()
        self._armed = True
        if lead.created_at != NEVER:
            self._life.milestones[1, Milestone.LEAD] = lead.created_at

    def judge(self, at: int, before: int) -> None:
        """Look at the score as it stands after *at*, as a whole; it was *before*."""
        score = self.tally.score
        if score < self._rearm_at:
            self._armed = True
        elif self._armed and score >= self._threshold and score > before and at > self._since:
            self._armed = False
            _qualify(self._life, at)

    def reach(self, fact: Fact) -> None:
        """Take in a fact."""
        life = self._life
        was_closed = life.closed
        _reach(life, self.tally, fact)
        if fact.scored:
            self._armed = False
        elif life.closed and not was_closed:
            self._armed = self.tally.score < self._rearm_at

    def end(self) -> Lifecycle:
        """Return what it all amounts to."""
        life, tally = self._life, self.tally
        life.score = tally.score
        over = self._armed and tally.score >= self._threshold
        life.held = over and (life.closed or life.reached(Milestone.MQL) is None)
        life.reasons, life.changes_at = tally.outlook()
        for reason in life.reasons:
            life.points[reason.label] = life.points.get(reason.label, 0) + reason.points
        return life


def _place(fact: Fact) -> tuple[int, int, str]:
    at, milestone, deal, _ = fact
    return at, PLACE[milestone], "" if deal is None else deal.ref.id


def _as_told(life: Lifecycle, lead: Lead) -> None:
    """What was told before the lead was erased stands, though the values that led to it are gone."""
    life.score = lead.told.score
    life.reasons = [each._replace(changes_at=NEVER) for each in life.reasons]
    life.changes_at, life.held = NEVER, False
    life.milestones |= lead.told.milestones
    life.amounts = dict(lead.told.amounts)
    for (cycle, _), at in life.milestones.items():
        life.starts[cycle] = min(life.starts.get(cycle, at), at)
        life.cycle = max(life.cycle, cycle)
    life.closed = (life.cycle, Milestone.RECYCLED) in life.milestones


def _reach(life: Lifecycle, tally: Tally, fact: Fact) -> None:
    milestone = fact.milestone
    cycle = life.cycle if fact.deal is None else min(cycle_of(fact.deal, life), life.cycle)
    if milestone is Milestone.RECYCLED:
        if not life.closed and cycle == life.cycle:
            life.milestones.setdefault((cycle, milestone), fact.at)
            life.closed = True
            tally.restart()
    elif milestone is Milestone.MQL:
        _qualify(life, fact.at)
    elif milestone is Milestone.FIRST_RESPONSE:
        if life.reached(Milestone.MQL) is not None and not life.closed:  # else there is nothing to answer
            life.milestones.setdefault((life.cycle, milestone), fact.at)
    else:
        if milestone is Milestone.SQL and fact.deal is None:
            _reopen(life, fact.at)  # sales takes up a lead that it had given back
            cycle = life.cycle
        if (cycle, milestone) not in life.milestones:
            life.milestones[cycle, milestone] = fact.at
            if fact.deal is not None and (amount := _amount(fact.deal, milestone)) is not None:
                life.amounts[cycle, milestone] = amount


def _amount(deal: Opportunity, milestone: Milestone) -> int | None:
    """Return what *deal* is worth, minor units; None for a milestone that isn't told with it, or below 0."""
    register = deal.fields.get("amount") if milestone in _WORTH else None
    amount = None if register is None else register.there
    return amount if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0 else None


def _qualify(life: Lifecycle, at: int) -> None:
    _reopen(life, at)
    life.milestones.setdefault((life.cycle, Milestone.MQL), at)


def _reopen(life: Lifecycle, at: int) -> None:
    """The next qualification after a lead was recycled starts the next cycle."""
    if life.closed:
        life.cycle += 1
        life.closed = False
        life.starts[life.cycle] = at


def _facts(lead: Lead, rules: Rules) -> Iterator[Fact]:
    for at in lead.qualified:
        yield Fact(at, Milestone.MQL, scored=True)
    yield from stage_facts(lead, rules)
    if lead.activities:
        yield from _first_touches(lead, rules)


def stage_facts(lead: Lead, rules: Rules) -> Iterator[Fact]:
    """Yield what the tools' stages say."""
    for stage_map in rules.stages:
        if stage_map.kind is Kind.LEAD:
            for at, value in turns(lead, stage_map.side, stage_map.field):
                milestone = stage_map.milestones.get(str(value))
                if milestone is not None:
                    yield Fact(at, milestone)
        elif stage_map.kind is Kind.OPPORTUNITY:
            yield from _deals(lead, stage_map)


def _deals(lead: Lead, stage_map: StageMap) -> Iterator[Fact]:
    """What opportunities say; one that was deleted says nothing any more."""
    for opportunity in lead.opportunities.values():
        if opportunity.deleted:
            continue
        for at, value in opportunity.stages.items():
            milestone = stage_map.milestones.get(str(value))
            if milestone is not None:
                yield Fact(at, milestone, opportunity)


def _first_touches(lead: Lead, rules: Rules) -> Iterator[Fact]:
    """Sales' calls, mails and meetings."""
    for activity in lead.activities.values():
        sales = activity.side is Side.SFA and not activity.deleted
        if sales and activity.type in rules.first_touch and (at := activity.at) != NEVER:
            yield Fact(at, Milestone.FIRST_RESPONSE)


def origin_of(lead: Lead, rules: Rules) -> Origin:
    """Return whether the lead is inbound (SDR) or outbound (BDR): outbound if either side names such a source."""
    if rules.bdr_sources:
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
    return max(
        cycle for cycle, start in life.starts.items() if start == NEVER or start <= opportunity.created_at
    )
