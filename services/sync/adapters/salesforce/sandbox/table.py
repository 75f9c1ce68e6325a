"""The records of one object, found by id and by indexed fields."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from services.sync.adapters.salesforce.sandbox import ids
from services.sync.adapters.salesforce.sandbox.fields import ObjectType
from services.sync.adapters.sandbox.by_time import ByTime

STAMP = "SystemModstamp"

Row: TypeAlias = dict[str, Any]
"""One record: API names to stored values; what is null is absent or None."""


class Table:
    """Records in the order they were made."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.order: list[str] = []
        self.places: dict[str, int] = {}
        self.by_time: ByTime[str] = ByTime()
        self._indexes: dict[str, dict[str, dict[str, None]]] = {
            each.name: {} for each in kind.fields.values() if each.indexed and each.name != "Id"
        }
        self._made = 0

    def new_id(self) -> str:
        """Return the id of the next record; an id is never used twice."""
        self._made += 1
        return ids.make(self.kind.prefix, self._made)

    def add(self, row: Row) -> None:
        """Add *row*, which has its Id."""
        identity = row["Id"]
        self.rows[identity] = row
        self.places[identity] = len(self.order)
        self.order.append(identity)
        self.by_time.put(identity, row[STAMP])
        for name, index in self._indexes.items():
            _enter(index, row.get(name), identity)

    def remove_last(self, identity: str) -> None:
        """Take back the newest record, as a transaction does that fails."""
        row = self.rows.pop(identity)
        del self.places[identity]
        self.by_time.remove(identity)
        self.order.remove(identity) if self.order[-1] != identity else self.order.pop()
        for name, index in self._indexes.items():
            _leave(index, row.get(name), identity)

    def set(self, identity: str, values: Mapping[str, Any]) -> None:
        """Change *values* of the record *identity*."""
        row = self.rows[identity]
        for name, value in values.items():
            index = self._indexes.get(name)
            if index is not None:
                _leave(index, row.get(name), identity)
                _enter(index, value, identity)
            row[name] = value
        self.by_time.put(identity, row[STAMP])

    def indexed(self, name: str) -> bool:
        """Return whether `find` knows the field *name*."""
        return name == "Id" or name in self._indexes

    def find(self, name: str, value: Any) -> Iterator[Row]:
        """Yield the records, deleted ones too, whose field *name* equals *value*, ignoring case."""
        if name == "Id":
            row = self.rows.get(ids.widen(value) if len(value) == ids.SHORT else value)
            if row is not None:
                yield row
            return
        for identity in tuple(self._indexes[name].get(_key(value), ())):
            yield self.rows[identity]

    def live(self, name: str, value: Any) -> list[Row]:
        """Return the records whose field *name* equals *value*, without deleted ones."""
        return [each for each in self.find(name, value) if not each["IsDeleted"]]


def _key(value: Any) -> str:
    return str(value).lower()


def _enter(index: dict[str, dict[str, None]], value: Any, identity: str) -> None:
    if value is not None:
        index.setdefault(_key(value), {})[identity] = None


def _leave(index: dict[str, dict[str, None]], value: Any, identity: str) -> None:
    if value is not None:
        entries = index[_key(value)]
        del entries[identity]
        if not entries:
            del index[_key(value)]
