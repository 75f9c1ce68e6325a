"""`tasuki up`: both services on this machine, with embedded parts unless the configuration names others."""

import typer

from services.cli.invocation import ConfigOption, invocation_of
from services.cli.running import kpi_parts, run_services, sync_parts


def up(context: typer.Context, config: ConfigOption = None) -> None:
    """
    Run tasuki: keep both systems the same, hand leads over, count the KPIs, and tell of promises that come due.

    Stops in order on Ctrl-C or SIGTERM, within 10 seconds; nothing is lost either way, nor by kill -9.
    """
    run_services(invocation_of(context).configured(config), (sync_parts, kpi_parts))
