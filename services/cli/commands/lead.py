"""`tasuki lead`: all that is known of a lead, and why."""

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated, Any

import orjson
import typer

from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import show_error, standard_output
from services.cli.timeline import show
from services.runtime.valkey_server import EmbeddedServer
from services.sync.settings import Settings


def lead(
    context: typer.Context,
    who: Annotated[
        str,
        typer.Argument(
            metavar="ID_OR_EMAIL", help="The lead's id or e-mail address; of a company its domain."
        ),
    ],
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as GET /leads/… gives it.")] = False,  # noqa: FBT002 (typer)
) -> None:
    """
    Print a lead's whole timeline: what was seen, decided, reached, sent and confirmed, and what waits and why.

    Reads the log and the store, whether the service runs or not. Ends with 1 when there is no such lead.
    """
    quiet_logging()
    settings = invocation_of(context).settings(config, need_secrets=False)
    found = asyncio.run(_look_up(settings, who))
    if found is None:
        show_error(f"no lead has the id or e-mail address {who!r}, nor a company that domain")
        raise typer.Exit(ExitCode.NEGATIVE)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        show(found, standard_output(), time_zone=settings.firm.time_zone, language=settings.firm.language)


async def _look_up(settings: Settings, who: str) -> dict[str, Any] | None:
    from services.sync.app import open_timeline  # noqa: PLC0415 - see `up`

    async with AsyncExitStack() as stack:
        url = None
        if settings.store.kind == "embedded":
            url = (await stack.enter_async_context(EmbeddedServer(settings.data_folder))).url
        timeline = await stack.enter_async_context(open_timeline(settings, url))
        return await timeline.of(who)
