"""
The servers that tests run against, each started once for a whole run and found in a fixed order.

========  =================================================================================================
fixture   comes from
========  =================================================================================================
kafka     TASUKI_KAFKA (bootstrap servers) · Docker · Java 17 and Maven, by deploy/kafka/start.py · skipped
redis_url TASUKI_REDIS (a URL) · the embedded Valkey server
========  =================================================================================================

A skip says how to get what is missing. With CI=true a skip for want of a server is a failure. Tests share the
servers, so each names its topics, groups and keys with the fixture `unique`.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from services.errors import ServiceError
from services.runtime.valkey_server import EmbeddedServer

ROOT = Path(__file__).resolve().parents[1]
_HOW_TO_GET_KAFKA = (
    "set TASUKI_KAFKA to a broker's host:port, start Docker, or install Java 17 and Maven "
    "(Debian: apt-get install openjdk-17-jre-headless maven)"
)


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """A cluster to test against; `session_ms` is the shortest session timeout that it allows."""

    bootstrap: str
    session_ms: int


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """Return a name that no other test has, readable in a server's logs."""
    node: object = request.node
    name = re.sub(r"[^a-z0-9]+", "-", getattr(node, "name", "").lower())[:60].strip("-")
    return f"{name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def kafka() -> Generator[KafkaServer]:
    """Give a real Kafka, or skip with the reason."""
    if named := os.environ.get("TASUKI_KAFKA"):
        yield KafkaServer(named, session_ms=6_000)
        return
    reasons: list[str] = []
    for start in (_kafka_in_docker, _kafka_on_java):
        with start(reasons) as found:
            if found is not None:
                yield found
                return
    missing_server("Kafka", f"{'; '.join(reasons)}. To get it: {_HOW_TO_GET_KAFKA}")


@pytest.fixture(scope="session")
def redis_url() -> Generator[str]:
    """Give the URL of a Redis or Valkey, or skip with the reason."""
    if named := os.environ.get("TASUKI_REDIS"):
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="tasuki-") as folder, hosted(Path(folder)) as (url, error):
        if url is None:
            missing_server("a store", f"{error}. To get it: set TASUKI_REDIS to the URL of a Redis or Valkey")
        yield url


def missing_server(what: str, why: str) -> NoReturn:
    """Skip the test for want of *what*; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"no {what}, and CI must not skip: {why}", pytrace=False)
    pytest.skip(f"no {what}: {why}")


@contextmanager
def hosted(folder: Path) -> Generator[tuple[str | None, str]]:
    """Run an embedded server on *folder* from a thread with a loop of its own; yield its URL or why not."""
    outcome: list[tuple[str | None, str]] = []
    ready, done = threading.Event(), threading.Event()

    async def host() -> None:
        async with EmbeddedServer(folder) as server:
            outcome.append((server.url, ""))
            ready.set()
            await asyncio.to_thread(done.wait)

    def run() -> None:
        try:
            asyncio.run(host())
        except ServiceError as error:
            outcome.append((None, str(error)))
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="embedded-server")
    thread.start()
    ready.wait()
    try:
        yield outcome[0] if outcome else (None, "the embedded server could not be started")
    finally:
        done.set()
        thread.join()


@contextmanager
def _kafka_in_docker(reasons: list[str]) -> Generator[KafkaServer | None]:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:  # noqa: S603
        reasons.append("Docker is not running")
        yield None
        return
    from docker.errors import DockerException  # noqa: PLC0415 -- slow to import, and rarely needed
    from testcontainers.kafka import KafkaContainer  # noqa: PLC0415

    container = KafkaContainer().with_kraft()
    for name, value in {"MIN_SESSION_TIMEOUT_MS": "500", "INITIAL_REBALANCE_DELAY_MS": "0"}.items():
        container.with_env(f"KAFKA_GROUP_{name}", value)
    try:
        container.start()
    except (DockerException, TimeoutError) as error:
        reasons.append(f"Docker could not start Kafka: {error}")
        yield None
        return
    try:
        yield KafkaServer(container.get_bootstrap_server(), session_ms=1_000)
    finally:
        container.stop()


@contextmanager
def _kafka_on_java(reasons: list[str]) -> Generator[KafkaServer | None]:
    with java_kafka(reasons) as bootstrap:
        yield None if bootstrap is None else KafkaServer(bootstrap, session_ms=1_000)


@contextmanager
def java_kafka(
    reasons: list[str], *options: str, nodes: int = 1, data: Path | None = None
) -> Generator[str | None]:
    """
    Run *nodes* brokers by deploy/kafka/start.py; yield the bootstrap servers, or None and add the reason.

    *data* is a folder for what they hold, where ``node-1/pid`` is the first one's process.
    """
    with ExitStack() as stack:
        folder = data or stack.enter_context(tempfile.TemporaryDirectory(prefix="tasuki-kafka-"))
        script = str(ROOT / "deploy" / "kafka" / "start.py")
        command = [
            sys.executable,
            script,
            "--data",
            str(folder),
            "--nodes",
            str(nodes),
            "--until-input-ends",
            *options,
        ]
        process = subprocess.Popen(  # noqa: S603 -- our own script
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        # The script ends its brokers when its input closes, which also happens when this process is killed.
        with process:
            if process.stdout is None or process.stderr is None or process.stdin is None:
                raise AssertionError("the pipes were asked for")
            word, _, bootstrap = process.stdout.readline().strip().partition(" ")
            if word == "ready":
                yield bootstrap
                process.stdin.close()
            else:
                reasons.append(process.stderr.read().strip())
                yield None
