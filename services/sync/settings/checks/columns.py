"""Checks of how columns hold values, of fields made of others, of the scope, and of owners' addresses."""

from collections import Counter

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.configuration.tables import Entry
from services.sync.domain.field_map import FieldType
from services.sync.domain.forms import NamePart, PhoneStyle
from services.sync.domain.score_rules import Operator
from services.sync.settings.catalogue import NUMBERS, PRODUCED
from services.sync.settings.checks.references import known_field
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import FieldEntry, MaColumn, SfaColumn


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with forms, composed fields, scope and owners in *draft*."""
    for entry in draft.fields:
        for side, column in _columns(entry.value):
            _check_form(document, (*entry.path, side), entry.value, column)
        _check_composed(document, draft, entry)
    _check_names(document, draft)
    _check_scope(document, draft)
    _check_owners(document, draft)


def _columns(field: FieldEntry) -> list[tuple[str, MaColumn | SfaColumn]]:
    given = (("ma", field.ma), ("sfa", field.sfa))
    return [(side, column) for side, column in given if column is not None]


def _check_form(document: Document, path: KeyPath, field: FieldEntry, column: MaColumn | SfaColumn) -> None:
    wanted = (
        ("same_width", column.same_width, FieldType.TEXT),
        ("part", column.part is not None, FieldType.TEXT),
        ("phone", column.phone is not PhoneStyle.NATIONAL, FieldType.PHONE),
        ("holds", column.holds == "instant", FieldType.DATE),
    )
    for key, given, kind in wanted:
        if given and field.type is not kind:
            mend = f'take it out, or give the field type = "{kind}"'
            document.report((*path, key), f"has no effect: the field is of type {field.type}", mend)
    if column.part is not None and field.kind != "lead":
        document.report((*path, "part"), "only a lead has a name in parts", "take it out")
    if column.part is not None and column.values:
        document.report((*path, "values"), "a part of a name has no value map", "take it out")


def _check_names(document: Document, draft: Draft) -> None:
    """Each whole name needs both of its parts, in one order."""
    wholes: dict[tuple[str, str], list[tuple[KeyPath, MaColumn | SfaColumn]]] = {}
    for entry in draft.fields:
        for side, column in _columns(entry.value):
            if column.part is None:
                continue
            if column.name is None:
                mend = 'give name = "…" and both parts of it, or take part out'
                document.report((*entry.path, side, "part"), "needs one field's name", mend)
                continue
            wholes.setdefault((side, column.name), []).append(((*entry.path, side), column))
    for (_, name), found in wholes.items():
        path = found[-1][0]
        if Counter(column.part for _, column in found) != Counter(NamePart):
            mend = 'map last_name with part = "last" and first_name with part = "first" to it'
            document.report((*path, "part"), f"{name} needs its two parts, each once", mend)
        elif len({(column.order, column.read_only) for _, column in found}) > 1:
            document.report(
                (*path, "order"), f"{name} has two orders, or is read only in part", "say the same in both"
            )


def _check_composed(document: Document, draft: Draft, entry: Entry[FieldEntry]) -> None:
    field = entry.value
    if not field.concatenate:
        return
    path = (*entry.path, "concatenate")
    if field.kind != "lead" or field.type is not FieldType.TEXT or field.name in PRODUCED:
        document.report(path, "only a lead's own text can be made of others", "take it out")
    for index, name in enumerate(field.concatenate):
        source = known_field(document, draft, (*path, index), name)
        if source is not None and (source.is_produced):
            mend = "name the fields that it is made of"
            document.report((*path, index), f'"{name}" is worked out by tasuki itself', mend)


def _check_scope(document: Document, draft: Draft) -> None:
    for entry in draft.scope:
        condition, path = entry.value, entry.path
        field = known_field(document, draft, (*path, "field"), condition.field)
        if field is not None and (field.is_produced):
            mend = "name a field that somebody fills in"
            document.report((*path, "field"), f'"{field.name}" is worked out by tasuki itself', mend)
        if not condition.operands:
            document.report((*path, "operands"), "is empty", "name at least one value")
        elif condition.operator is Operator.AT_LEAST:
            if len(condition.operands) != 1 or not isinstance(condition.operands[0], int):
                document.report((*path, "operands"), "at-least takes one number", "write operands = [300]")
            elif field is not None and field.type not in NUMBERS:
                mend = "compare with is or contains, or give the field another type"
                document.report(
                    (*path, "operator"), f"at-least needs a number, {field.name} is {field.type}", mend
                )


def _check_owners(document: Document, draft: Draft) -> None:
    if draft.owners is None:
        return
    for side in ("ma", "sfa"):
        seen: set[str] = set()
        for index, pair in enumerate(draft.owners.pairs):
            address: str = getattr(pair, side)
            if address.lower() in seen:
                mend = "name each address once on each side"
                document.report(("owners", "pairs", index, side), f"{address} is named twice", mend)
            seen.add(address.lower())
