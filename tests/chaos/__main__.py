"""
The whole system in real processes, while things go wrong again and again; judged at the end.

    python -m tests.chaos --seed N --kills 100 [--set-up embedded|kafka|cluster] [--sabotage ledger|once]
    python -m tests.chaos --scale-to 4 [--set-up cluster] [--pause 8]

The second form lets nothing go wrong: one sync and one kpi become four of each, each is replaced, and they become one
again, while people go on. Prints each fault as it happens, and a table. The same seed draws the same people and the same faults. Ends with 0 where
everything is as the acts of people demand, with 1 where something isn't.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.faults import WEIGHTS
from tests.chaos.run import Order, run
from tests.chaos.sabotage import SABOTAGES


def main() -> int:
    """Run it as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100, help="how many things go wrong")
    parser.add_argument("--set-up", choices=("embedded", "kafka", "cluster"), default="embedded")
    parser.add_argument("--rate", type=float, default=3.0, help="leads a second")
    parser.add_argument(
        "--pause", type=float, default=4.0, help="the longest pause between two faults, seconds"
    )
    parser.add_argument("--sabotage", choices=tuple(SABOTAGES), help="take a safeguard out; must end with 1")
    parser.add_argument("--only", nargs="+", choices=tuple(WEIGHTS), default=(), help="kinds of faults")
    parser.add_argument(
        "--scale-to", type=int, default=0, help="no faults: from one process to so many and back"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tasuki-chaos-"))
    order = Order(
        folder=folder,
        seed=given.seed,
        faults=given.kills,
        set_up=given.set_up,
        rate=given.rate,
        pause_s=given.pause,
        sabotage=given.sabotage,
        only=given.only,
        scale_to=given.scale_to,
    )
    report = asyncio.run(run(order, lambda line: print(line, flush=True)))
    print(report)
    if given.keep or not report.is_sound:
        print(f"logs: {folder}")
    else:
        shutil.rmtree(folder)
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
