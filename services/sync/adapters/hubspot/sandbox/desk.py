"""The HubSpot sandbox's side of the shared admin surface: users' acts, records, figures, what the page shows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from services.sync.adapters.hubspot.sandbox.gate import Gate
from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import Refusal, invalid
from services.sync.adapters.hubspot.sandbox.rows import Origin, Row
from services.sync.adapters.hubspot.sandbox.schema import ALIASES, CALL_DISPOSITIONS, OBJECTS
from services.sync.adapters.hubspot.sandbox.screen import Screen, shown
from services.sync.adapters.sandbox.admin import Act, ActResult, Parent, RecordPage, Related, View
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed

DEFAULT_USER = "9001"


class HubSpotDesk:
    """Implements the shared admin surface's `Desk`."""

    name = "HubSpot"

    def __init__(self, portal: Portal, gate: Gate) -> None:
        self._portal = portal
        self._gate = gate
        self._keys: dict[tuple[str, str], str] = {}
        self._screen = Screen(portal)
        self._acts: Mapping[str, Callable[[str, Act, Origin], ActResult]] = {
            "create": self._create,
            "update": self._update,
            "delete": self._delete,
            "restore": self._restore,
            "merge": self._merge,
            "erase": self._erase,
            "associate": self._associate,
        }

    @property
    def clock(self) -> SandboxClock:
        """The sandbox's clock."""
        return self._portal.clock

    @property
    def faults(self) -> FaultSource:
        """Where its faults are drawn."""
        return self._portal.faults

    @property
    def feed(self) -> ChangeFeed:
        """What changed."""
        return self._portal.feed

    @property
    def views(self) -> Sequence[View]:
        """The objects that the page shows."""
        return self._screen.views()

    def act(self, act: Act) -> ActResult:
        """Do *act* as a user of HubSpot's own screens."""
        try:
            of, work = ALIASES.get(act.object), self._acts.get(act.act)
            if of is None or work is None:
                raise invalid(f"HubSpot's sandbox knows no act {act.act!r} on {act.object!r}")
            return work(of.name, act, _user(act))
        except Refusal as refusal:
            return ActResult(act.id, refusal.message)

    def records(
        self, of: str, *, after: str | None, limit: int, history: bool, newest: bool = False
    ) -> RecordPage:
        """Return a page of records as they are."""
        if of not in ALIASES:
            raise ValueError(f"unknown object {of!r}; known are {sorted(ALIASES)}")
        rows = list(islice(self._portal.store.listed(ALIASES[of].name, after, newest=newest), limit + 1))
        found = [shown(row, history=history) for row in rows[:limit]]
        return RecordPage(found, rows[limit - 1].id if len(rows) > limit else None)

    def record(self, of: str, identity: str) -> Mapping[str, Any] | None:
        """Return one record, an archived one too."""
        return self._screen.record(of, identity)

    def title(self, of: str, record: Mapping[str, Any]) -> str:
        """Return what people call *record*."""
        return self._screen.title(of, record)

    def pointer(self, of: str, field: str, value: str) -> tuple[str, str] | None:
        """Return None: HubSpot's records are associated, not pointed at."""
        del of, field, value

    def related(self, of: str, identity: str) -> Sequence[Related]:
        """Return what is associated with a record."""
        return self._screen.related(of, identity)

    @property
    def restore_act(self) -> str:
        """The act that takes a record out of the bin."""
        return "restore"

    @property
    def call_outcomes(self) -> Mapping[str, str]:
        """How a call can end."""
        return CALL_DISPOSITIONS

    def call(self, of: str, identity: str, *, outcome: str, note: str) -> Act:
        """Return the act of logging a call."""
        return self._screen.call(of, identity, outcome=outcome, note=note)

    def stats(self) -> Mapping[str, Any]:
        """Return figures."""
        routes: dict[str, Counter[str]] = {}
        for (route, status), count in self._gate.requests.items():
            routes.setdefault(route, Counter())[status] += count
        courier, quota = self._portal.courier, self._portal.quota
        return {
            "requests": {route: dict(counts) for route, counts in sorted(routes.items())},
            "writes": self._portal.store.writes,
            "creates": self._portal.store.creates,
            "deliveries": courier.figures.sent,
            "delivered_events": courier.figures.events,
            "retries": courier.figures.retries,
            "failed_deliveries": courier.figures.failed,
            "abandoned_events": courier.figures.abandoned,
            "undelivered": courier.undelivered,
            "tokens_issued": self._portal.tokens.issued,
            "quota_left": {"ten_secondly": quota.remaining, "daily": quota.daily_remaining},
            "records": {each.name: len(self._portal.store.rows[each.name]) for each in OBJECTS},
        }

    def reset(self) -> None:
        """Forget the records and figures."""
        self._portal.store.clear()
        self._keys.clear()
        self._gate.requests.clear()
        self._portal.courier.clear()

    def _create(self, of: str, act: Act, origin: Origin) -> ActResult:
        if act.key is not None and (of, act.key) in self._keys:
            return ActResult(self._keys[(of, act.key)])
        links = [(ALIASES[each.object].name, self._id(each.object, each)) for each in act.parents]
        row, _ = self._portal.store.create(of, _values(act), origin, links=links)
        if act.key is not None:
            self._keys[(of, act.key)] = row.id
        return ActResult(row.id)

    def _update(self, of: str, act: Act, origin: Origin) -> ActResult:
        row = self._row(of, act)
        known = self._portal.store.properties[of]
        values = _values(act)
        tracked = {n: v for n, v in values.items() if n in known and known[n].read_only}
        self._portal.store.update(row, {n: v for n, v in values.items() if n not in tracked}, origin)
        if tracked:
            self._portal.store.update(
                row, tracked, Origin("ANALYTICS", "ContactAnalyticsDetailsUpdateWorker")
            )
        return ActResult(row.id)

    def _delete(self, of: str, act: Act, origin: Origin) -> ActResult:
        row = self._row(of, act)
        self._portal.store.archive(row, origin)
        return ActResult(row.id)

    def _restore(self, of: str, act: Act, origin: Origin) -> ActResult:
        row = self._portal.store.find(of, self._id(of, act), archived=True)
        self._portal.store.restore(row, origin)
        return ActResult(row.id)

    def _merge(self, of: str, act: Act, origin: Origin) -> ActResult:
        if act.other is None:
            raise invalid("a merge needs the other record: `other`")
        primary, other = self._row(of, act), self._portal.store.find(of, self._id(of, act.other))
        row = self._portal.store.merge(primary, other, origin)
        gone = {primary.id, other.id}
        self._keys.update({key: row.id for key, there in self._keys.items() if there in gone})
        return ActResult(row.id, created={of: row.id})

    def _erase(self, of: str, act: Act, origin: Origin) -> ActResult:
        row = self._row(of, act)
        self._portal.store.erase(row, origin)
        return ActResult(row.id)

    def _associate(self, of: str, act: Act, origin: Origin) -> ActResult:
        row = self._row(of, act)
        for each in act.parents:
            parent = self._portal.store.find(ALIASES[each.object].name, self._id(each.object, each))
            self._portal.store.associate(row, parent, origin)
        return ActResult(row.id)

    def _row(self, of: str, act: Act) -> Row:
        return self._portal.store.find(of, self._id(of, act))

    def _id(self, of: str, named: Act | Parent) -> str:
        if named.id is not None:
            return named.id
        if of not in ALIASES:
            raise invalid(f"unknown object {of!r}")
        found = self._keys.get((ALIASES[of].name, named.key or ""))
        if found is None:
            raise invalid(f"no {of} has the key {named.key!r}, and no id is given")
        return found


def _user(act: Act) -> Origin:
    user = act.user or DEFAULT_USER
    return Origin("CRM_UI", f"userId:{user}", int(user) if user.isdigit() else None)


def _values(act: Act) -> dict[str, str]:
    """Return the act's fields as HubSpot's strings."""
    return {name: _text(value) for name, value in act.fields.items()}


def _text(value: str | float | bool | None) -> str:  # noqa: FBT001 - a value, not a switch
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
