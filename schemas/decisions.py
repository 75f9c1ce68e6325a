"""The audit trail: `tasuki.decisions.v1`."""

from typing import Literal

from pydantic import Field

from schemas.envelope import Envelope, EpochMs, Open, Scalar
from schemas.lead import SideName


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
