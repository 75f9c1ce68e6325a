"""`tasuki rehearse`: a firm's own history, played through the sandboxes."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.exits import ExitCode
from services.cli.invocation import quiet_logging
from services.cli.screen import standard_output
from services.errors import Misconfigured
from services.sync.domain.rules import Milestone

if TYPE_CHECKING:  # the sandboxes take a second to import that `tasuki --help` should not cost
    from services.cli.rehearse.csv_rows import BadRow
    from services.cli.rehearse.order import Rehearsal
    from services.cli.rehearse.run import Result

_SHOWN = 20


def rehearse(
    leads: Annotated[Path, typer.Option(help="CSV of leads: UTF-8 or Shift_JIS, with a header.")],
    column_map: Annotated[
        Path, typer.Option("--map", help="TOML: which column says what; see docs/rehearse.md.")
    ],
    deals: Annotated[Path | None, typer.Option(help="CSV of deals, joined to the leads.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Acts a second; as fast as can be if left out.")
    ] = None,
    kill_every: Annotated[
        float | None, typer.Option(min=0.5, help="Kill the service with SIGKILL every so many seconds.")
    ] = None,
    faults: Annotated[  # noqa: FBT002 (a switch of the command line)
        bool,
        typer.Option(
            "--faults",
            help="Let the vendors refuse, break off, repeat and shuffle now and then; the end must be the same.",
        ),
    ] = False,
    promises: Annotated[
        Path | None,
        typer.Option(
            help="TOML with [[sla]]: hold the history to these promises, and judge alerts and figures."
        ),
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write the canonical export of the store here.")] = None,
    same_as: Annotated[
        Path | None,
        typer.Option(help="The export of another run of this history, which must have had the same end."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Work here and keep it; a temporary folder if left out.")
    ] = None,
) -> None:
    """
    Play a history from CSV files through two sandboxes, as its people's acts at their own times, and judge.

    Ends with 0 only if both sandboxes are equal and every lead and milestone of the history is there, and the end is that
    of --same-as.
    """
    from services.cli.rehearse.order import Order, keep_aside, prepare  # noqa: PLC0415

    quiet_logging()
    console = standard_output()
    with tempfile.TemporaryDirectory(prefix="tasuki-") as temporary:
        order = Order(
            leads=leads,
            deals=deals,
            column_map=column_map,
            folder=folder or Path(temporary),
            rate=rate,
            kill_every_s=kill_every,
            faults=faults,
            promises=promises,
        )
        _see_that_writable(folder, export)
        other = None if same_as is None else _read(same_as)
        rehearsal = prepare(order)
        history = rehearsal.history
        aside = folder or leads.parent
        _show_bad(history.bad, keep_aside(history.bad, aside), console)
        if not history.deeds:
            raise Misconfigured(f"{leads}: has no row that can be played; see above what is wrong with them")
        result = asyncio.run(_with_progress(rehearsal, console))
    if export is not None:
        export.write_bytes(result.export)
    refused = result.history.bad[len(history.bad) :]
    if refused:
        _show_bad(refused, keep_aside(result.history.bad, aside), console)
    _show(result, console)
    good = result.good and (other is None or _ends_as(result.export, other, console))
    raise typer.Exit(ExitCode.OK if good else ExitCode.NEGATIVE)


def _ends_as(exported: bytes, other: bytes, console: Console) -> bool:
    """Print whether two runs had the same end; return it."""
    from services.cli.stage.export import other_ends  # noqa: PLC0415

    differences = other_ends(exported, other)
    for each in differences[:_SHOWN]:
        console.print(each, style="red", markup=False, soft_wrap=True)
    same = "the same, byte for byte" if exported == other else "the same, learnt in another way"
    console.print(
        f"the end of the other run: {same if not differences else f'{len(differences)} differences'}",
        style="red" if differences else None,
    )
    return not differences


def _read(exported: Path) -> bytes:
    """Return what an export holds. Raises Misconfigured where it can't be read, before all is played for it."""
    try:
        return exported.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{exported}: can't be read: {error.strerror or error}; see --same-as") from error


def _see_that_writable(folder: Path | None, export: Path | None) -> None:
    """Raise Misconfigured where something can't be written in the end, before all is played for it."""
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        if export is not None:
            export.open("ab").close()
    except OSError as error:
        raise Misconfigured(
            f"{error.filename or folder}: can't be written: {error.strerror or error}; "
            "name another place with --folder or --export"
        ) from error


def _show_bad(bad: "Sequence[BadRow]", kept: Path | None, console: Console) -> None:
    for each in bad[:_SHOWN]:
        console.print(str(each), style="yellow", markup=False, soft_wrap=True)
    if len(bad) > _SHOWN:
        console.print(f"… and {len(bad) - _SHOWN} more", style="yellow")
    if bad:
        where = f" in {kept}" if kept is not None else ""
        console.print(
            f"{len(bad)} rows are kept aside{where}; the rest goes on",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )


async def _with_progress(rehearsal: "Rehearsal", console: Console) -> "Result":
    from services.cli.rehearse.run import rehearse as play  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        played = progress.add_task("played", total=len(rehearsal.history.deeds))
        waiting = progress.add_task("under way", total=None, visible=False)

        def told(what: str, count: int) -> None:
            if what == "played":
                progress.advance(played, count)
            else:
                progress.update(waiting, visible=True, description=f"under way: {count}")

        return await play(rehearsal, told=told)


def _show(result: "Result", console: Console) -> None:
    table = Table("milestone", "history", "reached", "at its own time")
    for milestone in Milestone:  # in the order of the funnel
        if milestone not in result.expected.keys() | result.counts.keys():
            continue
        table.add_row(
            milestone.value,
            str(result.expected.get(milestone, "")),
            str(result.counts.get(milestone, 0)),
            str(result.at_own_times.get(milestone, "")),
        )
    console.print(table)
    found = result.comparison
    console.print(
        f"{result.leads} leads, {found.pairs} stand on both sides, {found.fields} fields compared,"
        f" {len(found.differences)} differences; {result.kills} kills; {result.seconds:.1f} s"
    )
    console.print(str(result.proof), style=None if result.proof.good else "red", markup=False)
    if result.kept is not None:
        console.print(str(result.kept), style=None if result.kept.good else "red", markup=False)
    for each in found.differences[:_SHOWN]:
        console.print(str(each), style="red", markup=False)
    console.print(
        "the two sandboxes are equal and nothing is lost" if result.good else "NOT as the history says"
    )
