"""
What passes between the connectors and the core: observations in, writes out.

Everything here is canonical: no vendor's field name or shape. Instants are epoch milliseconds, UTC
(`*_at`); money is integer minor units; calendar days are "YYYY-MM-DD".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None


class Side(StrEnum):
    """Which of the two systems: the marketing-automation tool or the sales tool."""

    MA = "ma"
    SFA = "sfa"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.SFA if self is Side.MA else Side.MA


class Kind(StrEnum):
    """What a record is."""

    LEAD = "lead"  # a person: HubSpot contact, Salesforce Lead or Contact
    OPPORTUNITY = "opportunity"
    ACTIVITY = "activity"  # call, mail, meeting, task: what somebody did, or is to do
    COMPANY = "company"


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A record in a vendor's system; `object` is the vendor's own word, opaque to the core."""

    system: str
    object: str
    id: str

    def __str__(self) -> str:
        """Return ``system:object:id``, the inbox key."""
        return f"{self.system}:{self.object}:{self.id}"


class FieldChange(NamedTuple):
    """
    A field had this value from `changed_at` on, by the vendor's own clock.

    `own` says that the vendor marks the change as made by our integration (its origin marker).
    `exact` is False when only the record's modification time is known: the field may have changed
    earlier, so an equal value changes nothing. `via` and `by` are the vendor's words for how and by whom, where a
    consent may hang on it.
    """

    name: str
    value: Scalar
    changed_at: int
    own: bool = False
    exact: bool = True
    via: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """
    What a connector saw of one record. `created_at` is 0 where it isn't known when the record was made.

    `fields` may hold several changes of one field (its history). `external_id` is our own id if the record
    carries it: a lead_id, or ``<lead_id>:<cycle>`` on opportunities and tasks we made. `parents` are the
    records it hangs on, best first (a deal's contacts, a task's person). `moved_to` names the record that
    took its place (conversion or merge). `deleted` means it is gone, though somebody may take it out of the bin; `erased` that the person asked to be
    forgotten, so that nothing of them may be kept. `employers` are the companies that a person's record hangs on,
    the first one first; None where that isn't told. `company`: whose record this is from now on, of one that left a
    company for another; else, of a person, the id of the company that was found behind `employers`, empty for none.
    """

    ref: RecordRef
    kind: Kind
    observed_at: int
    created_at: int
    fields: tuple[FieldChange, ...] = ()
    external_id: str | None = None
    parents: tuple[RecordRef, ...] = ()
    moved_to: RecordRef | None = None
    deleted: bool = False
    erased: bool = False
    employers: tuple[RecordRef, ...] | None = None
    company: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """
    What one record on one side is to be: an update of `ref`, or a create where `ref` is None.

    `slot` names the record within its lead and cycle: ``lead``, ``opportunity:1``, ``task:1``; ``company`` is a
    company's own, and `lead_id` the company's id then.
    `match_email` finds an existing person before one is made. `parent` is the person's record in the same
    system, for tasks and opportunities. `fields` are canonical; only those that differ are given. A person's
    ``lead_id`` among them asks to put our id on the record, which lacks it.
    """

    lead_id: str
    slot: str
    kind: Kind
    fields: Mapping[str, Scalar]
    ref: RecordRef | None = None
    parent: RecordRef | None = None
    match_email: str | None = None

    @property
    def external_id(self) -> str:
        """Our id for the record: the lead_id, or ``<lead_id>:<cycle or name>`` for tasks and opportunities."""
        cycle = self.slot.partition(":")[2]
        return f"{self.lead_id}:{cycle}" if cycle else self.lead_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The vendor took the write; `ref` is where it stands now, `created` whether that record is new."""

    ref: RecordRef
    created: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """
    The vendor will never take this write as it is; `code` is the vendor's word, `detail` its text.

    `fields` are the canonical names of those that it refuses: without them it may take the rest. Empty where
    it refuses the record, or doesn't say. `unsent`: the vendor wasn't asked, since *fields* can't be said in its
    words; that tells nothing of whether it takes writes.
    """

    code: str
    detail: str
    fields: tuple[str, ...] = ()
    unsent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """The vendor may take this one later (a locked row, a dependent record not there yet)."""

    code: str
    detail: str
    retry_after_ms: int | None = None


WriteResult: TypeAlias = Confirmed | Refused | Deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """
    A hint that a record changed, as received; `body` is that part of the vendor's payload, as JSON text.

    `ref.id` may be "*" for "read the whole object again". `received_at` is ours, `occurred_at` theirs.
    """

    ref: RecordRef
    body: str
    received_at: int
    occurred_at: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
