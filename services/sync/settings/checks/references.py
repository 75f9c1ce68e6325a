"""Finds the field that another section names, or says that there is none."""

from services.configuration.document import Document
from services.configuration.mistakes import did_you_mean
from services.configuration.places import KeyPath
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import FieldEntry


def known_field(
    document: Document,
    draft: Draft,
    path: KeyPath,
    name: str,
    kind: str = "lead",
    *,
    or_company: bool = False,
) -> FieldEntry | None:
    """Return the field *name*, or report at *path* that there is none; with *or_company* it may be a company's too."""
    if or_company and (found := draft.field_named(name, "company")) is not None:
        return found
    if draft.is_unknown(name, kind):
        known = [each.value.name for each in draft.fields if each.value.kind == kind]
        guess = did_you_mean(name, known) or f'add it to [[fields]] with kind = "{kind}"'
        document.report(
            path, f'"{name}" is no field of {"an" if kind == "opportunity" else "a"} {kind}', guess
        )
    return draft.field_named(name, kind)
