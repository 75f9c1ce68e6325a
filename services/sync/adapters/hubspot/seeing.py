"""A record as HubSpot returns it, turned into an observation. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from services.sync.adapters.hubspot.client import objects
from services.sync.adapters.hubspot.mapping import Context, Unreadable, instant, to_canonical
from services.sync.adapters.hubspot.objects import SYSTEM, HubSpotObject
from services.sync.domain.field_map import FieldType, MappedField, held
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Scalar

_INTEGRATION = "INTEGRATION"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a row is seen with: its object, the mapped fields, the app that is us, our own property."""

    known: HubSpotObject
    fields: tuple[MappedField, ...]
    app_id: int
    own_property: str
    context: Context

    def observation(self, row: Row, now: int, parents: tuple[RecordRef, ...]) -> Observation:
        """Return *row*, read at *now* (epoch ms), as an observation; the oldest change comes first."""
        created = created_at(row)
        changes = [change for each in self.fields for change in self.changes(each, row)]
        if self.known.kind is Kind.ACTIVITY:
            changes.append(FieldChange("type", self.known.name, created))
        return Observation(
            ref=RecordRef(SYSTEM, self.known.name, str(row["id"])),
            kind=self.known.kind,
            observed_at=now,
            created_at=created,
            fields=tuple(sorted(changes, key=lambda change: (change.changed_at, change.name))),
            external_id=properties(row).get(self.own_property) or None,
            parents=parents,
            deleted=row.get("archived") is True,
        )

    def changes(self, mapped: MappedField, row: Row) -> list[FieldChange]:
        """Return every version of a property as a change; without a history, its present value, inexact."""
        changes: list[FieldChange] = []
        past = history(row, mapped.vendor_name)
        for version in past:
            try:
                value = self._value(mapped, _string(version.get("value")))
                at = instant(str(version.get("timestamp")))
            except Unreadable:
                continue
            changes.append(
                FieldChange(mapped.name, value, at, self._own(version), True, *_origin(mapped, version))
            )
        present = _string(properties(row).get(mapped.vendor_name))
        if not past and present:
            try:
                value = self._value(mapped, present)
            except Unreadable:
                return []
            changes.append(FieldChange(mapped.name, value, updated_at(row), exact=False))
        return changes

    def _value(self, mapped: MappedField, text: str | None) -> Scalar:
        return held(self.known.kind, mapped, to_canonical(mapped, text, self.context))

    def _own(self, version: Mapping[str, Any]) -> bool:
        """Return whether our app made the change; HubSpot writes the app's id bare or after a word and a colon."""
        if version.get("sourceType") != _INTEGRATION:
            return False
        return str(version.get("sourceId", "")).rpartition(":")[2].strip() == str(self.app_id)


def _origin(mapped: MappedField, version: Mapping[str, Any]) -> tuple[str, str]:
    """Return how and by whom a consent was set, in HubSpot's words; nothing of other fields, to keep events small."""
    if mapped.type is not FieldType.BOOLEAN:
        return "", ""
    user = version.get("updatedByUserId")
    source = str(version.get("sourceId") or "")
    return str(version.get("sourceType") or ""), source if user is None else f"user {user}"


def history(row: Row, name: str) -> list[Row]:
    """Return the versions of a property, as HubSpot orders them."""
    histories = row.get("propertiesWithHistory")
    return objects(cast("Mapping[str, Any]", histories).get(name)) if isinstance(histories, dict) else []


def properties(row: Row) -> Row:
    """Return the properties of *row*."""
    given = row.get("properties")
    return cast("Mapping[str, Any]", given) if isinstance(given, dict) else {}


def _string(value: Any) -> str | None:
    return None if value is None else str(value)


def created_at(row: Row) -> int:
    """Return when *row* was made, epoch ms."""
    return instant(str(row.get("createdAt")))


def updated_at(row: Row) -> int:
    """Return when *row* last changed, epoch ms."""
    return instant(str(row.get("updatedAt") or row.get("createdAt")))
