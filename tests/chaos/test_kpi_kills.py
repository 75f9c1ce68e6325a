"""The KPI service killed while promises come due; the long form is `python -m tests.chaos.kpi_kills`."""

from pathlib import Path

import pytest

from tests.chaos.kpi_kills import run

pytest.importorskip("duckdb", reason="the recount needs DuckDB, an extra")


@pytest.mark.timeout(600)
async def test_a_service_killed_while_promises_come_due_tells_each_alert_once(tmp_path: Path) -> None:
    """Counters as the recount has them; on the topic what the facts demand; the webhook saw each alert."""
    outcome = await run(tmp_path, leads=60, kills=4, seed=4)
    assert outcome.is_sound, str(outcome)
    assert outcome.kills == 4
    assert outcome.alerts is not None
    assert outcome.alerts.timers_fired > 100
