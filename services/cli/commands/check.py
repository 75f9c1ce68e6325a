"""`tasuki check`: the configuration first, what it promises, then what the two systems say."""

import asyncio

import typer

from services.cli.check import ask, exit_code, show
from services.cli.invocation import ConfigOption, invocation_of
from services.cli.promises import show_promises
from services.cli.screen import standard_output
from services.cli.wiring import connectors
from services.runtime.clock import now_ms


def check(context: typer.Context, config: ConfigOption = None) -> None:
    """
    Look for what is wrong and how to mend it: the configuration, then credentials, permissions and fields.

    Ends with 0 when nothing is wrong (warnings are allowed), 1 when a system reported an error, 2 when the
    configuration is wrong.
    """
    found = invocation_of(context).configured(config)
    console = standard_output()
    console.print(f"{found.sync.source}: the configuration is in order", markup=False)
    show_promises(found.kpi, console, now_ms())
    checked = asyncio.run(ask(connectors(found.sync)))
    if checked:
        show(checked, console)
    raise typer.Exit(exit_code(checked))
