"""Checks of [scoring]: that rules name mapped fields of the right type, and that the threshold is in reach."""

from typing import Any, cast

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.configuration.tables import Entry
from services.sync.domain.field_map import FieldType
from services.sync.domain.rules import Operator
from services.sync.settings.catalogue import NUMBERS, PRODUCED
from services.sync.settings.checks.references import known_field
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import AttributeEntry, BehaviourEntry, ScoringSection


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong in the scoring of *draft*."""
    for behaviour in draft.behaviours:
        _check_behaviour(document, draft, behaviour)
    for attribute in draft.attributes:
        _check_attribute(document, draft, attribute)
    _check_labels(document, draft)
    if draft.scoring is None:
        return
    if draft.scoring.source == "ma":
        _check_read(document, draft, draft.scoring)
    else:
        _check_computed(document, draft, draft.scoring)


def _check_behaviour(document: Document, draft: Draft, entry: Entry[BehaviourEntry]) -> None:
    rule = entry.value
    if (rule.counter is None) == (rule.activity is None):
        document.report(
            entry.path, "needs exactly one of counter and activity", "give one, take the other out"
        )
    if rule.points == 0:
        document.report(
            (*entry.path, "points"), "0 points change nothing", "give another number, or take the rule out"
        )
    if rule.points < 0 and rule.cap is not None:
        document.report((*entry.path, "cap"), "bounds no negative points", "take it out")
    if rule.counter is None:
        return
    path = (*entry.path, "counter")
    field = known_field(document, draft, path, rule.counter)
    if field is not None and field.type not in (FieldType.INTEGER, FieldType.NUMBER):
        mend = f'give the field type = "integer", or count another field than {field.name}'
        document.report(path, f"{field.name} is {field.type}, which doesn't count", mend)
    _check_not_produced(document, path, rule.counter)


def _check_attribute(document: Document, draft: Draft, entry: Entry[AttributeEntry]) -> None:
    rule = entry.value
    if rule.points == 0:
        document.report(
            (*entry.path, "points"), "0 points change nothing", "give another number, or take the rule out"
        )
    field = known_field(document, draft, (*entry.path, "field"), rule.field)
    _check_not_produced(document, (*entry.path, "field"), rule.field)
    path = (*entry.path, "operands")
    if not rule.operands:
        document.report(path, "is empty", "name at least one value")
    elif rule.operator is Operator.AT_LEAST and not (
        len(rule.operands) == 1 and isinstance(rule.operands[0], int)
    ):
        document.report(path, "at-least takes one number", "write operands = [300]")
    elif rule.operator is Operator.CONTAINS and not all(isinstance(each, str) for each in rule.operands):
        document.report(path, "contains takes texts", 'write operands = ["部長", "manager"]')
    elif field is not None and rule.operator is Operator.AT_LEAST and field.type not in NUMBERS:
        mend = "compare with is or contains, or give the field another type"
        document.report(
            (*entry.path, "operator"), f"at-least needs a number, {field.name} is {field.type}", mend
        )


def _check_not_produced(document: Document, path: KeyPath, name: str) -> None:
    if name in PRODUCED:
        document.report(
            path, f'"{name}" is worked out by tasuki, so it can\'t give points', "name another field"
        )


def _check_labels(document: Document, draft: Draft) -> None:
    seen: set[str] = set()
    for entry in (*draft.behaviours, *draft.attributes):
        label = entry.value.label
        if label in seen:
            mend = "give each rule a label of its own: the reasons of a score are told by them"
            document.report((*entry.path, "label"), f'"{label[:40]}" is used twice', mend)
        seen.add(label)


def _check_read(document: Document, draft: Draft, scoring: ScoringSection) -> None:
    path = ("scoring", "field")
    if scoring.field is None:
        mend = 'name the field that holds it, or give source = "computed"'
        document.report(path, 'is missing: source = "ma" reads the marketing tool\'s score', mend)
    elif (field := known_field(document, draft, path, scoring.field)) is not None:
        if scoring.field in PRODUCED:
            mend = 'map the vendor\'s score under another name, such as "ma_score"'
            document.report(path, f'"{scoring.field}" is what tasuki writes, not what it reads', mend)
        elif field.ma is None:
            document.report(
                path, f"{field.name} isn't mapped in the marketing tool", 'give the field ma = "…"'
            )
        elif field.type not in (FieldType.INTEGER, FieldType.NUMBER):
            document.report(
                path, f"a score is a number, {field.name} is {field.type}", 'give it type = "integer"'
            )
    for name, entries in (("behaviours", draft.behaviours), ("attributes", draft.attributes)):
        if entries:
            mend = 'take the rules out, or give source = "computed"'
            document.report(("scoring", name), 'has no effect with source = "ma"', mend)


def _check_computed(document: Document, draft: Draft, scoring: ScoringSection) -> None:
    if scoring.field is not None:
        mend = 'take it out, or give source = "ma"'
        document.report(("scoring", "field"), 'has no effect with source = "computed"', mend)
    if _some_are_broken(document, draft):
        return
    most = _most_points(draft)
    if most == 0:
        document.report(
            ("scoring",), "no rule gives points", "add [[scoring.behaviours]] or [[scoring.attributes]]"
        )
    elif most is not None and most < scoring.threshold:
        document.report(
            ("scoring", "threshold"),
            f"{scoring.threshold} is out of reach: all rules together give {most} points at most",
            "lower the threshold, or raise points and caps",
        )


def _some_are_broken(document: Document, draft: Draft) -> bool:
    written = document.data["scoring"]
    pairs = (("behaviours", draft.behaviours), ("attributes", draft.attributes))
    for name, whole in pairs:
        entries = written.get(name, [])
        if not isinstance(entries, list) or len(cast("list[Any]", entries)) != len(whole):
            return True
    return False


def _most_points(draft: Draft) -> int | None:
    """Return the highest score there can be; None when nothing bounds it."""
    behaviours = [each.value for each in draft.behaviours if each.value.points > 0]
    if any(rule.cap is None for rule in behaviours):
        return None
    attributes = sum(max(0, each.value.points) for each in draft.attributes)
    return attributes + sum(rule.cap or 0 for rule in behaviours)
