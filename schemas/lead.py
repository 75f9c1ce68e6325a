"""Canonical changes of leads: `tasuki.lead-changes.v1`. The state of a lead is a function of these alone."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.envelope import Envelope, EpochMs, Open, Scalar
from schemas.requests import Over, Task

SideName = Literal["ma", "sfa"]
KindName = Literal["lead", "opportunity", "activity", "company"]

SweepCause = Literal["regular", "ordered", "gap", "position-lost", "silence", "backlog", "backfill"]
"""
Why records were read without a notification: the regular sweep, somebody's order, a gap of a stream, a stream's
lost position, a silence. ``backlog``: while notifications still waited, so that a difference is no drift.
``backfill``: the first filling.
"""


class Ref(Open):
    """A record in a vendor's system; `object` is the vendor's word."""

    system: str = Field(min_length=1)
    object: str = Field(min_length=1)
    id: str = Field(min_length=1)


class Change(Open):
    """
    A field had `value` from `changed_at` on. `own`: the vendor marks the change as made by tasuki.

    `via` and `by`: the vendor's words for how and by whom, of fields that a consent may hang on.
    """

    name: str = Field(min_length=1)
    value: Scalar
    changed_at: EpochMs
    own: bool = False
    exact: bool = True
    via: str | None = None
    by: str | None = None


class Observed(Open):
    """
    What was seen of one record of a lead; `fields` may hold several changes of one field.

    `erased`: the person asked that vendor to be forgotten; `deleted` is true then as well. `sweep` says that no
    notification led to it: why the record was read. `history_until` marks a first filling: what the lead reached
    up to then is history, of which nothing is handed over.

    `employer` is the company's record that a person's hangs on, and `company` the company that this is the record
    of: None where that isn't told, empty where it hangs on none. Of a company's record that is told as `deleted`,
    `company` is whose record it is now.
    """

    side: SideName
    kind: KindName
    ref: Ref
    observed_at: EpochMs
    received_at: EpochMs
    created_at: EpochMs
    fields: list[Change] = Field(default_factory=list[Change])
    external_id: str | None = None
    moved_to: Ref | None = None
    deleted: bool = False
    erased: bool = False
    sweep: SweepCause | None = None
    history_until: EpochMs | None = None
    employer: Ref | None = None
    company: str | None = None


class WriteStarted(Open):
    """
    A write is about to leave for a vendor: the echo ledger. `fields` are the values sent.

    Of a person, `ref` is the record that it goes to, and `over` tells for each field the vendor's time of the value that
    it replaces, both as known when it was planned. `asked`: for each field a hash of what people had said of it by then.
    """

    write_id: str
    side: SideName
    slot: str
    kind: KindName
    fields: dict[str, Scalar]
    started_at: EpochMs
    ref: Ref | None = None
    over: dict[str, EpochMs] = Field(default_factory=dict[str, EpochMs])
    asked: dict[str, int] = Field(default_factory=dict[str, int])


class WriteSettled(Open):
    """
    How a write ended. `over` tells for each field the vendor's time of the value it replaced.

    `outcome` confirmed: `ref` is the record, `created` whether it is new. Refused: `code` and `detail` are
    the vendor's; `refused_fields` are those of `fields` that it won't take, empty where it won't take the
    record, or doesn't say. `moved_from`: the record that was meant, where the vendor wrote to the one that took its place.
    """

    write_id: str
    side: SideName
    slot: str
    kind: KindName
    outcome: Literal["confirmed", "refused"]
    fields: dict[str, Scalar]
    over: dict[str, EpochMs]
    settled_at: EpochMs
    ref: Ref | None = None
    created: bool = False
    code: str | None = None
    detail: str | None = None
    refused_fields: list[str] = Field(default_factory=list[str])
    moved_from: Ref | None = None


class WriteRetried(Open):
    """
    What a vendor refused of a record may be sent again: somebody mended the cause.

    `letter` is the id of the dead letter that told of the refusal, `by` who asked for it.
    """

    side: SideName
    slot: str
    retried_at: EpochMs
    letter: str | None = None
    by: str | None = None


class MergedInto(Open):
    """
    The lead is the same person as the lead `into`, which is the one that stays: of two always the lesser id.

    A vendor told it: `ref`, a record of this lead or of the other, ended in `moved_to` (a merge, a conversion).
    """

    into: str = Field(min_length=1)
    side: SideName
    ref: Ref
    moved_to: Ref
    noticed_at: EpochMs


class TakenOver(Open):
    """
    All that was known of the lead `lead_id`, which is this lead from now on, or a part of it.

    `state` is that lead as sync stores it, base64; the form is named in its first bytes. Taking it in twice
    changes nothing.
    """

    lead_id: str = Field(min_length=1)
    side: SideName
    state: str
    merged_at: EpochMs


class CompanyJoined(Open):
    """A lead works for this company from now on. `by_address`: the company at whose domain it has its address."""

    lead_id: str = Field(min_length=1)
    by_address: str | None = None
    joined_at: EpochMs


class CompanyLeft(Open):
    """A lead doesn't work for this company any more, which it joined at `joined_at`."""

    lead_id: str = Field(min_length=1)
    joined_at: EpochMs
    left_at: EpochMs


class CompanyTold(Open):
    """
    What the company of a lead is by now: its id, the ids that it had too, the values that leads are told.

    `record`, ``system:object:id``, turned out to be a record of the company `moved_to`: who hangs on it works there.
    `after`: told to the company itself, whose leads after this one are to be told this yet; None to a lead.
    """

    company_id: str = Field(min_length=1)
    names: list[str] = Field(default_factory=list[str])
    values: dict[str, Scalar] = Field(default_factory=dict[str, Scalar])
    record: str | None = None
    moved_to: str | None = None
    told_at: EpochMs
    after: str | None = None


class Reviewed(Open):
    """
    Nothing happened to the lead, but its score may be another by now.

    `cause`: its points got old, or the rules of the score changed. `hand_over`: who is over the threshold only by rules
    that changed is handed over now, as somebody confirmed.
    """

    cause: Literal["aged", "rules"]
    reviewed_at: EpochMs
    hand_over: bool = False


class Forgotten(Open):
    """
    What is left of the lead after its person was erased: nothing of the person, all that is counted.

    `state` is the lead as sync stores it, base64, and in parts after the first (0) more of its activities; the form is
    named in its first bytes. With it the lead stands as it was, though its earlier changes can't be read any more.
    `mark` is a digest of the whole. `keys`, in the last part, are the record keys whose values are for nobody any more
    once this is all that is known.
    """

    erased_at: EpochMs
    state: str
    part: int = Field(default=0, ge=0)
    mark: str = Field(min_length=1)
    keys: list[str] = Field(default_factory=list[str])


class LeadObserved(Envelope):
    """A record of the lead was seen in one of the systems."""

    type: Literal["tasuki.lead.observed.v1"] = "tasuki.lead.observed.v1"
    data: Observed


class LeadWriteStarted(Envelope):
    """tasuki is about to write a record of the lead."""

    type: Literal["tasuki.lead.write-started.v1"] = "tasuki.lead.write-started.v1"
    data: WriteStarted


class LeadWriteSettled(Envelope):
    """A write of tasuki was taken or refused by the vendor."""

    type: Literal["tasuki.lead.write-settled.v1"] = "tasuki.lead.write-settled.v1"
    data: WriteSettled


class LeadWriteRetried(Envelope):
    """A write of tasuki that the vendor refused is to be tried again."""

    type: Literal["tasuki.lead.write-retried.v1"] = "tasuki.lead.write-retried.v1"
    data: WriteRetried


class LeadMergedInto(Envelope):
    """Two leads turned out to be one person; told to the one that goes."""

    type: Literal["tasuki.lead.merged-into.v1"] = "tasuki.lead.merged-into.v1"
    data: MergedInto


class LeadTakenOver(Envelope):
    """The lead takes over what was known of another; told to the one that stays."""

    type: Literal["tasuki.lead.taken-over.v1"] = "tasuki.lead.taken-over.v1"
    data: TakenOver


class LeadCompanyJoined(Envelope):
    """A lead is one of a company's; told to the company."""

    type: Literal["tasuki.lead.company-joined.v1"] = "tasuki.lead.company-joined.v1"
    data: CompanyJoined


class LeadCompanyLeft(Envelope):
    """A lead is none of a company's any more; told to the company."""

    type: Literal["tasuki.lead.company-left.v1"] = "tasuki.lead.company-left.v1"
    data: CompanyLeft


class LeadCompanyTold(Envelope):
    """A company tells its values; told to each of its leads."""

    type: Literal["tasuki.lead.company-told.v1"] = "tasuki.lead.company-told.v1"
    data: CompanyTold


class LeadTaskWanted(Envelope):
    """A task about the lead is to stand in the sales tool."""

    type: Literal["tasuki.lead.task-wanted.v1"] = "tasuki.lead.task-wanted.v1"
    data: Task


class LeadTaskOver(Envelope):
    """What tasks about the lead tell of is over."""

    type: Literal["tasuki.lead.task-over.v1"] = "tasuki.lead.task-over.v1"
    data: Over


class LeadReviewed(Envelope):
    """The lead is looked at again, though nothing happened to it."""

    type: Literal["tasuki.lead.reviewed.v1"] = "tasuki.lead.reviewed.v1"
    data: Reviewed


class LeadForgotten(Envelope):
    """A person was erased: this is what is left, and what was told of them before is read by nobody any more."""

    type: Literal["tasuki.lead.forgotten.v1"] = "tasuki.lead.forgotten.v1"
    data: Forgotten


LeadChange = Annotated[
    LeadObserved
    | LeadWriteStarted
    | LeadWriteSettled
    | LeadWriteRetried
    | LeadMergedInto
    | LeadTakenOver
    | LeadCompanyJoined
    | LeadCompanyLeft
    | LeadCompanyTold
    | LeadTaskWanted
    | LeadTaskOver
    | LeadReviewed
    | LeadForgotten,
    Field(discriminator="type"),
]
LEAD_CHANGE: TypeAdapter[LeadChange] = TypeAdapter(LeadChange)
