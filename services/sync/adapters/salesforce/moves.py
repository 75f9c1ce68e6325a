"""Where a person went: leads are converted into contacts, leads and contacts are merged into others."""

from collections.abc import Iterable, Mapping

from services.sync.adapters.salesforce import soql
from services.sync.adapters.salesforce.client import Row, SalesforceClient
from services.sync.adapters.salesforce.events import SYSTEM
from services.sync.domain.records import RecordRef

MAX_HOPS = 5
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Lead": ("Id", "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId"),
    "Contact": ("Id", "IsDeleted", "MasterRecordId"),
    "Account": ("Id", "IsDeleted", "MasterRecordId"),
}


async def whereabouts(
    client: SalesforceClient, refs: Iterable[RecordRef]
) -> Mapping[RecordRef, RecordRef | None]:
    """
    Return for each of *refs* the record that stands for it now: itself, its successor, or None if it is gone.

    A merged record is deleted and names its master; the vendor keeps it for 15 days.
    Source: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
    sforce_api_objects_lead.htm (MasterRecordId)
    """
    now: dict[RecordRef, RecordRef | None] = {each: each for each in refs}
    unsettled = {each for each in now if each.object in _FIELDS}
    for _hop in range(MAX_HOPS):
        asked = {place for ref in unsettled if (place := now[ref]) is not None}
        if not asked:
            break
        rows = await _rows(client, asked)
        for ref in list(unsettled):
            place = now[ref]
            now[ref] = None if place is None else _successor(place, rows.get(_key(place)))
            if now[ref] == place or now[ref] is None:
                unsettled.discard(ref)
    return now


async def _rows(client: SalesforceClient, refs: Iterable[RecordRef]) -> Mapping[tuple[str, str], Row]:
    by_object: dict[str, list[str]] = {}
    for ref in refs:
        by_object.setdefault(ref.object, []).append(ref.id)
    rows: dict[tuple[str, str], Row] = {}
    for sobject, ids in by_object.items():
        for chunk in soql.lists(sorted(ids)):
            query = soql.select(_FIELDS[sobject], sobject, f"Id IN {chunk}")
            for row in await client.query(query, deleted=True):
                rows[sobject, row["Id"][:15]] = row
    return rows


def _key(ref: RecordRef) -> tuple[str, str]:
    return ref.object, ref.id[:15]


def _successor(ref: RecordRef, row: Row | None) -> RecordRef | None:
    if row is None:
        return None
    if row.get("IsConverted") and row.get("ConvertedContactId"):
        return RecordRef(SYSTEM, "Contact", row["ConvertedContactId"])
    if row["IsDeleted"]:
        master = row.get("MasterRecordId")
        return RecordRef(SYSTEM, ref.object, master) if master else None
    return ref
