"""The describe call: what the vendor says of an object and its fields."""

from typing import Any

from services.sync.adapters.salesforce.sandbox.fields import Field, ObjectType


def describe(kind: ObjectType) -> dict[str, Any]:
    """Return the description of *kind*, as far as clients look at it."""
    return {
        "name": kind.name,
        "label": kind.label,
        "keyPrefix": kind.prefix,
        "createable": True,
        "updateable": True,
        "queryable": True,
        "fields": [_field(each) for each in kind.fields.values()],
    }


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "length": field.length if field.type in {"string", "textarea", "email", "phone", "picklist"} else 0,
        "createable": field.createable,
        "updateable": field.updateable,
        "nillable": not field.required,
        "custom": field.name.endswith("__c"),
        "externalId": field.external_id,
        "idLookup": field.external_id or field.name in {"Id", "Email"},
        "unique": field.unique,
        "restrictedPicklist": field.restricted,
        "picklistValues": [
            {"value": each, "label": each, "active": True, "defaultValue": each == field.default}
            for each in field.values
        ],
    }
