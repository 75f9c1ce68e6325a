"""Runs services in this process until SIGTERM: alone in the data folder of embedded parts, at ports that are free."""

import asyncio
import fcntl
import socket
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager

import typer

from services.cli.exits import ExitCode
from services.cli.invocation import start_logging
from services.cli.screen import standard_error
from services.cli.settings import Configured
from services.configuration.parts import needs_embedded
from services.configuration.platform import Platform
from services.errors import Misconfigured
from services.runtime import lifecycle
from services.runtime.collector import calm_collector
from services.runtime.lifecycle import Component
from services.runtime.valkey_server import EmbeddedServer

_CODES = {
    lifecycle.ExitCode.STOPPED: ExitCode.OK,
    lifecycle.ExitCode.TRY_AGAIN: ExitCode.UNREACHABLE,
    lifecycle.ExitCode.MISCONFIGURED: ExitCode.USAGE,
    lifecycle.ExitCode.FAILED: ExitCode.BUG,
}

Build = Callable[[Configured, str | None], Sequence[Component]]
"""Puts a service together; the second argument is the embedded server's URL."""


def sync_parts(configured: Configured, url: str | None) -> Sequence[Component]:
    """Return the components of sync."""
    from services.sync.app import build  # noqa: PLC0415 - takes a second that `tasuki --help` should not cost

    return build(configured.sync, embedded_url=url).components


def kpi_parts(configured: Configured, url: str | None) -> Sequence[Component]:
    """Return the components of the KPI service."""
    from services.kpi.app import build  # noqa: PLC0415 - see `sync_parts`

    return build(configured.kpi, embedded_url=url).components


def run_services(configured: Configured, builds: Sequence[Build]) -> None:
    """
    Run the services of *builds* in one process, and end the command by how they ended.

    Raises:
        Misconfigured: Another process works in the data folder, or a port is taken.
    """
    sync, kpi = configured.sync, configured.kpi
    if sync_parts in builds:
        _see_that_free(sync, "http", sync.http.host, sync.http.port)
        _announce(
            f"tasuki takes webhooks at {_place(sync.http.host, sync.http.port)}/webhooks/{sync.ma.system}; "
            f"its API: {_place(sync.http.host, sync.http.port)}/docs"
        )
    if kpi_parts in builds:
        _see_that_free(kpi, "feed", kpi.feed.host, kpi.feed.port)
        _announce(
            f"the KPIs are at {_place(kpi.feed.host, kpi.feed.port)}/kpi/table, described at /docs there"
        )
    _announce("Ctrl-C stops it")
    start_logging(sync)
    with _alone_in(sync):
        raise typer.Exit(_CODES[asyncio.run(_run(configured, builds))])


async def _run(configured: Configured, builds: Sequence[Build]) -> lifecycle.ExitCode:
    async with AsyncExitStack() as stack:
        url = None
        if needs_embedded(configured.sync):
            url = (await stack.enter_async_context(EmbeddedServer(configured.sync.data_folder))).url
        components = [part for build in builds for part in build(configured, url)]
        return await lifecycle.run([*components, calm_collector()])


def _announce(text: str) -> None:
    """Tell whoever started it by hand; a log shouldn't begin with it."""
    if sys.stderr.isatty():
        standard_error().print(text, markup=False)


def _place(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _alone_in(platform: Platform) -> Generator[None]:
    """
    Hold the data folder of embedded parts for this process; the system lets go of it however we end.

    A second process would be a guest of the first one's store, and stand there without one when that ends.

    Raises:
        Misconfigured: Another process holds it, or it can't be written.
    """
    if "embedded" not in {platform.store.kind, platform.log.kind}:
        yield
        return
    path = platform.data_folder / "up.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("ab")
    except OSError as error:
        raise Misconfigured(
            f"the data folder {platform.data_folder} cannot be written: {error.strerror or error}; "
            "name another folder or mend its permissions"
        ) from error
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misconfigured(
                f"another tasuki works in the data folder {platform.data_folder}; stop it, or name another "
                "[data] folder. On one machine `tasuki up` runs both services in one process; several processes need "
                'log kind = "kafka" and store kind = "redis"'
            ) from error
        yield


def _see_that_free(platform: Platform, section: str, host: str, port: int) -> None:
    """
    Raise Misconfigured where a web server will find its port taken.

    The web servers come last, so that they take nothing in before the rest works; a port that is taken would be
    told in the middle of a log.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Misconfigured(
            f"{platform.source}: [{section}] can't listen at {host}:{port}: {error.strerror or error}; "
            "give another host or port, or end what listens there"
        ) from error
