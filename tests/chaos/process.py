"""
Runs tasuki as a process of the chaos: with a wall clock that can be put forward and back, and perhaps sabotaged.

    python -m tests.chaos.process CLOCK SABOTAGE … the arguments of tasuki

CLOCK is a file of `shifted_clock`, SABOTAGE one of `sabotage` or ``none``.
"""

import sys
from pathlib import Path

from tests.chaos import shifted_clock


def run(clock: Path, sabotage: str, arguments: list[str]) -> int:
    """Run tasuki and return its exit code."""
    shifted_clock.follow(clock)
    # Only now, for whoever takes the clock's functions by name must take these.
    from services.cli.main import main  # noqa: PLC0415
    from tests.chaos.sabotage import SABOTAGES  # noqa: PLC0415

    if sabotage != "none":
        SABOTAGES[sabotage]()
    return main(arguments)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
