"""What the vendor checks and derives when a record is saved."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.sync.adapters.salesforce.sandbox.catalogue import CLOSED_TASK_STATUSES, STAGES
from services.sync.adapters.salesforce.sandbox.fields import ObjectType
from services.sync.adapters.salesforce.sandbox.refusal import Refusal
from services.sync.adapters.salesforce.sandbox.table import Row, Table

if TYPE_CHECKING:
    from services.sync.adapters.salesforce.sandbox.transaction import Transaction

_POINTS_TO: Mapping[str, frozenset[str]] = {
    "OwnerId": frozenset({"User"}),
    "AccountId": frozenset({"Account"}),
    "ContactId": frozenset({"Contact"}),
    "OpportunityId": frozenset({"Opportunity"}),
    "WhoId": frozenset({"Lead", "Contact"}),
    "WhatId": frozenset({"Account", "Opportunity"}),
}
_PERSONS = ("Contact", "Lead")


def check(tx: "Transaction", table: Table, row: Row | None, values: Row) -> None:
    """Raise Refusal unless *values* may be saved, on *row* or as a new record."""
    _required(table.kind, row, values)
    unique(table, row, values)
    for name in _POINTS_TO:
        if values.get(name) is not None and name in table.kind.fields:
            _reference(tx, table.kind, name, values[name])
    if row is None and tx.org.settings.duplicate_rule and table.kind.name in _PERSONS and not tx.trusted:
        _duplicates(tx, values)


def _required(kind: ObjectType, row: Row | None, values: Row) -> None:
    missing = tuple(
        each.name
        for each in kind.fields.values()
        if each.required and (row is None or each.name in values) and values.get(each.name) is None
    )
    if missing:
        raise Refusal(
            "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing
        )


def unique(table: Table, row: Row | None, values: Row) -> None:
    """Refuse *values*, or a record taken out of the bin, of which another record holds what no two may hold."""
    for field in table.kind.fields.values():
        if not field.unique or values.get(field.name) is None:
            continue
        others = [each for each in table.live(field.name, values[field.name]) if each is not row]
        if others:
            raise Refusal(
                "DUPLICATE_VALUE",
                f"duplicate value found: {field.name} duplicates value on record with id: "
                f"{others[0]['Id'][:15]}",
            )


def _reference(tx: "Transaction", kind: ObjectType, name: str, identity: str) -> None:
    target = tx.org.schema.by_prefix.get(identity[:3])
    if target is None or target.name not in _POINTS_TO[name]:
        raise Refusal(
            "FIELD_INTEGRITY_EXCEPTION", f"{kind.fields[name].label}: id value of incorrect type", (name,)
        )
    row = tx.org.tables[target.name].rows.get(identity)
    if row is None:
        raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (name,))
    if row["IsDeleted"]:
        raise Refusal("ENTITY_IS_DELETED", "entity is deleted", (name,))
    if row.get("IsConverted") and not tx.trusted:
        raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", (name,))


def _duplicates(tx: "Transaction", values: Row) -> None:
    """
    Refuse a person whose e-mail address another one has, as a duplicate rule that blocks does.

    Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_duplicaterules.htm
    """
    email = values.get("Email")
    if email is None:
        return
    found = [
        (name, each)
        for name in _PERSONS
        for each in tx.org.tables[name].live("Email", email)
        if not each.get("IsConverted")
    ]
    if not found:
        return
    results = [
        {
            "entityType": name,
            "matchRecords": [{"matchConfidence": 100.0, "record": {"Id": each["Id"]}}],
            "rule": f"Standard_{name}_Match_Rule",
            "success": True,
        }
        for name, each in found
    ]
    raise Refusal(
        "DUPLICATES_DETECTED",
        "Use one of these records?",
        extra={"duplicateResult": {"allowSave": False, "matchResults": results}},
    )


def derive(tx: "Transaction", kind: ObjectType, row: Mapping[str, Any], values: Row) -> None:
    """Add to *values* what follows from them; take out what the vendor silently ignores."""
    if kind.name in {*_PERSONS, "User"}:
        _name(row, values)
    elif kind.name == "Opportunity":
        _stage(row, values)
    elif kind.name == "Task":
        _completion(tx, row, values)


def _name(row: Mapping[str, Any], values: Row) -> None:
    if "LastName" in values or "FirstName" in values:
        parts = [values.get(each, row.get(each)) for each in ("FirstName", "LastName")]
        values["Name"] = " ".join(each for each in parts if each)


def _stage(row: Mapping[str, Any], values: Row) -> None:
    if row.get("HasOpportunityLineItem"):
        values.pop("Amount", None)  # the line items say it: the vendor succeeds and changes nothing
    stage = values.get("StageName")
    if stage is not None and stage != row.get("StageName"):
        closed, won, probability = STAGES.get(stage, (False, False, 0))
        values["IsClosed"], values["IsWon"] = closed, won
        values.setdefault("Probability", float(probability))


def _completion(tx: "Transaction", row: Mapping[str, Any], values: Row) -> None:
    status = values.get("Status")
    if status is None:
        return
    closed = status in CLOSED_TASK_STATUSES
    if closed != bool(row.get("IsClosed")):
        values["IsClosed"] = closed
        values["CompletedDateTime"] = tx.at if closed else None


def after_insert(tx: "Transaction", kind: ObjectType, row: Row) -> None:
    """Make what comes with a new record: an opportunity's contact becomes its primary role."""
    if kind.name == "Opportunity" and row.get("ContactId"):
        role: Row = {"OpportunityId": row["Id"], "ContactId": row["ContactId"], "IsPrimary": True}
        tx.insert("OpportunityContactRole", role)
