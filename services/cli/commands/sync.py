"""`tasuki sync`: the sync service alone."""

import typer

from services.cli.invocation import ConfigOption, invocation_of
from services.cli.running import run_services, sync_parts


def sync(context: typer.Context, config: ConfigOption = None) -> None:
    """
    Run only the sync service: webhooks and change streams in, both systems kept the same, leads handed over.

    With Kafka and a Redis or Valkey of your own, in as many processes as you like. Stops as `tasuki up` does.
    """
    run_services(invocation_of(context).configured(config, of=("sync",)), (sync_parts,))
