"""Checks of [[currencies]] and of columns in another currency: that each has a rate, and one a day."""

from collections.abc import Mapping

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import FieldEntry, SfaColumn


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with currencies in *draft*."""
    firm = draft.platform.firm
    rated = {each.value.code for each in draft.currencies}
    first: dict[tuple[str, str], KeyPath] = {}
    for entry in draft.currencies:
        key = (entry.value.code, entry.value.since)
        if key in first:
            problem = f"{key[0]} has a rate from {key[1]} already, on line {document.line(first[key])}"
            document.report((*entry.path, "from"), problem, "keep one of the two")
        first.setdefault(key, entry.path)
        if firm is not None and entry.value.code == firm.currency:
            document.report((*entry.path, "code"), f"{firm.currency} is the firm's own", "take it out")
    for entry in draft.fields:
        for side, column in (("ma", entry.value.ma), ("sfa", entry.value.sfa)):
            if column is None:
                continue
            path = (*entry.path, side)
            given = {"currency": column.currency}
            if isinstance(column, SfaColumn):
                given["currency_field"] = column.currency_field
            _check_column(document, path, entry.value, given)
            if (
                column.currency is not None
                and firm is not None
                and column.currency not in {firm.currency, *rated}
            ):
                mend = f'add [[currencies]] code = "{column.currency}", from = "2026-01-01", rate = …'
                document.report((*path, "currency"), f"there is no rate of {column.currency}", mend)


def _check_column(
    document: Document, path: KeyPath, field: FieldEntry, given: Mapping[str, str | None]
) -> None:
    keys = [key for key, value in given.items() if value is not None]
    fits = (field.kind, field.name, path[-1]) in {
        ("opportunity", "amount", "sfa"),
        ("lead", "sales_amount", "ma"),
    }
    for key in keys:
        if not fits:
            mend = "take it out: other amounts are in the firm's currency on both sides"
            document.report((*path, key), "only an opportunity's amount is converted", mend)
    if len(keys) > 1:
        document.report((*path, "currency"), "is said twice", "keep currency or currency_field")
