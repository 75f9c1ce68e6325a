"""Avro: the schema of each object's change event, and events written with it."""

import base64
import hashlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import fastavro
import orjson

from services.sync.adapters.salesforce import bitmap
from services.sync.adapters.salesforce.sandbox.changes import Change
from services.sync.adapters.salesforce.sandbox.fields import Field, ObjectType
from services.sync.adapters.salesforce.sandbox.values import midnight

_TYPES: Mapping[str, tuple[str, str]] = {
    "boolean": ("boolean", "Data:Boolean"),
    "int": ("int", "Data:Integer"),
    "double": ("double", "Data:Double"),
    "currency": ("double", "Data:Currency"),
    "percent": ("double", "Data:Percent"),
    "date": ("long", "Data:DateOnly"),
    "datetime": ("long", "Data:DateTime"),
    "picklist": ("string", "Data:DynamicEnum"),
    "email": ("string", "Data:Email"),
    "phone": ("string", "Data:Phone"),
    "reference": ("string", "Data:EntityId"),
    "textarea": ("string", "Data:StringPlusClob"),
}
_CHANGE_TYPES = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
]
_STRINGS = {"type": "array", "items": "string"}
_HEADER: Mapping[str, Any] = {
    "type": "record",
    "name": "ChangeEventHeader",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": _STRINGS},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": _CHANGE_TYPES}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        {"name": "nulledFields", "type": _STRINGS},
        {"name": "diffFields", "type": _STRINGS},
        {"name": "changedFields", "type": _STRINGS},
    ],
}


class EventSchema:
    """The schema of one object's change events. Its id is a hash of it, as the vendor's is."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.schema = _schema(kind)
        self.json = orjson.dumps(self.schema).decode()
        digest = hashlib.blake2b(self.json.encode(), digest_size=16).digest()
        self.id = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self._parsed = fastavro.parse_schema(orjson.loads(self.json), _write_hint=False)

    def write(self, change: Change) -> bytes:
        """Return *change* as the payload of an event."""
        updated = change.type == "UPDATE"
        nulled = [name for name, value in change.values.items() if value is None] if updated else []
        out: dict[str, Any] = {
            "ChangeEventHeader": {
                "entityName": change.object,
                "recordIds": list(change.ids),
                "changeType": change.type,
                "changeOrigin": change.origin,
                "transactionKey": change.transaction,
                "sequenceNumber": change.sequence,
                "commitTimestamp": change.at,
                "commitNumber": change.at * 1_000 + change.sequence,
                "commitUser": change.user,
                "nulledFields": bitmap.encode(self.schema, nulled),
                "diffFields": [],
                "changedFields": bitmap.encode(self.schema, change.values.keys()) if updated else [],
            }
        }
        for name, value in change.values.items():
            field = self.kind.fields[name]
            if value is None or not field.evented:
                continue
            target = out.setdefault(field.compound, {}) if field.compound else out
            target[field.part or name] = midnight(value) if field.type == "date" else value
        buffer = BytesIO()
        fastavro.schemaless_writer(buffer, self._parsed, out)
        return buffer.getvalue()


def _schema(kind: ObjectType) -> dict[str, Any]:
    fields: list[dict[str, Any]] = [{"name": "ChangeEventHeader", "type": _HEADER}]
    compounds: dict[str, list[dict[str, Any]]] = {}
    for each in kind.fields.values():
        if not each.evented:
            continue
        if each.compound is None:
            fields.append(_optional(each, each.name))
            continue
        if each.compound not in compounds:
            parts: list[dict[str, Any]] = []
            compounds[each.compound] = parts
            inner = {"type": "record", "name": _compound_type(each.compound), "fields": parts}
            fields.append({"name": each.compound, "type": ["null", inner], "default": None})
        compounds[each.compound].append(_optional(each, each.part or each.name))
    return {
        "type": "record",
        "name": f"{kind.name}ChangeEvent",
        "namespace": "com.sforce.eventbus",
        "fields": fields,
    }


def _optional(field: Field, name: str) -> dict[str, Any]:
    kind, doc = _TYPES.get(field.type, ("string", "Data:Text"))
    return {"name": name, "type": ["null", kind], "doc": doc, "default": None}


def _compound_type(name: str) -> str:
    return "PersonName" if name == "Name" else f"{name.removesuffix('Address')}Address_"
