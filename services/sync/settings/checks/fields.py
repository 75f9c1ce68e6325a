"""Checks of [[fields]]: names, types, policies, and that no vendor field is mapped twice."""

from collections.abc import Iterator, Mapping

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.configuration.tables import Entry
from services.sync.domain.company import DOMAIN
from services.sync.domain.field_map import FieldType
from services.sync.domain.forms import NamePart
from services.sync.domain.lead import OWN_ID
from services.sync.domain.rules import Policy
from services.sync.settings.catalogue import TYPES
from services.sync.settings.checks.policies import check_policy
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import FieldEntry, SfaColumn

LEAD_OBJECTS = ("Lead", "Contact")
"""Salesforce's objects that hold a person."""
_REQUIRED_BY_SALESFORCE = ("LastName", "Company")


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong in the field map of *draft*."""
    _check_duplicates(document, draft)
    _check_taken(document, draft)
    for entry in draft.fields:
        _check_columns(document, entry)
        _check_type(document, entry)
        check_policy(document, entry)
        _check_values(document, entry)
    _check_companies(document, draft)
    _check_needed(document, draft)


def sfa_names(entry: FieldEntry) -> Mapping[str, str]:
    """Return the API name of *entry* on each Salesforce object that has it."""
    column = entry.sfa
    if column is None:
        return {}
    if entry.kind == "opportunity":
        return {"Opportunity": column.name} if column.name else {}
    if entry.kind == "company":
        return {"Account": column.name} if column.name else {}
    if column.name:
        return dict.fromkeys(column.objects or LEAD_OBJECTS, column.name)
    names = {"Lead": column.lead, "Contact": column.contact}
    return {vendor_object: name for vendor_object, name in names.items() if name}


def shown_on_lead(entry: FieldEntry) -> str | None:
    """Return the API name of the field of Lead that shows a company's field, None where none does."""
    return entry.sfa.lead if entry.kind == "company" and entry.sfa else None


def _check_duplicates(document: Document, draft: Draft) -> None:
    first: dict[tuple[str, str], KeyPath] = {}
    for entry in draft.fields:
        key = (entry.value.kind, entry.value.name)
        if key in first:
            line = document.line(first[key])
            document.report(
                (*entry.path, "name"), f"is given twice, first on line {line}", "keep one of the two"
            )
        first.setdefault(key, entry.path)
        if entry.value.name == OWN_ID:
            mend = "give it another name: our own id has a place of its own on both sides"
            document.report((*entry.path, "name"), f'"{OWN_ID}" is tasuki\'s own word', mend)


def _check_taken(document: Document, draft: Draft) -> None:
    taken: dict[tuple[str, str], str] = {}
    if draft.ma:
        taken["contact", draft.ma.own_property] = "ma.own_property"
    if draft.sfa:
        for vendor_object in (*LEAD_OBJECTS, "Opportunity"):
            taken[vendor_object, draft.sfa.external_id_field] = "sfa.external_id_field"
    for entry in draft.fields:
        holder = f'the field "{entry.value.name}"'
        for path, vendor_object, name in _vendor_fields(entry):
            if _part(entry.value, path[-1]):
                continue  # shared by the parts of a name
            if (other := taken.setdefault((vendor_object, name), holder)) != holder:
                problem = f"{vendor_object}.{name} is already mapped by {other}"
                document.report(path, problem, "map each vendor field once; take one of the two out")
                break


def _part(entry: FieldEntry, side: object) -> NamePart | None:
    column = entry.ma if side == "ma" else entry.sfa
    return None if column is None else column.part


def _vendor_fields(entry: Entry[FieldEntry]) -> Iterator[tuple[KeyPath, str, str]]:
    if entry.value.ma:
        vendor_object = {"lead": "contact", "company": "company"}.get(entry.value.kind, "deal")
        yield (*entry.path, "ma"), vendor_object, entry.value.ma.name
    if (shown := shown_on_lead(entry.value)) is not None:
        yield (*entry.path, "sfa"), "Lead", shown
    for vendor_object, name in sfa_names(entry.value).items():
        yield (*entry.path, "sfa"), vendor_object, name


def _check_columns(document: Document, entry: Entry[FieldEntry]) -> None:
    field = entry.value
    if field.ma is None and field.sfa is None:
        document.report(entry.path, "is mapped nowhere", 'give ma = "…", sfa = "…", or both')
    if field.kind == "opportunity" and field.ma is not None:
        document.report(
            (*entry.path, "ma"),
            "opportunities live in the sales tool only",
            "take it out; marketing sees them through the lead's fields sales_stage, sales_amount …",
        )
    if field.sfa is not None:
        _check_sfa_column(document, (*entry.path, "sfa"), field, field.sfa)


def _check_sfa_column(document: Document, path: KeyPath, field: FieldEntry, column: SfaColumn) -> None:
    apart = column.lead or column.contact
    if field.kind == "company":
        _check_account_column(document, path, column)
    elif not column.name and not apart:
        document.report(path, "names no field", 'give name = "…", or lead = "…" and contact = "…"')
    elif column.name and apart:
        document.report(path, "has both name and lead or contact", "give name alone, or lead and contact")
    elif column.objects and apart:
        document.report((*path, "objects"), "has no effect beside lead and contact", "take it out")
    elif field.kind == "opportunity" and (apart or column.objects):
        document.report(path, "an opportunity is one object", 'give the name alone: sfa = "StageName"')


def _check_account_column(document: Document, path: KeyPath, column: SfaColumn) -> None:
    if column.contact or column.objects:
        document.report(
            path,
            "a company is an Account",
            'give its name there: sfa = "Industry"; `lead` may show it on leads',
        )
    elif not column.name:
        document.report(path, "names no field of Account", 'give name = "…" beside lead = "…"')


def _check_companies(document: Document, draft: Draft) -> None:
    """A company is known by its domain, and a name is a lead's or a company's, so that rules can name either."""
    entries = [each for each in draft.fields if each.value.kind == "company"]
    leads = {each.value.name for each in draft.fields if each.value.kind == "lead"}
    for entry in entries:
        if entry.value.name in leads or entry.value.is_produced:
            mend = "give the company's field another name, or take the lead's out"
            document.report((*entry.path, "name"), f'"{entry.value.name}" is a field of leads already', mend)
    domain = draft.field_named(DOMAIN, "company")
    if entries and domain is None and draft.is_unknown(DOMAIN, "company"):
        document.report(
            entries[0].path,
            "a company is known by its domain, which isn't mapped",
            'add [[fields]] name = "domain", kind = "company", type = "domain", ma = "domain", sfa = "Website"',
        )
    elif domain is not None and domain.policy not in (None, Policy.FILL_BLANK):
        path = next(each.path for each in entries if each.value is domain)
        mend = 'give policy = "fill-blank", or take the line out'
        document.report((*path, "policy"), "another domain would be another company", mend)


def _check_type(document: Document, entry: Entry[FieldEntry]) -> None:
    field = entry.value
    wanted = TYPES[field.kind].get(field.name)
    if wanted and field.type is not wanted:
        document.report(
            (*entry.path, "type"), f'"{field.name}" can\'t be of type {field.type}', f'give type = "{wanted}"'
        )


def _check_values(document: Document, entry: Entry[FieldEntry]) -> None:
    for side, column in (("ma", entry.value.ma), ("sfa", entry.value.sfa)):
        if column is None or not column.values:
            continue
        path = (*entry.path, side, "values")
        if entry.value.type is not FieldType.TEXT:
            document.report(path, f"only texts have a value map, not {entry.value.type}", "take it out")
        canonical = list(column.values.values())
        twice = next((value for value in canonical if canonical.count(value) > 1), None)
        if twice is not None and not column.read_only:
            problem = f'two of the vendor\'s values mean "{twice}": which one to write is not clear'
            document.report(path, problem, "give each its own, or make the column read_only")


def _check_needed(document: Document, draft: Draft) -> None:
    _check_email(document, draft)
    written = {
        name
        for entry in draft.fields
        if entry.value.kind == "lead" and entry.value.sfa and not entry.value.sfa.read_only
        for vendor_object, name in sfa_names(entry.value).items()
        if vendor_object == "Lead"
    }
    written |= {name for entry in draft.fields if (name := shown_on_lead(entry.value)) is not None}
    for name in _REQUIRED_BY_SALESFORCE:
        if draft.fields and not draft.broken_fields and name not in written:
            document.report(
                ("fields",),
                f"Salesforce takes no Lead without {name}",
                f'map it: sfa = "{name}", not read only',
            )


def _check_email(document: Document, draft: Draft) -> None:
    email = draft.field_named("email")
    if email is None:
        if draft.fields and draft.is_unknown("email"):
            mend = 'add [[fields]] name = "email", type = "email", with ma and sfa'
            document.report(("fields",), 'the field "email" is missing: it tells who a lead is', mend)
        return
    path = next(each.path for each in draft.fields if each.value is email)
    if email.ma is None or email.sfa is None or email.ma.read_only or email.sfa.read_only:
        document.report(
            path, "must be read and written on both sides: it tells who a lead is", "map ma and sfa"
        )
