"""`tasuki status`: how the running service does, asked over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import standard_output
from services.cli.status import ask, show
from services.sync.settings import Settings


def status(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as GET /status gives it.")] = False,  # noqa: FBT002 (typer)
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            show_default=False,
            help="Where it answers; else by \\[http] host and port.",
        ),
    ] = None,
) -> None:
    """
    Say how the running service does: shards, lag, what waits, the vendors' limits, their circuits, the streams.

    Ends with 0 when it is ready, 1 when it isn't, 2 when it refuses the API key, 3 when no service answers.
    """
    quiet_logging()
    settings = invocation_of(context).settings(config, need_secrets=False)
    found: Mapping[str, Any] = ask(url or address_of(settings), key_of(settings))
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        show(found, standard_output(), time_zone=settings.firm.time_zone)
    raise typer.Exit(ExitCode.OK if found["ready"] else ExitCode.NEGATIVE)


def address_of(settings: Settings) -> str:
    """Return where the service of *settings* answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.http.host, settings.http.host)  # noqa: S104 (compared)
    return f"http://{host}:{settings.http.port}"


def key_of(settings: Settings) -> str | None:
    """Return the API key that the service of *settings* asks for, if it does."""
    key = settings.secrets.api_key
    return None if key is None else key.get_secret_value()
