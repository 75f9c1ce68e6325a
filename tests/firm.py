"""A firm's rules, and what its two tools tell of one lead, as the events that `Decide` takes. No server anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import orjson
from pydantic import TypeAdapter

from schemas.decisions import AUDIT_ENTRY, AuditEntry, Decision, DriftFound, FieldsDecided
from schemas.envelope import Envelope
from schemas.lead import (
    Change,
    LeadChange,
    LeadObserved,
    LeadWriteSettled,
    LeadWriteStarted,
    Observed,
    Ref,
    WriteSettled,
    WriteStarted,
)
from schemas.lifecycle import LIFECYCLE_FACT, LifecycleFact
from services.sync.application.decide import Decide, Decided
from services.sync.application.tell import Event
from services.sync.domain.desired import Missing
from services.sync.domain.lead import OWN_ID, Lead
from services.sync.domain.records import Kind, Scalar, Side
from services.sync.domain.rules import Assignment, FieldRule, Milestone, Policy, Rules, StageMap
from services.sync.domain.score_rules import AttributeRule, BehaviourRule, Operator, Scoring

START = 1_790_000_000_000
"""When the stories begin: September 2026."""

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LEAD_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_SYSTEMS = {"ma": ("hubspot", "contact", "101"), "sfa": ("salesforce", "Lead", "00Q1")}
_SFA_OBJECTS = {
    "company": "Account",
    "lead": "Lead",
    "task": "Task",
    "alert": "Task",
    "opportunity": "Opportunity",
}

POLICIES: Mapping[str, Policy] = {
    "email": Policy.LATEST,
    "last_name": Policy.LATEST,
    "company": Policy.LATEST,
    "job_title": Policy.LATEST,
    "phone": Policy.LATEST,
    "industry": Policy.FILL_BLANK,
    "employees": Policy.MAX,
    "campaign": Policy.MA,
    "source": Policy.FILL_BLANK,
    "opted_out": Policy.NEVER_LOOSEN,
    "owner": Policy.SFA,
}

SCORING = Scoring(
    threshold=50,
    behaviours=(
        BehaviourRule(counter="visits", points=2, cap=20, label="Visits", label_ja="訪問"),
        BehaviourRule(counter="forms", points=20, label="Forms", label_ja="フォーム"),
        BehaviourRule(activity="seminar", points=15, label="Seminars", label_ja="セミナー"),
    ),
    attributes=(
        AttributeRule(
            field="job_title",
            operator=Operator.CONTAINS,
            operands=("部長", "Director"),
            points=15,
            label="Decides",
            label_ja="決裁者",
        ),
        AttributeRule(
            field="employees",
            operator=Operator.AT_LEAST,
            operands=(300,),
            points=10,
            label="Large",
            label_ja="大企業",
        ),
        AttributeRule(
            field="industry",
            operator=Operator.IS,
            operands=("IT", "製造業"),
            points=10,
            label="Target",
            label_ja="対象業種",
        ),
    ),
)


def rules(**changes: Any) -> Rules:
    """Return a firm's rules, with *changes* to the fields of `Rules`."""
    plain: dict[str, Any] = {
        "fields": {name: FieldRule(name=name, policy=policy) for name, policy in POLICIES.items()},
        "scoring": SCORING,
        "stages": (
            StageMap(
                side=Side.SFA,
                kind=Kind.LEAD,
                field="sfa_status",
                milestones={
                    "Working": Milestone.FIRST_RESPONSE,
                    "Qualified": Milestone.SQL,
                    "Recycled": Milestone.RECYCLED,
                },
            ),
            StageMap(side=Side.MA, kind=Kind.LEAD, field="ma_stage", milestones={"mql": Milestone.MQL}),
            StageMap(
                side=Side.SFA,
                kind=Kind.OPPORTUNITY,
                field="stage",
                milestones={
                    "Meeting": Milestone.APPOINTMENT,
                    "Discovery": Milestone.OPPORTUNITY,
                    "Proposal": Milestone.EFFECTIVE_OPPORTUNITY,
                    "Won": Milestone.WON,
                    "Lost": Milestone.LOST,
                },
            ),
        ),
        "assignment": Assignment(
            sdr=("sdr-1@firm", "sdr-2@firm"), bdr=("bdr-1@firm",), field_sales=("fs-1@firm", "fs-2@firm")
        ),
        "bdr_sources": frozenset({"Target List"}),
        "produced": {
            Side.SFA: frozenset({"score", "score_reasons", "stage", "cycle", "mql_at"}),
            Side.MA: frozenset({"sales_stage", "sales_amount", "sales_owner", "lost_reason", "verdict"}),
        },
    }
    return Rules(**(plain | changes))


def change(name: str, value: Scalar, at: int, *, own: bool = False, exact: bool = True) -> Change:
    """Return one change of a field."""
    return Change(name=name, value=value, changed_at=at, own=own, exact=exact)


def observed(
    side: str,
    changes: list[Change],
    *,
    kind: Literal["lead", "opportunity", "activity", "company"] = "lead",
    ref: tuple[str, str, str] | None = None,
    observed_at: int | None = None,
    created_at: int = START,
    **more: Any,
) -> LeadObserved:
    """Return that *changes* were seen; of the lead's person on *side* where *ref* doesn't say otherwise."""
    seen_at = observed_at or max((each.changed_at for each in changes), default=created_at) + 500
    system, name, record_id = ref or _SYSTEMS[side]
    data = Observed.model_validate(
        {
            "side": side,
            "kind": kind,
            "ref": Ref(system=system, object=name, id=record_id),
            "observed_at": seen_at,
            "received_at": seen_at,
            "created_at": created_at,
            "fields": changes,
            **more,
        }
    )
    return LeadObserved(id="o", source="/test", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data)


def started(
    side: Side,
    slot: str,
    fields: Mapping[str, Scalar],
    at: int,
    *,
    over: Mapping[str, int] | None = None,
    asked: Mapping[str, int] | None = None,
    record_id: str = "",
) -> LeadWriteStarted:
    """Return that a write is about to leave, to the lead's person where *record_id* doesn't say otherwise."""
    system, name, known_id = _SYSTEMS[side.value]
    data = WriteStarted(
        write_id="w",
        side=side.value,
        slot=slot,
        kind=_kind(slot),
        fields=dict(fields),
        started_at=at,
        ref=Ref(system=system, object=name, id=record_id or known_id),
        over=dict(over or {}),
        asked=dict(asked or {}),
    )
    return LeadWriteStarted(
        id="s", source="/test", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data
    )


def settled(
    side: Side,
    slot: str,
    fields: Mapping[str, Scalar],
    at: int,
    *,
    over: Mapping[str, int] | None = None,
    refused: bool = False,
    refused_fields: Sequence[str] = (),
) -> LeadWriteSettled:
    """Return how a write ended."""
    system, name, record_id = _SYSTEMS[side.value]
    if slot != "lead":
        name, record_id = _SFA_OBJECTS[slot.partition(":")[0]], slot
    data = WriteSettled(
        write_id="w",
        side=side.value,
        slot=slot,
        kind=_kind(slot),
        outcome="refused" if refused else "confirmed",
        fields=dict(fields),
        over=dict(over or {}),
        settled_at=at,
        ref=None if refused else Ref(system=system, object=name, id=record_id),
        code="INVALID" if refused else None,
        detail="no such value" if refused else None,
        refused_fields=list(refused_fields),
    )
    return LeadWriteSettled(
        id="e", source="/test", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data
    )


def _kind(slot: str) -> Literal["lead", "opportunity", "activity", "company"]:
    head = slot.partition(":")[0]
    if head == "company":
        return "company"
    return "opportunity" if head == "opportunity" else "activity" if head in {"task", "alert"} else "lead"


Published = TypeVar("Published", bound=Envelope)


def as_published(event: Event, kind: TypeAdapter[Published]) -> Published:
    """Return *event*, as it is told, read by its schema, which would write the same bytes."""
    told = orjson.dumps(event)
    read = kind.validate_json(told)
    assert read.model_dump_json().encode() == told
    return read


@dataclass
class Story:
    """One lead's life: what the tools tell is decided at once, and all that is told is kept."""

    rules: Rules = field(default_factory=rules)
    lead: Lead = field(default_factory=lambda: Lead(LEAD_ID))
    facts: list[LifecycleFact] = field(default_factory=list[LifecycleFact])
    decisions: list[Decision] = field(default_factory=list[Decision])
    drift: list[DriftFound] = field(default_factory=list[DriftFound])
    last: Decided = field(default_factory=Decided)

    def __post_init__(self) -> None:
        self._decide = Decide(self.rules)
        self._number = 0

    def take(self, event: LeadChange) -> Decided:
        """Decide on *event*."""
        self._number += 1
        decided = self._decide.apply(self.lead, event, f"0-{self._number}")
        if decided.missing:
            self.last = decided
        self.facts += [as_published(each, LIFECYCLE_FACT) for each in decided.facts]
        audit: list[AuditEntry] = [as_published(each, AUDIT_ENTRY) for each in decided.decisions]
        self.decisions += [
            each for one in audit if isinstance(one, FieldsDecided) for each in one.data.decisions
        ]
        self.drift += [one for one in audit if isinstance(one, DriftFound)]
        return decided

    def marketing(self, at: int, **fields: Scalar) -> Decided:
        """Marketing's people, or its tool, set *fields*."""
        return self.take(observed("ma", [change(name, value, at) for name, value in fields.items()]))

    def sales(self, at: int, **fields: Scalar) -> Decided:
        """Sales' people set *fields* of the person."""
        return self.take(observed("sfa", [change(name, value, at) for name, value in fields.items()]))

    def deal(self, at: int, name: str = "opportunity:1", **fields: Scalar) -> Decided:
        """Sales' people set *fields* of an opportunity; it is made with its first."""
        ref = ("salesforce", "Opportunity", name)
        changes = [change(key, value, at) for key, value in fields.items()]
        return self.take(observed("sfa", changes, kind="opportunity", ref=ref, created_at=at))

    def activity(
        self, at: int, kind: str = "call", *, side: str = "sfa", key: str = "1", **more: Any
    ) -> Decided:
        """Somebody did something."""
        ref = (_SYSTEMS[side][0], "Task", key)
        changes = [change("type", kind, at), change("at", at, at)]
        return self.take(observed(side, changes, kind="activity", ref=ref, created_at=at, **more))

    def lacks(self, side: Side) -> dict[str, Missing]:
        """Return what *side* lacks now, by slot."""
        return {each.slot: each for each in self._decide.lacks(self.lead, side)}

    def write(self, at: int, *, echo: bool = True) -> list[Missing]:
        """Bring both sides to what they are to hold, as the dispatchers do; return what was sent."""
        sent: list[Missing] = []
        for side in (Side.SFA, Side.MA):
            for missing in self._decide.lacks(self.lead, side):
                sent.append(missing)
                over = {name: self.lead.seen(name, side).there_at for name in missing.fields}
                self.take(started(side, missing.slot, missing.fields, at))
                self.take(settled(side, missing.slot, missing.fields, at + 40, over=over))
                if echo and missing.slot == "lead":
                    self.echo(side, missing.fields, at + 20)
        return sent

    def echo(self, side: Side, fields: Mapping[str, Scalar], at: int) -> Decided:
        """The vendor tells of our own write, marked as ours."""
        changes = [change(name, value, at, own=True) for name, value in fields.items() if name != OWN_ID]
        return self.take(observed(side.value, changes, external_id=fields.get(OWN_ID), observed_at=at + 500))

    def there(self, side: Side, name: str) -> Scalar:
        """Return what stands in a field."""
        return self.lead.seen(name, side).there

    def reached(self, milestone: str, cycle: int = 1) -> int | None:
        """Return the time of a milestone as it was told last, None if it wasn't or was taken back."""
        return self.lead.told.milestones.get((cycle, Milestone(milestone)))

    def told(self, kind: str) -> list[Any]:
        """Return the data of the facts told, of one kind: ``milestone-reached``, ``cycle-started`` …"""
        return [each.data for each in self.facts if each.type == f"tasuki.lifecycle.{kind}.v1"]
