"""`tasuki resume`: what made a line stop is mended; try again now."""

import asyncio
import time
from typing import Annotated

import typer

from services.cli import wiring
from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import show_error, standard_output
from services.sync.settings import Settings


def resume(
    context: typer.Context,
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="hubspot or salesforce.")],
    config: ConfigOption = None,
) -> None:
    """
    Let the lines of a system go on that stand because everything was refused, or a right is missing.

    The service tries one at once instead of after its pause; the first that is taken opens the line. Ends with
    2 when no such system is configured.
    """
    quiet_logging()
    settings = invocation_of(context).settings(config, need_secrets=False)
    known = (settings.ma.system, settings.sfa.system)
    if system not in known:
        show_error(f"no system {system!r} is configured; there are {' and '.join(known)}")
        raise typer.Exit(ExitCode.USAGE)
    asyncio.run(_order(settings, system))
    standard_output().print(
        f"{system}: asked to go on; the service tries within a second or two. "
        "GET /health/ready says how it stands",
        markup=False,
    )


async def _order(settings: Settings, system: str) -> None:
    async with wiring.marks(settings) as marks:
        await marks.order_resume(system, time.time_ns() // 1_000_000)
