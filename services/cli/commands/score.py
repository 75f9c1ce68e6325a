"""`tasuki score`: what the scoring rules of the file would change, before they are put to work."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.cli import wiring
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.score import Preview, show
from services.cli.screen import standard_output
from services.sync.settings import Settings


def score(
    context: typer.Context,
    config: ConfigOption = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a line for each lead whose score changes to FILE.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """
    Preview what the scoring rules of tasuki.toml change: how many scores, who gains MQL, who falls under the threshold.

    Compares with what was told of each lead. Writes nothing, neither to the systems nor to the store, whether the service
    runs or not. The rules come into force when the service is started with them.
    """
    quiet_logging()
    settings = invocation_of(context).settings(config, need_secrets=False)
    asyncio.run(_preview(settings, csv))


async def _preview(settings: Settings, path: Path | None) -> None:
    preview = Preview()
    async with wiring.score_preview(settings) as lines:
        with preview.written(path):
            async for line in lines:
                preview.add(line)
    show(preview, settings.rules.scoring, standard_output())
    if path is not None:
        standard_output().print(f"each lead that changes stands in {path}", markup=False)
