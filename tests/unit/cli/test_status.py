"""`tasuki status` where no service of ours answers, and how it prints what one says."""

import socket
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from services.cli.exits import ExitCode
from services.cli.main import main
from tests.unit.settings.small_firm import SMALL

NOT_READY = b"""{"version": "1", "ready": false, "live": true, "reasons": ["log: did not answer"],
"topics": {"tasuki.inbox.v1": {"partitions": [0, 3], "lag": null, "outbox": 1200, "rolled_back": 2}},
"systems": {"hubspot": {"condition": "degraded", "reason": "away", "dirty": 3}}, "quotas": null,
"streams": [{"system": "salesforce", "channel": "/data/Lead", "age_ms": 61000}]}"""


class Handler(BaseHTTPRequestHandler):
    """Answers what the test wants."""

    code, body, key = 200, NOT_READY, ""

    def do_GET(self) -> None:
        """Answer a GET."""
        allowed = not self.key or self.headers.get("authorization") == f"Bearer {self.key}"
        self.send_response(self.code if allowed else 401)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def address(firm: Path) -> Generator[str]:
    """Give the address of a server, with a configuration in the folder."""
    (firm / "tasuki.toml").write_text(SMALL)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_without_a_service_it_says_so_and_how_to_start_one(
    firm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 3: the same command may work later."""
    (firm / "tasuki.toml").write_text(SMALL)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["status", "--url", url]) is ExitCode.UNREACHABLE
    told = capsys.readouterr().err
    assert f"no service answers at {url}" in told
    assert "tasuki up" in told


def test_what_is_not_known_is_shown_as_unknown(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 1 where the service isn't ready; the log's lag and the limits are unknown."""
    assert main(["status", "--url", address]) is ExitCode.NEGATIVE
    shown = capsys.readouterr().out
    assert "not ready" in shown
    assert "log: did not answer" in shown
    assert "tasuki.inbox.v1  2       unknown  1,200" in shown
    assert "the vendors' limits: unknown" in shown
    assert "61 s ago" in shown
    assert "the store lost a shard's last writes 2 times" in shown


def test_as_json_it_is_what_the_service_said(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts."""
    assert main(["status", "--json", "--url", address]) is ExitCode.NEGATIVE
    assert '"outbox": 1200' in capsys.readouterr().out


def test_a_refused_key_is_said_to_be_one(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 2; with the right key it answers."""
    monkeypatch.setattr(Handler, "key", "the key of this test")
    assert main(["status", "--url", address]) is ExitCode.USAGE
    assert "TASUKI_API_KEY" in capsys.readouterr().err
    monkeypatch.setenv("TASUKI_API_KEY", "the key of this test")
    assert main(["status", "--url", address]) is ExitCode.NEGATIVE


@pytest.mark.parametrize(("code", "body"), [(200, b"<html>"), (404, b"{}"), (200, b"[]"), (500, NOT_READY)])
def test_another_service_is_not_taken_for_ours(
    address: str, code: int, body: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it answers."""
    monkeypatch.setattr(Handler, "code", code)
    monkeypatch.setattr(Handler, "body", body)
    assert main(["status", "--url", address]) is ExitCode.UNREACHABLE
    assert "is no tasuki" in capsys.readouterr().err
