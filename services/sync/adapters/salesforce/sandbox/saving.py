"""Saving through the API: single records and collections, by id or by external id."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from services.sync.adapters.salesforce.sandbox.fields import Field, ObjectType
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.refusal import CallError, Refusal
from services.sync.adapters.salesforce.sandbox.table import Row
from services.sync.adapters.salesforce.sandbox.transaction import Transaction

MAX_RECORDS = 200
_ROLLED_BACK = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
Save = Callable[[Transaction, Mapping[str, Any]], tuple[str, bool]]
"""Saves one record of a collection; returns its id and whether it is new."""


class MultipleMatches(Exception):
    """Several records have the external id."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(", ".join(ids))
        self.ids = ids


class Saver:
    """The API's ways to save."""

    def __init__(self, org: Organisation) -> None:
        self._org = org

    def kind(self, name: str) -> ObjectType:
        """Return the object *name*. Raises CallError (404 NOT_FOUND)."""
        kind = self._org.schema.objects.get(name)
        if kind is None:
            raise CallError(404, "NOT_FOUND", "The requested resource does not exist")
        return kind

    def external_field(self, kind: ObjectType, name: str) -> Field:
        """Return the field *name* if one can upsert on it. Raises CallError (404 NOT_FOUND)."""
        field = kind.fields.get(name)
        if field is None or not (field.external_id or name == "Id"):
            raise CallError(
                404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}"
            )
        return field

    # Single records

    def create(self, user: str, name: str, body: Mapping[str, Any]) -> str:
        """Create one record and return its id."""
        return self._alone(user, lambda tx: self._insert(tx, self.kind(name), body))

    def update(self, user: str, name: str, identity: str, body: Mapping[str, Any]) -> None:
        """Update one record."""
        self._alone(user, lambda tx: self._update(tx, self.kind(name), identity, body))

    def delete(self, user: str, name: str, identity: str) -> None:
        """Delete one record."""
        self._alone(user, lambda tx: tx.delete(self.kind(name).name, identity))

    def upsert(
        self, user: str, name: str, key: tuple[str, str], body: Mapping[str, Any], *, update_only: bool
    ) -> tuple[str, bool]:
        """Update the record whose external id (field, value) is *key*, or create it. Raises MultipleMatches."""
        kind = self.kind(name)
        field = self.external_field(kind, key[0])
        if field.name in body:
            raise CallError(
                400, "INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data."
            )
        found = self._org.tables[name].live(field.name, key[1])
        if len(found) > 1:
            raise MultipleMatches([each["Id"] for each in found])
        if update_only and not found:
            raise CallError(404, "NOT_FOUND", "The requested resource does not exist")
        whole = {**body, field.name: key[1]}
        return self._alone(user, lambda tx: self._put(tx, kind, found, whole))

    def _alone(self, user: str, work: Callable[[Transaction], Any]) -> Any:
        tx = self._org.transaction(user)
        try:
            self._maybe_refuse()
            result = work(tx)
        except (Refusal, CallError):
            tx.roll_back()
            raise
        tx.commit()
        return result

    # Collections

    def upsert_all(self, user: str, name: str, field_name: str, body: Any) -> list[dict[str, Any]]:
        """Upsert a collection of records of one object on *field_name*."""
        kind = self.kind(name)
        field = self.external_field(kind, field_name)
        records = _records(body)
        twice = _twice([str(each.get(field.name, "")).lower() for each in records])

        def save(tx: Transaction, record: Mapping[str, Any]) -> tuple[str, bool]:
            value = record.get(field.name)
            if not isinstance(value, str) or not value:
                raise Refusal("MISSING_ARGUMENT", f"{field.name} not specified", (field.name,))
            if value.lower() in twice:
                raise Refusal("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (field.name,))
            found = self._org.tables[name].live(field.name, value)
            return self._put(tx, kind, found, record)

        return self._collection(user, body, records, save, {kind.name})

    def update_all(self, user: str, body: Any) -> list[dict[str, Any]]:
        """Update a collection of records by their ids."""
        records = _records(body)
        twice = _twice([str(_identity(each))[:15] for each in records])

        def save(tx: Transaction, record: Mapping[str, Any]) -> tuple[str, bool]:
            identity = _identity(record)
            if not isinstance(identity, str):
                raise Refusal("MISSING_ARGUMENT", "Id not specified in an update call")
            if identity[:15] in twice:
                raise Refusal("DUPLICATE_VALUE", f"duplicate id specified: {identity}")
            return self._update(tx, self.kind(_type(record)), identity, record), False

        return self._collection(user, body, records, save, {_type(each) for each in records})

    def create_all(self, user: str, body: Any) -> list[dict[str, Any]]:
        """Create a collection of records."""
        records = _records(body)

        def save(tx: Transaction, record: Mapping[str, Any]) -> tuple[str, bool]:
            return self._insert(tx, self.kind(_type(record)), record), True

        return self._collection(user, body, records, save, {_type(each) for each in records})

    def _collection(
        self, user: str, body: Any, records: Sequence[Mapping[str, Any]], save: Save, kinds: set[str]
    ) -> list[dict[str, Any]]:
        """Save *records* one by one in a transaction; the refused ones are left out, or all if so asked."""
        for each in kinds:
            self.kind(each)
        tx = self._org.transaction(user)
        results: list[dict[str, Any]] = []
        for record in records:
            mark = tx.savepoint()
            try:
                self._maybe_refuse()
                identity, created = save(tx, record)
                results.append({"id": identity, "success": True, "errors": [], "created": created})
            except Refusal as refusal:
                tx.roll_back(mark)
                results.append({"success": False, "errors": [self._error(refusal)]})
            except CallError:
                tx.roll_back()
                raise
        if body.get("allOrNone") is True and not all(each["success"] for each in results):
            tx.roll_back()
            return [_undone(each) for each in results]
        tx.commit()
        return results

    def _error(self, refusal: Refusal) -> dict[str, Any]:
        error = refusal.in_result()
        if not self._org.settings.duplicate_details:
            error.pop("duplicateResult", None)
        return error

    def _maybe_refuse(self) -> None:
        faults = self._org.faults
        if faults.faults.read_only:
            raise Refusal("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        if faults.strikes(faults.faults.lock_row):
            raise Refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        if faults.strikes(faults.faults.partial_error):
            raise Refusal(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION", "a validation rule of the organisation says no"
            )

    # One record in a transaction

    def _put(
        self, tx: Transaction, kind: ObjectType, found: Sequence[Row], body: Mapping[str, Any]
    ) -> tuple[str, bool]:
        if len(found) > 1:
            raise Refusal("DUPLICATE_EXTERNAL_ID", f"{kind.name}: more than one record found for external id")
        if found:
            return self._update(tx, kind, found[0]["Id"], body), False
        return self._insert(tx, kind, body), True

    def _insert(self, tx: Transaction, kind: ObjectType, body: Mapping[str, Any]) -> str:
        return tx.insert(kind.name, tx.accept(kind, _fields(body), creating=True))

    def _update(self, tx: Transaction, kind: ObjectType, identity: str, body: Mapping[str, Any]) -> str:
        values = tx.accept(kind, _fields(body), creating=False)
        row = tx.existing(self._org.tables[kind.name], identity)
        tx.update(kind.name, identity, values)
        return str(row["Id"])


def _records(body: Any) -> list[Mapping[str, Any]]:
    found: Any = cast("dict[str, Any]", body).get("records") if isinstance(body, dict) else None
    records = cast("list[Any]", found) if isinstance(found, list) else []
    if not records:
        raise CallError(400, "JSON_PARSER_ERROR", "records is missing")
    if len(records) > MAX_RECORDS:
        raise CallError(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MAX_RECORDS} records"
        )
    if not all(isinstance(each, dict) for each in records):
        raise CallError(400, "JSON_PARSER_ERROR", "a record is not an object")
    return records


def _type(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    kind = cast("dict[str, Any]", attributes).get("type") if isinstance(attributes, dict) else None
    if not isinstance(kind, str):
        raise CallError(400, "INVALID_INPUT", "attributes.type is missing")
    return kind


def _identity(record: Mapping[str, Any]) -> object:
    return record.get("id", record.get("Id"))


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"attributes", "id", "Id"}}


def _twice(keys: Sequence[str]) -> frozenset[str]:
    return (
        frozenset(each for each in keys if keys.count(each) > 1)
        if len(set(keys)) < len(keys)
        else frozenset()
    )


def _undone(result: dict[str, Any]) -> dict[str, Any]:
    if not result["success"]:
        return result
    error = Refusal(_ROLLED_BACK, "Record rolled back because not all records were valid.").in_result()
    return {"success": False, "errors": [error]}
