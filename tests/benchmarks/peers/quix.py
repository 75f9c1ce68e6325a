# /// script
# requires-python = ">=3.11"
# dependencies = ["quixstreams>=3.28,<4"]
# ///
"""
Quix Streams counts the events of each lead and window, by the events' own times, exactly once.

An environment of its own (`quix.pins.txt` pins it): what it asks for doesn't go with what tasuki asks for.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application


def main(bootstrap: str, topic: str, group: str, expected: str, window_ms: str, folder: str) -> None:
    """Count *expected* events of *topic*, commit, and print what was counted and what it took."""
    windows = counted = 0
    began = cpu = 0.0

    def happened_at(value: Any, _headers: Any, _timestamp: float, _kind: Any) -> int:
        nonlocal began, cpu
        if not began:
            began, cpu = time.perf_counter(), time.process_time()
        data = value["data"]
        return data["reached_at"] if "reached_at" in data else data["at"]

    def noted(result: Any) -> None:
        nonlocal windows, counted
        counted += 1
        windows += result["value"] == 1

    application = Application(
        broker_address=bootstrap,
        consumer_group=group,
        processing_guarantee="exactly-once",
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )
    source = application.topic(
        topic, key_deserializer="str", value_deserializer="json", timestamp_extractor=happened_at
    )
    counts = application.dataframe(source).tumbling_window(duration_ms=int(window_ms)).count()
    counts.current().update(noted)
    application.run(count=int(expected))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"counted": counted, "windows": windows, "seconds": took, "cpu_s": used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
