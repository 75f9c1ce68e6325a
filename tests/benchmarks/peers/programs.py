"""What is compared: how each program is fetched, built and started, and the versions of all."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.benchmarks.peers.broker import ROOT

HERE = Path(__file__).resolve().parent
_PYTHON = (sys.executable, "-m")
_BUILT = ROOT / ".kafka"
_PINS = HERE / "quix.pins.txt"
"""Written by ``uv export --script quix.py --format requirements-txt --no-header --no-annotate``."""
_SOURCES = (HERE / "pom.xml", HERE / "WindowedCount.java")


class NotHere(Exception):
    """A program that can't be run on this machine; the text says what is missing."""


def bare(*, commits: bool) -> Sequence[str]:
    """Return the command of the bare client, without the arguments that all take."""
    return [*_PYTHON, "tests.benchmarks.peers.bare", *(["--commits"] if commits else [])]


def ours(what: str, store_url: str, partitions: int) -> Sequence[str]:
    """Return the command of our worker that folds *what*: ``one`` windowed count, or the ``catalogue``."""
    return [*_PYTHON, "tests.benchmarks.peers.ours", what, store_url, str(partitions)]


def quix() -> Sequence[str]:
    """Return the command of the Quix Streams program, in an environment of its own with what its pins name."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise NotHere("uv is missing: pip install uv")
    home = _BUILT / "quix"
    python = str(home / "bin" / "python")
    pins = ["pip", "sync", "--quiet", "--require-hashes", "--python", python, str(_PINS)]
    for command in (["venv", "--quiet", "--allow-existing", "--python", sys.executable, str(home)], pins):
        done = _run([uv, *command])
        if done.returncode:
            raise NotHere(f"uv could not fetch Quix Streams:\n{done.stdout[-2000:]}")
    return [python, str(HERE / "quix.py")]


def kafka_streams() -> Sequence[str]:
    """Return the command of the Kafka Streams program, its jars fetched and itself compiled the first time."""
    java, maven, home = shutil.which("java"), shutil.which("mvn"), built()
    if java is None or (maven is None and not home.exists()):
        raise NotHere("Java or Maven is missing (Debian: openjdk-17-jre-headless maven)")
    if maven is not None and not home.exists():
        _build(home, java, maven)
    return [java, "-Xmx1g", "-cp", f"{home}/libs/*:{home}/classes", "WindowedCount"]


def built() -> Path:
    """Return the folder of the Kafka Streams program, which is there once it was built."""
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in _SOURCES)).hexdigest()[:12]
    return _BUILT / f"peers-{digest}"


def _build(home: Path, java: str, maven: str) -> None:
    partial = home.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    pom, program = map(str, _SOURCES)
    copy = [maven, "-q", "-B", "-f", pom, "dependency:copy-dependencies"]
    done = _run([*copy, f"-DoutputDirectory={partial / 'libs'}"])
    if done.returncode:
        raise NotHere(f"Maven could not fetch Kafka Streams:\n{done.stdout[-2000:]}")
    # A Java runtime has no compiler of its own.
    compiler = [java, "-cp", f"{partial}/libs/*", "org.eclipse.jdt.internal.compiler.batch.Main"]
    jars = ":".join(str(each) for each in sorted((partial / "libs").glob("*.jar")))
    done = _run([*compiler, "--release", "17", "-cp", jars, "-d", str(partial / "classes"), program])
    if done.returncode:
        raise NotHere(f"the Kafka Streams program was not compiled:\n{done.stdout[-2000:]}")
    partial.rename(home)


def versions(server: str) -> dict[str, str]:
    """Return the versions of all that takes part; *server* is the store's."""
    found = {"valkey": server, "aiokafka": version("aiokafka")}
    pinned = (
        line.partition(" ")[0].partition("==") for line in _PINS.read_text(encoding="utf-8").splitlines()
    )
    found |= {name: pin for name, _, pin in pinned if name in {"quixstreams", "confluent-kafka"}}
    for pom in (HERE / "pom.xml", ROOT / "deploy" / "kafka" / "pom.xml"):
        one = ET.parse(pom).find(".//{*}dependency")  # noqa: S314 -- our own file
        if one is not None:
            found[one.findtext("{*}artifactId", "")] = one.findtext("{*}version", "")
    shown = _run(["java", "-version"]).stdout
    return found | {"java": shown.partition('"')[2].partition('"')[0]}


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- fixed commands
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


if __name__ == "__main__":
    try:
        if sys.argv[1:] != ["streams"]:  # alone it is for the tests, which don't run Quix Streams
            quix()
        kafka_streams()
    except NotHere as missing:
        sys.exit(str(missing))
