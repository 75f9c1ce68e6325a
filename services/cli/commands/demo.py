"""`tasuki demo`: everything on this machine, with leads that live their lives, and a verdict at the end."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer
from rich.console import Console

from services.cli.exits import ExitCode
from services.cli.screen import standard_output
from services.errors import Misconfigured, ServiceError
from services.runtime import logs

if TYPE_CHECKING:  # the sandboxes take a second to import that `tasuki --help` should not cost
    from services.cli.demo.run import Ended, Order
    from services.cli.stage.stage import Stage

LanguageOption: TypeAlias = Literal["ja", "en"]


def demo(
    seconds: Annotated[
        float | None,
        typer.Option(min=1, show_default=False, help="Stop after so many seconds; at Ctrl-C if left out."),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=50, help="Leads that come each second.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Another seed, other people and other lives.")] = 1,
    kill_every: Annotated[
        float | None,
        typer.Option(min=0.5, show_default=False, help="Kill tasuki with SIGKILL every so many seconds."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(show_default=False, help="Work here and keep it; a temporary folder if left out."),
    ] = None,
    language: Annotated[
        LanguageOption | None, typer.Option(show_default=False, help="ja or en; else as LANG says.")
    ] = None,
) -> None:
    """
    Watch it work: two sandboxes, a stream of made-up leads, sales people, and tasuki between them.

    Needs no configuration and nothing installed. At the end both systems are compared field by field, and the
    KPIs counted a second time; ends with 0 only if all is equal, nothing is lost and every alert arrived.
    """
    from services.cli.demo.run import Order  # noqa: PLC0415
    from services.cli.demo.texts import language_of  # noqa: PLC0415

    try:
        chosen = folder or Path(tempfile.mkdtemp(prefix="tasuki-demo-"))
        chosen.mkdir(parents=True, exist_ok=True)
        (chosen / "demo.log").open("ab").close()
    except OSError as error:
        raise Misconfigured(
            f"{error.filename or folder}: can't be written: {error.strerror or error}; name another --folder"
        ) from error
    order = Order(
        folder=chosen.absolute(),
        language=language or language_of(os.environ),
        program=_program(),
        seconds=seconds,
        rate=rate,
        seed=seed,
        kill_every_s=kill_every,
    )
    keep = True
    try:
        ended = _run(order, standard_output())
        keep = folder is not None or not ended.verdict.good
    except asyncio.CancelledError:
        keep = folder is not None
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        _tidy(order, standard_output(), keep=keep)
    raise typer.Exit(ExitCode.OK if ended.verdict.good else ExitCode.NEGATIVE)


def _run(order: "Order", console: Console) -> "Ended":
    """Run the demo; print the end of the service's log where it ended."""
    from services.cli.demo.run import demo as play  # noqa: PLC0415

    stage = order.stage
    with (order.folder / "demo.log").open("a", encoding="utf-8") as log:
        logs.set_up(json=True, stream=log)
        try:
            return asyncio.run(play(order, stage, console))
        except (ServiceError, ExceptionGroup):
            _show_log(stage, order, console)
            raise


def _show_log(stage: "Stage", order: "Order", console: Console) -> None:
    from services.cli.demo.texts import TEXTS  # noqa: PLC0415

    console.print(TEXTS[order.language].log_tail, style="bold")
    for line in stage.log_tail():
        console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)


def _tidy(order: "Order", console: Console, *, keep: bool) -> None:
    from services.cli.demo.texts import TEXTS  # noqa: PLC0415

    if keep:
        console.print(TEXTS[order.language].kept.format(path=order.folder), markup=False, soft_wrap=True)
    else:
        shutil.rmtree(order.folder, ignore_errors=True)


def _program() -> str:
    """Return how tasuki was called, so that what is shown can be pasted into another terminal."""
    called = Path(sys.argv[0])
    if shutil.which("tasuki") is not None:
        return "tasuki"
    return str(called) if called.name == "tasuki" else f"{sys.executable} -m services.cli.main"
