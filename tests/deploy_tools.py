"""The tools that judge deploy/: real Compose, hadolint and Helm, which the dependency group `deploy` brings."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.servers import missing_server

ROOT = Path(__file__).parents[1]
_HOW = "run `make deploy-tools`"


def tool(name: str) -> str:
    """Return the program's path; skip where it is missing, in CI fail."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    return found or missing_server(name, _HOW)


def module(name: str) -> Any:
    """Return the Python module; skip where it is missing, in CI fail."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return missing_server(name, _HOW)


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run *command* in the repository's root with *environ* alone; what it says is kept."""
    return subprocess.run(  # noqa: S603 -- our own commands
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
