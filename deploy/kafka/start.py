"""
Starts a real Apache Kafka on this machine, one node or three, without Docker: Java 17 and Maven are enough.

    python deploy/kafka/start.py --port 9092 --data DIR [--nodes 3] [--user NAME:PASSWORD --certificate PEM]

The jars that pom.xml names are fetched once into `.kafka/` beside the repository's files, or into
TASUKI_KAFKA_HOME. Prints ``ready HOST:PORT[,HOST:PORT…]`` when the brokers serve, and runs until it is told
to end (Ctrl-C, SIGTERM, or its standard input closes with --until-input-ends). What DIR holds is kept.

For tests and rehearsals on one machine, loopback only: without encryption and passwords, unless --user and
--certificate ask for both. The brokers among themselves do without, on ports of their own.
"""

import argparse
import base64
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
UP = "Kafka Server started"
PATIENCE_S = 90.0


class CannotStart(Exception):
    """Something that a person must install or mend; the text says what."""


@dataclass(frozen=True, slots=True)
class Node:
    """One broker that is a controller too."""

    number: int
    port: int
    controller_port: int
    folder: Path
    internal_port: int = 0
    told_port: int = 0
    """What clients are told instead of `port`, where something stands between; 0: nothing does."""

    @property
    def output(self) -> Path:
        """Where it logs."""
        return self.folder / "output.log"


def java() -> str:
    """Return the Java to run. Raises CannotStart unless it is 17 or newer."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if program is None:
        raise CannotStart("Java is missing: install a Java 17 runtime (Debian: openjdk-17-jre-headless)")
    shown = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    version = shown.partition('"')[2].partition('"')[0]
    if not version.partition(".")[0].isdigit() or int(version.partition(".")[0]) < 17:  # noqa: PLR2004
        raise CannotStart(f"Kafka needs Java 17 or newer, this is {version or 'unknown'} ({program})")
    return program


def jars() -> Path:
    """Return the folder of Kafka's jars, fetched by Maven the first time."""
    home = Path(os.environ.get("TASUKI_KAFKA_HOME") or HERE.parents[1] / ".kafka")
    home.mkdir(parents=True, exist_ok=True)
    folder = home / f"libs-{_pom_digest()}"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test runs beside each other fetch once
        if not folder.exists():
            _fetch(folder)
    return folder


def _pom_digest() -> str:
    return hashlib.sha256((HERE / "pom.xml").read_bytes()).hexdigest()[:12]


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotStart("Maven is missing: install it to fetch Kafka's jars (Debian: maven)")
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run(  # noqa: S603 -- fixed arguments
        [*command, f"-DoutputDirectory={partial}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"Maven could not fetch Kafka's jars:\n{done.stdout[-2000:]}")
    partial.rename(folder)


@dataclass(frozen=True, slots=True)
class Security:
    """Who may come in, by SCRAM-SHA-512 or PLAIN; `certificate` is a PEM of the servers' key and certificates."""

    user: str
    password: str
    certificate: Path

    @property
    def scram(self) -> str:
        """The user as the formatter takes it."""
        return f"SCRAM-SHA-512=[name={self.user},password={self.password}]"

    def lines(self, node: Node) -> dict[str, object]:
        """Return what *node* needs for it, beside and in place of what it has without."""
        modules = "org.apache.kafka.common.security"
        client = f"CLIENT://{HOST}:{node.port}"
        internal = f"INTERNAL://{HOST}:{node.internal_port}"
        return {
            "listeners": f"{client},{internal},CONTROLLER://{HOST}:{node.controller_port}",
            "advertised.listeners": f"{client},{internal}",
            "inter.broker.listener.name": "INTERNAL",
            "listener.security.protocol.map": "CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.client.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
            "listener.name.client.plain.sasl.jaas.config": (
                f'{modules}.plain.PlainLoginModule required user_{self.user}="{self.password}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.certificate,
        }


def settings(node: Node, nodes: Sequence[Node], security: Security | None = None) -> str:
    """Return the server.properties of *node*."""
    copies = min(len(nodes), 3)
    lines: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": ",".join(
            f"{each.number}@{HOST}:{each.controller_port}" for each in nodes
        ),
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{node.told_port or node.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": node.folder / "data",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 500,  # tests of dying members should not wait six seconds
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": min(copies, 2),
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": min(copies, 2),
        "controlled.shutdown.enable": "true",
    }
    if security is not None:
        lines |= security.lines(node)
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def run_java(libs: Path, heap: str, main: str, *arguments: str) -> list[str]:
    """Return the command that runs the class *main*."""
    return [
        java(),
        f"-Xmx{heap}",
        f"-Dlog4j2.configurationFile=file:{HERE / 'log4j2.xml'}",
        "-cp",
        f"{libs}/*",
        main,
        *arguments,
    ]


def start(
    node: Node,
    nodes: Sequence[Node],
    *,
    libs: Path,
    heap: str,
    cluster: str,
    security: Security | None = None,
) -> subprocess.Popen[bytes]:
    """Write the configuration of *node*, format its folder if it is new, and start it."""
    node.folder.mkdir(parents=True, exist_ok=True)
    properties = node.folder / "server.properties"
    properties.write_text(settings(node, nodes, security))
    with node.output.open("wb") as output:
        if not (node.folder / "data" / "meta.properties").exists():
            # With an equals sign, for an id may begin with a dash.
            users = () if security is None else ("--add-scram", security.scram)
            arguments = ("format", f"--cluster-id={cluster}", "-c", str(properties), *users)
            format_it = run_java(libs, heap, "kafka.tools.StorageTool", *arguments)
            if subprocess.run(format_it, stdout=output, stderr=output, check=False).returncode:  # noqa: S603
                raise CannotStart(f"{node.folder} could not be formatted:\n{node.output.read_text()[-2000:]}")
        process = subprocess.Popen(  # noqa: S603 -- our own command
            run_java(libs, heap, "kafka.Kafka", str(properties)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (node.folder / "pid").write_text(str(process.pid))  # for those who want to see a broker die
    return process


def await_ready(node: Node, process: subprocess.Popen[bytes]) -> None:
    """Return when *node* serves. Raises CannotStart with the end of its log otherwise."""
    deadline = time.monotonic() + PATIENCE_S
    while UP not in node.output.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(f"node {node.number} did not start:\n{node.output.read_text()[-2000:]}")
        time.sleep(0.1)


def free_ports(count: int, held: ExitStack) -> list[int]:
    """
    Return *count* ports that nobody listens on.

    On Linux a socket that is bound and doesn't listen keeps each from being given to others while *held* is open;
    who asks for it by its number, as the nodes do, gets it all the same.
    """
    sockets = [held.enter_context(socket.socket()) for _ in range(count)]
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind((HOST, 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    if sys.platform != "linux":
        held.close()
    return ports


def lay_out(data: Path, held: ExitStack, *, count: int, port: int, told_port: int = 0) -> list[Node]:
    """Return *count* nodes with folders in *data*, their brokers on *port* and the next ones, or free ones."""
    free = free_ports(3 * count, held)
    ports = [port + each for each in range(count)] if port else free[:count]
    return [
        Node(
            *(each + 1, ports[each], free[count + each], data / f"node-{each + 1}", free[2 * count + each]),
            told_port=told_port,
        )
        for each in range(count)
    ]


def cluster_id(data: Path) -> str:
    """Return the id of the cluster in *data*: 16 bytes, made the first time."""
    kept = data / "cluster-id"
    if not kept.exists():
        kept.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
    return kept.read_text()


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End *processes*: orderly, by force after 20 s."""
    for each in processes:
        each.terminate()
    deadline = time.monotonic() + 20
    for each in processes:
        try:
            each.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            each.kill()
            each.wait()


def main() -> int:
    """Run until told to end; return the exit status."""
    parser = argparse.ArgumentParser(description="A real Apache Kafka on this machine.")
    parser.add_argument("--port", type=int, default=0, help="of the first broker; 0 takes free ones")
    parser.add_argument("--nodes", type=int, default=1, choices=(1, 3))
    parser.add_argument(
        "--told-port",
        type=int,
        default=0,
        help="of one node: what clients are told, where a proxy stands before it",
    )
    parser.add_argument("--data", type=Path, help="folder; what it holds is kept")
    parser.add_argument("--fetch", action="store_true", help="only fetch what is needed, then end")
    parser.add_argument("--heap", default="1g", help="memory of each node")
    parser.add_argument("--user", metavar="NAME:PASSWORD", help="who may come in; with --certificate")
    parser.add_argument("--certificate", type=Path, help="PEM of the servers' key and certificates, for TLS")
    parser.add_argument("--until-input-ends", action="store_true", help="end when standard input closes")
    asked = parser.parse_args()
    if asked.data is None and not asked.fetch:
        parser.error("--data is missing")
    if asked.told_port and (asked.nodes != 1 or asked.user is not None):
        parser.error("--told-port is for one node without --user")
    if (asked.user is None) != (asked.certificate is None):
        parser.error("--user and --certificate go together")
    told = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda _number, _frame: told.set())
    try:
        return serve(asked, told)
    except CannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201 -- a command's answer
        return 1


def security_of(asked: argparse.Namespace) -> Security | None:
    """Return the security that was asked for."""
    if asked.user is None:
        return None
    user, _, password = asked.user.partition(":")
    return Security(user, password, asked.certificate.absolute())


def serve(asked: argparse.Namespace, told: threading.Event) -> int:
    """Start the nodes that were *asked* for, wait until *told* or until one ends, end them."""
    libs = jars()
    java()
    if asked.fetch:
        return 0
    data: Path = asked.data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        nodes = lay_out(data, held, count=asked.nodes, port=asked.port, told_port=asked.told_port)
        return run(nodes, asked, told, libs)


def run(nodes: list[Node], asked: argparse.Namespace, told: threading.Event, libs: Path) -> int:
    """Start *nodes*, wait until *told* or until one ends, end them."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for node in nodes:
            # One by one: those that run must be known when a later one fails.
            cluster = cluster_id(asked.data.absolute())
            process = start(
                node, nodes, libs=libs, heap=asked.heap, cluster=cluster, security=security_of(asked)
            )
            processes.append(process)
        for node, process in zip(nodes, processes, strict=True):
            await_ready(node, process)
        print("ready", ",".join(f"{HOST}:{each.port}" for each in nodes), flush=True)  # noqa: T201
        if asked.until_input_ends:
            threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
        while not told.wait(0.5):
            if all(each.poll() is not None for each in processes):
                return 1
    finally:
        end(processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
