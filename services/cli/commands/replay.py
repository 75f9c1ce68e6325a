"""`tasuki replay --dry-run`: what the changed configuration would have decided."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import wiring
from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.replay import show, write
from services.cli.screen import show_error, standard_error, standard_output
from services.configuration.quantities import duration_ms
from services.sync.settings import Settings

if TYPE_CHECKING:
    from services.sync.consumers.replaying import Replayed


def replay(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would differ.")] = False,  # noqa: FBT002 (typer)
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="Of what was told so far back: 24h, 30d.")
    ] = "7d",
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write each difference to FILE.", show_default=False),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """
    Decide again, from the log, by tasuki.toml as it is now, and show what would differ: decisions, milestones, writes.

    Nothing is written anywhere; the service may run meanwhile, with the file as it was. What a changed column map
    would read in the two systems isn't in the log: `tasuki backfill --dry-run` reads them. Ends with 1 when
    something differs.
    """
    quiet_logging()
    if not dry_run:
        show_error(
            "a replay is only ever a dry run: add --dry-run; changed rules hold from the next start on"
        )
        raise typer.Exit(ExitCode.USAGE)
    back_ms = duration_ms(since)
    if back_ms is None:
        show_error(f"--since {since!r} is not a duration; write 30m, 24h or 7d")
        raise typer.Exit(ExitCode.USAGE)
    settings = invocation_of(context).settings(config, need_secrets=False)
    found = asyncio.run(_replay(settings, max(0, time.time_ns() // 1_000_000 - back_ms)))
    if csv is not None:
        write(found, csv)
    show(found, standard_output())
    raise typer.Exit(ExitCode.NEGATIVE if found.differs else ExitCode.OK)


async def _replay(settings: Settings, since: int) -> "Replayed":
    with standard_error().status("reading") as shown:

        def told(done: int, total: int) -> None:
            shown.update(f"replayed {done:,} of {total:,} changes of leads")

        async with wiring.replaying(settings, told) as run:
            return await run.run(since)
