"""The benchmarks of the KPI service in their smallest form: they run, and what they tell has the right shape."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.benchmarks import fold, listeners, timers

pytestmark = pytest.mark.timeout(180)


def told(file: Path) -> dict[str, Any]:
    """Return the figures that were kept."""
    return orjson.loads(file.read_bytes())


def test_the_fold_tells_rates_sizes_and_holds(tmp_path: Path) -> None:
    """With clocks and without, for each kind of bucket."""
    fold.main(["--leads", "30", "--partitions", "2", "--json", str(tmp_path / "fold.json")])
    found = told(tmp_path / "fold.json")
    assert found["folded_a_second"] > 0
    assert found["with_clocks"]["cpu_us"] > 0
    assert set(found["buckets"]) == set(fold.BUCKETS)
    assert found["buckets"]["days"]["counters"] > 100
    assert found["snapshots_hold_ms"] > 0


def test_timers_tell_how_late_each_alert_is(tmp_path: Path) -> None:
    """Each clock that came due was told once, after its deadline; a clock costs some hundred bytes."""
    file = tmp_path / "timers.json"
    timers.main(
        [
            *("--open", "60", "--due-per-second", "20", "--seconds", "1"),
            *("--partitions", "2", "--json", str(file)),
        ]
    )
    found = told(file)
    assert 0 <= found["late"][0]["p50"] <= found["late"][0]["most"]
    assert 100 < found["bytes"]["a clock in all"] < 1_000
    assert set(found["looks_ms"]) == set(timers.LOOKS)


def test_listeners_tell_when_each_client_heard(tmp_path: Path) -> None:
    """Each client of each page hears of each fact, and the fold's rate is told with and without them."""
    file = tmp_path / "listeners.json"
    listeners.main(
        [
            *("--clients", "4", "--rate", "5", "--seconds", "1", "--leads", "10", "--repeats", "1"),
            *("--json", str(file)),
        ]
    )
    found = told(file)
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert [len(each) for each in found["folded_a_second_by_clients"].values()] == [1, 1]
