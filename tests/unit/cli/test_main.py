"""The command line as a whole: help, options, and how each kind of error ends."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from services.cli import main as entry
from services.cli.commands import COMMANDS, Command
from services.cli.exits import MEANINGS, ExitCode, exit_code_for
from services.cli.main import main
from services.errors import Misconfigured, Rejected, Retryable
from services.sync.application.ports import Unauthorised, Unavailable
from tests.unit.settings.small_firm import SMALL, changed


def _with_command(monkeypatch: pytest.MonkeyPatch, function: Callable[[], None]) -> None:
    monkeypatch.setattr(entry, "COMMANDS", (*COMMANDS, Command("try", function, "To run")))


def test_help_tells_a_newcomer_what_it_is_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Purpose, first steps, every command with its sentence, every exit code."""
    assert main(["--help"]) is ExitCode.OK

    text = capsys.readouterr().out
    assert "hands a lead to" in text
    assert "First steps" in text
    for command in COMMANDS:
        assert command.name in text
        assert command.function.__doc__
    for code, meaning in MEANINGS.items():
        assert f"{code.value}  {meaning}" in text


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Calling it bare is a usage error that helps."""
    assert main([]) is ExitCode.USAGE
    assert "First steps" in "".join(capsys.readouterr())


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` says what is installed."""
    assert main(["--version"]) is ExitCode.OK
    assert capsys.readouterr().out.startswith("tasuki 0.")


@pytest.mark.parametrize("arguments", [["chek"], ["check", "--confg", "x"], ["--log-format", "xml", "check"]])
def test_wrong_usage_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown commands, options and choices end with 2 and no traceback."""
    assert main(arguments) is ExitCode.USAGE
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "coloured"), [([], True), (["--no-color"], False)])
def test_no_color_holds_even_where_colours_are_forced(arguments: list[str], coloured: bool) -> None:  # noqa: FBT001
    """A process that would print colours prints none with `--no-color`, wherever it stands."""
    environ = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    del environ["NO_COLOR"]

    done = _process("--help", *arguments, environ=environ)

    assert ("\x1b[1;33m" in done.stdout) is coloured


def _process(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "services.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(entry.__file__).parents[2]), **(environ or os.environ)},
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("change it"), ExitCode.USAGE),
        (Unauthorised("renew the token"), ExitCode.USAGE),
        (Unavailable("the vendor is down"), ExitCode.UNREACHABLE),
        (Retryable("try again"), ExitCode.UNREACHABLE),
        (Rejected("no such line", reason="bad"), ExitCode.NEGATIVE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ValueError("a bug"), ExitCode.BUG),
        (BaseExceptionGroup("both", [Unavailable("down"), Misconfigured("change it")]), ExitCode.USAGE),
        (ExceptionGroup("deep", [ExceptionGroup("er", [KeyError("bug")]), Unavailable("x")]), ExitCode.BUG),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    error: BaseException, code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tree of errors decides; of several the worst counts, and none shows a traceback."""

    def fail() -> None:
        """Fail."""
        raise error

    _with_command(monkeypatch, fail)

    assert main(["try"]) is code
    assert exit_code_for(error) is code
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    if code in (ExitCode.USAGE, ExitCode.UNREACHABLE, ExitCode.NEGATIVE):
        assert "error: " in shown


def test_a_bug_is_short_on_the_screen_and_whole_in_its_file(
    firm: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The traceback goes to a file that only the user can read; the message names it."""

    def fail() -> None:
        """Fail."""
        raise ZeroDivisionError("by nought")

    _with_command(monkeypatch, fail)

    assert main(["try"]) is ExitCode.BUG

    (file,) = firm.glob("tasuki-*.traceback.txt")
    assert str(file) in capsys.readouterr().err
    assert "ZeroDivisionError: by nought" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_bug_is_told_even_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a folder for it, the traceback is on the screen."""

    def fail() -> None:
        """Fail."""
        raise ZeroDivisionError("[by] nought")

    _with_command(monkeypatch, fail)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")

    assert main(["try"]) is ExitCode.BUG
    assert "ZeroDivisionError: [by] nought" in capsys.readouterr().err


def test_a_commands_own_exit_code_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command ends with is what the script gets."""

    def verdict() -> None:
        """Judge."""
        raise typer.Exit(ExitCode.NEGATIVE)

    _with_command(monkeypatch, verdict)

    assert main(["try"]) is ExitCode.NEGATIVE


@pytest.mark.parametrize(
    "arguments", [["check", "--config", "other.toml"], ["--config", "other.toml", "check"], ["check"]]
)
def test_the_configuration_can_be_named_before_or_after_the_command(
    arguments: list[str], firm: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both places work, and so does the variable."""
    (firm / "other.toml").write_text(changed(("portal_id = 1", "portal_id = 0")))
    if len(arguments) == 1:
        monkeypatch.setenv("TASUKI_CONFIG", "other.toml")

    assert main(arguments) is ExitCode.USAGE
    assert capsys.readouterr().err.startswith("other.toml:7:1: ma.portal_id: ")


def test_the_installed_command_answers(firm: Path) -> None:
    """The entry point of the package runs, prints mistakes to standard error, and ends with their code."""
    (firm / "tasuki.toml").write_text(SMALL.replace("app_id = 2", "app_id = 0"))

    done = _process("check")

    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "tasuki.toml:8:1: ma.app_id: the number 0 is out of bounds",
        "    give at least 1",
        "1 mistake in the configuration",
    ]


def test_the_manual_has_every_exit_code() -> None:
    """docs/command-line.md says of each code what the help says."""
    page = (Path(entry.__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")

    for code, meaning in MEANINGS.items():
        assert f"| {code.value} | {meaning} |" in page
