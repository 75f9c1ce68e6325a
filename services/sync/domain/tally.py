"""The running score of a lead: points by rule, with what bounds them and how they get old."""

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from services.sync.domain.days import beginning, day_of
from services.sync.domain.register import NEVER
from services.sync.domain.score_rules import BehaviourRule, Scoring


class Reason(NamedTuple):
    """
    Why a score is what it is: the rule's label, its points, since when (its latest step, epoch ms).

    `changes_at`: when these points change if nothing else happens, NEVER if they don't; to `becomes`. What a group
    takes off has the group's label, negative points, and no instant.
    """

    label: str
    points: int
    at: int = NEVER
    changes_at: int = NEVER
    becomes: int = 0


@dataclass(slots=True)
class _Steps:
    """Steps of one instant of a rule whose points get old: how many still count, what each is worth."""

    day: int
    number: int
    worth: int
    halvings: int = 0


class Tally:
    """
    The running score. `amounts` are how often each behaviour was seen, or an attribute's points.

    Behaviour counts anew after `restart` (the lead was recycled); attributes stay. Where a counter goes back, its
    latest steps are taken back.
    """

    __slots__ = (
        "_aging",
        "_amounts",
        "_behaviours",
        "_coming",
        "_group_of",
        "_group_sums",
        "_numbers",
        "_offsets",
        "_scoring",
        "_since",
        "_worth",
        "_zone",
        "score",
    )

    def __init__(self, scoring: Scoring, zone: str) -> None:
        self.score = 0
        self._scoring = scoring
        self._zone = zone
        self._behaviours = scoring.behaviours
        sources = max(1, len(scoring.behaviours) + len(scoring.attributes))
        self._amounts, self._offsets, self._worth = [0] * sources, [0] * sources, [0] * sources
        self._since = [NEVER] * sources
        self._aging: dict[int, list[_Steps]] = {}
        self._coming: list[tuple[int, int, int, _Steps]] = []
        self._numbers = count()
        if scoring.ages:
            self._aging = {place: [] for place, rule in enumerate(scoring.behaviours) if rule.ages}
        self._group_of: dict[int, int] = {}
        self._group_sums: list[int] = []
        if scoring.groups:
            names = {each.name: place for place, each in enumerate(scoring.groups)}
            rules = enumerate((*scoring.behaviours, *scoring.attributes))
            self._group_of = {place: names[rule.group] for place, rule in rules if rule.group is not None}
            self._group_sums = [0] * len(scoring.groups)

    def take(self, source: int, amount: int, at: int) -> None:
        """Take in that *source* came to *amount* at *at*."""
        before, self._amounts[source] = self._amounts[source], amount
        points = amount
        if source < len(self._behaviours):
            steps = amount - self._offsets[source]
            if source in self._aging:
                self._step(source, max(0, before - self._offsets[source]), max(0, steps), at)
                self._weigh(source)
                return
            rule = self._behaviours[source]
            points = rule.points * steps if steps > 0 else 0
            if rule.cap is not None and points > rule.cap:
                points = rule.cap
            if amount > before:
                self._since[source] = at
        elif amount != before:
            self._since[source] = at
        self._give(source, points)

    def restart(self) -> None:
        """Count behaviour from here on only."""
        for source in range(len(self._behaviours)):
            self._offsets[source] = self._amounts[source]
            for steps in self._aging.get(source, ()):
                steps.number = 0
            if source in self._aging:
                self._aging[source] = []
            self._give(source, 0)

    @property
    def next_lapse(self) -> int:
        """When the next points get old, epoch ms; NEVER if none do."""
        while self._coming and not self._coming[0][-1].number:
            heappop(self._coming)
        return self._coming[0][0] if self._coming else NEVER

    def lapse(self, until: int) -> set[int]:
        """Let all points get old that do by *until*; return the sources of which some did."""
        touched: set[int] = set()
        while self._coming and self._coming[0][0] <= until:
            _, _, source, steps = heappop(self._coming)
            if not steps.number:
                continue
            self._grow_old(source, steps)
            touched.add(source)
        for source in touched:
            self._weigh(source)
        return touched

    def reasons(self) -> list[Reason]:
        """Return what makes the score: rule by rule, then what the groups take off; together they are the score."""
        if self._scoring.read_from is not None:
            return [Reason(self._scoring.read_from, self.score, self._since[0])] if self.score else []
        scoring, worth = self._scoring, self._worth
        found = [
            Reason(scoring.labels[source], worth[source], self._since[source])
            for source in range(len(scoring.labels))
            if worth[source]
        ]
        if not scoring.groups:
            return found
        for group, points in zip(scoring.groups, self._group_sums, strict=True):
            if points > group.cap:
                found.append(Reason(group.label, group.cap - points))
        return found

    def outlook(self) -> tuple[list[Reason], int]:
        """
        Return `reasons` with what becomes of them, and when the first of them changes; NEVER if none does.

        The tally is spent by this: it stands at its end of time afterwards.
        """
        reasons = self.reasons()
        if not self._coming:
            return reasons, NEVER
        worth = list(self._worth)
        changes: dict[str, tuple[int, int]] = {}
        first_at = NEVER
        while (at := self.next_lapse) != NEVER:
            for source in self.lapse(at):
                label = self._behaviours[source].label
                if self._worth[source] != worth[source] and label not in changes:
                    changes[label] = (at, self._worth[source])
                    first_at = first_at or at
        return [
            each._replace(changes_at=changes[each.label][0], becomes=changes[each.label][1])
            if each.label in changes
            else each
            for each in reasons
        ], first_at

    def _give(self, source: int, points: int) -> None:
        """Let *source* be worth *points*."""
        more = points - self._worth[source]
        if not more:
            return
        self._worth[source] = points
        group = self._group_of.get(source)
        if group is None:
            self.score += more
            return
        cap, before = self._scoring.groups[group].cap, self._group_sums[group]
        self._group_sums[group] = before + more
        self.score += min(cap, before + more) - min(cap, before)

    def _weigh(self, source: int) -> None:
        """Sum up what the steps of *source* are still worth."""
        points = sum(each.number * each.worth for each in self._aging[source])
        cap = self._behaviours[source].cap
        self._give(source, points if cap is None or points < cap else cap)

    def _step(self, source: int, before: int, after: int, at: int) -> None:
        steps = self._aging[source]
        if after > before:
            self._since[source] = at
            new = _Steps(day_of(at, self._zone), after - before, self._behaviours[source].points)
            steps.append(new)
            self._expect(source, new)
        while after < before:
            last = steps[-1]
            taken = min(last.number, before - after)
            last.number -= taken
            before -= taken
            if not last.number:
                steps.pop()

    def _expect(self, source: int, steps: _Steps) -> None:
        at = beginning(_next_day(self._behaviours[source], steps), self._zone)
        heappush(self._coming, (at, next(self._numbers), source, steps))

    def _grow_old(self, source: int, steps: _Steps) -> None:
        rule = self._behaviours[source]
        if rule.lapse_days is not None and _next_day(rule, steps) == steps.day + rule.lapse_days:
            steps.worth = 0
        else:
            steps.halvings += 1
            steps.worth = steps.worth // 2 if steps.worth > 0 else -(-steps.worth // 2)
        if steps.worth:
            self._expect(source, steps)


def _next_day(rule: BehaviourRule, steps: _Steps) -> int:
    """Return the day with which *steps* lose points the next time."""
    days = rule.lapse_days
    if rule.halving_days is not None:
        halving = (steps.halvings + 1) * rule.halving_days
        days = halving if days is None else min(days, halving)
    return steps.day + (days or 0)
