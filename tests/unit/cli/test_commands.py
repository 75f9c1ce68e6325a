"""The commands init and check, and how findings are shown."""

import fcntl
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.check import Checked, ask, exit_code, show
from services.cli.exits import ExitCode
from services.cli.invocation import Invocation
from services.cli.main import main
from services.kpi.settings import template as kpi_template
from services.sync.application.ports import Connector, Finding, Severity
from services.sync.settings import DEMO_ENVIRONMENT, load, template
from tests.unit.settings.small_firm import ENVIRON, SMALL

OK = Finding(Severity.OK, "credentials", "the token is good")
WARNING = Finding(Severity.WARNING, "quota", "80 % used", "raise it")
ERROR = Finding(
    Severity.ERROR, "field Tasuki_Score__c", "doesn't exist on [Lead]", "create it: Number(18, 0)"
)


def test_init_writes_a_file_that_loads(firm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The new file is the template, and the message says what comes next."""
    assert main(["init"]) is ExitCode.OK

    assert (firm / "tasuki.toml").read_text() == f"{template()}\n{kpi_template()}"
    assert load(Path("tasuki.toml"), ENVIRON).firm.currency == "JPY"
    shown = capsys.readouterr().out
    assert "wrote tasuki.toml" in shown
    assert "tasuki check" in shown


def test_init_for_sandboxes_points_at_them_and_tells_the_secrets(
    firm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it prints is all that somebody must do to see two sandboxes kept the same."""
    assert main(["init", "--sandbox"]) is ExitCode.OK

    settings = load(firm / "tasuki.toml", DEMO_ENVIRONMENT)
    assert settings.ma.base_url == "http://127.0.0.1:8101"
    assert settings.sfa.login_url == "http://127.0.0.1:8102"
    assert settings.data_folder == firm / ".tasuki"
    shown = capsys.readouterr().out
    assert all(f"export {name}={value}" in shown for name, value in DEMO_ENVIRONMENT.items())
    assert "tasuki sandbox salesforce" in shown


@pytest.mark.parametrize("command", [("up",), ("sync",), ("sandbox", "hubspot", "--port", "PORT")])
def test_a_port_that_is_taken_is_named_with_its_mend(
    command: tuple[str, ...], firm: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything starts, and without a traceback."""
    for name, value in DEMO_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (firm / "tasuki.toml").write_text(template().replace("port = 8080", f"port = {port}"))

        assert main([each.replace("PORT", port) for each in command]) is ExitCode.USAGE

    shown = capsys.readouterr().err
    assert f"can't listen at 127.0.0.1:{port}: Address already in use" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("argument", "written"), [("mine.toml", "mine.toml"), ("deploy", "deploy/tasuki.toml")]
)
def test_init_takes_a_file_or_a_folder(argument: str, written: str, firm: Path) -> None:
    """A folder gets a tasuki.toml."""
    (firm / "deploy").mkdir()

    assert main(["init", argument]) is ExitCode.OK
    assert (firm / written).exists()


def test_init_never_overwrites(firm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there stays as it is, and the command says so."""
    (firm / "tasuki.toml").write_text("mine")

    assert main(["init"]) is ExitCode.USAGE

    assert (firm / "tasuki.toml").read_text() == "mine"
    assert "tasuki.toml exists already" in capsys.readouterr().err


def test_init_says_when_it_cannot_write(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that isn't there is no bug of ours."""
    assert main(["init", "missing/tasuki.toml"]) is ExitCode.USAGE
    assert "can't be written" in capsys.readouterr().err


def test_check_without_a_file_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    """No configuration: the mend is `tasuki init`."""
    assert main(["check"]) is ExitCode.USAGE
    assert "`tasuki init` writes one" in capsys.readouterr().err


def test_check_tells_every_mistake_with_its_mend(firm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them on standard error, with their count; nothing is asked of the systems."""
    broken = SMALL.replace("portal_id = 1", 'portal_id = "1"').replace("threshold = 10", "threshold = 99")
    (firm / "tasuki.toml").write_text(broken)

    assert main(["check"]) is ExitCode.USAGE

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "tasuki.toml:7:1: ma.portal_id: must be a whole number" in shown.err
    assert "99 is out of reach" in shown.err
    assert shown.err.endswith("2 mistakes in the configuration\n")


class _System:
    """A connector that finds what it was given, and remembers whether it was opened and closed."""

    def __init__(self, system: str, findings: Sequence[Finding]) -> None:
        self.system = system
        self.calls: list[str] = []
        self._findings = findings

    async def start(self) -> None:
        self.calls.append("start")

    async def close(self) -> None:
        self.calls.append("close")

    async def check(self) -> Sequence[Finding]:
        self.calls.append("check")
        return self._findings


async def test_each_system_is_opened_asked_and_closed() -> None:
    """Findings come in order, under the system's name."""
    systems = [_System("hubspot", [OK]), _System("salesforce", [WARNING, ERROR])]
    connectors: list[Connector] = list(systems)  # pyright: ignore[reportAssignmentType] - asks no more

    checked = await ask(connectors)

    assert checked == [Checked("hubspot", OK), Checked("salesforce", WARNING), Checked("salesforce", ERROR)]
    assert [each.calls for each in systems] == [["start", "check", "close"]] * 2


def test_the_worst_finding_decides_the_exit_code() -> None:
    """Warnings let a script go on, errors don't."""
    assert exit_code([]) is ExitCode.OK
    assert exit_code([Checked("hubspot", OK), Checked("hubspot", WARNING)]) is ExitCode.OK
    assert exit_code([Checked("hubspot", ERROR), Checked("hubspot", OK)]) is ExitCode.NEGATIVE


def test_findings_are_shown_with_their_mend_and_count(capsys: pytest.CaptureFixture[str]) -> None:
    """The vendor's text is shown as it is, even with brackets; what is well needs no mend."""
    show([Checked("hubspot", OK), Checked("salesforce", ERROR)], Console(width=100, highlight=False))

    shown = capsys.readouterr().out
    assert "doesn't exist on [Lead]" in shown
    assert "→ create it: Number(18, 0)" in shown
    assert "1 ok, 1 error" in shown


def test_the_log_format_of_the_command_line_wins(firm: Path) -> None:
    """`--log-format` replaces what the file says."""
    (firm / "tasuki.toml").write_text(SMALL)

    assert Invocation().settings().logs.format == "auto"
    assert Invocation(log_format="json").settings().logs.format == "json"


@pytest.mark.parametrize("command", ["up", "sync", "kpi"])
def test_a_second_process_is_kept_out_of_a_data_folder(
    command: str, firm: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hang on the first one's store, and lose it when that ends."""
    for name, value in DEMO_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    (firm / "tasuki.toml").write_text(template().replace("port = 8080", "port = 0") + "\n[feed]\nport = 0\n")
    (firm / ".tasuki").mkdir()
    with (firm / ".tasuki" / "up.lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert main([command]) is ExitCode.USAGE

    assert f"another tasuki works in the data folder {firm / '.tasuki'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--seconds", "1", "--folder", "a-file"),
        ("rehearse", "--leads", "x.csv", "--map", "x.toml", "--folder", "a-file/x"),
        ("rehearse", "--leads", "x.csv", "--map", "x.toml", "--export", "no-folder/x"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_starts(
    arguments: tuple[str, ...], firm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its name and without a traceback; not after an hour of playing."""
    (firm / "a-file").write_text("x")

    assert main(arguments) is ExitCode.USAGE

    shown = capsys.readouterr().err
    assert "can't be written" in shown
    assert arguments[-1] in shown
