"""Deadlines a second in business time, and clocks worked out a second, in CPU time of one process."""

import random
import time
from collections.abc import Callable

from services.kpi.domain.sla.clocks import derive
from services.kpi.domain.sla.telling import due
from tests.unit.kpi.sla.worlds import DAY, HOUR, MONDAY, OFFICE, eras, facts

DEADLINES = 300_000
CLOCKS = 20_000
REPEATS = 3


def rate(count: int, work: Callable[[], None]) -> float:
    """Return the best of some repeats, in pieces of work for each second of CPU time."""
    best = 0.0
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        best = max(best, count / (time.process_time() - began))
    return best


def main() -> None:
    """Print the rates."""
    spread = random.Random(20_261_122)
    starts = [MONDAY + spread.randrange(3 * 365 * DAY) for _ in range(DEADLINES)]
    budgets = [spread.randrange(HOUR, 80 * HOUR) for _ in range(DEADLINES)]
    began = time.process_time()
    OFFICE.after(MONDAY + 4 * 365 * DAY, HOUR)
    OFFICE.after(MONDAY, 40 * 365 * HOUR)
    print(f"laying out the calendar: {(time.process_time() - began) * 1_000:.0f} ms")

    def deadlines() -> None:
        for start_at, budget_ms in zip(starts, budgets, strict=True):
            OFFICE.after(start_at, budget_ms)

    def elapsed() -> None:
        for start_at, budget_ms in zip(starts, budgets, strict=True):
            OFFICE.between(start_at, start_at + budget_ms)

    rules = eras()
    told = facts((0, "mql"), (20, "stage:waiting"), (40, "stage:working"), (130, "first_response"))

    def clocks() -> None:
        for _ in range(CLOCKS):
            due(derive(1, told, (), rules), {}, MONDAY + DAY)

    def open_clocks() -> None:
        for _ in range(CLOCKS):
            due(derive(1, told[:1], (), rules), {}, MONDAY)

    print(f"deadlines: {rate(DEADLINES, deadlines):,.0f} /s")
    print(f"time between two instants: {rate(DEADLINES, elapsed):,.0f} /s")
    print(
        f"open clocks with six steps, worked out and asked what to tell: {rate(CLOCKS, open_clocks):,.0f} /s"
    )
    print(f"ended clocks with a pause, likewise: {rate(CLOCKS, clocks):,.0f} /s")
