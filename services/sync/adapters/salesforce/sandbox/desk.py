"""The sandbox behind the shared admin surface and page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.sync.adapters.salesforce.sandbox.acts import Actor
from services.sync.adapters.salesforce.sandbox.fields import Field, ObjectType
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.table import Row
from services.sync.adapters.salesforce.sandbox.values import rendered
from services.sync.adapters.sandbox.admin import Act, ActResult, Column, RecordPage, View
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed

_READ_ONLY = frozenset({"reference"})


class SalesforceDesk:
    """Implements `services.sync.adapters.sandbox.admin.Desk`. *more* adds figures of the servers."""

    def __init__(
        self, org: Organisation, more: Callable[[], Mapping[str, Any]], reset: Callable[[], None]
    ) -> None:
        self._org = org
        self._actor = Actor(org)
        self._more = more
        self._reset = reset
        kinds = org.schema.objects.values()
        self._views = tuple(_view(each) for each in kinds if each.shown)

    @property
    def name(self) -> str:
        """The vendor's name."""
        return "Salesforce"

    @property
    def clock(self) -> SandboxClock:
        """The sandbox's clock."""
        return self._org.clock

    @property
    def faults(self) -> FaultSource:
        """Where its faults are drawn."""
        return self._org.faults

    @property
    def feed(self) -> ChangeFeed:
        """What changed."""
        return self._org.feed

    @property
    def views(self) -> Sequence[View]:
        """The objects that the page shows."""
        return self._views

    def act(self, act: Act) -> ActResult:
        """Do *act* as a user."""
        return self._actor.act(act)

    def records(
        self, of: str, *, after: str | None, limit: int, history: bool, newest: bool = False
    ) -> RecordPage:
        """Return records of the object *of*; histories are not kept."""
        del history
        table = self._org.tables.get(of)
        if table is None:
            raise ValueError(f"there is no object {of!r}")
        order = table.order
        if newest:
            begin = len(order) if after is None else table.places.get(after, 0)
            chosen = order[max(0, begin - limit) : begin][::-1]
            rest = begin - limit > 0
        else:
            begin = 0 if after is None else table.places.get(after, len(order)) + 1
            chosen = order[begin : begin + limit]
            rest = begin + limit < len(order)
        records = [_shown(table.kind, table.rows[each]) for each in chosen]
        return RecordPage(records, chosen[-1] if rest else None)

    def stats(self) -> Mapping[str, Any]:
        """Return the figures."""
        return {
            "writes": self._org.writes,
            "creates": self._org.creates,
            "records": {
                name: sum(not row["IsDeleted"] for row in table.rows.values())
                for name, table in self._org.tables.items()
            },
            "events": self._org.bus.published,
            **self._more(),
        }

    def reset(self) -> None:
        """Forget everything but the settings."""
        self._org.reset()
        self._actor.reset()
        self._reset()


def _shown(kind: ObjectType, row: Row) -> Mapping[str, Any]:
    return {
        "id": row["Id"],
        "createdAt": row["CreatedDate"],
        "updatedAt": row["SystemModstamp"],
        "archived": row["IsDeleted"],
        "fields": {
            name: rendered(kind.fields[name], value) for name, value in row.items() if value is not None
        },
    }


def _view(kind: ObjectType) -> View:
    return View(
        kind.name, kind.label, kind.label_ja, tuple(_column(kind.fields[each]) for each in kind.shown)
    )


def _column(field: Field) -> Column:
    editable = field.updateable and field.type not in _READ_ONLY
    options = ("true", "false") if field.type == "boolean" else field.values
    return Column(field.name, field.label, field.label_ja, editable, options)
