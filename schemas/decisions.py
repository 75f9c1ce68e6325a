"""The audit trail: `tasuki.decisions.v1`."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.envelope import Envelope, EpochMs, Open, Scalar
from schemas.lead import KindName, Ref, SideName, SweepCause


class Candidate(Open):
    """What one side said: `changed_at` None where that side never said anything."""

    side: SideName
    value: Scalar
    changed_at: EpochMs | None


class Decision(Open):
    """
    Which value a field got, from where, by which rule, and what lost.

    `winner` None: nobody's value won, the rule gave its own (`value`). `conflict`: both sides had a value
    and they differed.
    """

    field: str
    rule: str
    value: Scalar
    winner: SideName | None
    candidates: list[Candidate]
    loser: Candidate | None = None
    conflict: bool = False


class Decisions(Open):
    """What was decided about a lead at once; `decided_at` is when the change that led to it was observed."""

    decided_at: EpochMs
    decisions: list[Decision] = Field(min_length=1)


class FieldsDecided(Envelope):
    """Fields of the lead got other values than before, or values lost."""

    type: Literal["tasuki.decision.fields-decided.v1"] = "tasuki.decision.fields-decided.v1"
    data: Decisions


class Difference(Open):
    """
    A field held another value than we believed; "(record)" as its name is a record's coming or going.

    The fields of a deal or an activity begin with ``opportunity.`` or ``activity.``. `changed_at`: since when at
    the latest, by the vendor.
    """

    field: str
    believed: Scalar
    found: Scalar
    changed_at: EpochMs


class Differences(Open):
    """What a sweep found in one record; `cause` is why it was read, `found_at` when."""

    side: SideName
    kind: KindName
    ref: Ref
    cause: SweepCause
    found_at: EpochMs
    differences: list[Difference] = Field(min_length=1)


class DriftFound(Envelope):
    """A record was other than we believed, and no notification had told of it. It is being repaired."""

    type: Literal["tasuki.decision.drift-found.v1"] = "tasuki.decision.drift-found.v1"
    data: Differences


AuditEntry = Annotated[FieldsDecided | DriftFound, Field(discriminator="type")]
AUDIT_ENTRY: TypeAdapter[AuditEntry] = TypeAdapter(AuditEntry)
