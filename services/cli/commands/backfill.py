"""`tasuki backfill`: fill in what two systems held before tasuki came."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import wiring
from services.cli.backfill import Summary, progress, show, summed
from services.cli.commands.status import address_of, key_of
from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import show_error, standard_error, standard_output
from services.cli.status import ask
from services.errors import Retryable
from services.sync.settings import Settings

if TYPE_CHECKING:
    from services.sync.application.dry_run import DryRun

_EVERY_S = 1.0


def backfill(
    context: typer.Context,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,  # noqa: FBT002 (typer)
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write each line of the dry run to FILE.", show_default=False
        ),
    ] = None,
    hand_over: Annotated[  # noqa: FBT002 (typer)
        bool,
        typer.Option("--hand-over", help="Hand leads that qualified before over to sales as well."),
    ] = False,
    fresh: Annotated[  # noqa: FBT002 (typer)
        bool, typer.Option("--fresh", help="Begin the dry run anew, though an interrupted one could go on.")
    ] = False,
    follow: Annotated[  # noqa: FBT002 (typer)
        bool, typer.Option("--follow", help="Wait for the end and show how it goes on.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", show_default=False, help="Where the service answers."),
    ] = None,
) -> None:
    """
    Read both systems whole, link who is the same, and bring both to what they are to hold.

    The service does it, at the lowest priority, and goes on after a crash. With --dry-run nothing is written:
    both are read, and what would be linked, made and changed is shown, with the conflicts. Ends with 3 when a
    system, or with --follow the service, can't be reached.
    """
    quiet_logging()
    settings = invocation_of(context).settings(config)
    if dry_run:
        asyncio.run(_dry_run(settings, csv, hand_over=hand_over, fresh=fresh))
        return
    if csv is not None or fresh:
        show_error("--csv and --fresh go with --dry-run")
        raise typer.Exit(ExitCode.USAGE)
    asyncio.run(_order(settings, hand_over=hand_over))
    standard_output().print(
        "ordered: the service reads both systems, then writes; `tasuki status` shows how it goes on",
        markup=False,
    )
    if follow:
        _follow(url or address_of(settings), key_of(settings))


async def _dry_run(settings: Settings, path: Path | None, *, hand_over: bool, fresh: bool) -> None:
    async with wiring.dry_run(settings, hand_over=hand_over, fresh=fresh) as run:
        await _read(run)
        summary: Summary = summed(run.lines(), path)
        show(summary, run.read, run.unrelated, standard_output())
    if path is not None:
        standard_output().print(f"each line stands in {path}", markup=False)


async def _read(run: "DryRun") -> None:
    """Read all pages; a vendor that is short of calls, or away for a while, is waited for."""
    failures = 0
    with standard_error().status("reading") as shown:
        while True:
            try:
                if not await run.page():
                    return
            except Retryable as error:
                failures += 1
                if failures > 10:  # noqa: PLR2004 (some minutes)
                    raise
                await asyncio.sleep((error.retry_after_ms or min(1_000 * 2**failures, 60_000)) / 1000)
            else:
                failures = 0
                shown.update(f"reading: {sum(run.read.values()):,} records")


async def _order(settings: Settings, *, hand_over: bool) -> None:
    from services.sync.application.backfill import FillingOrder  # noqa: PLC0415 - see wiring

    async with wiring.orders(settings) as (_, fillings):
        await fillings.order(FillingOrder(time.time_ns() // 1_000_000, hand_over))


def _follow(url: str, key: str | None) -> None:
    shown = ""
    while True:
        found = ask(url, key).get("backfill")
        line = progress(found)
        if line != shown:
            standard_output().print(line, markup=False)
            shown = line
        if found is not None and found["phase"] == "done":
            return
        time.sleep(_EVERY_S)
