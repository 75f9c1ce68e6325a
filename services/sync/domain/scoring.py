"""What moves the score of a lead, over time: behaviour and attributes, or the marketing tool's own number."""

from functools import lru_cache
from typing import TypeAlias
from unicodedata import normalize

from services.sync.domain.lead import Lead, history_keys
from services.sync.domain.policy import resolve
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import NEVER, Register, is_blank
from services.sync.domain.rules import Condition, FieldRule, Policy, Rules
from services.sync.domain.score_rules import AttributeRule, BehaviourRule, Operator, Scoring

ScoreEvent: TypeAlias = tuple[int, int, int]
"""At an instant, the source with this number (a rule's place among all) came to this amount."""


def score_events(lead: Lead, rules: Rules) -> list[ScoreEvent]:
    """Return what changed the lead's score, in the order of time."""
    scoring = rules.scoring
    if scoring.read_from is not None:
        return [(at, 0, _integer(value)) for at, value in turns(lead, Side.MA, scoring.read_from)]
    events: list[ScoreEvent] = []
    for source, rule in enumerate(scoring.behaviours):
        events += _behaviour(lead, rule, source, rules)
    for source, attribute in enumerate(scoring.attributes, start=len(scoring.behaviours)):
        for at, value in _values(lead, attribute.field, rules):
            events.append((at, source, attribute.points if matches(attribute, value) else 0))
    events.sort()
    return events


def _behaviour(lead: Lead, rule: BehaviourRule, source: int, rules: Rules) -> list[ScoreEvent]:
    if rule.counter is not None:
        return [(at, source, _integer(value)) for at, value in _values(lead, rule.counter, rules)]
    done = sorted(
        each.at
        for each in lead.activities.values()
        if not each.deleted and each.type == rule.activity and each.at != NEVER
    )
    return [(at, source, count) for count, at in enumerate(done, start=1)]


def _values(lead: Lead, name: str, rules: Rules) -> list[tuple[int, Scalar]]:
    """Return what the field was to be over time: by its policy, where both sides had a say."""
    ma, sfa = turns(lead, _MA, name), turns(lead, _SFA, name)
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
    said_key, read_key = history_keys(name)[side is _SFA]
    said, reads = lead.history.get(said_key, _NO_HISTORY), lead.history.get(read_key, _NO_HISTORY)
    if not reads:
        if not said:
            return []
        if None not in said.values() and "" not in said.values():
            return sorted(said.items())
    seen = [(at, False, value) for at, value in said.items()]
    seen += [(at, True, value) for at, value in reads.items()]
    filled_at = lead.seen(name, side).filled_at
    found: list[tuple[int, Scalar]] = []
    for at, only_read, value in sorted(seen, key=lambda each: each[:2]):
        if is_blank(value) and not NEVER != filled_at < at:
            continue
        if not only_read or not found or found[-1][1] != value:
            found.append((at, value))
    return found


_NO_HISTORY: dict[int, Scalar] = {}
_MA, _SFA = Side.MA, Side.SFA  # a member is slow to name, and these are named for each rule of each change
_NUMBERS = (int, float)


def _integer(value: Scalar) -> int:
    return int(value) if isinstance(value, _NUMBERS) else 0


@lru_cache(maxsize=8192, typed=True)
def fold_text(value: object) -> str:
    """Return *value* as text without case and width (Ａ = a, ｱ = ア), for comparison."""
    return normalize("NFKC", str(value)).casefold().strip()


@lru_cache(maxsize=1024, typed=True)
def _folded(operands: tuple[str | int, ...]) -> tuple[str, ...]:
    return tuple(fold_text(each) for each in operands)


def matches(rule: AttributeRule | Condition, value: Scalar) -> bool:
    """Return whether *value* satisfies *rule*."""
    if is_blank(value):
        return False
    if rule.operator is Operator.AT_LEAST:
        least = rule.operands[0]
        return isinstance(value, _NUMBERS) and isinstance(least, int) and value >= least
    text, operands = fold_text(value), _folded(rule.operands)
    if rule.operator is Operator.IS:
        return text in operands
    return any(each in text for each in operands)


def tracked_fields(scoring: Scoring) -> frozenset[str]:
    """Return the fields whose history the score needs."""
    if scoring.read_from is not None:
        return frozenset({scoring.read_from})
    counters = {each.counter for each in scoring.behaviours if each.counter is not None}
    return frozenset(counters | {each.field for each in scoring.attributes})
