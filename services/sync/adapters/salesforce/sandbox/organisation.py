"""The organisation: its records, its users, and the telling of what changes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from services.runtime.clock import Clock
from services.sync.adapters.salesforce.sandbox import ids
from services.sync.adapters.salesforce.sandbox.bus import EventBus
from services.sync.adapters.salesforce.sandbox.catalogue import CLOSED_TASK_STATUSES, STAGES, schema
from services.sync.adapters.salesforce.sandbox.changes import Change
from services.sync.adapters.salesforce.sandbox.fields import Field
from services.sync.adapters.salesforce.sandbox.settings import SandboxSettings
from services.sync.adapters.salesforce.sandbox.table import Row, Table
from services.sync.adapters.salesforce.sandbox.transaction import Transaction
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed

ORGANISATION_ID = ids.make("00D", 1)
_FEED_WORDS = {"CREATE": "create", "UPDATE": "update", "DELETE": "delete", "UNDELETE": "restore"}
_ACTIVITIES = ("Task", "Event")


class Organisation:
    """Everything that a sandbox remembers."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self.settings = settings
        self._real_clock = clock
        self.clock = SandboxClock(clock)
        self.faults = FaultSource()
        self.feed = ChangeFeed()
        self.schema = schema(_extra(settings))
        self.writes = 0
        self.creates = 0
        self.reset()

    def reset(self) -> None:
        """Forget all records and events; make the users and stages anew."""
        self.random = Random(self.settings.seed)
        self.writes = self.creates = 0
        self.tables = {name: Table(kind) for name, kind in self.schema.objects.items()}
        self.bus = EventBus(
            self.settings.cdc_objects,
            self._real_clock,
            seed=self.random.getrandbits(32),
            keep_ms=self.settings.retention_ms,
            keep=self.settings.retention_events,
        )
        self._make_users()
        self._make_stages()
        self._make_task_statuses()

    @property
    def integration_user(self) -> str:
        """The id of the user that the connected app runs as."""
        return self.tables["User"].order[0]

    @property
    def sales_user(self) -> str:
        """The id of the user who acts where an act names nobody."""
        order = self.tables["User"].order
        return order[min(1, len(order) - 1)]

    def transaction(self, user: str, *, trusted: bool = False) -> Transaction:
        """Begin a transaction as *user*."""
        return Transaction(self, user, trusted=trusted)

    def tell(self, changes: list[Change]) -> None:
        """Tell the event bus and the feed what a transaction changed."""
        for change in changes:
            self.writes += 1
            self.creates += change.type == "CREATE"
            origin = "api" if change.origin.startswith("com/salesforce/api/rest") else "user"
            self.feed.append(
                _FEED_WORDS[change.type],
                of=(change.object, change.ids[0]),
                at=change.at,
                origin=origin,
                fields=change.values,
            )
        selected = [each for each in changes if each.object in self.settings.cdc_objects]
        alike = _merged(selected) if self.settings.merge_alike else selected
        self.bus.publish(self._gapped(replace(each, sequence=at) for at, each in enumerate(alike, 1)))

    def _gapped(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield *changes*, some of them as GAP events, which say that something changed and not what."""
        faults = self.faults.faults
        for change in changes:
            if self.faults.strikes(faults.untold):
                continue
            if self.faults.strikes(faults.gap_overflow):
                yield replace(
                    change, type="GAP_OVERFLOW", values={}, ids=(change.ids[0][:3] + "000000000000AAA",)
                )
            elif self.faults.strikes(faults.gap_event):
                yield replace(change, type=f"GAP_{change.type}", values={})
            else:
                yield change

    def _make_users(self) -> None:
        # The first user cannot have been made by another: he is made by himself.
        first = ids.make("005", 1)
        for person in self.settings.users:
            made: Row = {
                "Email": person.email,
                "Username": person.email,
                "LastName": person.last_name,
                "FirstName": person.first_name or None,
            }
            self.transaction(first, trusted=True).insert("User", made)

    def _make_stages(self) -> None:
        for place, (stage, (closed, won, probability)) in enumerate(STAGES.items(), 1):
            made: Row = {
                "MasterLabel": stage,
                "ApiName": stage,
                "SortOrder": place,
                "IsClosed": closed,
                "IsWon": won,
                "DefaultProbability": float(probability),
            }
            self.transaction(self.integration_user, trusted=True).insert("OpportunityStage", made)

    def _make_task_statuses(self) -> None:
        status = self.schema.objects["Task"].fields["Status"]
        for place, label in enumerate(status.values, 1):
            made: Row = {
                "MasterLabel": label,
                "SortOrder": place,
                "IsClosed": label in CLOSED_TASK_STATUSES,
                "IsDefault": label == status.default,
            }
            self.transaction(self.integration_user, trusted=True).insert("TaskStatus", made)


def _merged(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield *changes* with those joined that changed records of one object in the same way."""
    joined: dict[tuple[object, ...], Change] = {}
    for change in changes:
        alike = change.type == "UPDATE"
        key = (change.object, change.type, repr(sorted(change.values.items())), alike or change.ids)
        earlier = joined.get(key)
        joined[key] = change if earlier is None else replace(earlier, ids=earlier.ids + change.ids)
    yield from joined.values()


def _extra(settings: SandboxSettings) -> dict[str, tuple[Field, ...]]:
    """Return the settings' fields by object; those of Activity belong to Task and Event."""
    extra = dict(settings.extra_fields)
    shared = extra.pop("Activity", ())
    for each in _ACTIVITIES:
        extra[each] = (*extra.get(each, ()), *shared)
    return extra
