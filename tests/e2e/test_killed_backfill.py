"""`tasuki up` is killed while it reads, and while it writes, a first filling: it goes on, and nothing is doubled."""

import asyncio
import csv
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.cli.exits import ExitCode
from services.cli.main import main
from services.cli.stage.sandbox_client import Act, SandboxClient
from services.cli.stage.stage import Stage
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests.waiting import PATIENCE_S, wait_until

PEOPLE = 260
SHARED = 50


async def test_a_killed_backfill_goes_on_where_it_stood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice killed without a warning; at the end both sides hold each person once, as the dry run said."""
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in DEMO_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with Stage(tmp_path) as stage:

        async def run(*arguments: str) -> str:
            code = await asyncio.to_thread(main, [*arguments, "--config", str(stage.config)])
            assert code is ExitCode.OK, capsys.readouterr()
            return capsys.readouterr().out

        await fill(stage)
        said = tmp_path / "dry.csv"
        assert "people changed on this side" in await run("backfill", "--dry-run", "--csv", str(said))
        assert said.stat().st_mode & 0o077 == 0
        rows = list(csv.DictReader(said.read_text(encoding="utf-8-sig").splitlines()))
        counts = Counter((each["what"], each["side"], each["field"]) for each in rows)
        assert counts["linked", "ma", ""] == counts["change", "ma", "phone"] == SHARED
        assert counts["create", "ma", ""] == 1

        await run("backfill")
        await reached(stage, "reading", 200)
        await stage.kill_service()
        await reached(stage, "writing", 0)
        await stage.kill_service()
        found = await reached(stage, "done", 0)
        assert found["read"]["hubspot:contact"] >= PEOPLE

        contacts = [each["fields"] async for each in stage.ma.records("contact")]
        leads = [each["fields"] async for each in stage.sfa.records("Lead")]
        assert (len(contacts), len(leads)) == (PEOPLE + 1, SHARED + 1)
        phones = {each["email"]: each.get("phone") for each in contacts}
        assert all(phones[each["Email"]] == each["Phone"] for each in leads)
        assert len({each["email"] for each in contacts}) == PEOPLE + 1
        assert [each async for each in stage.sfa.records("Task")] == []

        assert "salesforce Lead" in await run("sweep", "--since", "1h")
        assert "backfill: done" in await run("status")


async def fill(stage: Stage) -> None:
    """Let both tools have held people before, of whom they told nobody; their answers take a while."""
    for each in (stage.ma, stage.sfa):
        await each.faults({"untold": 1})
    await make(stage.ma, "contact", "email", range(PEOPLE))
    await make(stage.sfa, "Lead", "Email", range(PEOPLE - SHARED, PEOPLE + 1))
    for each in (stage.ma, stage.sfa):
        await each.faults({"slow": 1, "slow_ms": 30})


async def make(sandbox: SandboxClient, of: str, name: str, numbers: range) -> None:
    """Make the people of *numbers*."""
    sales = {"LastName": "山田", "Company": "A社", "Phone": "03-9999-0000"}
    marketing = {
        "lastname": "山田",
        "company": "A社",
        "num_conversion_events": "2",
        "document_downloads": "3",
    }
    plain = sales if of == "Lead" else marketing
    await sandbox.act(
        [Act(act="create", object=of, fields=plain | {name: f"p{each}@firm.example"}) for each in numbers]
    )


async def reached(stage: Stage, phase: str, read: int) -> dict[str, Any]:
    """Return how the filling does as soon as it came so far."""
    found: dict[str, Any] = {}
    places = ("ordered", "reading", "writing", "done")

    async def there() -> bool:
        try:
            async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
                answer = await http.get(f"{stage.base_url}/status")
        except httpx2.HTTPError:
            return False  # it is just being started
        found.clear()
        found.update(answer.json()["backfill"] or {"phase": "ordered", "read": {}})
        far = places.index(found["phase"]) >= places.index(phase)
        return far and sum(found["read"].values()) >= read

    await wait_until(there, description=f"{phase}, {read} records", every_s=0.05)
    return found
