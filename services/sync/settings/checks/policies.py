"""Checks of a field's policy: that it fits the type, the sides that can be written, and the law of consent."""

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.configuration.tables import Entry
from services.sync.domain.company import DOMAIN
from services.sync.domain.field_map import FieldType
from services.sync.domain.rules import Policy
from services.sync.settings.catalogue import NUMBERS
from services.sync.settings.rule_sections import FieldEntry, MaColumn, SfaColumn


def check_policy(document: Document, entry: Entry[FieldEntry]) -> None:
    """Report what is wrong with the policy of *entry*."""
    field, path = entry.value, (*entry.path, "policy")
    own = field.kind in ("lead", "company")
    if field.kind == "lead" and field.is_produced:
        _check_produced(document, entry)
    elif field.ma and field.sfa and own:
        _check_two_sided(document, path, field, field.ma, field.sfa)
    elif field.policy is not None and own:
        document.report(
            path, "decides nothing, for only one side is mapped", "take it out, or map the other side"
        )
    elif field.policy is not None:
        document.report(path, "opportunities have no policy: the sales tool's value counts", "take it out")


def _check_produced(document: Document, entry: Entry[FieldEntry]) -> None:
    field = entry.value
    if field.policy is not None:
        problem = f'"{field.name}" is worked out by tasuki: there is nothing to decide'
        document.report((*entry.path, "policy"), problem, "take it out")
    for side, column in (("ma", field.ma), ("sfa", field.sfa)):
        if column and column.read_only:
            document.report(
                (*entry.path, side, "read_only"),
                f'"{field.name}" is worked out by tasuki and only written',
                "take read_only out; to read a score of the vendor's, map it under another name",
            )


def _check_two_sided(
    document: Document, path: KeyPath, field: FieldEntry, ma: MaColumn, sfa: SfaColumn
) -> None:
    if ma.read_only and sfa.read_only:
        document.report(
            path[:-1], "can be written on neither side", "let one side be written, or map one side only"
        )
    if field.name == "opted_out" and field.policy not in (None, Policy.NEVER_LOOSEN):
        document.report(
            path, "consent must never loosen", 'give policy = "never-loosen", or take the line out'
        )
        return
    policy = effective_policy(field)
    if policy is Policy.MAX and field.type not in NUMBERS:
        document.report(
            path, f"max needs a number, {field.name} is {field.type}", "give another policy or type"
        )
    if policy is Policy.NEVER_LOOSEN and field.type is not FieldType.BOOLEAN:
        document.report(
            path, f"never-loosen needs a boolean, {field.name} is {field.type}", "give another policy"
        )
    if policy is Policy.NEVER_LOOSEN and field.kind == "company":
        document.report(path, "consent is a person's, not a company's", "give another policy")
    named = field.kind == "company" and field.name == DOMAIN
    for side, column in (("ma", ma), ("sfa", sfa)):
        if column.read_only and policy is not Policy(side) and not named:
            document.report(
                path,
                f'"{policy}" may have to write {side}, which is read only',
                f'give policy = "{side}", or let {side} be written',
            )


def effective_policy(field: FieldEntry) -> Policy:
    """Return the policy of *field*, by the defaults that the reference names."""
    if field.policy is not None:
        return field.policy
    if field.name == "opted_out":
        return Policy.NEVER_LOOSEN
    if (field.kind, field.name) == ("company", DOMAIN):
        return Policy.FILL_BLANK
    if field.ma and field.ma.read_only:
        return Policy.MA
    return Policy.SFA if field.sfa and field.sfa.read_only else Policy.LATEST
