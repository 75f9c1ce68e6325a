"""Broken KPI sections, one mistake each: the place, the key, what is wrong, and the mend."""

from typing import NamedTuple

import pytest

from services.configuration.mistakes import ConfigurationErrors, Mistake
from tests.unit.kpi.settings.kpi_firm import ENVIRON, FIRM, SMALLEST, settings_of


class Broken(NamedTuple):
    """A change of the firm's file, the line that must be named (None: the first changed one), and the words."""

    old: str
    new: str
    key: str
    problem: str
    mend: str
    line: str | None = None


SHAPES = {
    "unknown key": Broken("fiscal_month", "fiscalmonth", "kpi.fiscalmonth", "unknown key", '"fiscal_month"'),
    "unknown section": Broken("[alerts]", "[alarts]", "alarts", "unknown section", '"alerts"'),
    "a table as a list": Broken("[alerts]", "[[alerts]]", "alerts", "must be a table", "[alerts]"),
    "a list as a table": Broken(
        '[[roles]]\nrole = "team-lead"\nperson = "boss@firm.example"\n\n[[roles]]\nrole = "team-lead"\nteam = "東京"\n'
        'person = "sdr@firm.example"',
        '[roles]\nrole = "x"',
        "roles",
        "list of tables",
        "[[roles]]",
    ),
    "unknown key of a calendar": Broken(
        'holidays = "JP"', 'holyday = "JP"', "calendars.office.holyday", "unknown key", '"holidays"'
    ),
    "calendar that is none": Broken(
        '[calendars.night]\ntime_zone = "Europe/Berlin"\nmon = ["22:00-06:00"]',
        "[calendars]\nnight = 1",
        "calendars.night",
        "must be a table",
        "[heading]",
        "night = 1",
    ),
    "too many dimensions": Broken(
        '["role", "team", "source"]',
        '["a", "b", "c", "d", "e", "f", "g", "h", "i"]',
        "kpi.dimensions",
        "has 9 elements",
        "at most 8",
    ),
    "horizon twice": Broken("[7, 30]", "[7, 7]", "kpi.horizons_days", "twice", "keep one"),
    "grace without a unit": Broken('"1m"\nclock', "60\nclock", "kpi.clock_grace", "not a duration", '"5m"'),
    "unknown outcome": Broken(
        '"本人と会話" = "contact"',
        '"本人と会話" = "contct"',
        "kpi.outcomes.本人と会話",
        "not known here",
        '"contact"',
    ),
    "rate above one": Broken(
        "win_rate = 0.2", "win_rate = 20.0", "kpi.goals.win_rate", "out of bounds", "at most 1"
    ),
    "rate of nothing": Broken(
        "win_rate = 0.2", "win_rate = 0.0", "kpi.goals.win_rate", "out of bounds", "more than 0"
    ),
    "no hours": Broken(
        'fri = ["09:00-12:00"]', 'fri = ["9-12"]', "calendars.office.fri[0]", "09:00", "09:00-18:00"
    ),
    "hour 25": Broken(
        'fri = ["09:00-12:00"]', 'fri = ["09:00-25:00"]', "calendars.office.fri[0]", "24:00", "end of the day"
    ),
    "no date": Broken(
        "[2026-11-24]", '["24.11.2026"]', "calendars.office.closed[0]", "not a date", "2026-12-29"
    ),
    "no day of the year": Broken(
        '"02-29"', '"02-30"', "calendars.office.closed_yearly[1]", "no day", '"12-29"'
    ),
    "no special day": Broken(
        "2026-11-28 =", "saturday =", "calendars.office.special.saturday", "not a date", "2026-12-29"
    ),
    "no time zone": Broken(
        '"Europe/Berlin"', '"Europe/Berln"', "calendars.night.time_zone", "not a time zone", '"Europe/Berlin"'
    ),
    "name with a blank": Broken(
        'name = "meeting"', 'name = "the meeting"', "sla[1].name", "not a name", "letters"
    ),
    "promise without a time": Broken(
        'targets = [{ within = "48h" }]', "targets = []", "sla[meeting].targets", "is empty", "at least 1"
    ),
    "promise without an end": Broken(
        'stops = ["appointment"]', "stops = []", "sla[meeting].stops", "is empty", "1"
    ),
    "promise of two years": Broken(
        '"48h"', '"730d"', "sla[meeting].targets[0].within", "out of bounds", '"366d"'
    ),
    "warning at the deadline": Broken(
        "share = 0.9", "share = 1.0", "sla[response].warnings[1].share", "out of bounds", "less than 1"
    ),
    "share as a text": Broken(
        "share = 0.9", 'share = "90%"', "sla[response].warnings[1].share", "must be a number", "share = 0.5"
    ),
    "value of a segment": Broken(
        'temperature = ["hot", "warm"]',
        "temperature = [1.5]",
        "sla[response].targets[0].when.temperature[0]",
        "must be a text",
        '"hot"',
    ),
    "no quiet hours": Broken(
        '"20:00-08:00"', '"night"', "sinks[chat].quiet.hours[0]", "no span of hours", "09:00-18:00"
    ),
    "quiet on no day": Broken(
        '"sat-sun 00:00', '"weekend 00:00', "sinks[chat].quiet.hours[1]", "no days", '"mon-fri"'
    ),
    "feed in the clear": Broken(
        '"https://kpi.firm.example/"', '"http://kpi.firm.example"', "feed.public_url", "unprotected", "https"
    ),
    "target that is no number": Broken(
        "sdr = 0.35", "sdr = true", "kpi.targets.sql_rate.sdr", "no target", '"none"'
    ),
    "range upside down": Broken(
        "[0.2, 0.25]", "[0.25, 0.2]", "kpi.targets.opportunity_rate.sdr", "before it begins", "smaller"
    ),
}
TOGETHER = {
    "dimension twice": Broken(
        '"team", "source"', '"team", "team"', "kpi.dimensions[2]", "named twice", "keep one"
    ),
    "outcome twice": Broken(
        '"本人と会話" = "contact"',
        'Replied = "contact"\nreplied = "contact"',
        "kpi.outcomes.replied",
        'same outcome as "Replied"',
        "keep one",
        'replied = "contact"',
    ),
    "unknown metric": Broken("sql_rate =", "sql_rat =", "kpi.targets.sql_rat", "no metric", '"sql_rate"'),
    "share in percent": Broken("sdr = 0.35", "sdr = 35", "kpi.targets.sql_rate.sdr", "35 is no share", "0.3"),
    "time without a unit": Broken(
        'sdr = "2h"', "sdr = 2", "kpi.targets.time_to_first_response.sdr", "a time", '"24h"'
    ),
    "time for a count": Broken("bdr = 80", 'bdr = "80h"', "kpi.targets.calls.bdr", "a number", "a number"),
    "no target at all": Broken(
        "calls = { bdr = 80 }", "calls = {}", "kpi.targets.calls", "sets no target", "give sdr"
    ),
    "hours that overlap": Broken(
        '"13:00-18:00"', '"11:00-18:00"', "calendars.office.weekdays", "overlap", "apart"
    ),
    "hours that are none": Broken(
        'fri = ["09:00-12:00"]', 'fri = ["09:00-09:00"]', "calendars.office.fri", "at once", "apart"
    ),
    "special hours over midnight": Broken(
        '["10:00-15:00"]', '["22:00-02:00"]', "calendars.office.special.2026-11-28", "midnight", "apart"
    ),
    "calendar that never opens": Broken(
        'mon = ["22:00-06:00"]', "mon = []", "calendars.night", "never opens", "09:00", "[calendars.night]"
    ),
    "unknown country": Broken('"JP"', '"XX"', "calendars.office.holidays", "XX", '"JP"'),
    "holidays of no country": Broken(
        'mon = ["22:00-06:00"]',
        'mon = ["22:00-06:00"]\nsubdivision = "BY"',
        "calendars.night.subdivision",
        "no effect",
        "holidays",
        'subdivision = "BY"',
    ),
    "promise twice": Broken(
        'name = "meeting"', 'name = "response"', "sla[response].name", "first on line 45", "rename"
    ),
    "unknown fact": Broken(
        '["appointment"]', '["appointmnt"]', "sla[meeting].stops[0]", "no fact", '"appointment"'
    ),
    "unknown kind of activity": Broken(
        '"activity:call"', '"activity:cal"', "sla[response].stops[1]", "no fact", '"activity:call"'
    ),
    "pattern that nothing fits": Broken(
        '"activity:call"', '"activty:*"', "sla[response].stops[1]", "no fact", "activity:"
    ),
    "started by an activity": Broken(
        'starts = ["sql"]', 'starts = ["activity:call"]', "sla[meeting].starts[0]", "no cycle", "sql"
    ),
    "starts and stops": Broken(
        '["appointment"]', '["sql"]', "sla[meeting].stops[0]", "starts the clock too", "one of the two"
    ),
    "fulfils and cancels": Broken(
        'cancels = ["lost"]',
        'cancels = ["activity:call"]',
        "sla[response].cancels[0]",
        "fulfils the promise too",
        "one of the two",
    ),
    "pause that ends itself": Broken(
        'ends = ["activity:email"]',
        'ends = ["activity:meeting"]',
        "sla[response].pauses[0].ends[0]",
        "begins this pause too",
        "one of the two",
    ),
    "unknown calendar": Broken(
        'calendar = "office"',
        'calendar = "ofice"',
        "sla[response].targets[1].calendar",
        "no calendar",
        '"office"',
    ),
    "target behind the one for all": Broken(
        '{ within = "48h" }',
        '{ within = "48h" }, { within = "1h", when = { source = ["x"] } }',
        "sla[meeting].targets[1]",
        "never reached",
        "before",
    ),
    "warned twice": Broken(
        "share = 0.9", "share = 0.5", "sla[response].warnings[1].share", "warns twice", "one notify"
    ),
    "escalation without a time": Broken(
        'after = "2h"\n',
        "",
        "sla[response].escalations[0]",
        "doesn't say when",
        "after",
        "[[sla.escalations]]",
    ),
    "escalation with two times": Broken(
        'after = "2h"',
        'after = "2h"\nshare = 2.0',
        "sla[response].escalations[0]",
        "twice when",
        "keep one",
        "[[sla.escalations]]",
    ),
    "escalation to nobody": Broken(
        'after = "2h"\nnotify = ["team-lead"]',
        'after = "2h"',
        "sla[response].escalations[0]",
        "tells nobody",
        "notify",
        "[[sla.escalations]]",
    ),
    "unknown role": Broken(
        'breach_notify = ["owner", "team-lead"]',
        'breach_notify = ["ownr"]',
        "sla[response].breach_notify[0]",
        "neither a role nor a person",
        '"owner"',
    ),
    "unknown role of a route": Broken(
        'roles = ["owner"]', 'roles = ["teamlead"]', "routes[0].roles[0]", "neither", '"team-lead"'
    ),
    "unknown person": Broken(
        'role = "team-lead"\nperson = "boss@',
        'role = "team-lead"\nperson = "bos@',
        "roles[0].person",
        "nobody of",
        '"boss@firm.example"',
        'person = "bos@firm.example"',
    ),
    "role of the owner": Broken(
        'role = "team-lead"\nperson', 'role = "owner"\nperson', "roles[0].role", "whoever owns", "rename"
    ),
    "person twice": Broken(
        'email = "boss@firm.example"',
        'email = "Sdr@firm.example"',
        "people[1].email",
        "given twice",
        "keep one",
    ),
    "sink twice": Broken(
        'name = "tasks"\nkind', 'name = "mail"\nkind', "sinks[mail].name", "given twice", "keep one"
    ),
    "unknown sink of a route": Broken('sink = "mail"', 'sink = "mai"', "routes[0].sink", "no sink", '"mail"'),
    "unknown sink of a person": Broken(
        "{ mail =", "{ mial =", "people[0].addresses.mial", "no sink", '"mail"'
    ),
    "unknown sink by default": Broken(
        '["chat", "own', '["chatt", "own', "alerts.default[0]", "no sink", '"chat"'
    ),
    "unknown promise of a route": Broken(
        'policies = ["response"]\nkinds',
        'policies = ["respond"]\nkinds',
        "routes[1].policies[0]",
        "no promise",
        '"response"',
    ),
    "unknown promise that passes": Broken(
        'policies = ["response"] }',
        'policies = ["respond"] }',
        "sinks[chat].quiet.policies[0]",
        "no promise",
        '"response"',
    ),
    "link to nowhere": Broken("/{lead_id}", "/leads", "alerts.link", "no lead", "{lead_id}"),
    "link that is none": Broken('"https://crm', '"crm', "alerts.link", "no web address", "https"),
    "feed for everybody": Broken(
        '[[feed.keys]]\nname = "dashboard"\nrole = "operate"\n',
        "",
        "feed.host",
        "reached by others",
        "[[feed.keys]]",
        'host = "0.0.0.0"',
    ),
    "key twice": Broken(
        'role = "operate"',
        'role = "operate"\n[[feed.keys]]\nname = "dashboard"',
        "feed.keys[dashboard].name",
        "given twice",
        "keep one",
        'name = "dashboard"',
    ),
    "port of the web server": Broken(
        "port = 9000", "port = 8080", "feed.port", "listens at 8080", "another port"
    ),
    "address in the file": Broken(
        'name = "mail"',
        'name = "mail"\nurl = "mailtos://u:S3CR3T@smtp.firm.example"',
        "sinks[mail].url",
        "is a secret",
        "TASUKI_SINK_MAIL_URL",
        'url = "mailtos://u:S3CR3T@smtp.firm.example"',
    ),
    "key in the file": Broken(
        'role = "operate"',
        'role = "operate"\nkey_secret = "S3CR3T"',
        "feed.keys[dashboard].key_secret",
        "is a secret",
        "TASUKI_FEED_KEY_DASHBOARD",
        'key_secret = "S3CR3T"',
    ),
}
CASES = {**SHAPES, **TOGETHER}
WITH_CONSEQUENCES = {
    "person twice",  # the second one has a role
    "feed for everybody",  # the key's variable is nobody's then
}


def mistakes_of(text: str, environ: dict[str, str] | None = None) -> tuple[Mistake, ...]:
    """Return the mistakes in *text*; none when it is in order."""
    try:
        settings_of(text, environ)
    except ConfigurationErrors as errors:
        return errors.mistakes
    return ()


def broken(case: Broken) -> str:
    """Return the firm's file with the mistake."""
    assert case.old in FIRM, case.old
    return FIRM.replace(case.old, case.new, 1)


def lines_of(case: Broken) -> set[int]:
    """Return the lines that may be named."""
    lines = broken(case).split("\n")
    if case.line is not None:
        return {number for number, line in enumerate(lines, start=1) if line == case.line}
    before = FIRM.split("\n")
    return {
        next(number for number, pair in enumerate(zip(before, lines, strict=False), 1) if pair[0] != pair[1])
    }


def test_the_firm_itself_is_in_order() -> None:
    """What the broken files are made from has no mistake."""
    assert mistakes_of(FIRM) == ()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_broken_file_names_the_place_and_the_mend(case: Broken) -> None:
    """Each mistake is found, at its line, under its key, with its mend; nothing in it shows a secret."""
    mistakes = mistakes_of(broken(case))

    found = [each for each in mistakes if each.key == case.key]
    assert found, [str(each) for each in mistakes]
    assert found[0].line in lines_of(case)
    assert case.problem in found[0].problem
    assert case.mend in found[0].mend
    assert not any("S3CR3T" in str(each) for each in mistakes)


def test_a_mistake_is_told_once_and_brings_no_others() -> None:
    """One change gives one mistake, but where another section really no longer fits."""
    several = {name for name, case in CASES.items() if len(mistakes_of(broken(case))) != 1}

    assert several == WITH_CONSEQUENCES


def test_all_mistakes_come_at_once_in_the_order_of_their_lines() -> None:
    """As many as there are."""
    text = FIRM
    cases = [
        CASES[name] for name in ("dimension twice", "unknown country", "unknown fact", "link to nowhere")
    ]
    for case in cases:
        text = text.replace(case.old, case.new, 1)

    mistakes = mistakes_of(text, {**ENVIRON, "TASUKI_SINK_CHAT_URI": "x"})

    assert [each.key for each in mistakes] == [*(each.key for each in cases), "TASUKI_SINK_CHAT_URI"]


@pytest.mark.parametrize("name", [name for name in ENVIRON if name != "PATH"])
def test_a_secret_that_the_file_calls_for_must_be_set(name: str) -> None:
    """Each sink's address, a webhook's secret, each key of the feed; by name, with what it is for."""
    environ = {key: value for key, value in ENVIRON.items() if key != name}

    (mistake,) = mistakes_of(FIRM, environ)

    assert (mistake.file, mistake.key, mistake.problem) == ("environment", name, "is not set")


@pytest.mark.parametrize("name", ["TASUKI_SINK_OWN_SYSTEM_SECRET", "TASUKI_FEED_KEY_DASHBOARD"])
def test_a_secret_that_can_be_guessed_is_a_mistake(name: str) -> None:
    """Keys and signing secrets have 16 characters at least."""
    (mistake,) = mistakes_of(FIRM, {**ENVIRON, name: "short"})

    assert (mistake.key, mistake.problem) == (name, "can be guessed")


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("TASUKI_SINK_CHAD_URL", "TASUKI_SINK_CHAT_URL"),
        ("TASUKI_FEED_KEY_DASHBORD", "TASUKI_FEED_KEY_DASHBOARD"),
        ("TASUKI_SINKS_MAIL_URL", "TASUKI_SINK_MAIL_URL"),
    ],
)
def test_a_misspelt_variable_is_a_mistake(name: str, mend: str) -> None:
    """Of sinks that aren't in the file, or keys that aren't."""
    (mistake,) = mistakes_of(FIRM, {**ENVIRON, name: "x"})

    assert (mistake.key, mistake.problem) == (name, "unknown variable")
    assert mend in mistake.mend


def test_a_file_that_is_no_toml_says_nothing_of_sinks_variables() -> None:
    """Whether they are anybody's isn't known then; the rest of the environment is looked at all the same."""
    mistakes = mistakes_of("[firm\n", {**ENVIRON, "TASUKI_LOUDNESS": "x"})

    assert [each.key for each in mistakes] == ["", "TASUKI_LOUDNESS"]


def test_only_the_firm_must_be_there() -> None:
    """All else has its defaults."""
    (mistake,) = mistakes_of("", {})

    assert "[firm] is missing" in mistake.problem
    assert mistakes_of(SMALLEST, {}) == ()
