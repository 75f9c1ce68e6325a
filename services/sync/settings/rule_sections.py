"""The shape of the sections that hold the firm's rules: fields, scoring, stages, people, handoffs."""

import re
from datetime import date
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, PlainValidator, StrictStr

from services.configuration.quantities import (
    DurationBetween,
    FieldName,
    MailAddress,
    Switch,
    Text,
    VendorName,
    Whole,
    wrong,
)
from services.configuration.sections import Section
from services.sync.domain.field_map import FieldType
from services.sync.domain.forms import NameOrder, NamePart, PhoneStyle
from services.sync.domain.rules import Job, Milestone, Policy
from services.sync.domain.score_rules import Operator
from services.sync.settings.catalogue import PRODUCED

MAX_POINTS = 10_000
_DAY_MINUTES = 24 * 60
_TIMES = re.compile(r"([0-9]{1,2}):([0-5][0-9])-([0-9]{1,2}):([0-5][0-9])")


def _named(value: object) -> object:
    """Read the short form, a vendor's field name alone, as a table that holds just the name."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType] - pydantic judges what is in it
    raise wrong(
        "must be a field's name or a table",
        'write ma = "email", or ma = { name = "email", read_only = true }',
    )


def _operand(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise wrong(
            "must be a text or a whole number", 'write operands = ["製造", "IT"], or operands = [300]'
        )
    return value


def _day(value: object) -> str:
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else _wrong_day()
    except ValueError:
        return _wrong_day()


def _wrong_day() -> str:
    raise wrong("is no day", 'write it like "2026-12-28"')


def _times(value: object) -> tuple[tuple[int, int], ...]:
    entries = cast("list[object]", value) if isinstance(value, list) else []
    found = tuple(each for entry in entries if (each := _time_span(entry)) is not None)
    if not entries or len(found) < len(entries):
        raise wrong("must be times from and to", 'write it like ["09:00-12:00", "13:00-18:00"]')
    return found


def _time_span(value: object) -> tuple[int, int] | None:
    found = _TIMES.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    return (start, end) if start < end <= _DAY_MINUTES else None


class Column(Section):
    """How a tool keeps a field."""

    read_only: Switch = Field(default=False, description="`true`: read, never written.")
    values: dict[Text, StrictStr] = Field(
        default_factory=dict[str, str],
        description="The tool's values → tasuki's, where they differ; for type text.",
    )
    same_width: Switch = Field(
        default=False,
        description="`true`: full and half width are the same, `ＡＢＣ` is `ABC`, `ｱ` is `ア`; for type text.",
    )
    phone: PhoneStyle = Field(
        default=PhoneStyle.NATIONAL,
        description="How telephone numbers are written there, for type phone: `national` 03-1234-5678, "
        "`international` +81 3-1234-5678, `e164` +81312345678. Read is any of them.",
    )
    part: NamePart | None = Field(
        default=None,
        description="The tool keeps the whole name in one field, of which this is the `last` or the `first`; "
        "the other one names the same field.",
    )
    order: NameOrder = Field(
        default=NameOrder.JAPANESE,
        description="Of a whole name: `japanese` 山田 太郎, `western` Taro Yamada.",
    )
    holds: Literal["day", "instant"] = Field(
        default="day",
        description="For type date: `instant` where the tool keeps a day as a date and time, the midnight with "
        "which it begins in the firm's time zone.",
    )


class MaColumn(Column):
    """The field in the marketing tool. The short form is its name alone: `ma = "email"`."""

    name: VendorName = Field(description="The property's internal name.")


class SfaColumn(Column):
    """The field in the sales tool. The short form is its name alone: `sfa = "Email"`."""

    name: VendorName | None = Field(
        default=None, description="The field's API name, the same on each object."
    )
    objects: tuple[Literal["Lead", "Contact"], ...] = Field(
        default=(), description="The only objects that have it; left out: both."
    )
    lead: VendorName | None = Field(
        default=None, description="Instead of `name`: the API name on Lead, where Contact's differs or lacks."
    )
    contact: VendorName | None = Field(
        default=None, description="Instead of `name`: the API name on Contact."
    )


class FieldEntry(Section):
    """One field, and where each system keeps it."""

    name: FieldName = Field(description="tasuki's name of it; once for each kind.")
    kind: Literal["lead", "opportunity"] = Field(default="lead", description="What it is a field of.")
    type: FieldType = Field(default=FieldType.TEXT, description="What its values are.")
    policy: Policy | None = Field(
        default=None,
        description="Which value it gets where both sides have it. `ma`, `sfa`: that side's; `latest`: the "
        "later change; `fill-blank`: each keeps its own, a blank takes the other's; `max`: the greater number; "
        "`never-loosen`: once true on either side, true on both. Left out: `latest`; for `opted_out` "
        "`never-loosen`; where one side is read only, that side.",
    )
    ma: Annotated[MaColumn, BeforeValidator(_named)] | None = Field(
        default=None, description="The marketing tool's field: its name or a table."
    )
    sfa: Annotated[SfaColumn, BeforeValidator(_named)] | None = Field(
        default=None, description="The sales tool's field: its name or a table."
    )
    concatenate: tuple[FieldName, ...] = Field(
        default=(), description="Fields that tasuki makes this one of, only written, for type text."
    )
    separator: StrictStr = Field(default=" ", description="What stands between them; blanks are left out.")

    @property
    def is_produced(self) -> bool:
        """Whether tasuki works the field out itself and only writes it."""
        return self.name in PRODUCED or bool(self.concatenate)


class ScopeEntry(Section):
    """What a lead must be for tasuki to sync it, hand it over and count it; all entries must hold."""

    field: FieldName = Field(description="The field that is looked at.")
    operator: Operator = Field(
        description="`is`, `contains`, `at-least`: as in `[[scoring.attributes]]`. Of a blank none holds."
    )
    operands: tuple[Annotated[str | int, PlainValidator(_operand)], ...] = Field(
        description="What it is compared with."
    )
    negated: Switch = Field(default=False, description="`true`: the leads of which that doesn't hold.")


class OwnerPair(Section):
    """One person who has another address in each tool."""

    ma: MailAddress = Field(description="In the marketing tool.")
    sfa: MailAddress = Field(description="In the sales tool.")


class OwnersSection(Section):
    """Owners whom the two tools know by different addresses; others have the same in both."""

    pairs: tuple[OwnerPair, ...] = Field(default=(), description="Who is who.")
    default_ma: MailAddress | None = Field(
        default=None, description="The marketing tool's owner for sales' owners who aren't in `pairs`."
    )
    default_sfa: MailAddress | None = Field(
        default=None, description="The sales tool's owner for marketing's owners who aren't in `pairs`."
    )


class BehaviourEntry(Section):
    """Points for what a lead does: each step of a counter, or each activity."""

    counter: FieldName | None = Field(
        default=None, description="A field that counts: each step gives the points."
    )
    activity: Literal["call", "email", "meeting", "task"] | None = Field(
        default=None, description="Instead of `counter`: each activity of this type gives the points."
    )
    points: Annotated[Whole, Field(ge=-MAX_POINTS, le=MAX_POINTS)] = Field(
        description="Points each time; not 0."
    )
    cap: Annotated[Whole, Field(ge=1, le=MAX_POINTS)] | None = Field(
        default=None, description="The most points that all of it gives; left out: no bound."
    )
    group: FieldName | None = Field(
        default=None, description="The group of `[[scoring.groups]]` that bounds it together with others."
    )
    lapse_ms: Annotated[int, DurationBetween("1d", "3650d")] | None = Field(
        default=None,
        alias="lapse_after",
        description="After so many whole days the points are gone: with the beginning of that day, in the firm's "
        "time zone, counted from the day it was done. Left out: they aren't.",
    )
    halving_ms: Annotated[int, DurationBetween("1d", "3650d")] | None = Field(
        default=None,
        alias="halve_every",
        description="Every so many whole days half of the points is gone, in whole points: 15, 7, 3, 1, none.",
    )
    label: Text = Field(description="What people read in the score's reasons.")
    label_ja: Text | None = Field(default=None, description="The same in Japanese; left out: `label`.")


class GroupEntry(Section):
    """Rules that are bounded together."""

    name: FieldName = Field(description="What its rules call it in `group`.")
    cap: Annotated[Whole, Field(ge=1, le=MAX_POINTS)] = Field(
        description="The most points that all of them give together."
    )
    label: Text = Field(description="What people read in the score's reasons, where it takes points off.")
    label_ja: Text | None = Field(default=None, description="The same in Japanese; left out: `label`.")


class AttributeEntry(Section):
    """Points for what a lead is. They don't get old."""

    field: FieldName = Field(description="The field that is looked at.")
    operator: Operator = Field(
        description="`is`: equal to one of the operands, ignoring case and width; `contains`: holds one of "
        "them; `at-least`: a number, at least the one operand."
    )
    operands: tuple[Annotated[str | int, PlainValidator(_operand)], ...] = Field(
        description="What it is compared with."
    )
    points: Annotated[Whole, Field(ge=-MAX_POINTS, le=MAX_POINTS)] = Field(description="Points; not 0.")
    group: FieldName | None = Field(
        default=None, description="The group of `[[scoring.groups]]` that bounds it together with others."
    )
    label: Text = Field(description="What people read in the score's reasons.")
    label_ja: Text | None = Field(default=None, description="The same in Japanese; left out: `label`.")


class ScoringSection(Section):
    """How a lead gets its score, and which score makes it an MQL."""

    source: Literal["computed", "ma"] = Field(
        default="computed",
        description="`computed` here, from the rules below; or read from the marketing tool.",
    )
    field: FieldName | None = Field(
        default=None, description="With `ma`: the field that holds the marketing tool's own score."
    )
    threshold: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(
        description="A lead whose score reaches this becomes an MQL."
    )
    rearm_below: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="A lead that qualified qualifies again, for the next cycle, only after its score was below this: "
        "so one that wobbles around the threshold isn't handed over twice. Left out: 80 % of the threshold.",
    )
    confirmed: Text | None = Field(
        default=None,
        description="The mark of these very rules, as `tasuki score` prints it: those whom their change brings over the "
        "threshold are handed over at once. Left out, or of other rules: with the next thing that raises their score.",
    )
    behaviours: tuple[BehaviourEntry, ...] = Field(default=(), description="What a lead does.")
    attributes: tuple[AttributeEntry, ...] = Field(default=(), description="What a lead is.")
    groups: tuple[GroupEntry, ...] = Field(default=(), description="Rules that are bounded together.")


class StageEntry(Section):
    """Which values of a status or stage field mean that a milestone was reached."""

    side: Literal["ma", "sfa"] = Field(default="sfa", description="Whose field it is.")
    kind: Literal["lead", "opportunity"] = Field(description="What it is a field of.")
    field: FieldName = Field(description="tasuki's name of the status or stage field, from `[[fields]]`.")
    milestones: dict[Text, Milestone] = Field(
        description="The vendor's value as stored, not its label (after the field's `values`) → the milestone."
    )


class TeamEntry(Section):
    """Who does a job for certain leads; the first entry that fits a lead has it."""

    job: Job = Field(description="What they do: `sdr`, `bdr` or `field-sales`.")
    people: tuple[MailAddress, ...] = Field(min_length=1, description="Who they are.")
    field: FieldName = Field(description="The field that tells which leads are theirs.")
    operator: Operator = Field(default=Operator.IS, description="As in `[[scoring.attributes]]`.")
    operands: tuple[Annotated[str | int, PlainValidator(_operand)], ...] = Field(
        min_length=1, description="What it is compared with."
    )


class AbsenceEntry(Section):
    """Days on which somebody gets no leads."""

    who: MailAddress = Field(description="Who is away.")
    first: Annotated[str, PlainValidator(_day)] = Field(description="The first day, `2026-12-28`.")
    last: Annotated[str, PlainValidator(_day)] = Field(description="The last day, included.")


class HoursEntry(Section):
    """When somebody works: at other times a lead goes to those who do, if anybody does."""

    who: MailAddress = Field(description="Who works then.")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        min_length=1, description="On which days."
    )
    times: Annotated[tuple[tuple[int, int], ...], PlainValidator(_times)] = Field(
        min_length=1,
        description='From when to when, in the firm\'s time zone: `["09:00-12:00", "13:00-18:00"]`.',
    )


class AssignmentSection(Section):
    """Who works the leads, shared out evenly, for each lead always the same."""

    sdr: tuple[MailAddress, ...] = Field(default=(), description="Inside sales on inbound MQLs (反響型).")
    bdr: tuple[MailAddress, ...] = Field(default=(), description="Inside sales on target lists (新規開拓型).")
    field_sales: tuple[MailAddress, ...] = Field(default=(), description="Field sales, who take the SQLs.")
    weights: dict[MailAddress, Annotated[Whole, Field(ge=0, le=100)]] = Field(
        default_factory=dict[str, int],
        description="How many leads somebody gets where others get one, by address; 0: none for now.",
    )
    account_owner: FieldName | None = Field(
        default=None,
        description="The field that holds who owns the lead's account: inside sales' new leads are theirs.",
    )
    fallback: MailAddress | None = Field(
        default=None, description="Who gets the leads of a team that is absent as a whole."
    )
    teams: tuple[TeamEntry, ...] = Field(default=(), description="Who does a job for certain leads.")
    absences: tuple[AbsenceEntry, ...] = Field(default=(), description="Who gets none on which days.")
    hours: tuple[HoursEntry, ...] = Field(default=(), description="When people work; left out: always.")


class HandoffsSection(Section):
    """What a handoff makes in the sales tool."""

    task_subject: Text = Field(
        default="MQL: {company} {name} (score {score})",
        description="Subject of the task for a new MQL; `{company}`, `{name}` and `{score}` are filled in.",
    )
    task_due_ms: Annotated[int, DurationBetween("1h", "90d")] = Field(
        default=86_400_000, alias="task_due", description="When that task is due, in whole hours."
    )
    opportunity_name: Text = Field(
        default="{company} {name}",
        description="Name of the opportunity for a new SQL; `{company}`, `{name}` and `{score}` are filled in.",
    )
    opportunity_stage: Text = Field(
        default="Prospecting", description="The stage in which it begins, as the sales tool stores it."
    )
    opportunity_close_ms: Annotated[int, DurationBetween("1d", "1000d")] = Field(
        default=7_776_000_000,
        alias="opportunity_close",
        description="When it is expected to close, in whole days.",
    )
