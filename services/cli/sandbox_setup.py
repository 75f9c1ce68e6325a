"""Sets a sandbox up for a field map: the custom fields that it names, and the webhooks that it needs."""

from collections.abc import Iterator, Mapping

from services.sync.adapters.hubspot.sandbox import Property
from services.sync.adapters.hubspot.sandbox.schema import PROPERTIES
from services.sync.adapters.salesforce.sandbox.catalogue import schema
from services.sync.adapters.salesforce.sandbox.fields import Field
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind
from services.sync.settings import Settings

PEOPLE = (
    ("sato@sandbox.example", "佐藤", "花子"),
    ("suzuki@sandbox.example", "鈴木", "一郎"),
    ("tanaka@sandbox.example", "田中", "実"),
)
"""E-mail address, last and first name of those who own leads and deals, the same in both sandboxes."""

_HUBSPOT_TYPES: Mapping[FieldType, str] = {
    FieldType.INTEGER: "number",
    FieldType.NUMBER: "number",
    FieldType.MONEY: "number",
    FieldType.DATE: "date",
    FieldType.INSTANT: "datetime",
    FieldType.BOOLEAN: "bool",
    FieldType.OWNER: "enumeration",
}
_SALESFORCE_TYPES: Mapping[FieldType, str] = {
    FieldType.DOMAIN: "url",
    FieldType.EMAIL: "email",
    FieldType.PHONE: "phone",
    FieldType.INTEGER: "int",
    FieldType.NUMBER: "double",
    FieldType.MONEY: "currency",
    FieldType.DATE: "date",
    FieldType.INSTANT: "datetime",
    FieldType.BOOLEAN: "boolean",
    FieldType.OWNER: "reference",
}
_COMPANY_EVENTS = (
    *(f"company.{each}" for each in ("creation", "deletion", "merge", "restore")),
    "contact.associationChange",
)
_RECORD_EVENTS = tuple(
    f"contact.{each}" for each in ("creation", "deletion", "merge", "privacyDeletion", "restore")
)


def people(settings: Settings) -> tuple[tuple[str, str, str], ...]:
    """Return everybody in [assignment] as (e-mail address, last name, first name), each once, then `PEOPLE`."""
    named = {email: (email, last, first) for email, last, first in PEOPLE}
    emails = dict.fromkeys((*settings.rules.assignment.everybody, *named))
    return tuple(named.get(each, (each, each.partition("@")[0], "")) for each in emails)


def hubspot_properties(fields: FieldMap, kind: Kind = Kind.LEAD) -> tuple[Property, ...]:
    """Return the properties that *fields* name for records of *kind* and a fresh portal lacks."""
    there = {each.name for each in PROPERTIES["company" if kind is Kind.COMPANY else "contact"]}
    wanted = {each.vendor_name: each for each in fields.of(kind) if each.vendor_name not in there}
    return tuple(
        Property(name=name, label=name, type=_type(_HUBSPOT_TYPES, each), custom=True)
        for name, each in wanted.items()
    )


def hubspot_subscriptions(fields: FieldMap) -> tuple[str, ...]:
    """Return the webhooks that tell of every change of *fields*, as the sandbox's `subscribe` takes them."""
    changes = (f"contact.propertyChange:{each.vendor_name}" for each in fields.of(Kind.LEAD))
    companies = (f"company.propertyChange:{each.vendor_name}" for each in fields.of(Kind.COMPANY))
    of_companies = (*_COMPANY_EVENTS, *dict.fromkeys(companies)) if fields.keeps_companies else ()
    return (*_RECORD_EVENTS, *dict.fromkeys(changes), *of_companies)


def salesforce_fields(fields: FieldMap) -> Mapping[str, tuple[Field, ...]]:
    """Return by object the fields that *fields* name and a fresh organisation lacks."""
    wanted = {
        "Lead": Kind.LEAD,
        "Contact": Kind.LEAD,
        "Opportunity": Kind.OPPORTUNITY,
        "Account": Kind.COMPANY,
    }
    return {name: tuple(_missing(fields, kind, name)) for name, kind in wanted.items()}


def _missing(fields: FieldMap, kind: Kind, vendor_object: str) -> Iterator[Field]:
    there = schema().objects[vendor_object].fields
    wanted = {
        each.vendor_name: each for each in fields.of(kind, vendor_object) if each.vendor_name not in there
    }
    for name, each in wanted.items():
        yield Field(name=name, type=_type(_SALESFORCE_TYPES, each), label=name)


def _type(types: Mapping[FieldType, str], mapped: MappedField) -> str:
    kind = FieldType.INSTANT if mapped.form.as_instant else mapped.type
    return types.get(kind, "string")
