"""What people do in the vendor's user interface: edits, merges, conversions, as their own changes."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.sync.adapters.salesforce.sandbox.fields import ObjectType
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.refusal import CallError, Refusal
from services.sync.adapters.salesforce.sandbox.table import Row
from services.sync.adapters.salesforce.sandbox.transaction import Transaction
from services.sync.adapters.sandbox.admin import Act, ActResult, Parent

_OWN_FIELDS = frozenset({"Id", "SystemModstamp", "LastModifiedDate", "IsDeleted"})
_COPIED = (
    "FirstName",
    "LastName",
    "Salutation",
    "Email",
    "Phone",
    "MobilePhone",
    "Title",
    "LeadSource",
    "HasOptedOutOfEmail",
    "DoNotCall",
    "Description",
    "OwnerId",
)
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")
_CONVERT_OPTIONS = frozenset({"convertedStatus", "opportunityName", "doNotCreateOpportunity", "accountId"})
_CLOSE_DAYS = 30


class Actor:
    """Does acts. A driver's keys stand for the records that they named first."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._keys: dict[tuple[str, str], str] = {}
        self._doers: Mapping[str, Callable[[Transaction, Act], ActResult]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "undelete": self._undelete,
            "merge": self._merge,
            "convert": self._convert,
        }

    def reset(self) -> None:
        """Forget the keys."""
        self._keys.clear()

    def act(self, act: Act) -> ActResult:
        """Do *act*; a refusal is the result's error."""
        doer = self._doers.get(act.act)
        if doer is None or act.object not in self._org.schema.objects:
            return ActResult(act.id, f"nobody can {act.act} a {act.object} here")
        if act.act == "create" and act.key is not None and (act.object, act.key) in self._keys:
            return ActResult(self._keys[act.object, act.key])
        try:
            tx = self._org.transaction(self._user(act.user), trusted=True)
        except Refusal as refusal:
            return ActResult(act.id, str(refusal))
        try:
            result = doer(tx, act)
        except (Refusal, CallError) as refusal:
            tx.roll_back()
            return ActResult(act.id, str(refusal))
        tx.commit()
        return result

    def _user(self, named: str | None) -> str:
        """Return the id of the user *named* by id or e-mail address, or of the sales user."""
        if named is None:
            return self._org.sales_user
        table = self._org.tables["User"]
        row = next(iter(table.live("Email", named)), None) if "@" in named else table.rows.get(named)
        if row is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", f"no user {named}")
        return str(row["Id"])

    def _identity(self, sobject: str, identity: str | None, key: str | None) -> str:
        if identity is not None:
            return identity
        found = self._keys.get((sobject, key)) if key is not None else None
        if found is None:
            raise Refusal("NOT_FOUND", f"no {sobject} is known by the key {key!r}")
        return found

    def _named(self, act: Act) -> str:
        return self._identity(act.object, act.id, act.key)

    def _create(self, tx: Transaction, act: Act) -> ActResult:
        kind = self._org.schema.objects[act.object]
        values = tx.accept(kind, {**act.fields, **self._parents(kind, act.parents)}, creating=True)
        if kind.name == "User":
            values.setdefault("Username", values.get("Email"))
        made = tx.insert(kind.name, values)
        if act.key is not None:
            self._keys[act.object, act.key] = made
        return ActResult(made)

    def _update(self, tx: Transaction, act: Act) -> ActResult:
        kind = self._org.schema.objects[act.object]
        identity = self._named(act)
        row = tx.existing(self._org.tables[kind.name], identity)
        if row.get("IsConverted"):
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        tx.update(kind.name, identity, tx.accept(kind, act.fields, creating=False))
        return ActResult(identity)

    def _delete(self, tx: Transaction, act: Act) -> ActResult:
        identity = self._named(act)
        tx.delete(act.object, identity)
        return ActResult(identity)

    def _undelete(self, tx: Transaction, act: Act) -> ActResult:
        identity = self._named(act)
        tx.undelete(act.object, identity)
        return ActResult(identity)

    def _merge(self, tx: Transaction, act: Act) -> ActResult:
        """
        Merge `other` into the act's record: an UPDATE of the winner, a DELETE of the loser, nothing else.

        Source: https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/
        change_data_capture/cdc_intro.htm
        """
        kind = self._org.schema.objects[act.object]
        if not kind.merges or act.other is None:
            raise Refusal("INVALID_OPERATION", f"a {act.object} is not merged with this")
        winner, loser = self._named(act), self._identity(act.object, act.other.id, act.other.key)
        table = self._org.tables[kind.name]
        kept, lost = tx.existing(table, winner)["Id"], tx.existing(table, loser)["Id"]
        tx.delete(kind.name, lost, master=kept)
        # The winner's change is told first.
        deletion = tx.changes.pop()
        tx.update(kind.name, kept, tx.accept(kind, act.fields, creating=False))
        tx.changes.append(deletion)
        self._hang_over(tx, lost, kept)
        return ActResult(kept)

    def _hang_over(self, tx: Transaction, lost: str, kept: str) -> None:
        """Hang on *kept* what hung on *lost*; the vendor tells no events of it."""
        told = list(tx.changes)
        for name, field in (
            ("Task", "WhoId"),
            ("Event", "WhoId"),
            ("OpportunityContactRole", "ContactId"),
            ("Opportunity", "ContactId"),
            ("Contact", "AccountId"),
            ("Opportunity", "AccountId"),
        ):
            table = self._org.tables[name]
            for row in table.live(field, lost):
                tx.set(table, row["Id"], {field: kept})
        tx.changes[:] = told

    def _convert(self, tx: Transaction, act: Act) -> ActResult:
        """
        Convert a lead: account, contact and opportunity are made, and the lead becomes read-only.

        Source: https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/
        change_data_capture/cdc_standard_objects_lead_conversion.htm
        """
        lead = tx.existing(self._org.tables["Lead"], self._named(act))
        if act.object != "Lead" or lead.get("IsConverted"):
            raise Refusal("INVALID_OPERATION", "this is no open lead")
        account = act.fields.get("accountId") or self._converted_account(tx, lead)
        contact = self._converted_contact(tx, lead, str(account))
        made = {"account": str(account), "contact": contact}
        values: Row = {
            "IsConverted": True,
            "Status": str(act.fields.get("convertedStatus") or "Closed - Converted"),
            "ConvertedDate": _day(tx.at),
            "ConvertedAccountId": str(account),
            "ConvertedContactId": contact,
        }
        if not act.fields.get("doNotCreateOpportunity"):
            made["opportunity"] = self._converted_opportunity(tx, lead, act, str(account), contact)
            values["ConvertedOpportunityId"] = made["opportunity"]
        changed = {name: value for name, value in values.items() if lead.get(name) != value}
        tx.set(self._org.tables["Lead"], lead["Id"], changed, dated=False)
        if act.key is not None:
            self._keys.update({(each.capitalize(), act.key): identity for each, identity in made.items()})
        return ActResult(lead["Id"], created=made)

    def _converted_account(self, tx: Transaction, lead: Row) -> str:
        values: Row = {"Name": lead["Company"], "OwnerId": lead.get("OwnerId")}
        for name in ("Phone", "Website", "Industry", "AnnualRevenue", "NumberOfEmployees"):
            values[name] = lead.get(name)
        values.update({f"Billing{each}": lead.get(each) for each in _ADDRESS})
        return tx.insert("Account", values)

    def _converted_contact(self, tx: Transaction, lead: Row, account: str) -> str:
        """Make the contact; custom fields of the same name are taken over, as an administrator maps them."""
        fields = self._org.schema.objects["Contact"].fields
        values: Row = {name: lead.get(name) for name in _COPIED}
        values.update({f"Mailing{each}": lead.get(each) for each in _ADDRESS})
        values.update({name: lead.get(name) for name in fields if name.endswith("__c")})
        values["AccountId"] = account
        return tx.insert("Contact", values)

    def _converted_opportunity(self, tx: Transaction, lead: Row, act: Act, account: str, contact: str) -> str:
        kind = self._org.schema.objects["Opportunity"]
        given = {name: value for name, value in act.fields.items() if name not in _CONVERT_OPTIONS}
        values: Row = {
            "Name": str(act.fields.get("opportunityName") or f"{lead['Company']}-"),
            "StageName": "Prospecting",
            "CloseDate": _day(tx.at + _CLOSE_DAYS * 86_400_000),
            "OwnerId": lead.get("OwnerId"),
            "LeadSource": lead.get("LeadSource"),
            "AccountId": account,
            **tx.accept(kind, given, creating=True),
        }
        made = tx.insert("Opportunity", values)
        # The contact hangs on it as its primary role; the event of the opportunity does not name it.
        role: Row = {"OpportunityId": made, "ContactId": contact, "IsPrimary": True}
        tx.insert("OpportunityContactRole", role)
        self._org.tables["Opportunity"].set(made, {"ContactId": contact})
        return made

    def _parents(self, kind: ObjectType, parents: tuple[Parent, ...]) -> dict[str, Any]:
        """Return the reference fields of a new record that hangs on *parents*."""
        fields: dict[str, Any] = {}
        for parent in parents:
            sobject, identity = parent.object, self._identity(parent.object, parent.id, parent.key)
            lead = self._org.tables["Lead"].rows.get(identity)
            if lead is not None and lead.get("IsConverted"):
                sobject, identity = "Contact", lead["ConvertedContactId"]
            name = f"{sobject}Id"
            if name not in kind.fields:
                name = "WhoId" if sobject in {"Lead", "Contact"} else "WhatId"
            if name not in kind.fields:
                raise Refusal("INVALID_FIELD", f"a {kind.name} does not hang on a {sobject}")
            fields[name] = identity
        return fields


def _day(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).date().isoformat()
