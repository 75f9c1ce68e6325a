"""One real Kafka of the benchmark's own, by deploy/kafka/start.py, and where its process is."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it listens, and its process."""

    bootstrap: str
    pid: int


@contextmanager
def broker(folder: Path) -> Generator[Broker]:
    """Run a broker that keeps its data in *folder*; ends the program where it can't be started."""
    script = str(ROOT / "deploy" / "kafka" / "start.py")
    process = subprocess.Popen(  # noqa: S603 -- our own script
        [sys.executable, script, "--data", str(folder), "--until-input-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        if process.stdout is None or process.stdin is None:
            raise AssertionError("the pipes were asked for")
        word, _, bootstrap = process.stdout.readline().strip().partition(" ")
        if word != "ready":
            sys.exit("no Kafka: see above")
        try:
            yield Broker(bootstrap, int((folder / "node-1" / "pid").read_text(encoding="utf-8")))
        finally:
            process.stdin.close()
