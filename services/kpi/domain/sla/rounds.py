"""
When a clock ran: the facts of one cycle, walked in the order of their times.

What happens to a clock at one instant happens in the order of `policy.Turn`. So a fulfilment wins over all else, and a pause that ends where it begins is none.
A fact does what the policy in force at its time says.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from services.kpi.domain.sla.deadlines import Stretch
from services.kpi.domain.sla.facts import CYCLE_STARTED, Era, Fact, in_force
from services.kpi.domain.sla.policy import Pause, Policy, Reopening, Turn

END_OF_TIME = 1 << 62
"""Later than anything that happens."""


class Ending(StrEnum):
    """How a round ended."""

    STOPPED = "stopped"  # what was promised was done
    CANCELLED = "cancelled"  # by a fact that the policy names
    RESET = "reset"  # the next round began
    NEXT_CYCLE = "next-cycle"  # the lead qualified again
    WITHDRAWN = "withdrawn"  # there is no such promise any more, or not to such leads


_ENDINGS = {
    Turn.STOP: Ending.STOPPED,
    Turn.CANCEL: Ending.CANCELLED,
    Turn.NEXT_CYCLE: Ending.NEXT_CYCLE,
}


class _Event(NamedTuple):
    at: int
    turn: Turn
    fact: Fact = Fact(0, "")
    pause: Pause | None = None
    policy: Policy | None = None


@dataclass(slots=True)
class Run:
    """A round as walked; `stretches` is when it ran, the last one open while it still runs."""

    number: int
    started_at: int
    stretches: list[Stretch] = field(default_factory=list[Stretch])
    ended_at: int | None = None
    ending: Ending | None = None


def walk(cycle: int, facts: Iterable[Fact], eras: Sequence[Era]) -> list[Run]:
    """Return the rounds of the clock of *cycle* that *facts* amount to, in any order, with any repeats."""
    walker = _Walker()
    for event in sorted(_events(cycle, set(facts), eras), key=_by_turn):
        walker.take(event)
    return walker.runs


def _by_turn(event: _Event) -> tuple[int, int]:
    return event.at, event.turn  # what else happens in the same turn, happens in any order


def _events(cycle: int, facts: set[Fact], eras: Sequence[Era]) -> Iterator[_Event]:
    begins_at, ends_at = _bounds(cycle, facts)
    if ends_at != END_OF_TIME:
        yield _Event(ends_at, Turn.NEXT_CYCLE)
    for era in eras:
        if era.from_at < ends_at:
            policy = None if era.terms is None else era.terms.policy
            yield _Event(era.from_at, Turn.RULES, policy=policy)
    for fact in facts:
        own = fact.cycle == cycle and fact.at <= ends_at
        if own or (fact.cycle == 0 and begins_at <= fact.at < ends_at):
            terms = in_force(eras, fact.at)
            if terms is not None:
                for turn, pause in terms.policy.effects(fact.name):
                    yield _Event(fact.at, turn, fact, pause, terms.policy)


def _bounds(cycle: int, facts: set[Fact]) -> tuple[int, int]:
    """Return when the cycle begins and when the next one does."""
    starts = dict.fromkeys((cycle, cycle + 1), END_OF_TIME)
    for fact in facts:
        if fact.name == CYCLE_STARTED and fact.cycle in starts:
            starts[fact.cycle] = min(starts[fact.cycle], fact.at)
    begins_at = starts[cycle] if starts[cycle] != END_OF_TIME else -END_OF_TIME
    return begins_at, starts[cycle + 1]


class _Walker:
    """The clock so far. `held` are the pauses that have begun; `done` is whether a lasting stop came first."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.held: list[Pause] = []
        self.done = False

    def take(self, event: _Event) -> None:
        match event.turn:
            case Turn.RULES:
                self._rules(event.at, event.policy)
            case Turn.PAUSE | Turn.RESUME if event.pause is not None:
                others = [each for each in self.held if each != event.pause]
                self._hold(event.at, [*others, event.pause] if event.turn is Turn.PAUSE else others)
            case Turn.START if not self.runs:
                self._begin(event.at)
                if self.done:
                    self._end(event.at, Ending.STOPPED)  # it was done before it was promised
            case Turn.REOPEN if event.policy is not None:
                self._reopen(event.at, event.policy.reopening)
            case Turn.STOP if not self.runs:
                self.done = self.done or event.fact.cycle != 0
            case Turn.RESET:
                self._reset(event.at)
            case turn if turn in _ENDINGS:
                self._end(event.at, _ENDINGS[turn])
            case _:
                pass  # said again

    @property
    def _open(self) -> Run | None:
        return self.runs[-1] if self.runs and self.runs[-1].ended_at is None else None

    def _reopen(self, at: int, reopening: Reopening) -> None:
        last = self.runs[-1] if self.runs else None
        if last is None or last.ended_at is None or last.ended_at == at:
            return  # there is nothing to open again
        if reopening is Reopening.RESTART:
            self._begin(at)
        else:
            last.ended_at = last.ending = None
            self._run_on(last, at)

    def _reset(self, at: int) -> None:
        run = self._open
        if run is not None and run.started_at < at:  # else it has just begun
            self._end(at, Ending.RESET)
            self._begin(at)

    def _begin(self, at: int) -> None:
        run = Run(len(self.runs) + 1, at)
        self.runs.append(run)
        self._run_on(run, at)

    def _run_on(self, run: Run, at: int) -> None:
        if not self.held:
            run.stretches.append(Stretch(at, None))

    def _end(self, at: int, ending: Ending) -> None:
        run = self._open
        if run is not None:
            self._stand_still(run, at)
            run.ended_at, run.ending = at, ending

    def _stand_still(self, run: Run, at: int) -> None:
        if run.stretches and run.stretches[-1].to_at is None:
            run.stretches[-1] = Stretch(run.stretches[-1].from_at, at)

    def _hold(self, at: int, held: list[Pause]) -> None:
        run, was_held = self._open, bool(self.held)
        self.held = held
        if run is not None and was_held != bool(held):
            if held:
                self._stand_still(run, at)
            else:
                self._run_on(run, at)

    def _rules(self, at: int, policy: Policy | None) -> None:
        """New rules: without any the clock ends; a pause that they don't know is over."""
        if policy is None:
            self._end(at, Ending.WITHDRAWN)
        self._hold(at, [each for each in self.held if policy is not None and each in policy.pauses])
