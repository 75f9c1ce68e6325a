"""The one place that reads the wall clock; everything else is handed an instant."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns the present as epoch milliseconds, UTC."""


def now_ms() -> int:
    """Return the present as epoch milliseconds, UTC."""
    return time.time_ns() // 1_000_000
