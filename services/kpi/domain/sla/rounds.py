"""
When a clock ran: the facts of one cycle, walked in the order of their times.

What happens to a clock at one instant: pauses begin, pauses end, it starts or reopens, it is fulfilled, it is
cancelled, it is reset. So a fulfilment wins over all else, and a pause that ends where it begins is none.
A fact does what the policy in force at its time says.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from services.kpi.domain.sla.deadlines import Stretch
from services.kpi.domain.sla.facts import CYCLE_STARTED, Era, Fact, in_force
from services.kpi.domain.sla.policy import Pause, Policy, Reopening, names

END_OF_TIME = 1 << 62


class Ending(StrEnum):
    """How a round ended."""

    STOPPED = "stopped"  # what was promised was done
    CANCELLED = "cancelled"  # by a fact that the policy names
    RESET = "reset"  # the next round began
    NEXT_CYCLE = "next-cycle"  # the lead qualified again
    WITHDRAWN = "withdrawn"  # there is no such promise any more, or not to such leads


class _Turn(IntEnum):
    """What happens first at one instant."""

    RULES = 0
    PAUSE = 1
    RESUME = 2
    START = 3
    STOP = 4
    CANCEL = 5
    RESET = 6
    NEXT_CYCLE = 7


class _Event(NamedTuple):
    at: int
    turn: _Turn
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


def _by_turn(event: _Event) -> tuple[int, int, str, str]:
    return event.at, event.turn, event.fact.name, event.fact.key


def _events(cycle: int, facts: set[Fact], eras: Sequence[Era]) -> Iterator[_Event]:
    begins_at, ends_at = _bounds(cycle, facts)
    if ends_at != END_OF_TIME:
        yield _Event(ends_at, _Turn.NEXT_CYCLE)
    for era in eras:
        if era.from_at < ends_at:
            policy = None if era.terms is None else era.terms.policy
            yield _Event(era.from_at, _Turn.RULES, policy=policy)
    for fact in facts:
        own = fact.cycle == cycle and fact.at <= ends_at
        if own or (fact.cycle == 0 and begins_at <= fact.at < ends_at):
            terms = in_force(eras, fact.at)
            if terms is not None:
                yield from _turns(fact, terms.policy)


def _bounds(cycle: int, facts: set[Fact]) -> tuple[int, int]:
    """Return when the cycle begins and when the next one does."""
    starts = dict.fromkeys((cycle, cycle + 1), END_OF_TIME)
    for fact in facts:
        if fact.name == CYCLE_STARTED and fact.cycle in starts:
            starts[fact.cycle] = min(starts[fact.cycle], fact.at)
    begins_at = starts[cycle] if starts[cycle] != END_OF_TIME else -END_OF_TIME
    return begins_at, starts[cycle + 1]


def _turns(fact: Fact, policy: Policy) -> Iterator[_Event]:
    for pause in policy.pauses:
        if names(pause.begins, fact.name):
            yield _Event(fact.at, _Turn.PAUSE, fact, pause)
        if names(pause.ends, fact.name):
            yield _Event(fact.at, _Turn.RESUME, fact, pause)
    if names(policy.starts, fact.name) or names(policy.reopens, fact.name):
        yield _Event(fact.at, _Turn.START, fact, policy=policy)
    if names(policy.stops, fact.name):
        yield _Event(fact.at, _Turn.STOP, fact)
    if names(policy.cancels, fact.name):
        yield _Event(fact.at, _Turn.CANCEL, fact)
    if names(policy.resets, fact.name):
        yield _Event(fact.at, _Turn.RESET, fact)


class _Walker:
    """The clock so far. `held` are the pauses that have begun; `done` is whether a lasting stop came first."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.held: list[Pause] = []
        self.done = False

    def take(self, event: _Event) -> None:
        match event.turn:
            case _Turn.RULES:
                self._rules(event.at, event.policy)
            case _Turn.PAUSE | _Turn.RESUME if event.pause is not None:
                others = [each for each in self.held if each != event.pause]
                self._hold(event.at, [*others, event.pause] if event.turn is _Turn.PAUSE else others)
            case _Turn.START if event.policy is not None:
                self._start(event.at, event.fact, event.policy)
            case _Turn.STOP if not self.runs:
                self.done = self.done or event.fact.cycle != 0
            case _Turn.STOP:
                self._end(event.at, Ending.STOPPED)
            case _Turn.CANCEL:
                self._end(event.at, Ending.CANCELLED)
            case _Turn.RESET:
                self._reset(event.at)
            case _Turn.NEXT_CYCLE:
                self._end(event.at, Ending.NEXT_CYCLE)
            case _:
                pass

    @property
    def _open(self) -> Run | None:
        return self.runs[-1] if self.runs and self.runs[-1].ended_at is None else None

    def _start(self, at: int, fact: Fact, policy: Policy) -> None:
        if self._open is not None:
            return  # said again
        if not self.runs:
            if names(policy.starts, fact.name):
                self._begin(at)
                if self.done:
                    self._end(at, Ending.STOPPED)  # it was done before it was promised
        elif names(policy.reopens, fact.name):
            if policy.reopening is Reopening.RESTART:
                self._begin(at)
            else:
                last = self.runs[-1]
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
