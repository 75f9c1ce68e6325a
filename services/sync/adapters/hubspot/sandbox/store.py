"""The simulated portal's records: create, update, archive, merge, erase, associate, with HubSpot's rules."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from services.sync.adapters.hubspot.sandbox.refusal import invalid, not_found
from services.sync.adapters.hubspot.sandbox.rows import Change, Origin, Row, merged_history
from services.sync.adapters.hubspot.sandbox.schema import (
    ALIASES,
    ASSOCIATION_TYPES,
    LIFECYCLE,
    OBJECTS,
    PRIMARY_TYPES,
    PROPERTIES,
    Property,
)
from services.sync.adapters.hubspot.sandbox.settings import SandboxSettings
from services.sync.adapters.hubspot.sandbox.unique import UniqueValues
from services.sync.adapters.hubspot.sandbox.values import checked, iso
from services.sync.adapters.sandbox.by_time import ByTime
from services.sync.adapters.sandbox.clock import SandboxClock

FIRST_ID = 101
_CREATED = {"contact": "createdate", "company": "createdate", "deal": "createdate"}
_NAMES = ("email", "firstname", "lastname")


class Store:
    """All records of the portal; every change is told to the listeners, in order."""

    def __init__(self, settings: SandboxSettings, clock: SandboxClock) -> None:
        self._settings = settings
        self.clock = clock
        self.listeners: list[Callable[[Change], None]] = []
        self.properties: dict[str, dict[str, Property]] = {
            name: {each.name: each for each in own} for name, own in PROPERTIES.items()
        }
        own = {each.name: each for each in settings.extra_company_properties}
        self.properties["company"].update(own)
        contact = self.properties["contact"]
        contact.update({each.name: each for each in settings.extra_properties})
        if settings.own_property is not None:
            own = settings.own_property
            contact[own] = Property(
                name=own, label="tasuki id", label_ja="tasuki ID", unique=True, custom=True
            )
        self._next = FIRST_ID
        self.clear()

    def clear(self) -> None:
        """Forget all records; ids go on counting, as HubSpot never gives one twice."""
        self.rows: dict[str, dict[str, Row]] = {each.name: {} for each in OBJECTS}
        self._order: dict[str, list[int]] = {each.name: [] for each in OBJECTS}
        self._merged: dict[str, dict[str, str]] = {each.name: {} for each in OBJECTS}
        self.by_time: dict[str, ByTime[int]] = {each.name: ByTime() for each in OBJECTS}
        self.unique = UniqueValues()
        self.creates = 0
        self.writes = 0

    def find(self, of: str, identity: str, *, by: str | None = None, archived: bool = False) -> Row:
        """
        Return the record of the object *of* whose id, or whose unique property *by*, is *identity*.

        Raises:
            Refusal: 404, also when it is archived and *archived* is False, or the other way round.
        """
        row_id: str | None = identity
        if by not in {None, "hs_object_id"}:
            row_id = self.unique.find(of, self._identifier(of, str(by)), identity)
        elif self._settings.merged_ids_resolve:
            row_id = self._merged[of].get(identity, identity)
        row = self.rows[of].get(row_id) if row_id is not None else None
        if row is None or row.archived is not archived:
            raise not_found([identity], of)
        return row

    def create(
        self, of: str, given: Any, origin: Origin, *, links: Sequence[tuple[str, str]] = ()
    ) -> tuple[Row, dict[str, str]]:
        """Make a record with the properties *given*, hung on *links* (object, id); return it and what was set."""
        values = {n: v for n, v in checked(self.properties[of], given, by_api=origin.by_api).items() if v}
        self._require(of, values)
        self.unique.claim(of, None, self.uniques(of, values))
        for to, to_id in links:
            self.find(to, to_id)
        at = self.clock.stamp(by_api=origin.by_api)
        row = Row(of, str(self._next), at, at)
        self._next += 1
        self._enter(row, values)
        row.put(values, at, origin)
        self._stamp(row, at, origin, created=True)
        self.creates += 1
        self._tell(row, "create", at, origin, values)
        for to, to_id in links:
            self.associate(row, self.find(to, to_id), origin)
        return row, values

    def update(self, row: Row, given: Any, origin: Origin) -> dict[str, str]:
        """Set the properties *given* of *row*; return those that changed."""
        values = checked(self.properties[row.object], given, by_api=origin.by_api)
        if origin.by_api and self._settings.lifecycle_forward_only and _backwards(row, values):
            del values["lifecyclestage"]
        values = {n: v for n, v in values.items() if row.values.get(n, "") != v}
        if not values:
            return {}
        self.unique.claim(row.object, row.id, self.uniques(row.object, values))
        self.unique.release(
            row.object, row.id, self.uniques(row.object, {n: row.values.get(n, "") for n in values})
        )
        self.unique.enter(row.object, row.id, self.uniques(row.object, values))
        at = self.clock.stamp(row.updated_at, by_api=origin.by_api)
        changed = row.put(values, at, origin)
        self._stamp(row, at, origin)
        self._tell(row, "update", at, origin, changed)
        return changed

    def archive(self, row: Row, origin: Origin) -> None:
        """Move *row* to the recycling bin."""
        at = self.clock.stamp(row.updated_at, by_api=origin.by_api)
        row.archived_at = at
        self.unique.release(row.object, row.id, self.uniques(row.object, row.values))
        self._tell(row, "delete", at, origin, {})

    def restore(self, row: Row, origin: Origin) -> None:
        """Take *row* out of the recycling bin."""
        self.unique.claim(row.object, row.id, self.uniques(row.object, row.values))
        self.unique.enter(row.object, row.id, self.uniques(row.object, row.values))
        row.archived_at = None
        self._tell(row, "restore", self.clock.stamp(row.updated_at, by_api=origin.by_api), origin, {})

    def erase(self, row: Row, origin: Origin) -> None:
        """Remove *row* for good, as a privacy deletion does."""
        if not row.archived:
            self.unique.release(row.object, row.id, self.uniques(row.object, row.values))
        del self.rows[row.object][row.id]
        self._tell(row, "erase", self.clock.stamp(row.updated_at, by_api=origin.by_api), origin, {})

    def merge(self, primary: Row, other: Row, origin: Origin) -> Row:
        """
        Make one new record of two, whose ids both cease; the primary's values win where it has any.

        Source: https://knowledge.hubspot.com/records/merge-records
        """
        if primary is other:
            raise invalid("A record cannot be merged with itself")
        of, at = (
            primary.object,
            self.clock.stamp(max(primary.updated_at, other.updated_at), by_api=origin.by_api),
        )
        values = {**other.values, **{n: v for n, v in primary.values.items() if v}}
        gone = [primary.id, *_ids(primary), other.id, *_ids(other)]
        values["hs_merged_object_ids"] = ";".join(dict.fromkeys(gone))
        values["hs_additional_emails"] = _further_emails(primary, other)
        row = Row(of, str(self._next), min(primary.created_at, other.created_at), at)
        self._next += 1
        for each in (primary, other):
            if not each.archived:
                self.unique.release(of, each.id, self.uniques(of, each.values))
            del self.rows[of][each.id]
            self._place(each)
            for to, ids in each.links.items():
                for to_id, types in ids.items():
                    self._relink(row, each, to, to_id, types)
        self._merged[of].update(dict.fromkeys(gone, row.id))
        row.history = merged_history(primary, other, values, at, origin)
        self._enter(row, values)
        row.values = {n: v for n, v in values.items() if v}
        self._stamp(row, at, origin, created=True)
        told = {"primary": primary.id, "merged": [other.id], "moved": len(values)}
        self._tell(row, "merge", at, origin, {}, told)
        return row

    def associate(self, row: Row, to: Row, origin: Origin, *, removed: bool = False) -> None:
        """Connect *row* with *to* by the default types, or part them."""
        for left, right in ((row, to), (to, row)):
            kind = ASSOCIATION_TYPES.get((left.object, right.object))
            if kind is None:
                raise invalid(f"No association type from {left.object} to {right.object}")
            links = left.links.setdefault(right.object, {})
            primary = None
            if removed:
                links.pop(right.id, None)
            else:
                primary = _primary(left, right)
                links.setdefault(right.id, set()).add(kind)
            told = {"from": left.id, "to": right.id, "to_object": right.object, "removed": removed}
            self._tell(left, "associate", self.clock.now(), origin, {}, told)
            if primary is not None:
                links[right.id].add(primary)
                self._tell(left, "associate", self.clock.now(), origin, {}, {**told, "primary": True})

    def listed(self, of: str, after: str | None, *, newest: bool = False) -> Iterator[Row]:
        """Yield the records of the object *of* in the order of their ids, from the one after *after* on."""
        order, rows = self._order[of], self.rows[of]
        if newest:
            end = bisect_left(order, int(after)) if after is not None else len(order)
            places: Sequence[int] = range(end - 1, -1, -1)
        else:
            places = range(bisect_right(order, int(after)) if after is not None else 0, len(order))
        for place in places:
            row = rows.get(str(order[place]))
            if row is not None:
                yield row

    def _enter(self, row: Row, values: Mapping[str, str]) -> None:
        self.rows[row.object][row.id] = row
        self._order[row.object].append(int(row.id))
        self.unique.enter(row.object, row.id, self.uniques(row.object, values))

    def _stamp(self, row: Row, at: int, origin: Origin, *, created: bool = False) -> None:
        row.updated_at = at
        row.values[ALIASES[row.object].modified] = iso(at)
        if created:
            row.values[_CREATED.get(row.object, "hs_createdate")] = iso(row.created_at)
            row.values["hs_object_id"] = row.id
            row.values["hs_object_source"] = origin.type

    def _place(self, row: Row) -> None:
        """Let the listing by time have *row* where its last change is, or not at all."""
        if row.archived or self.rows[row.object].get(row.id) is not row:
            self.by_time[row.object].remove(int(row.id))
        else:
            self.by_time[row.object].put(int(row.id), row.updated_at)

    def _relink(self, row: Row, old: Row, to: str, to_id: str, types: set[int]) -> None:
        row.links.setdefault(to, {}).setdefault(to_id, set()).update(types)
        there = self.rows[to].get(to_id)
        if there is not None:
            back = there.links.setdefault(row.object, {})
            back.setdefault(row.id, set()).update(back.pop(old.id, set()))

    def _identifier(self, of: str, name: str) -> str:
        known = self.properties[of].get(name)
        if known is None or not (known.unique or (of == "contact" and name == "email")):
            raise invalid(f'"{name}" is not a unique identifier property of {of}', name=name)
        return name

    def uniques(self, of: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return those of *values* that no other record of the object *of* may have."""
        known = self.properties[of]
        pairs = [(n, v) for n, v in values.items() if v and n in known and known[n].unique]
        if of == "contact":
            emails = [values.get("email", ""), *values.get("hs_additional_emails", "").split(";")]
            pairs += [("email", each) for each in emails if each]
        return pairs

    def _require(self, of: str, values: Mapping[str, str]) -> None:
        missing = [each for each in ALIASES[of].required if each not in values]
        if missing:
            raise invalid(f"Error creating {of.upper()}. Some required properties were not set: {missing}")
        if of == "contact" and not any(each in values for each in _NAMES):
            raise invalid("A contact needs an email, a first name or a last name")

    def _tell(
        self,
        row: Row,
        kind: str,
        at: int,
        origin: Origin,
        fields: Mapping[str, str],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.writes += 1
        self._place(row)
        change = Change(row.object, row.id, kind, at, origin, dict(fields), dict(extra or {}))
        for listener in self.listeners:
            listener(change)


def _backwards(row: Row, values: Mapping[str, str]) -> bool:
    wanted, present = values.get("lifecyclestage", ""), row.values.get("lifecyclestage", "")
    if wanted not in LIFECYCLE or present not in LIFECYCLE:
        return False
    return LIFECYCLE.index(wanted) < LIFECYCLE.index(present)


def _primary(left: Row, right: Row) -> int | None:
    """
    Return the type by which *right* becomes the primary company of *left*, None where that has one already.

    Making a primary association also makes the other one, and both are told. Source:
    https://developers.hubspot.com/docs/api/webhooks
    """
    kind = PRIMARY_TYPES.get((left.object, right.object))
    person, company = (left, right) if right.object == "company" else (right, left)
    taken = person.links.get("company", {})
    other = any(
        PRIMARY_TYPES["contact", "company"] in types for key, types in taken.items() if key != company.id
    )
    return None if other else kind


def _ids(row: Row) -> list[str]:
    return [each for each in row.values.get("hs_merged_object_ids", "").split(";") if each]


def _further_emails(primary: Row, other: Row) -> str:
    found: list[str] = []
    for each in (primary, other):
        found += [each.values.get("email", ""), *each.values.get("hs_additional_emails", "").split(";")]
    first = primary.values.get("email") or other.values.get("email", "")
    return ";".join(dict.fromkeys(each for each in found if each and each != first))
