"""`tasuki up`: the service on this machine, with embedded parts unless the configuration names others."""

import asyncio
import fcntl
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

import typer

from services.cli.exits import ExitCode
from services.cli.invocation import ConfigOption, invocation_of, start_logging
from services.cli.screen import standard_error
from services.errors import Misconfigured
from services.runtime.lifecycle import ExitCode as End
from services.sync.settings import Settings

_CODES = {
    End.STOPPED: ExitCode.OK,
    End.TRY_AGAIN: ExitCode.UNREACHABLE,
    End.MISCONFIGURED: ExitCode.USAGE,
    End.FAILED: ExitCode.BUG,
}


def up(context: typer.Context, config: ConfigOption = None) -> None:
    """
    Run tasuki: take webhooks and change streams in, keep both systems the same, hand leads over.

    Stops in order on Ctrl-C or SIGTERM, within 10 seconds; nothing is lost either way, nor by kill -9.
    """
    from services.sync.app import run  # noqa: PLC0415 - takes a second that `tasuki --help` should not cost

    settings = invocation_of(context).settings(config)
    _see_that_free(settings)
    if sys.stderr.isatty():
        place = f"http://{settings.http.host}:{settings.http.port}"
        standard_error().print(
            f"tasuki takes webhooks at {place}/webhooks/{settings.ma.system}; its API: {place}/docs; "
            "Ctrl-C stops it",
            markup=False,
        )
    start_logging(settings)
    with _alone_in(settings):
        raise typer.Exit(_CODES[asyncio.run(run(settings))])


@contextmanager
def _alone_in(settings: Settings) -> Generator[None]:
    """
    Hold the data folder of embedded parts for this process; the system lets go of it however we end.

    A second `tasuki up` would be a guest of the first one's store, and stand there without one when that ends.

    Raises:
        Misconfigured: Another process holds it, or it can't be written.
    """
    if "embedded" not in {settings.store.kind, settings.log.kind}:
        yield
        return
    path = settings.data_folder / "up.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("ab")
    except OSError as error:
        raise Misconfigured(
            f"the data folder {settings.data_folder} cannot be written: {error.strerror or error}; "
            "name another folder or mend its permissions"
        ) from error
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misconfigured(
                f"another tasuki up works in the data folder {settings.data_folder}; stop it, or name another "
                '[data] folder (several processes need log kind = "kafka" and store kind = "redis")'
            ) from error
        yield


def _see_that_free(settings: Settings) -> None:
    """
    Raise Misconfigured where the web server will find its port taken.

    The web server comes last, so that it takes nothing in before the rest works; a port that is taken would be
    told in the middle of a log.
    """
    host, port = settings.http.host, settings.http.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Misconfigured(
            f"{settings.source}: [http] can't listen at {host}:{port}: {error.strerror or error}; "
            "give another host or port, or end what listens there"
        ) from error
