"""`tasuki status`: how the running services do, asked over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, quiet_logging
from services.cli.screen import standard_output
from services.cli.settings import Configured
from services.cli.status import NoService, ask, show
from services.cli.status_kpi import is_kpi, show_kpi
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
            help="Where one of them answers; else both are asked, by \\[http] and \\[feed].",
        ),
    ] = None,
) -> None:
    """
    Say how the running services do: shards, lag, what waits, the vendors' limits, promises that are overdue, sinks.

    Ends with 0 when those that answer are ready, 1 when one isn't, 2 when one refuses the API key, 3 when none answers.
    """
    quiet_logging()
    configured = invocation_of(context).configured(config, need_secrets=False)
    found, silent = _asked(configured, url)
    if as_json:
        whole = found[0] if url is not None else _joined(found)
        typer.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode())
    else:
        console = standard_output()
        for each in found:
            showing = show_kpi if is_kpi(each) else show
            showing(each, console, time_zone=configured.sync.firm.time_zone)
        for each in silent:
            console.print(Text(str(each), style="yellow"))
    raise typer.Exit(ExitCode.OK if all(each["ready"] for each in found) else ExitCode.NEGATIVE)


def _asked(configured: Configured, url: str | None) -> tuple[list[Mapping[str, Any]], list[NoService]]:
    """Return what the services say, and who says nothing. Raises NoService where nobody says anything."""
    sync, kpi = configured.sync, configured.kpi
    if url is not None:
        key = sync.secrets.api_key
        return [ask(url, None if key is None else key.get_secret_value())], []
    keys = [each.secret for each in kpi.feed.keys if each.secret is not None]
    asked = (
        (_address(sync.http.host, sync.http.port), sync.secrets.api_key, "tasuki sync"),
        (_address(kpi.feed.host, kpi.feed.port), keys[0] if keys else None, "tasuki kpi"),
    )
    found: list[Mapping[str, Any]] = []
    silent: list[NoService] = []
    for address, key, command in asked:
        try:
            found.append(ask(address, None if key is None else key.get_secret_value(), command=command))
        except NoService as error:
            silent.append(error)
    if not found:
        raise silent[0]
    return found, silent


def _joined(found: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return sync's answer with the KPI service's under `kpi`; null where it says nothing."""
    whole: dict[str, Any] = {"kpi": None}
    for each in found:
        whole |= {"kpi": each} if is_kpi(each) else each
    return whole


def _address(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 (compared)
    return f"http://{host}:{port}"


def address_of(settings: Settings) -> str:
    """Return where the service of *settings* answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.http.host, settings.http.host)  # noqa: S104 (compared)
    return f"http://{host}:{settings.http.port}"


def key_of(settings: Settings) -> str | None:
    """Return the API key that the service of *settings* asks for, if it does."""
    key = settings.secrets.api_key
    return None if key is None else key.get_secret_value()
