"""`tasuki dead-letters`: what was set aside, why, and taking it in again."""

import asyncio
import getpass
import socket
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.cli import wiring
from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.letters import Selection, show_letter, show_letters
from services.cli.screen import show_error, standard_error, standard_output
from services.configuration.quantities import duration_ms
from services.sync.settings import Settings

dead_letters = typer.Typer(
    no_args_is_help=True,
    help="List what could not be processed, and take it in again once its cause is mended.",
)

_Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", show_default=False, help="Letters' ids.")
]
_Reason = Annotated[
    str | None,
    typer.Option("--reason", show_default=False, help="Only of this reason, or of all `refused` ones."),
]
_Lead = Annotated[
    str | None,
    typer.Option("--lead", metavar="ID_OR_EMAIL", show_default=False, help="Only those of this lead."),
]


def _age(text: str | None) -> int | None:
    if text is None:
        return None
    found = duration_ms(text)
    if found is None:
        raise typer.BadParameter("write it like 30m, 24h or 7d")
    return found


_Older = Annotated[
    Any,
    typer.Option(
        "--older-than", parser=_age, metavar="AGE", show_default=False, help="Set aside longer ago: 7d."
    ),
]
_Newer = Annotated[
    Any,
    typer.Option(
        "--newer-than", parser=_age, metavar="AGE", show_default=False, help="Set aside since then: 24h."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, as GET /dead-letters gives it.")]
_By = Annotated[
    str | None, typer.Option("--by", show_default=False, help="Who does it; else your user name here.")
]
_All = Annotated[bool, typer.Option("--all", help="All that wait.")]


@dead_letters.command("list")
def list_(
    context: typer.Context,
    reason: _Reason = None,
    lead: _Lead = None,
    older_than: _Older = None,
    newer_than: _Newer = None,
    state: Annotated[
        Literal["waiting", "replayed", "dropped", "all"], typer.Option("--state", help="What became of them.")
    ] = "waiting",
    as_json: _Json = False,  # noqa: FBT002 (typer)
    config: ConfigOption = None,
) -> None:
    """List dead letters, oldest first, with how many there are of each reason. Ends with 0, also when none wait."""
    settings = _settings(context, config)
    wanted = Selection(reason=reason, lead=lead, older_ms=older_than, newer_ms=newer_than, state=state)
    asyncio.run(_list(settings, wanted, as_json=as_json))


@dead_letters.command("show")
def show(
    context: typer.Context,
    letter: Annotated[str, typer.Argument(metavar="ID", help="The letter's id, as `list` prints it.")],
    as_json: _Json = False,  # noqa: FBT002 (typer)
    config: ConfigOption = None,
) -> None:
    """Print a letter with its original, which may hold personal data, and whether it can be replayed."""
    asyncio.run(_show(_settings(context, config), letter, as_json=as_json))


@dead_letters.command("replay")
def replay(
    context: typer.Context,
    ids: _Ids = None,
    reason: _Reason = None,
    lead: _Lead = None,
    older_than: _Older = None,
    newer_than: _Newer = None,
    everything: _All = False,  # noqa: FBT002 (typer)
    again: Annotated[  # noqa: FBT002 (typer)
        bool, typer.Option("--again", help="Those that were replayed or dropped before, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,  # noqa: FBT002 (typer)
    by: _By = None,
    config: ConfigOption = None,
) -> None:
    """
    Take letters in again, once their cause is mended: notifications are read anew, refused writes sent anew.

    Repeating it is harmless. What fails again becomes a new letter. Ends with 1 when some could not be replayed;
    it says why.
    """
    settings = _settings(context, config)
    state = "all" if again else "waiting"
    wanted = Selection(tuple(ids or ()), reason, lead, older_than, newer_than, state)
    _must_narrow(wanted, everything=everything)
    asyncio.run(_replay(settings, wanted, by or _me(), dry=dry_run))


@dead_letters.command("drop")
def drop(
    context: typer.Context,
    ids: _Ids = None,
    reason: _Reason = None,
    lead: _Lead = None,
    older_than: _Older = None,
    newer_than: _Newer = None,
    everything: _All = False,  # noqa: FBT002 (typer)
    by: _By = None,
    config: ConfigOption = None,
) -> None:
    """Mark letters as done with; they stay on their topic, and `replay --again` still takes them."""
    settings = _settings(context, config)
    wanted = Selection(tuple(ids or ()), reason, lead, older_than, newer_than, "waiting")
    _must_narrow(wanted, everything=everything)
    asyncio.run(_drop(settings, wanted, by or _me()))


def _settings(context: typer.Context, config: Any) -> Settings:
    quiet_logging()
    return invocation_of(context).settings(config, need_secrets=False)


def _must_narrow(wanted: Selection, *, everything: bool) -> None:
    if not everything and not wanted.narrows:
        show_error("say which: ids, --reason, --lead, --older-than, --newer-than, or --all")
        raise typer.Exit(ExitCode.USAGE)


def _me() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a container's user may have no name
        return socket.gethostname()


async def _list(settings: Settings, wanted: Selection, *, as_json: bool) -> None:
    async with wiring.letters(settings) as box:
        found = await wanted.find(box)
        told = [await box.as_json(each) for each in found]
    if as_json:
        _print_json({"letters": told, "total": len(told)})
    else:
        show_letters(told, standard_output(), time_zone=settings.firm.time_zone)


async def _show(settings: Settings, letter_id: str, *, as_json: bool) -> None:
    async with wiring.letters(settings) as box:
        found = await Selection((letter_id,), state="all").find(box)
        if not found:
            _unknown([letter_id])
            raise typer.Exit(ExitCode.NEGATIVE)
        told = await box.as_json(found[0], whole=True)
    if as_json:
        _print_json(told)
    else:
        show_letter(told, standard_output(), time_zone=settings.firm.time_zone)


async def _replay(settings: Settings, wanted: Selection, by: str, *, dry: bool) -> None:
    async with wiring.letters(settings) as box:
        found = await wanted.find(box)
        missing = await wanted.missing(box, found)
        with _progress() as progress:
            task = progress.add_task("looked at" if dry else "replayed", total=len(found))
            handled = await box.replay(
                found, by=by, dry=dry, told=lambda count: progress.advance(task, count)
            )
    console = standard_output()
    for letter, why in handled.left:
        console.print(f"{letter.id} ({letter.data.reason}): {why}", markup=False, soft_wrap=True)
    verb = "would be replayed" if dry else "replayed"
    console.print(f"{len(handled.done)} {verb}, {len(handled.left)} can't be", markup=False)
    _unknown(missing)
    if handled.left or missing:
        raise typer.Exit(ExitCode.NEGATIVE)


async def _drop(settings: Settings, wanted: Selection, by: str) -> None:
    async with wiring.letters(settings) as box:
        found = await wanted.find(box)
        missing = await wanted.missing(box, found)
        await box.drop(found, by=by)
    standard_output().print(f"{len(found)} dropped", markup=False)
    _unknown(missing)
    if missing:
        raise typer.Exit(ExitCode.NEGATIVE)


def _unknown(missing: Sequence[str]) -> None:
    for each in missing:
        show_error(each if " " in each else f"no dead letter has the id {each}")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = standard_error()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _print_json(told: Any) -> None:
    typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
