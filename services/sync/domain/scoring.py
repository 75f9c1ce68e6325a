"""The score of a lead over time: points from behaviour and attributes, or the marketing tool's own number."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from unicodedata import normalize

from services.sync.domain.lead import UNSURE, Lead, history_key
from services.sync.domain.policy import resolve
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import NEVER, Register, is_blank
from services.sync.domain.rules import (
    AttributeRule,
    BehaviourRule,
    FieldRule,
    Operator,
    Policy,
    Rules,
    Scoring,
)


class ScoreEvent(NamedTuple):
    """At `at`, the source with number `source` (a rule's place in its list) became worth `amount`."""

    at: int
    source: int
    amount: int


@dataclass(slots=True)
class Tally:
    """
    The running score: `amounts` are how often each behaviour was seen, or an attribute's points.

    Behaviour counts anew after `restart` (the lead was recycled); attributes stay.
    """

    scoring: Scoring
    score: int = 0
    amounts: dict[int, int] = field(default_factory=dict[int, int])
    offsets: dict[int, int] = field(default_factory=dict[int, int])
    worth: dict[int, int] = field(default_factory=dict[int, int])

    def take(self, event: ScoreEvent) -> None:
        """Take in *event*."""
        self.amounts[event.source] = event.amount
        self._weigh(event.source)

    def restart(self) -> None:
        """Count behaviour from here on only."""
        if self.scoring.read_from is not None:
            return
        for source in range(len(self.scoring.behaviours)):
            self.offsets[source] = self.amounts.get(source, 0)
            self._weigh(source)

    def points(self) -> dict[str, int]:
        """Return the points by the label of the rule that gave them, without the rules that gave none."""
        found: dict[str, int] = {}
        for source, points in sorted(self.worth.items()):
            if points:
                label = self._label(source)
                found[label] = found.get(label, 0) + points
        return found

    def _weigh(self, source: int) -> None:
        points = amount = self.amounts.get(source, 0)
        behaviours = self.scoring.behaviours
        if self.scoring.read_from is None and source < len(behaviours):
            rule = behaviours[source]
            points = max(0, amount - self.offsets.get(source, 0)) * rule.points
            if rule.cap is not None:
                points = min(points, rule.cap)
        self.score += points - self.worth.get(source, 0)
        self.worth[source] = points

    def _label(self, source: int) -> str:
        if self.scoring.read_from is not None:
            return self.scoring.read_from
        behaviours = self.scoring.behaviours
        if source < len(behaviours):
            return behaviours[source].label
        return self.scoring.attributes[source - len(behaviours)].label


def score_events(lead: Lead, rules: Rules) -> list[ScoreEvent]:
    """Return what changed the lead's score, in the order of time."""
    scoring = rules.scoring
    if scoring.read_from is not None:
        told = turns(lead, Side.MA, scoring.read_from)
        return [ScoreEvent(at, 0, _integer(value)) for at, value in told]
    events: list[ScoreEvent] = []
    for source, rule in enumerate(scoring.behaviours):
        events += _behaviour(lead, rule, source, rules)
    for source, attribute in enumerate(scoring.attributes, start=len(scoring.behaviours)):
        for at, value in _values(lead, attribute.field, rules):
            events.append(ScoreEvent(at, source, attribute.points if matches(attribute, value) else 0))
    events.sort()
    return events


def _behaviour(lead: Lead, rule: BehaviourRule, source: int, rules: Rules) -> Iterator[ScoreEvent]:
    if rule.counter is not None:
        for at, value in _values(lead, rule.counter, rules):
            yield ScoreEvent(at, source, _integer(value))
    if rule.activity is not None:
        done = sorted(
            each.at
            for each in lead.activities.values()
            if each.type == rule.activity and each.at and not each.deleted
        )
        for count, at in enumerate(done, start=1):
            yield ScoreEvent(at, source, count)


def _values(lead: Lead, name: str, rules: Rules) -> list[tuple[int, Scalar]]:
    """Return what the field was to be over time: by its policy, where both sides had a say."""
    ma, sfa = turns(lead, Side.MA, name), turns(lead, Side.SFA, name)
    if not ma or not sfa:
        return ma or sfa
    rule = rules.fields.get(name) or FieldRule(name=name, policy=Policy.LATEST)
    said = {Side.MA: Register(), Side.SFA: Register()}
    steps = [(at, Side.MA, value) for at, value in ma] + [(at, Side.SFA, value) for at, value in sfa]
    found: list[tuple[int, Scalar]] = []
    for at, side, value in sorted(steps, key=lambda step: step[:2]):
        said[side].said, said[side].said_at, said[side].filled_at = value, at, NEVER + 1
        outcome = resolve(
            rule.policy, said[Side.MA], said[Side.SFA], tie_order=rules.tie_order, skew_ms=rules.skew_ms
        )
        found.append((at, outcome.ma))
    return found


def turns(lead: Lead, side: Side, name: str) -> list[tuple[int, Scalar]]:
    """
    Return what people on *side* said of a field over time, without what says nothing new.

    That is a blank where nothing stood before, and a read of what stood there already.
    """
    key = history_key(side, name)
    said, reads = lead.history.get(key), lead.history.get(key + UNSURE)
    if not said and not reads:
        return []
    seen = [(at, False, value) for at, value in said.items()] if said else []
    if reads:
        seen += [(at, True, value) for at, value in reads.items()]
    seen.sort(key=_by_time)
    filled_at = lead.seen(name, side).filled_at
    found: list[tuple[int, Scalar]] = []
    for at, unsure, value in seen:
        if is_blank(value) and not NEVER != filled_at < at:
            continue
        if not unsure or not found or found[-1][1] != value:
            found.append((at, value))
    return found


def _by_time(seen: tuple[int, bool, Scalar]) -> tuple[int, bool]:
    return seen[:2]


def _integer(value: Scalar) -> int:
    return int(value) if isinstance(value, int | float) else 0


@lru_cache(maxsize=8192)
def fold_text(value: object) -> str:
    """Return *value* as text without case and width (Ａ = a, ｱ = ア), for comparison."""
    return normalize("NFKC", str(value)).casefold().strip()


def matches(rule: AttributeRule, value: Scalar) -> bool:
    """Return whether *value* satisfies *rule*."""
    if is_blank(value):
        return False
    if rule.operator is Operator.AT_LEAST:
        least = rule.operands[0]
        return isinstance(value, int | float) and isinstance(least, int) and value >= least
    text = fold_text(value)
    if rule.operator is Operator.IS:
        return any(text == fold_text(each) for each in rule.operands)
    return any(fold_text(each) in text for each in rule.operands)


def tracked_fields(scoring: Scoring) -> frozenset[str]:
    """Return the fields whose history the score needs."""
    if scoring.read_from is not None:
        return frozenset({scoring.read_from})
    counters = {each.counter for each in scoring.behaviours if each.counter is not None}
    return frozenset(counters | {each.field for each in scoring.attributes})
