"""`tasuki kpi`: the KPI service alone."""

import typer

from services.cli.invocation import ConfigOption, invocation_of
from services.cli.running import kpi_parts, run_services


def kpi(context: typer.Context, config: ConfigOption = None) -> None:
    """
    Run only the KPI service: it counts, keeps the clocks of promises, sends alerts, and serves the figures.

    With Kafka and a Redis or Valkey of your own, in as many processes as you like. Needs no secrets of the two
    systems. Stops as `tasuki up` does.
    """
    run_services(invocation_of(context).configured(config, of=("kpi",)), (kpi_parts,))
