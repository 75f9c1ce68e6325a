"""A transaction on the organisation's records: what it does is checked, can be undone, and is told at the end."""

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.sync.adapters.salesforce.sandbox import ids, rules
from services.sync.adapters.salesforce.sandbox.changes import Change
from services.sync.adapters.salesforce.sandbox.fields import ObjectType
from services.sync.adapters.salesforce.sandbox.refusal import CallError, Refusal
from services.sync.adapters.salesforce.sandbox.table import Row, Table
from services.sync.adapters.salesforce.sandbox.values import stored

if TYPE_CHECKING:
    from services.sync.adapters.salesforce.sandbox.organisation import Organisation

API_ORIGIN = "com/salesforce/api/rest/67.0"
USER_ORIGIN = "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/"
_UNTOLD = frozenset({"Id", "IsDeleted", "SystemModstamp", "MasterRecordId"})


class Transaction:
    """
    Changes made together: one time, one transaction key, numbered from 1.

    `trusted` changes come from the vendor's own user interface, which may set fields that the API may not.
    """

    def __init__(self, org: "Organisation", user: str, *, trusted: bool = False) -> None:
        self.org = org
        self.user = user
        self.trusted = trusted
        self.at = self._began_at = org.clock.stamp(by_api=not trusted)
        self.changes: list[Change] = []
        self._key = str(uuid.UUID(int=org.random.getrandbits(128), version=4))
        self._undo: list[Callable[[], None]] = []

    def accept(self, kind: ObjectType, raw: Mapping[str, object], *, creating: bool) -> Row:
        """Return *raw* (JSON) as stored values. Raises Refusal, CallError (INVALID_FIELD)."""
        values: Row = {}
        closed: list[str] = []
        for name, value in raw.items():
            field = kind.fields.get(name)
            if field is None:
                raise CallError(
                    400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}"
                )
            if not self.trusted and not (field.createable if creating else field.updateable):
                closed.append(name)
                continue
            values[name] = stored(field, value)
        if closed:
            raise Refusal(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(closed)}. Please check the security settings of "
                "this field and verify that it is read/write for your profile or permission set.",
                tuple(closed),
            )
        return values

    def insert(self, name: str, values: Row) -> str:
        """Make a record of *values* (stored) and return its id."""
        table = self.org.tables[name]
        for field in table.kind.fields.values():
            if field.default is not None and values.get(field.name) is None:
                values[field.name] = field.default
        if "OwnerId" in table.kind.fields:
            values.setdefault("OwnerId", self.user)
        rules.check(self, table, None, values)
        rules.derive(self, table.kind, {}, values)
        identity = table.new_id()
        row: Row = {
            **{key: value for key, value in values.items() if value is not None},
            "Id": identity,
            "CreatedDate": values.get("CreatedDate") or self.at,
            "CreatedById": self.user,
            "LastModifiedDate": self.at,
            "LastModifiedById": self.user,
            "SystemModstamp": self.at,
            "IsDeleted": False,
        }
        table.add(row)
        self._undo.append(lambda: table.remove_last(identity))
        self._note(table, identity, "CREATE", row)
        rules.after_insert(self, table.kind, row)
        return identity

    def update(self, name: str, identity: str, values: Row) -> None:
        """Change *values* (stored) of a record."""
        table = self.org.tables[name]
        row = self.existing(table, identity)
        if row.get("IsConverted") and not self.trusted:
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        rules.check(self, table, row, values)
        rules.derive(self, table.kind, row, values)
        changed = {key: value for key, value in values.items() if row.get(key) != value}
        self.set(table, row["Id"], changed)

    def set(self, table: Table, identity: str, changed: Row, *, dated: bool = True) -> None:
        """Store *changed* and tell it; *dated* events name the modification date."""
        row = table.rows[identity]
        self._follow(row)
        changed = {**changed, "LastModifiedDate": self.at}
        if row.get("LastModifiedById") != self.user:
            changed["LastModifiedById"] = self.user
        told = changed if dated else {k: v for k, v in changed.items() if not k.startswith("LastModified")}
        self._store(table, identity, {**changed, "SystemModstamp": self.at})
        self._note(table, identity, "UPDATE", told)

    def delete(self, name: str, identity: str, *, master: str | None = None) -> None:
        """Put a record into the recycle bin; *master* took its place in a merge."""
        table = self.org.tables[name]
        row = self.existing(table, identity)
        self._follow(row)
        gone: Row = {"IsDeleted": True, "SystemModstamp": self.at}
        if master is not None:
            gone["MasterRecordId"] = master
        self._store(table, row["Id"], gone)
        self._note(table, row["Id"], "DELETE", {})

    def undelete(self, name: str, identity: str) -> None:
        """Take a record out of the recycle bin."""
        table = self.org.tables[name]
        row = table.rows.get(ids.normal(identity))
        if row is None or not row["IsDeleted"]:
            raise Refusal("UNDELETE_FAILED", "Entity is not in the recycle bin")
        rules.unique(table, row, row)
        self._follow(row)
        self._store(table, row["Id"], {"IsDeleted": False, "MasterRecordId": None, "SystemModstamp": self.at})
        self._note(table, row["Id"], "UNDELETE", row)

    def _follow(self, row: Row) -> None:
        """Be later than *row*'s last change: times grow for each record, not for the whole organisation."""
        last = row.get("SystemModstamp")
        if isinstance(last, int) and last >= self.at:
            self.at = last + 1

    def existing(self, table: Table, identity: str) -> Row:
        """Return a record that is there. Raises Refusal."""
        row = table.rows.get(ids.normal(identity))
        if row is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row["IsDeleted"]:
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted")
        return row

    def savepoint(self) -> tuple[int, int]:
        """
        Begin the next record of a collection; return a mark that `roll_back` takes.

        Its time is the transaction's again: a record that changed lately must not make the ones after it late.
        """
        self.at = self._began_at
        return len(self._undo), len(self.changes)

    def roll_back(self, mark: tuple[int, int] = (0, 0)) -> None:
        """Undo everything since *mark*."""
        undo, changes = mark
        while len(self._undo) > undo:
            self._undo.pop()()
        del self.changes[changes:]

    def commit(self) -> None:
        """Tell what happened."""
        self.org.tell(self.changes)

    def _store(self, table: Table, identity: str, values: Row) -> None:
        row = table.rows[identity]
        before = {name: row.get(name) for name in values}
        table.set(identity, values)
        self._undo.append(lambda: table.set(identity, before))

    def _note(self, table: Table, identity: str, kind: str, values: Row) -> None:
        told = {
            name: value
            for name, value in values.items()
            if name not in _UNTOLD and (kind == "UPDATE" or value is not None)
        }
        self.changes.append(
            Change(
                object=table.kind.name,
                ids=(identity,),
                type=kind,
                values=told,
                at=self.at,
                user=self.user,
                origin=USER_ORIGIN if self.trusted else API_ORIGIN,
                transaction=self._key,
            )
        )
