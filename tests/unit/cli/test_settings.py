"""tasuki.toml as a whole: every service reads its part, and all mistakes are told together."""

from pathlib import Path

import pytest

from services.cli.exits import ExitCode
from services.cli.main import main
from services.cli.settings import Configured, loads
from services.configuration import names
from services.configuration.mistakes import ConfigurationErrors, Mistake
from services.kpi import settings as kpi
from services.sync import settings as sync
from services.sync.settings.draft import SECTIONS
from tests.unit.kpi.settings.kpi_firm import ENVIRON as KPI_ENVIRON
from tests.unit.settings.small_firm import ENVIRON, SMALL, changed

SINK = '\n[[sinks]]\nname = "chat"\n'
WHOLE = f"{SMALL}{SINK}"
PROMISE = '[[sla]]\nname = "x"\nstarts = ["mql"]\nstops = ["sql"]\n'
URL = {"TASUKI_SINK_CHAT_URL": "https://hooks.slack.com/services/x"}


def loaded(text: str = WHOLE, environ: dict[str, str] | None = None) -> Configured:
    """Return both services' settings in *text*."""
    given = {**ENVIRON, **URL} if environ is None else environ
    return loads(text, given, file="tasuki.toml", folder=Path("/firm"))


def mistakes_of(text: str, environ: dict[str, str] | None = None) -> tuple[Mistake, ...]:
    """Return the mistakes in *text*; none when it is in order."""
    try:
        loaded(text, environ)
    except ConfigurationErrors as errors:
        return errors.mistakes
    return ()


def test_each_service_gets_its_part_and_both_the_same_of_what_they_share() -> None:
    """One file, two settings."""
    found = loaded()

    assert found.sync.rules.scoring.threshold == 10
    assert [each.name for each in found.kpi.sinks] == ["chat"]
    assert (found.sync.firm, found.sync.data_folder) == (found.kpi.firm, found.kpi.data_folder)


def test_each_service_reads_the_file_alone_too() -> None:
    """The other's sections, and the variables of its secrets, are no mistakes to it."""
    environ = {**ENVIRON, **URL}

    assert sync.loads(WHOLE, environ, file="f", folder=Path()).rules == loaded().sync.rules
    assert kpi.loads(WHOLE, environ, file="f", folder=Path()).sinks == loaded().kpi.sinks


def test_the_mistakes_of_both_come_at_once_in_the_order_of_their_lines() -> None:
    """Sync's, the KPIs', what both share once, then the environment."""
    text = changed(("portal_id = 1", 'portal_id = "1"'), ('name = "Small KK"', 'name = ""'))
    text = f'{text}\n[sfo]\n[[sinks]]\nname = "chat"\nkind = "mail"\n[kpi]\nfiscal_month = 13\n'

    mistakes = mistakes_of(text, {**ENVIRON, **URL, "TASUKI_HUBSPOT_TOKN": "x"})

    assert [each.key for each in mistakes] == [
        "firm.name",
        "ma.portal_id",
        "sfo",
        "sinks[chat].kind",
        "kpi.fiscal_month",
        "TASUKI_HUBSPOT_TOKN",
    ]
    assert [each.line for each in mistakes[:-1]] == sorted(each.line or 0 for each in mistakes[:-1])


@pytest.mark.parametrize(("written", "meant"), [("[sinc]", "sync"), ("[kip]", "kpi"), ("[[sinkz]]", "sinks")])
def test_a_section_that_nobody_reads_is_told_once_with_the_one_that_was_meant(
    written: str, meant: str
) -> None:
    """Whichever service's it is; also by a service that reads the file alone."""
    text = f"{SMALL}\n{written}\n"

    (mistake,) = mistakes_of(text, ENVIRON)

    assert mistake.problem == "unknown section"
    assert f'"{meant}"' in mistake.mend
    with pytest.raises(ConfigurationErrors) as alone:
        sync.loads(text, ENVIRON, file="tasuki.toml", folder=Path())
    assert alone.value.mistakes == (mistake,)


def test_the_sections_of_sync_are_those_that_others_pass_over() -> None:
    """The list that the services share is the list of what sync reads."""
    assert set(SECTIONS) == {*names.SYNC, *names.SHARED}


@pytest.mark.parametrize(
    ("more", "key", "mend"),
    [
        ('[kpi]\ndimensions = ["sorce"]', "kpi.dimensions[0]", 'did you mean "source"?'),
        ('[kpi]\ndimensions = ["company"]', "kpi.dimensions[0]", 'add "company" to [sync] segments'),
        ('[kpi]\ncustomer = "tier"', "kpi.customer", "map it in [[fields]]"),
        (
            f'{PROMISE}targets = [{{ within = "1h", when = {{ heat = ["hot"] }} }}]',
            "sla[x].targets[0].when.heat",
            "map it in [[fields]]",
        ),
        ('[[routes]]\nsink = "chat"\nsegments = { vip = [true] }', "routes[0].segments.vip", "map it"),
        ('[alerts]\nshown_segments = ["company"]', "alerts.shown_segments[0]", "add"),
        ('[alerts]\nteam_segment = "office"', "alerts.team_segment", "map it"),
    ],
)
def test_what_the_kpis_name_of_a_lead_must_be_told_by_sync(more: str, key: str, mend: str) -> None:
    """A segment that leads don't carry would silently be empty."""
    (mistake,) = mistakes_of(f"{WHOLE}\n{more}\n")

    assert (mistake.key, "no segment" in mistake.problem) == (key, True)
    assert mend in mistake.mend


@pytest.mark.parametrize(
    ("starts", "stops", "key", "problem"),
    [
        ("mql", "appointment", "stops", "can never be kept"),
        ("appointment", "won", "starts", "can never begin"),
        ("mql", "opportunity", "stops", "can never be kept"),
    ],
)
def test_a_promise_must_be_about_what_stages_tell(starts: str, stops: str, key: str, problem: str) -> None:
    """The small firm maps sql and won alone."""
    text = f'{WHOLE}[[sla]]\nname = "x"\nstarts = ["{starts}"]\nstops = ["{stops}"]\ntargets = [{{ within = "1h" }}]\n'

    (mistake,) = mistakes_of(text)

    assert (mistake.key, problem in mistake.problem) == (f"sla[x].{key}", True)
    assert "[[stages]]" in mistake.mend


@pytest.mark.parametrize(
    ("starts", "stops"),
    [("mql", "first_response"), ("offered:sql", "won"), ("sql", "activity:*"), ("mql", 'appointment", "sql')],
)
def test_a_promise_may_be_about_all_that_can_be_told(starts: str, stops: str) -> None:
    """Milestones of stages, what tasuki tells by itself, activities; one of several is enough."""
    text = f'{WHOLE}[[sla]]\nname = "x"\nstarts = ["{starts}"]\nstops = ["{stops}"]\ntargets = [{{ within = "1h" }}]\n'

    assert mistakes_of(text) == ()


def test_segments_of_the_firms_own_reach_the_kpis() -> None:
    """A mapped field in [sync] segments can be a dimension, tell customers apart, and decide how long it may take."""
    text = f"""{WHOLE}
[sync]
segments = ["source", "company", "visits"]
[kpi]
dimensions = ["owner", "company"]
customer = "company"
[[sla]]
name = "x"
starts = ["mql"]
stops = ["sql"]
targets = [{{ within = "1h", when = {{ visits = [3], owner = ["a@b.example"], origin = ["sdr"] }} }}]
"""

    found = loaded(text)

    assert found.kpi.counting.dimensions == ("owner", "company")
    assert found.kpi.policies[0].targets[0].when["visits"] == ("3",)


def test_a_broken_section_of_sync_says_nothing_of_segments() -> None:
    """What they are isn't known then."""
    (mistake,) = mistakes_of(f'{WHOLE}\n[sync]\nsegments = "source"\n[kpi]\ndimensions = ["x"]\n')

    assert mistake.key == "sync.segments"


def test_check_tells_the_mistakes_of_both(firm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`tasuki check` and every other command that reads the file."""
    (firm / "tasuki.toml").write_text(f"{changed(('portal_id = 1', 'portal_id = 0'))}\n[kpi]\nfiscal = 4\n")

    assert main(["check"]) is ExitCode.USAGE

    shown = capsys.readouterr().err
    assert "ma.portal_id: the number 0 is out of bounds" in shown
    assert "kpi.fiscal: unknown key" in shown
    assert "2 mistakes" in shown


def test_no_secret_of_one_service_is_a_misspelt_variable_to_the_other() -> None:
    """The whole environment of a firm with every kind of sink."""
    assert sync.loads(
        f'{SMALL}\n[[sinks]]\nname = "own-system"\nkind = "webhook"\n[[feed.keys]]\nname = "dashboard"\n',
        {
            **ENVIRON,
            **{name: KPI_ENVIRON[name] for name in KPI_ENVIRON if "CHAT" not in name and "MAIL" not in name},
        },
        file="f",
        folder=Path(),
    )
