"""What a sandbox offers to those who act in it by hand: acts, records, and how the page is to show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import FaultSource
from services.sync.adapters.sandbox.feed import ChangeFeed


class Parent(BaseModel):
    """A record that another hangs on, named by the vendor's id or by the key its creating act was given."""

    model_config = ConfigDict(extra="forbid")

    object: str
    id: str | None = None
    key: str | None = None


class Act(BaseModel):
    """
    What a person does in the vendor's user interface.

    `key` is the driver's own name for a record: a create remembers it (and, repeated, changes nothing), later
    acts may use it in place of `id`. `other` names the second record of a merge, `parents` what a new record
    hangs on. `at` moves a driven clock forward to that instant (epoch ms) first. A field set to null is
    cleared.
    """

    model_config = ConfigDict(extra="forbid")

    act: str
    object: str
    id: str | None = None
    key: str | None = None
    other: Parent | None = None
    parents: tuple[Parent, ...] = ()
    fields: dict[str, str | int | float | bool | None] = {}
    at: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class ActResult:
    """How an act ended; `error` is the vendor's reason when it was not done, `created` names by-products."""

    id: str | None
    error: str | None = None
    created: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Column:
    """
    A field as the page shows it.

    `kind` is text, multiline, number, date, datetime or reference. `options` are the values to choose from
    (empty: free text), `option_labels` what people read instead.
    """

    name: str
    label: str
    label_ja: str
    kind: str = "text"
    editable: bool = True
    required: bool = False
    options: tuple[str, ...] = ()
    option_labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Related:
    """A record that hangs on another: the object, and the record as in `RecordPage`."""

    object: str
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """
    One object as the page shows it: `columns` in lists, `form` on the page of one record.

    `calls` says that a call can be logged on its records, `children` which objects can be made to hang on
    them, `acts` what else can be done to one: the act's name, its label, 日本語.
    """

    object: str
    label: str
    label_ja: str
    columns: tuple[Column, ...]
    form: tuple[Column, ...]
    calls: bool = False
    children: tuple[str, ...] = ()
    acts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordPage:
    """
    Some records of one object; `after` continues, None at the end.

    Each record is ``{"id", "createdAt", "updatedAt" (epoch ms), "archived", "fields": {name: value}}``, with
    ``"history": {name: [{"value", "at", "origin"}]}`` (newest first) when it was asked for and is kept.
    """

    records: Sequence[Mapping[str, Any]]
    after: str | None = None


class Desk(Protocol):
    """What a sandbox offers to the admin surface and the page."""

    @property
    def name(self) -> str:
        """The vendor's name for people: ``HubSpot``."""
        ...

    @property
    def clock(self) -> SandboxClock:
        """The sandbox's clock."""
        ...

    @property
    def faults(self) -> FaultSource:
        """Where its faults are drawn."""
        ...

    @property
    def feed(self) -> ChangeFeed:
        """What changed."""
        ...

    @property
    def views(self) -> Sequence[View]:
        """The objects that the page shows, the first one first."""
        ...

    def act(self, act: Act) -> ActResult:
        """Do *act* as a user; a refusal is the result's `error`, never an exception."""
        ...

    def records(
        self, of: str, *, after: str | None, limit: int, history: bool, newest: bool = False
    ) -> RecordPage:
        """
        Return up to *limit* records of the object *of*, archived ones too, in the order they were made.

        They begin after the record with the id *after*; *newest* turns the order round.
        """
        ...

    def record(self, of: str, identity: str) -> Mapping[str, Any] | None:
        """Return one record of the object *of* as `records` does, None when there is none."""
        ...

    def title(self, of: str, record: Mapping[str, Any]) -> str:
        """Return what people call *record*: a name, a subject; its id where it has none."""
        ...

    def pointer(self, of: str, field: str, value: str) -> tuple[str, str] | None:
        """Return the object and the title of the record that *value* of *field* points at, None without one."""
        ...

    def related(self, of: str, identity: str) -> Sequence[Related]:
        """Return what hangs on a record and what it hangs on, the newest first within each object."""
        ...

    @property
    def restore_act(self) -> str:
        """The act that takes a record out of the bin: restore, undelete."""
        ...

    @property
    def call_outcomes(self) -> Mapping[str, str]:
        """How a call can end: the vendor's value → what people read."""
        ...

    def call(self, of: str, identity: str, *, outcome: str, note: str) -> Act:
        """Return the act of logging a call with a person that was made just now."""
        ...

    def stats(self) -> Mapping[str, Any]:
        """
        Return figures: requests, writes, creates, deliveries, retries, quota_left, records, `undelivered`.

        `undelivered` 0 means that every change has been told to whoever listens.
        """
        ...

    def reset(self) -> None:
        """Forget all records, changes, faults and figures; keep settings and subscriptions."""
        ...


def do_act(desk: Desk, act: Act) -> ActResult:
    """Move the clock to the act's time, if it names one, and do it."""
    if act.at is not None:
        desk.clock.advance(act.at)
    return desk.act(act)
