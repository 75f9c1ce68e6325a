"""The image's health check, against servers that answer well, badly or not at all."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy import healthcheck


@contextmanager
def answering(status: int, *paths: str) -> Generator[int]:
    """Serve *status* at *paths*, 404 elsewhere; yield the port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path in paths else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name it has there
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def nobody() -> Generator[int]:
    """A port that is taken and that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def status(monkeypatch: pytest.MonkeyPatch, *ports: int, question: str = "live") -> int:
    """Return how the check of these ports ends."""
    monkeypatch.setattr(healthcheck, "PORTS", ports)
    monkeypatch.setattr("sys.argv", ["healthcheck.py", question])
    return healthcheck.main()


def test_one_service_that_is_well_is_enough(monkeypatch: pytest.MonkeyPatch, nobody: int) -> None:
    """A container of sync alone has nobody at the KPIs' port."""
    with answering(200, "/health/live") as port:
        assert status(monkeypatch, port, nobody) == 0
        assert status(monkeypatch, nobody, port) == 0


def test_a_service_that_isnt_well_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside one that is, in a container of both."""
    with answering(200, "/health/ready") as good, answering(503, "/health/ready") as bad:
        assert status(monkeypatch, good, bad, question="ready") == 1
        assert status(monkeypatch, good, question="ready") == 0


def test_a_container_in_which_nobody_answers_isnt_well(monkeypatch: pytest.MonkeyPatch, nobody: int) -> None:
    """Its process hangs, or hasn't come up."""
    assert status(monkeypatch, nobody) == 1


def test_what_hangs_isnt_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took the connection and says nothing."""
    monkeypatch.setattr(healthcheck, "PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert status(monkeypatch, int(silent.getsockname()[1])) == 1
