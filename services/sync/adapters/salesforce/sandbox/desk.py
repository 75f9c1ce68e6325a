"""The sandbox behind the shared admin surface and page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.sync.adapters.salesforce.sandbox.acts import Actor
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.screen import CALL_RESULTS, Screen, shown
from services.sync.adapters.sandbox.admin import Act, ActResult, RecordPage, Related, View
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed


class SalesforceDesk:
    """Implements `services.sync.adapters.sandbox.desk.Desk`. *more* adds figures of the servers."""

    def __init__(
        self, org: Organisation, more: Callable[[], Mapping[str, Any]], reset: Callable[[], None]
    ) -> None:
        self._org = org
        self._actor = Actor(org)
        self._more = more
        self._reset = reset
        self._screen = Screen(org)

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
        return self._screen.views()

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
        records = [shown(table.kind, table.rows[each]) for each in chosen]
        return RecordPage(records, chosen[-1] if rest else None)

    def record(self, of: str, identity: str) -> Mapping[str, Any] | None:
        """Return one record."""
        return self._screen.record(of, identity)

    def title(self, of: str, record: Mapping[str, Any]) -> str:
        """Return what people call *record*."""
        return self._screen.title(of, record)

    def pointer(self, of: str, field: str, value: str) -> tuple[str, str] | None:
        """Return the object and title of what the id *value* names."""
        return self._screen.pointer(of, field, value)

    def related(self, of: str, identity: str) -> Sequence[Related]:
        """Return what belongs to a record."""
        return self._screen.related(of, identity)

    @property
    def restore_act(self) -> str:
        """The act that takes a record out of the bin."""
        return "undelete"

    @property
    def call_outcomes(self) -> Mapping[str, str]:
        """How a call can end."""
        return CALL_RESULTS

    def call(self, of: str, identity: str, *, outcome: str, note: str) -> Act:
        """Return the act of logging a call, which is a completed task."""
        return self._screen.call(of, identity, outcome=outcome, note=note)

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
