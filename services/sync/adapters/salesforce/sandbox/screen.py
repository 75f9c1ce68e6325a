"""What a rep sees of the organisation's records: titles, fields, what belongs together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from services.sync.adapters.salesforce.sandbox.fields import Field, ObjectType
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.table import Row
from services.sync.adapters.salesforce.sandbox.values import rendered
from services.sync.adapters.sandbox.desk import Act, Column, Parent, Related, View

CALL_RESULTS: Mapping[str, str] = {
    each: each for each in ("Connected", "No answer", "Busy", "Left voicemail", "Wrong number")
}
"""Call results as reps type them: Salesforce's field is free text."""

_CHILDREN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Lead": (("Task", "WhoId"), ("Event", "WhoId")),
    "Contact": (("Opportunity", "ContactId"), ("Task", "WhoId"), ("Event", "WhoId")),
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId")),
    "Opportunity": (("Task", "WhatId"), ("Event", "WhatId")),
}
"""Object → what hangs on it, and by which field."""

_PARENTS: Mapping[str, tuple[str, ...]] = {
    "Lead": ("ConvertedContactId", "ConvertedOpportunityId", "ConvertedAccountId"),
    "Contact": ("AccountId",),
    "Opportunity": ("ContactId", "AccountId"),
    "Task": ("WhoId", "WhatId"),
    "Event": ("WhoId", "WhatId"),
}
_PERSONS = ("Lead", "Contact")
_OWN_ID = "Tasuki_Id__c"
_CONVERT = (("convert", "Convert", "取引の開始"),)
_KINDS = {
    "textarea": "multiline",
    "int": "number",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "date": "date",
    "datetime": "datetime",
    "reference": "reference",
}
_HIDDEN = frozenset({"Id", "Name", "IsDeleted", "SystemModstamp", "MasterRecordId"})
MOST = 50
"""So many records of one kind are shown beside another."""


class Screen:
    """The organisation as its pages show it."""

    def __init__(self, org: Organisation) -> None:
        self._org = org

    def views(self) -> Sequence[View]:
        """Return the objects with their fields; users can be chosen as owners by name."""
        users = {each["Id"]: self.title("User", shown_of(each)) for each in self._users()}
        return [self._view(each, users) for each in self._org.schema.objects.values() if each.shown]

    def record(self, of: str, identity: str) -> Mapping[str, Any] | None:
        """Return one record."""
        table = self._org.tables.get(of)
        row = table.rows.get(identity) if table is not None else None
        return shown(table.kind, row) if table is not None and row is not None else None

    def title(self, of: str, record: Mapping[str, Any]) -> str:
        """Return what people call *record*."""
        fields = record["fields"]
        parts = ("LastName", "FirstName") if of in {*_PERSONS, "User"} else ("Name", "Subject")
        found = " ".join(str(fields[each]) for each in parts if fields.get(each))
        return found or str(record["id"])

    def pointer(self, of: str, field: str, value: str) -> tuple[str, str] | None:
        """Return the object and title of what the id *value* names."""
        kind = self._org.schema.objects[of].fields.get(field)
        target = self._org.schema.by_prefix.get(value[:3])
        if kind is None or kind.type != "reference" or target is None:
            return None
        row = self._org.tables[target.name].rows.get(value)
        return (target.name, self.title(target.name, shown(target, row))) if row is not None else None

    def related(self, of: str, identity: str) -> Sequence[Related]:
        """Return the records that a rep finds on this record's page."""
        row = self._org.tables[of].rows[identity]
        found: dict[str, Related] = {}
        for name in _PARENTS.get(of, ()):
            self._take(found, str(row.get(name) or ""))
        for name, field in _CHILDREN.get(of, ()):
            rows = [each["Id"] for each in self._org.tables[name].live(field, identity)]
            for each in reversed(rows[-MOST:]):
                self._take(found, each)
        if of in _PERSONS and row.get(_OWN_ID):
            for each in islice(self._deals(str(row[_OWN_ID])), MOST):
                self._take(found, each)
        return list(found.values())

    def call(self, of: str, identity: str, *, outcome: str, note: str) -> Act:
        """Return the act of logging a call, which is a completed task."""
        fields: dict[str, str | int | float | bool | None] = {
            "Subject": "Call",
            "TaskSubtype": "Call",
            "CallType": "Outbound",
            "Status": "Completed",
            "CallDisposition": outcome or None,
            "Description": note or None,
        }
        return Act(act="create", object="Task", fields=fields, parents=(Parent(object=of, id=identity),))

    def _users(self) -> list[Row]:
        return [each for each in self._org.tables["User"].rows.values() if each.get("IsActive")]

    def _take(self, found: dict[str, Related], identity: str) -> None:
        kind = self._org.schema.by_prefix.get(identity[:3])
        row = self._org.tables[kind.name].rows.get(identity) if kind is not None else None
        if kind is not None and row is not None and not row["IsDeleted"]:
            found.setdefault(identity, Related(kind.name, shown(kind, row)))

    def _deals(self, own: str) -> Iterator[str]:
        """Yield the opportunities of the lead *own*: an open Lead's hang together by our external id only."""
        for row in self._org.tables["Opportunity"].rows.values():
            if str(row.get(_OWN_ID) or "").partition(":")[0] == own:
                yield row["Id"]

    def _view(self, kind: ObjectType, users: Mapping[str, str]) -> View:
        return View(
            kind.name,
            kind.label,
            kind.label_ja,
            tuple(_column(kind.fields[each], users) for each in kind.shown),
            tuple(_column(kind.fields[each], users) for each in _form(kind)),
            calls=kind.name in _PERSONS,
            children={"Contact": ("Opportunity", "Task", "Event"), "Lead": ("Task", "Event")}.get(
                kind.name, ()
            ),
            acts=_CONVERT if kind.name == "Lead" else (),
        )


def shown(kind: ObjectType, row: Row) -> Mapping[str, Any]:
    """Return *row* as the admin surface gives records."""
    return {
        "id": row["Id"],
        "createdAt": row["CreatedDate"],
        "updatedAt": row["SystemModstamp"],
        "archived": row["IsDeleted"],
        "fields": {
            name: rendered(kind.fields[name], value) for name, value in row.items() if value is not None
        },
    }


def shown_of(user: Row) -> Mapping[str, Any]:
    """Return *user* as far as a title needs it."""
    return {"id": user["Id"], "fields": user}


def _form(kind: ObjectType) -> Iterator[str]:
    """Yield what stands on the record's page: what lists show first, then the rest."""
    yield from kind.shown
    for name, field in kind.fields.items():
        if name not in kind.shown and name not in _HIDDEN and (field.updateable or name.endswith("__c")):
            yield name


def _column(field: Field, users: Mapping[str, str]) -> Column:
    owner = field.name == "OwnerId"
    options = ("true", "false") if field.type == "boolean" else field.values
    return Column(
        field.name,
        field.label,
        field.label_ja or field.label,
        kind=_KINDS.get(field.type, "text"),
        editable=field.updateable and (field.type != "reference" or owner),
        required=field.required or field.type == "boolean",
        options=tuple(users) if owner else options,
        option_labels=users if owner else {},
    )
