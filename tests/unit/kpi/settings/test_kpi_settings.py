"""The KPI service's settings: what the file says, in the domain's words."""

import dataclasses
from datetime import UTC, date, datetime

import pytest

from services.kpi.domain.goals import Needed
from services.kpi.domain.metric import Target as Wanted
from services.kpi.domain.notice_quiet import EVERY_DAY, QuietHours, QuietSpan
from services.kpi.domain.notice_rules import Person, Route, SinkRule
from services.kpi.domain.notices import Kind, Severity
from services.kpi.domain.rules import CountingRules, Sign
from services.kpi.domain.sla.calendar import BusinessCalendar
from services.kpi.domain.sla.facts import Terms
from services.kpi.domain.sla.policy import Escalation, Overdue, Pause, Policy, Reopening, Target, Warn
from services.kpi.settings import FeedKey, loads, model
from services.kpi.settings.convert import policy_of
from services.kpi.settings.promise_section import PromiseEntry
from tests.unit.kpi.settings.kpi_firm import ENVIRON, FIRM, SMALLEST, settings_of, smallest

HOUR = 3_600_000


def at(text: str) -> int:
    """Return the instant that *text* says in Japan's time, epoch ms."""
    return int(datetime.fromisoformat(f"{text}+09:00").timestamp() * 1000)


def test_how_is_counted_arrives_in_the_domain() -> None:
    """Time zone of the firm, dimensions, horizons, customers, weeks and years, teams of people."""
    counting = settings_of().counting

    assert counting == CountingRules(
        time_zone="Asia/Tokyo",
        dimensions=("role", "team", "source"),
        teams={"sdr@firm.example": "東京"},
        horizons_days=(7, 30),
        outcomes={**CountingRules().outcomes, "本人と会話": Sign.CONTACT},
        customer="customer_type",
        existing=frozenset({"old"}),
        keep_minutes_ms=72 * HOUR,
        keep_hours_ms=2_400 * HOUR,
        first_weekday=6,
        fiscal_month=1,
    )


def test_outcomes_are_named_as_the_domain_looks_them_up() -> None:
    """Capitals and width don't matter; what tasuki knows can be told otherwise."""
    text = SMALLEST + '[kpi.outcomes]\n"Ｃonnected" = "none"\n'

    assert settings_of(text, {}).counting.outcomes["connected"] is Sign.NONE


def test_targets_are_the_catalogues_unless_the_firm_says_otherwise() -> None:
    """A number, a range, a time, none; what a number is a share of, or a number per, stays."""
    usual, own = smallest().targets, settings_of().targets

    assert own["sql_rate", "sdr"] == Wanted(0.35)
    assert own["opportunity_rate", "sdr"] == Wanted(0.2, 0.25)
    assert ("opportunity_rate", "bdr") not in own
    assert own["calls", "bdr"] == Wanted(80, None, per="day and person")
    assert own["time_to_first_response", "sdr"] == Wanted(2 * HOUR)
    assert own["opportunities", "sdr"] == Wanted(40)
    assert own["opportunities", "bdr"] == usual["opportunities", "bdr"] == Wanted(from_goal="revenue")
    assert usual["opportunity_rate", "bdr"] == Wanted(0.10, 0.15)


def test_goals_are_worked_back_to_leads() -> None:
    """100 million at 5 million an order take 20 orders, 100 opportunities, 667 leads."""
    goals = settings_of().goals

    assert goals is not None
    assert goals.needed == Needed(20, 100, 667, pytest.approx(666.67, abs=0.01))  # pyright: ignore[reportArgumentType]
    assert smallest().goals is None


def test_a_promise_says_all_that_a_policy_can() -> None:
    """Everything of [[sla]] arrives; each field of the domain's policy is set by the file."""
    response, meeting = settings_of().policies

    assert response == Policy(
        name="response",
        starts=("mql",),
        stops=("first_response", "activity:call"),
        targets=(
            Target(budget_ms=HOUR // 2, when={"temperature": ("hot", "warm"), "vip": ("true",)}),
            Target(budget_ms=8 * HOUR, calendar="office"),
        ),
        cancels=("lost",),
        resets=("offered:mql",),
        reopens=("recycled",),
        reopening=Reopening.RESUME,
        pauses=(Pause(begins=("activity:meeting",), ends=("activity:email",)),),
        warnings=(Warn(share=0.5), Warn(share=0.9, notify=("team-lead",))),
        breach_notify=("owner", "team-lead"),
        escalations=(
            Escalation(notify=("team-lead",), after_ms=2 * HOUR),
            Escalation(notify=("boss@firm.example",), share=3, reassign=True),
        ),
        overdue=Overdue.EACH,
    )
    assert meeting == Policy(
        name="meeting", starts=("sql",), stops=("appointment",), targets=(Target(budget_ms=48 * HOUR),)
    )
    fields = {each.name for each in dataclasses.fields(Policy) if each.init}
    assert fields <= set(PromiseEntry.model_fields)


def test_promises_find_their_calendars() -> None:
    """The domain takes the policies with the calendars as they are."""
    settings = settings_of()

    for policy in settings.policies:
        Terms(policy=policy, calendars=settings.calendars)


def test_a_calendar_knows_hours_holidays_and_the_firms_own_days() -> None:
    """Lunch, a short Friday, Labour Thanksgiving Day, closed and special days, every year's end; 29 February in leap years."""
    office = settings_of().calendars["office"]

    assert isinstance(office, BusinessCalendar)
    # Friday 11:00 + 3 h: an hour left on Friday, a holiday on Monday and an own one on Tuesday, Saturday is special.
    assert office.after(at("2026-11-20T11:00"), 3 * HOUR) == at("2026-11-25T11:00")
    assert office.after(at("2026-11-27T11:00"), 3 * HOUR) == at("2026-11-28T12:00")
    assert [str(each) for each in office.hours_of(date(2026, 11, 26))] == ["09:00-12:00", "13:00-18:00"]
    assert office.hours_of(date(2027, 12, 29)) == ()
    assert office.hours_of(date(2028, 2, 29)) == ()


def test_a_calendar_may_have_a_time_zone_of_its_own_and_run_over_midnight() -> None:
    """22:00 in Berlin is 21:00 UTC in winter."""
    night = settings_of().calendars["night"]

    opens = int(datetime(2026, 11, 23, 21, tzinfo=UTC).timestamp() * 1000)
    assert night.after(opens - HOUR, 8 * HOUR) == opens + 8 * HOUR


def test_clocks_have_their_grace_and_their_batch() -> None:
    """How long a timer waits, and how many fire at once."""
    assert (settings_of().grace_ms, settings_of().timers_batch) == (60_000, 50)


def test_sinks_say_how_they_are_fed() -> None:
    """A sink for people groups and limits; a webhook and tasks take each alert at once, unless the file says otherwise."""
    chat, mail, own, tasks = (each.rule for each in settings_of().sinks)

    assert chat == SinkRule(
        name="chat",
        language="en",
        window_ms=60_000,
        most_alerts=100,
        most_lines=5,
        limit=3,
        period_ms=HOUR // 2,
        quiet=QuietHours(
            zone="Asia/Tokyo",
            spans=(
                QuietSpan(starts=20 * 60, ends=8 * 60, days=EVERY_DAY),
                QuietSpan(starts=0, ends=24 * 60, days=frozenset({5, 6})),
            ),
            passes=Severity.BREACH,
            policies=frozenset({"response"}),
        ),
    )
    assert mail == SinkRule(name="mail")
    assert own == dataclasses.replace(SinkRule.for_machines("own-system"), timeout_ms=5_000)
    assert tasks == SinkRule.for_tasks("tasks")
    assert settings_of().notices.sinks == {each.name: each for each in (chat, mail, own, tasks)}


@pytest.mark.parametrize(
    ("written", "days"),
    [("fri-mon 20:00-24:00", {4, 5, 6, 0}), ("mon,wed 20:00-24:00", {0, 2}), ("sun 20:00-24:00", {6})],
)
def test_quiet_days_are_written_as_spans_and_lists(written: str, days: set[int]) -> None:
    """A span may run over the week's end."""
    text = FIRM.replace("sat-sun 00:00-24:00", written)

    quiet = settings_of(text).sinks[0].rule.quiet
    assert quiet is not None
    assert quiet.spans[1] == QuietSpan(starts=20 * 60, ends=24 * 60, days=frozenset(days))


def test_sinks_have_their_secrets_from_the_environment() -> None:
    """Address and signing secrets by the sink's name; two secrets while one is replaced; tasks need none."""
    environ = {**ENVIRON, "TASUKI_SINK_OWN_SYSTEM_SECRET_OLD": "the-secret-before-it"}
    chat, _, own, tasks = settings_of(FIRM, environ).sinks

    assert chat.address is not None
    assert chat.address.get_secret_value() == ENVIRON["TASUKI_SINK_CHAT_URL"]
    assert [each.get_secret_value() for each in own.secrets] == [
        ENVIRON["TASUKI_SINK_OWN_SYSTEM_SECRET"],
        "the-secret-before-it",
    ]
    assert (tasks.kind, tasks.address, tasks.secrets) == ("sales-task", None, ())


def test_the_notifier_knows_people_roles_and_routes() -> None:
    """People by their address, holders by team, all conditions of a route."""
    notices = settings_of().notices

    assert notices.people["sdr@firm.example"] == Person(
        name="佐藤 花子",
        team="東京",
        addresses={"mail": "hanako@firm.example", "tasks": "sdr@firm.example"},
    )
    assert notices.holders == {"team-lead": {"": "boss@firm.example", "東京": "sdr@firm.example"}}
    assert notices.routes == (
        Route(sink="mail", roles=frozenset({"owner"}), personal=True),
        Route(
            sink="chat",
            teams=frozenset({"東京"}),
            segments={"source": frozenset({"web"})},
            origins=frozenset({"sdr"}),
            policies=frozenset({"response"}),
            kinds=frozenset({Kind.BREACHED, Kind.ESCALATED}),
            least=Severity.BREACH,
        ),
    )
    assert notices.default == ("chat", "own-system")
    assert notices.unknown_sinks() == []


def test_messages_have_links_and_names() -> None:
    """Labels by language, the address of a lead's page, what is shown of it."""
    notices = settings_of().notices

    assert notices.policy_names == {
        "response": {"en": "response", "ja": "対応"},
        "meeting": {"en": "meeting", "ja": "meeting"},
    }
    assert (notices.link, notices.team_segment) == ("https://crm.firm.example/{lead_id}", "office")
    assert smallest().notices.link == "https://x.example/leads/{lead_id}"


def test_the_feed_has_its_address_and_its_keys() -> None:
    """The keys are secrets; without a public address it is the listener's."""
    feed = settings_of().feed

    assert (feed.host, feed.port, feed.public_url) == ("0.0.0.0", 9000, "https://kpi.firm.example")  # noqa: S104
    (key,) = feed.keys
    assert (key.name, key.role) == ("dashboard", "operate")
    assert key.secret is not None
    assert key.secret.get_secret_value() == ENVIRON["TASUKI_FEED_KEY_DASHBOARD"]
    assert smallest().feed == model.FeedSettings(
        host="127.0.0.1", port=8081, public_url="http://127.0.0.1:8081"
    )


def test_a_file_without_a_word_of_kpis_works() -> None:
    """Two promises, no sinks, the catalogue's targets."""
    settings = smallest()

    assert {each.name: each.targets[0].budget_ms for each in settings.policies} == {
        "mql-response": 24 * HOUR,
        "sql-meeting": 48 * HOUR,
    }
    assert settings.notices.policy_names["mql-response"]["ja"] == "MQL対応"
    assert (settings.sinks, settings.calendars) == ((), {})
    assert settings.counting == CountingRules()


def test_promises_can_be_done_without() -> None:
    """`sla = []` is none; leaving it out is the built-in ones."""
    assert settings_of("sla = []\n" + SMALLEST, {}).policies == ()


def test_a_command_that_tells_nobody_can_do_without_secrets() -> None:
    """Addresses and keys are None then."""
    settings = loads(FIRM, {}, file="f", folder=settings_of().data_folder, need_secrets=False)

    assert settings.sinks[0].address is None
    assert settings.feed.keys == (FeedKey(name="dashboard", role="operate"),)


def test_settings_never_show_a_secret() -> None:
    """Printing the settings prints stars."""
    assert "S3CR3T" not in repr(settings_of())


def test_every_promise_of_the_file_has_a_policy() -> None:
    """The smallest entry is a whole policy."""
    entry = PromiseEntry.model_validate(
        {"name": "x", "starts": ["mql"], "stops": ["won"], "targets": [{"within": "1h"}]}
    )

    assert policy_of(entry).breach_notify == ("owner",)


def test_tasks_go_to_persons_unless_the_route_says_otherwise() -> None:
    """A task has somebody who does it; a chat is for all."""
    text = (
        FIRM
        + """
[[routes]]
sink = "tasks"
[[routes]]
sink = "tasks"
personal = false
[[routes]]
sink = "chat"
"""
    )
    routes = settings_of(text).notices.routes[-3:]
    assert [(each.sink, each.personal, each.else_own) for each in routes] == [
        ("tasks", True, True),
        ("tasks", False, True),
        ("chat", False, False),
    ]
