"""`tasuki up`: the service on this machine, with embedded parts unless the configuration names others."""

import asyncio

import typer

from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, start_logging
from services.runtime.lifecycle import ExitCode as End

_CODES = {
    End.STOPPED: ExitCode.OK,
    End.TRY_AGAIN: ExitCode.UNREACHABLE,
    End.MISCONFIGURED: ExitCode.USAGE,
    End.FAILED: ExitCode.BUG,
}


def up(context: typer.Context, config: ConfigOption = None) -> None:
    """
    Run tasuki: take webhooks and change streams in, keep both systems the same, hand leads over.

    Stops in order on Ctrl-C or SIGTERM, within 10 seconds; nothing is lost either way, nor by kill -9.
    """
    from services.sync.app import run  # noqa: PLC0415 - takes a second that `tasuki --help` should not cost

    settings = invocation_of(context).settings(config)
    start_logging(settings)
    raise typer.Exit(_CODES[asyncio.run(run(settings))])
