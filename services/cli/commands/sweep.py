"""`tasuki sweep`: look now for what the two systems changed and nobody told."""

import asyncio
import time
from typing import Annotated

import typer

from services.cli import wiring
from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import show_error, standard_output
from services.configuration.quantities import duration_ms
from services.sync.settings import Settings


def sweep(
    context: typer.Context,
    system: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM]", help="hubspot or salesforce; both without it.")
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="How far back: 30m, 24h, 7d.")
    ] = "24h",
    config: ConfigOption = None,
) -> None:
    """
    Have the service read what changed lately, compare it with what it knows, and repair what differs.

    It begins within a second or two, or when the service runs again; `tasuki status` shows what it found. Ends
    with 2 when no such system is configured.
    """
    quiet_logging()
    settings = invocation_of(context).settings(config)
    known = (settings.ma.system, settings.sfa.system)
    if system is not None and system not in known:
        show_error(f"no system {system!r} is configured; there are {' and '.join(known)}")
        raise typer.Exit(ExitCode.USAGE)
    back_ms = duration_ms(since)
    if back_ms is None:
        show_error(f"--since {since!r} is not a duration; write 30m, 24h or 7d")
        raise typer.Exit(ExitCode.USAGE)
    begin = max(0, time.time_ns() // 1_000_000 - back_ms)
    asked = [
        (each.system, name)
        for each in wiring.connectors(settings)
        if system in (None, each.system)
        for name in each.objects
    ]
    asyncio.run(_order(settings, asked, begin))
    standard_output().print(
        f"asked to sweep {', '.join(f'{one} {name}' for one, name in asked)}; `tasuki status` shows what is found",
        markup=False,
    )


async def _order(settings: Settings, asked: list[tuple[str, str]], since: int) -> None:
    from services.sync.application.orders import Order  # noqa: PLC0415 - see wiring

    async with wiring.orders(settings) as (orders, _):
        for system, name in asked:
            await orders.order(Order(system, name, "ordered", since))
