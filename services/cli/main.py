"""The command `tasuki`: its options, its commands, and how every run of it ends."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from services.cli.commands import COMMANDS
from services.cli.crash import report_bug
from services.cli.exits import MEANINGS, ExitCode, exit_code_for
from services.cli.invocation import ConfigOption, Invocation, LogFormat
from services.cli.screen import show_error, show_mistakes
from services.errors import leaves
from services.sync.settings import ConfigurationErrors

_HELP = """
tasuki (襷) keeps a marketing tool and a sales tool the same in both directions, hands a lead to sales the
moment it qualifies, and hands sales' verdict back.

[bold]First steps[/bold]

  tasuki demo     see it work: nothing to configure, nothing to install
  tasuki init     write a tasuki.toml to start from; with --sandbox for two sandboxes on this machine
  tasuki check    find what is wrong with it or the two systems, with its mend
"""
_EPILOG = "[bold]Exit codes[/bold]\n\n" + "\n".join(
    f"{code.value:>3}  {text}" for code, text in MEANINGS.items()
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it by position
    if wanted:
        print(f"tasuki {installed_version('tasuki')}")
        raise typer.Exit


def options(
    context: typer.Context,
    config: ConfigOption = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            "--log-format", show_default=False, help="How logs are written; else by the configuration."
        ),
    ] = None,
    no_color: Annotated[  # noqa: ARG001, FBT002 - `main` looks at it first; typer reads the default
        bool, typer.Option("--no-color", help="Print without colours; so does the variable NO_COLOR.")
    ] = False,
    version: Annotated[  # noqa: ARG001, FBT002 - done by its callback; typer reads the default
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and end."),
    ] = False,
) -> None:
    """Keep what stands before the command for the command to see."""
    context.obj = Invocation(config=config, log_format=log_format)


def build() -> typer.Typer:
    """Return the command line with all commands of the list."""
    app = typer.Typer(
        name="tasuki",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=_HELP, epilog=_EPILOG)(options)
    for command in COMMANDS:
        if isinstance(command.function, typer.Typer):
            app.add_typer(command.function, name=command.name, rich_help_panel=command.group)
        else:
            app.command(command.name, rich_help_panel=command.group)(command.function)
    return app


def main(arguments: Sequence[str]) -> ExitCode:
    """Run the command line *arguments*; every error becomes its message and its exit code here."""
    if "--no-color" in arguments:
        os.environ["NO_COLOR"] = "1"
    try:
        build()(list(arguments), prog_name="tasuki")
    except SystemExit as end:
        return _named(end.code)
    except BaseException as error:  # noqa: BLE001 - the end of the line: nothing may pass but as an exit code
        return _ended_by(error)
    return ExitCode.OK


def run() -> None:
    """Run the command line of this process and end it."""
    sys.exit(main(sys.argv[1:]))


def _named(code: object) -> ExitCode:
    if code is None:
        return ExitCode.OK
    return ExitCode(code) if code in set(ExitCode) else ExitCode.USAGE


def _ended_by(error: BaseException) -> ExitCode:
    code = exit_code_for(error)
    if code is ExitCode.BUG:
        report_bug(error)
    elif code is not ExitCode.INTERRUPTED:
        for each in leaves(error):
            if isinstance(each, ConfigurationErrors):
                show_mistakes(each)
            else:
                show_error(str(each))
    return code


if __name__ == "__main__":
    run()
