"""
Handoff latency: webhook accepted by the door → the request leaves for the sales tool, open loop.

Leads qualify at a steady rate, whether the service keeps up or not, so a stall counts against every lead that
came meanwhile. Read from the service's own histogram, so a percentile is the border of the bucket it fell in.
"""

import asyncio
import re
import tempfile
import time
from pathlib import Path

from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage

RATE = 100
SECONDS = 20
WARM_UP_S = 3
_BUCKET = re.compile(r'tasuki_handoff_seconds_bucket\{le="([^"]+)",system="salesforce"\} ([0-9.e+]+)')


def main() -> None:
    """Measure and print."""
    asyncio.run(measure())


async def measure() -> None:
    """Let leads qualify at RATE a second for SECONDS."""
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as folder:
        async with Stage(Path(folder)) as stage:
            await _qualify(stage, "warm", WARM_UP_S)
            before = _buckets(await stage.metrics())
            took = await _qualify(stage, "run", SECONDS)
            async with stage.open_books() as books:
                await quiet([stage.ma, stage.sfa], books, within_s=120)
            after = _buckets(await stage.metrics())
    counts = {border: after[border] - before.get(border, 0) for border in after}
    total = max(counts.values(), default=0)
    print(f"{total:.0f} handoffs offered at {RATE}/s in {took:.1f} s; sandboxes and service on this machine")
    for share in (0.5, 0.9, 0.99):
        border = next((each for each, count in counts.items() if count >= share * total), float("inf"))
        print(f"p{share * 100:g} <= {border * 1000:,.0f} ms")


async def _qualify(stage: Stage, prefix: str, seconds: float) -> float:
    """Make leads that qualify at once, each at its own instant of the schedule."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(RATE * seconds)):
            due = began + number / RATE
            await asyncio.sleep(max(0, due - time.perf_counter()))
            fields = {
                "email": f"{prefix}-{number}@lead.example",
                "lastname": "山田",
                "company": "株式会社サンプル",
                "num_conversion_events": "2",
                "document_downloads": "3",
            }
            group.create_task(stage.ma.act([Act(act="create", object="contact", fields=fields)]))
    return time.perf_counter() - began


def _buckets(metrics: str) -> dict[float, float]:
    return {float(border): float(count) for border, count in _BUCKET.findall(metrics)}
