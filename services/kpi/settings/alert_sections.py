"""The shape of [[people]], [[roles]], [[sinks]], [[routes]] and [alerts]: who hears of an alert, where and when."""

from typing import Annotated, Literal

from pydantic import Field

from services.configuration.quantities import (
    DurationBetween,
    FieldName,
    MailAddress,
    Slug,
    Switch,
    Text,
    Whole,
)
from services.configuration.sections import Section, TimeZone
from services.kpi.domain.notices import Kind
from services.kpi.settings.written import Quiet, SegmentValue

SeverityName = Literal["warning", "breach", "escalation"]


class PersonEntry(Section):
    """Somebody who works leads, or is told of them."""

    email: MailAddress = Field(
        description="As the owner of leads is known: the user's address in the sales tool."
    )
    name: Text = Field(description="As messages show it.")
    team: Text | None = Field(
        default=None, description="The team, by which figures are cut and alerts routed."
    )
    addresses: dict[Slug, Text] = Field(
        default_factory=dict,
        description="Where the person is reached: sink → address there, which takes the place of `{target}` in its URL; of "
        "tasks the user's address in the sales tool, left out: `email`.",
    )


class RoleEntry(Section):
    """Who has a role: whom a promise means by `team-lead`."""

    role: Slug = Field(description="`team-lead`, `department`, or a name of your own; not `owner`.")
    person: MailAddress = Field(description="Who has it: the e-mail address of one of `[[people]]`.")
    team: Text | None = Field(
        default=None, description="For which team; left out: for all that have nobody else."
    )


class QuietTable(Section):
    """When a sink holds messages back; what came in is told as one message after."""

    hours: tuple[Quiet, ...] = Field(
        description='`["20:00-08:00", "sat-sun 00:00-24:00"]`; from evening to morning runs over midnight.',
        min_length=1,
    )
    time_zone: TimeZone | None = Field(default=None, description="Where they are read; left out: the firm's.")
    passes: SeverityName | None = Field(
        default=None, description="Alerts at least so severe go out all the same; left out: none."
    )
    policies: tuple[Slug, ...] = Field(default=(), description="Only of these promises; left out: of all.")


class SinkEntry(Section):
    """
    Where alerts go. The address is a secret, so it comes from the environment: `TASUKI_SINK_<NAME>_URL`.

    See `docs/alerts.md` for addresses, and for what a webhook of your own gets.
    """

    name: Slug = Field(description="Its name: `slack-sales`.")
    kind: Literal["apprise", "webhook", "sales-task"] = Field(
        default="apprise",
        description="`apprise`: people, at Slack, Teams, mail, LINE, Chatwork …; `webhook`: a program of your own; "
        "`sales-task`: tasks in the sales tool.",
    )
    language: Literal["ja", "en"] | None = Field(
        default=None, description="Language of the messages; left out: the firm's."
    )
    window_ms: Annotated[int, DurationBetween("0s", "24h")] | None = Field(
        default=None,
        alias="window",
        description="An alert waits so long for others, to become one message with them; left out: 30s, "
        "for a webhook or tasks 0s.",
    )
    most_alerts: Annotated[Whole, Field(ge=1, le=5_000)] | None = Field(
        default=None, description="In one message; left out: 500, for a webhook or tasks 1."
    )
    most_lines: Annotated[Whole, Field(ge=1, le=200)] = Field(
        default=15, description="Of alerts that a message shows; the rest is counted."
    )
    limit: Annotated[Whole, Field(ge=0, le=100_000)] | None = Field(
        default=None,
        description="At most so many messages to an address in each `period`, 0 for no limit; left out: 10, for a webhook "
        "or tasks 0.",
    )
    period_ms: Annotated[int, DurationBetween("1m", "24h")] = Field(
        default=3_600_000, alias="period", description="The time in which `limit` counts."
    )
    quiet: QuietTable | None = Field(default=None, description="When it is silent.")
    current_only: Switch | None = Field(
        default=None,
        description="Whether alerts are dropped that were answered while they waited; left out: true, for a webhook "
        "false.",
    )
    timeout_ms: Annotated[int, DurationBetween("1s", "5m")] = Field(
        default=15_000, alias="timeout", description="For one message."
    )
    first_wait_ms: Annotated[int, DurationBetween("100ms", "1h")] = Field(
        default=1_000,
        alias="first_wait",
        description="After the first failure; doubles with each further one.",
    )
    longest_wait_ms: Annotated[int, DurationBetween("1s", "24h")] = Field(
        default=300_000, alias="longest_wait", description="The longest that it doubles to."
    )
    longest_hold_ms: Annotated[int, DurationBetween("1s", "24h")] = Field(
        default=3_600_000, alias="longest_hold", description="The longest that a `Retry-After` is obeyed."
    )
    keeps_ms: Annotated[int, DurationBetween("1m", "90d")] = Field(
        default=604_800_000, alias="keeps", description="What waited for so long is dropped."
    )
    most_waiting: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(
        default=10_000, description="What comes while so many wait is dropped."
    )
    remembers_ms: Annotated[int, DurationBetween("1h", "400d")] = Field(
        default=2_592_000_000,
        alias="remembers",
        description="So long it is known who was told of a breach, and is told of its end.",
    )


class RouteEntry(Section):
    """Alerts that are as all of its keys say go to `sink`; a key that is left out takes all. All routes that fit apply."""

    sink: Slug = Field(description="Where to, by the sink's name.")
    roles: tuple[Text, ...] = Field(
        default=(),
        description="For whom: `owner`, a role, or a person's e-mail address, as the promise names them.",
    )
    teams: tuple[Text, ...] = Field(default=(), description="The owner's team, or the lead's segment of it.")
    segments: dict[FieldName, Annotated[tuple[SegmentValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict, description='Field of `[sync] segments` → its values: `{ source = ["Web"] }`.'
    )
    origins: tuple[Literal["sdr", "bdr"], ...] = Field(
        default=(), description="Inbound (`sdr`) or outbound (`bdr`)."
    )
    policies: tuple[Slug, ...] = Field(default=(), description="Of these promises.")
    kinds: tuple[Kind, ...] = Field(default=(), description="Which alerts. The end of a breach isn't routed.")
    least: SeverityName = Field(default="warning", description="At least so severe.")
    personal: Switch | None = Field(
        default=None,
        description="`true`: to the address of whoever has the role, there; `false`: to the sink's own, of tasks to the "
        "lead's owner; left out: false, for tasks true.",
    )


class AlertsSection(Section):
    """What holds for all alerts."""

    default: tuple[Slug, ...] = Field(
        default=(), description="Sinks for what no route takes, and for whom nobody is found."
    )
    link: Text | None = Field(
        default=None,
        description="Address of a lead's page, `{lead_id}` in it; left out: `<firm.public_url>/leads/{lead_id}`.",
    )
    team_segment: FieldName = Field(
        default="team",
        description="The field of `[sync] segments` that holds the team, where the owner's isn't known.",
    )
    shown_segments: tuple[FieldName, ...] = Field(
        default=("company", "source", "industry"),
        description="Fields of `[sync] segments` that messages show, in this order.",
        max_length=8,
    )
