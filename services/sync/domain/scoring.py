"""The score of a lead over time: points from behaviour and attributes, or the marketing tool's own number."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from unicodedata import normalize

from services.sync.domain.lead import Lead
from services.sync.domain.records import Scalar
from services.sync.domain.rules import AttributeRule, BehaviourRule, Operator, Scoring


class ScoreEvent(NamedTuple):
    """At `at`, the source with number `source` (a rule's place in its list) became worth `amount`."""

    at: int
    source: int
    amount: int


@dataclass(slots=True)
class Tally:
    """
    The running score.

    Behaviour counts anew after `restart` (the lead was recycled); attributes stay.
    """

    scoring: Scoring
    amounts: dict[int, int] = field(default_factory=dict[int, int])
    offsets: dict[int, int] = field(default_factory=dict[int, int])

    def take(self, event: ScoreEvent) -> int:
        """Take in *event* and return the score after it."""
        self.amounts[event.source] = event.amount
        return self.score

    def restart(self) -> None:
        """Count behaviour from here on only."""
        for source in range(len(self.scoring.behaviours)):
            self.offsets[source] = self.amounts.get(source, 0)

    @property
    def score(self) -> int:
        """The score now."""
        return sum(self.points().values())

    def points(self) -> dict[str, int]:
        """Return the points by the label of the rule that gave them, without the rules that gave none."""
        found: dict[str, int] = {}
        for source, amount in sorted(self.amounts.items()):
            label, points = self._worth(source, amount)
            if points:
                found[label] = found.get(label, 0) + points
        return found

    def _worth(self, source: int, amount: int) -> tuple[str, int]:
        if self.scoring.read_from is not None:
            return self.scoring.read_from, amount
        behaviours = self.scoring.behaviours
        if source < len(behaviours):
            rule = behaviours[source]
            points = max(0, amount - self.offsets.get(source, 0)) * rule.points
            return rule.label, points if rule.cap is None else min(points, rule.cap)
        return self.scoring.attributes[source - len(behaviours)].label, amount


def score_events(lead: Lead, scoring: Scoring) -> list[ScoreEvent]:
    """Return what changed the lead's score, in the order of time."""
    if scoring.read_from is not None:
        return [ScoreEvent(at, 0, _integer(value)) for at, value in sorted(_history(lead, scoring.read_from))]
    events: list[ScoreEvent] = []
    for source, rule in enumerate(scoring.behaviours):
        events += _behaviour(lead, rule, source)
    for source, attribute in enumerate(scoring.attributes, start=len(scoring.behaviours)):
        for at, value in _history(lead, attribute.field):
            events.append(ScoreEvent(at, source, attribute.points if matches(attribute, value) else 0))
    return sorted(events)


def _behaviour(lead: Lead, rule: BehaviourRule, source: int) -> Iterator[ScoreEvent]:
    if rule.counter is not None:
        for at, value in _history(lead, rule.counter):
            yield ScoreEvent(at, source, _integer(value))
    if rule.activity is not None:
        done = sorted(
            each.at
            for each in lead.activities.values()
            if each.type == rule.activity and each.at and not each.deleted
        )
        for count, at in enumerate(done, start=1):
            yield ScoreEvent(at, source, count)


def _history(lead: Lead, name: str) -> Iterator[tuple[int, Scalar]]:
    yield from lead.history.get(name, _EMPTY).items()


_EMPTY: Mapping[int, Scalar] = {}


def _integer(value: Scalar) -> int:
    return int(value) if isinstance(value, int | float) else 0


def fold_text(value: object) -> str:
    """Return *value* as text without case and width (Ａ = a, ｱ = ア), for comparison."""
    return normalize("NFKC", str(value)).casefold().strip()


def matches(rule: AttributeRule, value: Scalar) -> bool:
    """Return whether *value* satisfies *rule*."""
    if value is None or value == "":
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
