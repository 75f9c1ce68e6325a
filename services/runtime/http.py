"""An HTTP server inside our own asyncio process: uvicorn without its signal handlers, guarded against slow clients."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from services.errors import Misconfigured
from services.runtime.http_guard import Guard, GuardedProtocol
from services.runtime.logs import events
from services.runtime.metrics import Metrics

log = events()

# HubSpot keeps 10 connections by default, a browser 6; a health prober and a scraper one each.
MOST_CONNECTIONS = 500
_HEAD_BYTES = 16_384
_BACKLOG = 512


class RunningServer:
    """A server that answers. Made by `serve`."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket, task: asyncio.Task[None]) -> None:
        self._server = server
        self._task = task
        self.host, self.port = listener.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def wait(self) -> None:
        """Return when the server has been stopped; raise what made it fail."""
        await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Take no new connections, let running requests end within the grace given to `serve`, close."""
        self._server.should_exit = True
        await asyncio.wait([self._task])
        log.info("server.stopped", port=self.port)


async def serve(
    app: FastAPI,
    host: str,
    port: int,
    *,
    metrics: Metrics | None = None,
    head_ms: int = 5_000,
    grace_ms: int = 3_000,
    most_connections: int = MOST_CONNECTIONS,
) -> RunningServer:
    """
    Serve *app* and return once it answers.

    Args:
        app: What answers. Its lifespan is not run: the composition root starts and stops what it needs.
        host: The address to listen at.
        port: The port; 0 takes a free one (see `RunningServer.port`).
        metrics: Counts the connections that were turned away.
        head_ms: How long a client may take for a request's head.
        grace_ms: How long `stop` waits for running requests.
        most_connections: Further connections get a 503 at once.

    Raises:
        Misconfigured: The address can't be listened at.
    """
    listener = _listener(host, port)

    class Protocol(GuardedProtocol):
        guard = Guard(head_ms, most_connections, _counter(metrics))

    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=max(1, round(grace_ms / 1000)),
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"http:{listener.getsockname()[1]}")
    running = RunningServer(server, listener, task)
    await _answering(server, task)
    log.info("server.started", host=running.host, port=running.port)
    return running


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server bound to *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # signals are services.runtime.lifecycle's

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


async def _answering(server: _Server, task: asyncio.Task[None]) -> None:
    waiting = asyncio.create_task(server.answers.wait())
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await task


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Misconfigured(f"can't listen at {host!r}: {error}; give an address of this machine") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"can't listen at {host}:{port}: {error}; choose another port or free it"
        ) from error
    return listener


def _counter(metrics: Metrics | None) -> Callable[[str], None]:
    def refused(reason: str) -> None:
        if metrics is not None:
            metrics.count("tasuki_http_connections_refused_total", reason=reason)

    return refused
