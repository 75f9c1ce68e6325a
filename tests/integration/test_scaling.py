"""`tasuki kpi` twice on Kafka and a cluster while facts flow; the long form is `python -m tests.integration.scaling`."""

from pathlib import Path

import pytest

from tests.integration.scaling import Plan, run
from tests.servers import java_kafka, missing_server

pytest.importorskip("duckdb", reason="the recount needs DuckDB, an extra")


@pytest.mark.timeout(900)
async def test_processes_that_come_go_and_are_replaced_lose_and_double_nothing(tmp_path: Path) -> None:
    """Counters as the recount has them, each alert once, while shards change hands and their slots move."""
    reasons: list[str] = []
    with java_kafka(reasons) as bootstrap:
        if bootstrap is None:
            missing_server("Kafka", "; ".join(reasons))
        outcome = await run(tmp_path, bootstrap, Plan(most=2, hold_s=0.5, slots=2, seed=3))
    assert outcome.is_sound, str(outcome)
    assert (outcome.starts, outcome.stops, outcome.slots_moved) == (4, 3, 2)
