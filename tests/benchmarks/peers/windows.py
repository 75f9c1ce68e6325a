"""What all programs in Python share: when an event happened, the lap, and the line that tells what came out."""

import json
import time
from typing import Any

WINDOW_MS = 60_000
"""All count the events of each lead in each minute, by the events' own times."""


class Lap:
    """The clock and this process's processor time since the first event."""

    def __init__(self) -> None:
        self._began = self._cpu = self._took = self._used = 0.0

    def begin(self) -> None:
        """Note the first event; later calls change nothing."""
        if not self._began:
            self._began, self._cpu = time.perf_counter(), time.process_time()

    def end(self) -> None:
        """Note that all is committed; who got nothing to count took nothing."""
        if not self._began:
            return
        self._took, self._used = time.perf_counter() - self._began, time.process_time() - self._cpu

    def tell(self, *, counted: int, windows: int) -> None:
        """Print the line that the benchmark reads."""
        print(
            json.dumps({"counted": counted, "windows": windows, "seconds": self._took, "cpu_s": self._used})
        )


def happened_at(event: Any) -> int:
    """Return when a milestone was reached, or an activity done; epoch ms."""
    data = event["data"]
    return data["reached_at"] if "reached_at" in data else data["at"]
