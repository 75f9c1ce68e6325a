"""The figures of a benchmark as JSON, where that is asked for."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.runtime.clock import now_ms


def keeping(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take the file."""
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")


def keep(given: argparse.Namespace, figures: Mapping[str, Any]) -> None:
    """Write *figures* to the file that is *given*, with what they were measured on and how to repeat them."""
    if given.json is not None:
        on = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
        command = f"python -m tests.benchmarks {' '.join(sys.argv[1:])}"
        kept = {"measured_at": now_ms(), "command": command, "load": os.getloadavg(), **on, **figures}
        given.json.write_text(json.dumps(kept, indent=2, ensure_ascii=False), encoding="utf-8")
