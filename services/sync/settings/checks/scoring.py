"""Checks of [scoring]: that rules name mapped fields of the right type, and that the threshold is in reach."""

from typing import Any, cast

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.configuration.tables import Entry
from services.sync.domain.field_map import FieldType
from services.sync.domain.score_rules import Operator
from services.sync.settings.catalogue import NUMBERS, PRODUCED
from services.sync.settings.checks.references import known_field
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import AttributeEntry, BehaviourEntry, ScoringSection

_DAY_MS = 86_400_000


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong in the scoring of *draft*."""
    for behaviour in draft.behaviours:
        _check_behaviour(document, draft, behaviour)
    for attribute in draft.attributes:
        _check_attribute(document, draft, attribute)
    _check_groups(document, draft)
    _check_labels(document, draft)
    if draft.scoring is None:
        return
    rearm_below, threshold = draft.scoring.rearm_below, draft.scoring.threshold
    if rearm_below is not None and rearm_below > threshold:
        document.report(
            ("scoring", "rearm_below"),
            f"{rearm_below} is above the threshold, {threshold}",
            "give the threshold at most",
        )
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
    for name, duration in (("lapse_after", rule.lapse_ms), ("halve_every", rule.halving_ms)):
        if duration is not None and duration % _DAY_MS:
            document.report((*entry.path, name), "is no whole number of days", 'write it like "90d"')
    if rule.lapse_ms is not None and rule.halving_ms is not None and rule.halving_ms >= rule.lapse_ms:
        document.report(
            (*entry.path, "halve_every"),
            "never happens: all is gone by then",
            "give less than lapse_after, or take one out",
        )
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


def _check_groups(document: Document, draft: Draft) -> None:
    seen: set[str] = set()
    for group in draft.groups:
        if group.value.name in seen:
            document.report(
                (*group.path, "name"), f'"{group.value.name}" is there twice', "give each group its own name"
            )
        seen.add(group.value.name)
    written = document.data.get("scoring")
    if isinstance(written, dict) and len(cast("dict[str, Any]", written).get("groups", ())) != len(
        draft.groups
    ):
        return  # one of them is broken, perhaps the one that is named
    used: set[str] = set()
    for entry in (*draft.behaviours, *draft.attributes):
        group_name = entry.value.group
        if group_name is not None and group_name not in seen:
            document.report(
                (*entry.path, "group"),
                f'"{group_name}" is none of [[scoring.groups]]',
                "add it there, or name one that is",
            )
        used |= {group_name} if group_name is not None else set()
    for group in draft.groups:
        if group.value.name not in used and not _some_are_broken(document, draft):
            document.report(
                (*group.path, "name"),
                f'no rule is in "{group.value.name}"',
                "take it out, or name it in a rule",
            )


def _check_labels(document: Document, draft: Draft) -> None:
    seen: set[str] = set()
    for entry in (*draft.behaviours, *draft.attributes, *draft.groups):
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
    found = (("behaviours", draft.behaviours), ("attributes", draft.attributes), ("groups", draft.groups))
    for name, entries in found:
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
    caps = {each.value.name: each.value.cap for each in draft.groups}
    sums: dict[str | None, int] = {}
    for rule in (each.value for each in draft.behaviours if each.value.points > 0):
        if rule.cap is None and rule.group not in caps:
            return None
        most = caps.get(rule.group or "", 0) if rule.cap is None else rule.cap
        sums[rule.group] = sums.get(rule.group, 0) + most
    for attribute in (each.value for each in draft.attributes):
        sums[attribute.group] = sums.get(attribute.group, 0) + max(0, attribute.points)
    return sum(min(most, caps.get(group or "", most)) for group, most in sums.items())
