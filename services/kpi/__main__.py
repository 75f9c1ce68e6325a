"""`python -m services.kpi [tasuki.toml]`: the service by itself, without the command line's comforts."""

import asyncio
import os
import sys
from pathlib import Path

from services.configuration.files import CONFIG_FILE
from services.errors import Misconfigured
from services.kpi.app import run
from services.kpi.settings import load
from services.runtime import logs
from services.runtime.lifecycle import ExitCode


def main() -> int:
    """Run until SIGTERM and return the exit code; see services.runtime.lifecycle."""
    try:
        settings = load(Path(sys.argv[1] if len(sys.argv) > 1 else CONFIG_FILE), os.environ)
    except Misconfigured as error:
        print(error, file=sys.stderr)  # noqa: T201 (the process's own words to its operator)
        return ExitCode.MISCONFIGURED
    logs.set_up(json=None if settings.logs.format == "auto" else settings.logs.format == "json")
    return asyncio.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
