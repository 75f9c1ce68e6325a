"""A Dockerfile's build stage, carried out on this machine: every path of the image lies in a folder of the test's."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: `RUN`, and what follows it with its lines joined."""

    word: str
    rest: str


def stages(text: str) -> list[list[Step]]:
    """Return the steps of each stage, `FROM` first."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[Step]] = []
    for line in filter(None, joined.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append(Step(word, rest.strip()))
    return found


def assignments(rest: str) -> dict[str, str]:
    """Return what an `ENV` sets."""
    return dict(each.split("=", 1) for each in rest.split())


@dataclass
class Stage:
    """
    A stage being carried out.

    Args:
        root: Stands for the image's root.
        context: What is sent to the builder.
        environ: The environment of the base image.
    """

    root: Path
    context: Path
    environ: dict[str, str]
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.root

    def carry_out(self, step: Step) -> None:
        """Do what *step* says. Raises CalledProcessError where a command fails, ValueError for an unknown step."""
        if step.word == "WORKDIR":
            self.folder = self._inside(step.rest)
            self.folder.mkdir(parents=True, exist_ok=True)
        elif step.word == "ENV":
            self.environ |= {name: self._moved(value) for name, value in assignments(step.rest).items()}
        elif step.word == "COPY":
            self._copy(step.rest.split())
        elif step.word == "RUN":
            subprocess.run(  # noqa: S603 -- what the Dockerfile says
                ["/bin/sh", "-ec", step.rest],
                cwd=self.folder,
                env=self.environ,
                check=True,
                timeout=PATIENCE_S,
                capture_output=True,
                text=True,
            )
        elif step.word != "FROM":
            raise ValueError(f"{step.word} isn't known here")

    def _inside(self, path: str) -> Path:
        return self.root / path.lstrip("/") if path.startswith("/") else self.folder / path

    def _moved(self, value: str) -> str:
        return str(self._inside(value)) if value.startswith("/") else value

    def _copy(self, words: list[str]) -> None:
        *sources, target = words
        to = self._inside(target)
        for source in sources:
            if (self.context / source).is_dir():  # its contents, as Docker has it
                shutil.copytree(self.context / source, to, dirs_exist_ok=True)
            else:
                shutil.copy2(self.context / source, to / source if target.endswith("/") else to)


def sent(root: Path, to: Path, files: list[str]) -> None:
    """Copy to *to* those *files* of the repository *root* that .dockerignore lets through."""
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    for name in files:
        if any(name == each or name.startswith(f"{each}/") for each in allowed):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)


def base(python: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a base image whose Python lies in the folder *python*; uv's cache is this machine's."""
    kept = {name: environ[name] for name in ("HOME", "UV_CACHE_DIR", "XDG_CACHE_HOME") if name in environ}
    configured = {
        name: value for name, value in environ.items() if name.startswith(("PIP_", "SSL_", "UV_INDEX"))
    }
    return {**kept, **configured, "PATH": f"{python}:/usr/bin:/bin", "LANG": "C.UTF-8"}
