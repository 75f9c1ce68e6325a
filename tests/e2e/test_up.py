"""`tasuki up`: a lead that somebody types into marketing's tool is counted, and the promise about it has its clock."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.cli.exits import ExitCode
from services.cli.main import main
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests.waiting import PATIENCE_S, clear_of_midnight, wait_until


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Give both sandboxes and `tasuki up`."""
    async with Stage(tmp_path) as one:
        yield one


async def test_a_lead_is_counted_and_its_clock_runs_until_it_is_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contact becomes an MQL in sales; the feed counts it; a call logged there fulfils the promise."""
    await clear_of_midnight()
    contact = {"lastname": "山田", "company": "A社", "email": "taro@firm.example"}
    counters = {"num_conversion_events": "3", "document_downloads": "3"}
    await stage.ma.act([Act(act="create", object="contact", fields={**contact, **counters})])
    async with httpx2.AsyncClient(base_url=stage.feed_url, timeout=PATIENCE_S) as http:

        async def ask(path: str) -> Any:
            return (await http.get(path)).raise_for_status().json()

        async def runs() -> bool:
            figure = (await ask("/kpi/metrics/mqls?window=today"))["figure"]["value"]
            return figure == 1 and (await ask("/status"))["clocks"]["running"] == 1

        await wait_until(runs, description="the MQL is counted and its clock runs", every_s=0.1)
        assert (await http.get("/health/ready")).is_success

        leads = [each["id"] async for each in stage.sfa.records("Lead")]
        call = {"Subject": "Call", "TaskSubtype": "Call", "CallType": "Outbound", "Status": "Completed"}
        parents = ({"object": "Lead", "id": leads[0]},)
        await stage.sfa.act([Act(act="create", object="Task", fields=call, parents=parents)])

        async def kept() -> bool:
            figure = (await ask("/kpi/metrics/sla_attainment?window=today"))["figure"]
            return (figure["numerator"], figure["denominator"]) == (1, 1)

        await wait_until(kept, description="the promise is kept", every_s=0.1)
        assert (await ask("/status"))["clocks"] == {"timers": 0, "running": 0, "overdue": 0}

    for name, value in DEMO_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert main(["status", "--config", str(stage.config)]) is ExitCode.OK
    shown = capsys.readouterr().out
    assert "tasuki.lead-changes.v1" in shown
    assert "tasuki.alerts.v1" in shown
