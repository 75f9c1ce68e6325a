"""`python -m tests.model --runs 2000 --seed 1`: many scenarios, what was done, and what must not be."""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import orjson

from services.sync.adapters.sandbox.faults import Faults
from tests.model.judge import Finding
from tests.model.run import FAULTY, Report, close, play, world
from tests.model.steps import Step, drawn, read

STAGE_RUNS = 400
"""So many scenarios share a stage."""


async def run(given: argparse.Namespace) -> Report:
    """Run what is asked for."""
    report, random = Report(), Random(given.seed)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    while report.runs < given.runs:
        with tempfile.TemporaryDirectory(prefix="tasuki-model-") as folder:
            async with world(Path(folder)) as one:
                ahead = min(STAGE_RUNS, given.runs - report.runs)
                for begin in range(0, ahead, given.batch):
                    size = min(given.batch, ahead - begin)
                    if given.play:
                        scenarios = [[read(line) for line in given.play.split(";")]] * size
                    else:
                        scenarios = [drawn(random, given.length) for _ in range(size)]
                    kills = int(random.random() < given.kill_rate)
                    faults: Faults | None = FAULTY if random.random() < given.fault_rate else None
                    before = len(report.found)
                    await play(one, report, [(scenarios, kills, faults)], random)
                    for finding, steps in report.found[before:]:
                        show(finding, steps, killed=bool(kills), faulty=faults is not None)
                        if given.changes:
                            for each in await one.changes(finding.text):
                                print(f"    {orjson.dumps(each).decode()}")
                    print(
                        f"{report.runs} runs, {report.seconds:.0f} s, {len(report.found)} findings",
                        flush=True,
                    )
                    if one.restless:  # that stage never comes to quiet: the next scenarios get another
                        break
                await close(one, report)
    return report


def show(finding: Finding, steps: Sequence[Step], *, killed: bool, faulty: bool) -> None:
    """Print a finding and how to play it again."""
    print(f"{finding} {'killed ' if killed else ''}{'faulty' if faulty else ''}")
    if steps:
        print(f"  --play '{';'.join(map(str, steps))}'")


def main() -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=40, help="scenarios played at once")
    parser.add_argument("--length", type=int, default=10, help="the most acts of a scenario")
    parser.add_argument("--kill-rate", type=float, default=0.5, help="share of batches with a SIGKILL")
    parser.add_argument("--fault-rate", type=float, default=0.5, help="share of batches with faults")
    parser.add_argument("--play", default="", help="this scenario alone, as often as --runs says")
    parser.add_argument("--changes", action="store_true", help="show what the log holds of a finding's lead")
    given = parser.parse_args()
    report = asyncio.run(run(given))
    print(f"{report.runs} runs, {report.acts.total()} acts ({report.refused} refused), {report.kills} kills")
    print(f"  {dict(report.acts.most_common())}")
    print(f"  {dict(report.echoes)}, drift {dict(report.drift)}, {report.seconds:.0f} s")
    kinds = {each.kind for each, _ in report.found}
    print(f"  {len(report.found)} findings {sorted(kinds)}")
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
