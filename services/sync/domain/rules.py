"""The firm's rules as data: what the configuration says, in the words of the domain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.sync.domain.money import Rates
from services.sync.domain.records import Kind, Side
from services.sync.domain.score_rules import Operator, Scoring


class Policy(StrEnum):
    """Which side's value a field gets."""

    MA = "ma"  # marketing's value, always
    SFA = "sfa"  # sales' value, always
    LATEST = "latest"  # the later change; ties fall by Rules.tie_order
    FILL_BLANK = "fill-blank"  # each side keeps its own; a blank takes the other's
    MAX = "max"  # the greater number
    NEVER_LOOSEN = "never-loosen"  # consent: once true (opted out) on either side, true on both


class Milestone(StrEnum):
    """A point of the lifecycle, with the time it was first reached in a cycle. In the order of the funnel."""

    LEAD = "lead"  # リード
    MQL = "mql"  # MQL
    FIRST_RESPONSE = "first_response"  # MQL対応
    SQL = "sql"  # SQL: inside sales judged it worth an opportunity
    APPOINTMENT = "appointment"  # アポ
    OPPORTUNITY = "opportunity"  # 商談
    EFFECTIVE_OPPORTUNITY = "effective_opportunity"  # 有効商談
    WON = "won"  # 受注
    LOST = "lost"  # 失注
    RECYCLED = "recycled"  # リサイクル


class Origin(StrEnum):
    """Where a lead comes from: inbound (SDR, 反響型) or outbound (BDR, 新規開拓型)."""

    SDR = "sdr"
    BDR = "bdr"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """A field kept the same on both sides: its policy, and which sides can be written."""

    name: str
    policy: Policy
    write_ma: bool = True
    write_sfa: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a lead must be to be in scope: `field` compared with `operands` by `operator`, or not so if `negated`."""

    field: str
    operator: Operator
    operands: tuple[str | int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A text made of the values of `fields`, `separator` between those that aren't blank."""

    fields: tuple[str, ...]
    separator: str = " "


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMap:
    """The vendor's stage or status values (as stored, not labels) of one field, as milestones."""

    side: Side
    kind: Kind
    field: str
    milestones: Mapping[str, Milestone]


class Job(StrEnum):
    """What somebody is to do with a lead."""

    SDR = "sdr"  # inside sales on inbound MQLs
    BDR = "bdr"  # inside sales on target lists
    FIELD_SALES = "field-sales"  # take an SQL on


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who does a job for the leads that are as all of `when` say."""

    job: Job
    people: tuple[str, ...]
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    Who works a lead, by e-mail address; shared out evenly and repeatably by lead_id.

    Args:
        sdr, bdr, field_sales: Who does the job where no team is for the lead.
        teams: The first that fits a lead has it.
        weights: How many leads somebody gets where others get one.
        absences: First and last day (YYYY-MM-DD, the firm's time zone) on which somebody gets none.
        hours: By weekday (0 is Monday) from when to when somebody works, minutes of the day.
        fallback: Who gets leads when a whole team is absent.
        account_owner: The field that holds who owns the lead's account: inside sales' leads are theirs.
    """

    sdr: tuple[str, ...] = ()
    bdr: tuple[str, ...] = ()
    field_sales: tuple[str, ...] = ()
    teams: tuple[Team, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict[str, int])
    absences: Mapping[str, tuple[tuple[str, str], ...]] = field(
        default_factory=dict[str, tuple[tuple[str, str], ...]]
    )
    hours: Mapping[str, Mapping[int, tuple[tuple[int, int], ...]]] = field(
        default_factory=dict[str, Mapping[int, tuple[tuple[int, int], ...]]]
    )
    fallback: str | None = None
    account_owner: str | None = None

    def of(self, job: Job) -> tuple[str, ...]:
        """Return who does *job* where no team is for the lead."""
        return {Job.SDR: self.sdr, Job.BDR: self.bdr, Job.FIELD_SALES: self.field_sales}[job]

    @property
    def everybody(self) -> tuple[str, ...]:
        """Everybody who may get a lead, each once."""
        teams = (each for team in self.teams for each in team.people)
        fallback = () if self.fallback is None else (self.fallback,)
        return tuple(dict.fromkeys((*self.sdr, *self.bdr, *self.field_sales, *teams, *fallback)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoffs:
    """What a handoff makes in the sales tool."""

    task_subject: str = "MQL: {company} {name} (score {score})"
    task_due_hours: int = 24
    opportunity_name: str = "{company} {name}"
    opportunity_stage: str = "Prospecting"
    opportunity_close_days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyRules:
    """
    How companies are kept the same.

    `fields`: those of both sides. `told`: those whose values the leads of a company are told. `shown`: those of them
    that sales sees on a lead that isn't converted yet. `free_mail`: domains at which people of many companies have
    their mail. `owner_fields`: those that hold an owner's address.
    """

    fields: Mapping[str, FieldRule]
    told: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    free_mail: frozenset[str] = frozenset()
    owner_fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    All rules of a firm.

    `skew_ms`: two changes closer than this count as simultaneous and fall by `tie_order`. `first_touch`:
    activity types that count as inside sales' first response. `bdr_sources`: values of the field `source`
    that make a lead BDR. `produced`: the fields each side takes that tasuki itself makes (score, stage …).
    `segments`: the fields that KPIs are cut by. `mirror_all`: True puts each marketing lead into the SFA at once, False only from
    its first MQL on. `consents`: the fields whose policy is never-loosen.
    `made` and `joined`: of `produced`, what comes from the lifecycle, and what is `composed`, in order.

    `opt_ins`: for a consent the field that holds when the person agreed again. `fight_rounds`: a value that was set
    back so often within `fight_window_ms` is left alone; 0 never.

    `scope`: what a lead must be, all of it, for anything to be made, changed or told of it. `composed`: fields
    that are made of others. `together`: fields that a side keeps in one place, so that they are written together.
    `owners`: for each side, the other side's address of an owner to its own; `owner_default`: for those who
    aren't in it. `companies`: None where companies aren't kept. `rates`:
    to the firm's currency; `sales_currency`: in which marketing is told sales' amount, where it isn't the firm's; `deal_currency`:
    that of the opportunities' amounts, where these don't say one each.
    """

    fields: Mapping[str, FieldRule]
    scoring: Scoring
    stages: tuple[StageMap, ...] = ()
    assignment: Assignment = field(default_factory=Assignment)
    handoffs: Handoffs = field(default_factory=Handoffs)
    tie_order: tuple[Side, Side] = (Side.SFA, Side.MA)
    skew_ms: int = 0
    first_touch: frozenset[str] = frozenset({"call", "email", "meeting"})
    bdr_sources: frozenset[str] = frozenset()
    produced: Mapping[Side, frozenset[str]] = field(default_factory=dict[Side, frozenset[str]])
    mirror_all: bool = False
    segments: tuple[str, ...] = ("source", "industry")
    time_zone: str = "Asia/Tokyo"
    language: str = "ja"
    currency: str = "JPY"
    opt_ins: Mapping[str, str] = field(default_factory=dict[str, str])
    fight_rounds: int = 5
    fight_window_ms: int = 3_600_000
    scope: tuple[Condition, ...] = ()
    composed: Mapping[str, Composed] = field(default_factory=dict[str, Composed])
    together: Mapping[Side, tuple[frozenset[str], ...]] = field(
        default_factory=dict[Side, tuple[frozenset[str], ...]]
    )
    owners: Mapping[Side, Mapping[str, str]] = field(default_factory=dict[Side, Mapping[str, str]])
    owner_default: Mapping[Side, str] = field(default_factory=dict[Side, str])
    owner_fields: frozenset[str] = frozenset({"owner"})
    companies: CompanyRules | None = None
    rates: Rates = field(default_factory=Rates)
    sales_currency: str | None = None
    deal_currency: str | None = None
    consents: frozenset[str] = field(init=False, repr=False, compare=False)
    made: Mapping[Side, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    joined: Mapping[Side, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what each decision needs once."""
        consents = frozenset(name for name, each in self.fields.items() if each.policy is Policy.NEVER_LOOSEN)
        produced = {side: sorted(self.produced.get(side, ())) for side in Side}
        made = {
            side: tuple(each for each in names if each not in self.composed)
            for side, names in produced.items()
        }
        joined = {
            side: tuple(each for each in names if each in self.composed) for side, names in produced.items()
        }
        for name, value in {"consents": consents, "made": made, "joined": joined}.items():
            object.__setattr__(self, name, value)
