"""
The clock of one promise about one cycle of a lead: what its facts amount to, and how it stands at an instant.

A clock is a function of sets (facts, traits, rules with their times): nothing in it remembers what came first.
What can be said of it (met, breached, paused …) is derived, so no two answers can contradict each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.kpi.domain.sla.deadlines import Hours, Stretch, spent, used_up
from services.kpi.domain.sla.facts import Era, Fact, Terms, Trait, in_force, traits_at
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rounds import END_OF_TIME, Ending, Run, walk
from services.kpi.domain.sla.steps import Step, steps_of


class State(StrEnum):
    """How a clock stands."""

    NOT_STARTED = "not-started"
    RUNNING = "running"
    AT_RISK = "at-risk"  # running, and warned
    PAUSED = "paused"  # whether before the deadline or after
    BREACHED = "breached"  # running, past the deadline
    MET = "met"
    MET_LATE = "met-late"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """
    The clock from one start on: `number` counts from 1 within the cycle.

    `target` is None where no promise is made to such a lead; then nothing comes due. `deadline_at` is None
    while it is paused. `breached_at` is the deadline, if it passed before the end. `steps` are what comes due,
    in order, up to the end.
    """

    number: int
    started_at: int
    stretches: tuple[Stretch, ...]
    ended_at: int | None
    ending: Ending | None
    policy: Policy
    target: Target | None
    hours: Hours
    deadline_at: int | None
    breached_at: int | None
    steps: tuple[Step, ...]

    @property
    def budget_ms(self) -> int:
        """How long it may take; 0 where nothing is promised."""
        return 0 if self.target is None else self.target.budget_ms

    @property
    def stopped_at(self) -> int | None:
        """When what was promised was done."""
        return self.ended_at if self.ending is Ending.STOPPED else None

    def elapsed_ms(self, now: int) -> int:
        """Return how much of the time that counts was used up at *now*, without the pauses."""
        return spent(self.hours, self.stretches, now)

    def overdue_ms(self, now: int) -> int:
        """Return by how much of the time that counts the budget was exceeded at *now*."""
        return max(0, self.elapsed_ms(now) - self.budget_ms) if self.target is not None else 0

    def remaining_ms(self, now: int) -> int:
        """Return how much of the budget is left at *now*."""
        return max(0, self.budget_ms - self.elapsed_ms(now))

    def paused_ms(self, now: int) -> int:
        """Return how much of the time that counts was lost to pauses up to *now*."""
        end_at = now if self.ended_at is None else min(now, self.ended_at)
        return self.hours.between(self.started_at, end_at) - self.elapsed_ms(now)

    def deadline_seen_at(self, at: int) -> int | None:
        """Return the deadline as it stood at *at*, as if the stretch it ran in had gone on."""
        if self.target is None:
            return None
        past = tuple(each for each in self.stretches if each.from_at <= at)
        open_ended = (*past[:-1], Stretch(past[-1].from_at, None)) if past else ()
        return used_up(self.hours, open_ended, self.budget_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock of one policy for one cycle of a lead; the last of `rounds` is the present one."""

    cycle: int
    rounds: tuple[Round, ...]

    @property
    def round(self) -> Round | None:
        """The present round, None if it never started."""
        return self.rounds[-1] if self.rounds else None

    def state(self, now: int) -> State:
        """Return how the clock stands at *now*, which may lie in the past, with what is known today."""
        begun = [each for each in self.rounds if each.started_at <= now]
        return _state(begun[-1], now) if begun else State.NOT_STARTED


def derive(cycle: int, facts: Iterable[Fact], traits: Iterable[Trait], eras: Sequence[Era]) -> Clock:
    """
    Return the clock that *facts* amount to.

    Args:
        cycle: The lead's cycle, from 1.
        facts: Of the lead, of all cycles; in any order, with any repeats.
        traits: Of the lead, likewise. A round is judged by those at its end, an open one by the latest.
        eras: The policy in the course of time, in that order. Likewise.

    Raises:
        Misconfigured: A budget isn't used up in any year up to 2199.
        Rejected: A fact lies outside the years 1900 to 2199.
    """
    known = set(traits)
    rounds = [_judge(run, known, eras) for run in walk(cycle, facts, eras)]
    return Clock(cycle=cycle, rounds=tuple(each for each in rounds if each is not None))


def _judge(run: Run, traits: set[Trait], eras: Sequence[Era]) -> Round | None:
    end_at = END_OF_TIME if run.ended_at is None else run.ended_at
    terms = in_force(eras, end_at - 1 if run.ending is Ending.WITHDRAWN else end_at)
    if terms is None:
        return None
    target = terms.policy.target(traits_at(traits, end_at))
    if target is None:
        return _unpromised(run, terms, traits, end_at)
    hours = terms.hours(target)
    stretches = tuple(run.stretches)
    breach_at = used_up(hours, _gone_on(stretches, run.ended_at), target.budget_ms)
    breached_at = breach_at if breach_at is not None and breach_at < end_at else None
    return Round(
        number=run.number,
        started_at=run.started_at,
        stretches=stretches,
        ended_at=run.ended_at,
        ending=run.ending,
        policy=terms.policy,
        target=target,
        hours=hours,
        deadline_at=breach_at,
        breached_at=breached_at,
        steps=steps_of(terms.policy, target, hours, stretches, breached_at, run.ended_at, run.ending),
    )


def _unpromised(run: Run, terms: Terms, traits: set[Trait], end_at: int) -> Round:
    """The lead is none to whom this is promised: as from the latest trait that says so."""
    since = max([run.started_at, *(trait.at for trait in traits if trait.at <= end_at)])
    stretches = tuple(
        Stretch(from_at, since if to_at is None else min(to_at, since))
        for from_at, to_at in run.stretches
        if from_at <= since
    )
    return Round(
        number=run.number,
        started_at=run.started_at,
        stretches=stretches,
        ended_at=since,
        ending=Ending.WITHDRAWN,
        policy=terms.policy,
        target=None,
        hours=terms.hours(terms.policy.targets[0]),
        deadline_at=None,
        breached_at=None,
        steps=(),
    )


def _gone_on(stretches: tuple[Stretch, ...], ended_at: int | None) -> tuple[Stretch, ...]:
    """Return the stretches as if a clock that ran to its end had run on: by that it is judged."""
    if ended_at is None or not stretches or stretches[-1].to_at != ended_at:
        return stretches
    return (*stretches[:-1], Stretch(stretches[-1].from_at, None))


def _state(each: Round, now: int) -> State:
    ended = each.ended_at is not None and each.ended_at <= now
    breached = each.breached_at is not None and each.breached_at <= now
    if ended and each.ending is not Ending.STOPPED:
        return State.CANCELLED
    if ended:
        return State.MET_LATE if breached else State.MET
    if not any(from_at <= now and (to_at is None or now < to_at) for from_at, to_at in each.stretches):
        return State.PAUSED
    if breached:
        return State.BREACHED
    warned = any(step.is_warning and step.at <= now for step in each.steps)
    return State.AT_RISK if warned else State.RUNNING
