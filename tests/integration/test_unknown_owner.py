"""A firm whose [assignment] names nobody's address: its leads are handed over all the same, without an owner."""

from pathlib import Path

import orjson

from schemas.topics import DEAD_LETTERS
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from tests.waiting import PATIENCE_S

LEADS = 30
"""More than so many refusals in a row as stop a line."""

NOBODY = {"assignment": {"sdr": ["nobody@x.jp"], "bdr": ["nobody@x.jp"]}}


async def test_an_owner_whom_no_tool_knows_keeps_no_lead_back(tmp_path: Path) -> None:
    """Both sides hold each lead, with its task; one letter of each record names the owner; no line stops."""
    async with Stage(tmp_path, overrides=NOBODY) as stage, stage.open_books() as books:
        entries = [
            {
                "email": f"p{number}@unknown.example",
                "lastname": "山田",
                "company": "甲",
                "num_conversion_events": "2",
                "document_downloads": "3",
            }
            for number in range(LEADS)
        ]
        await stage.ma.act([Act(act="create", object="contact", fields=each) for each in entries])
        await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)

        leads = [each["fields"] async for each in stage.sfa.records("Lead")]
        tasks = [each["fields"] async for each in stage.sfa.records("Task")]
        letters = [
            orjson.loads(each.value or b"")["data"]
            for partition in range(stage.settings.log.partitions)
            for each in await books.log.read(DEAD_LETTERS.name, partition, 0)
        ]
    assert len(leads) == len(tasks) == LEADS
    assert all(each.get("OwnerId") for each in (*leads, *tasks))  # Salesforce gives them to who made them
    origins = sorted(each["origin"] for each in letters)
    assert origins == sorted(["ma:lead", "sfa:lead", "sfa:task:1"] * LEADS)
    assert {each["detail"].partition(":")[0] for each in letters} == {
        "without owner (a text of 11 characters)"
    }
    assert "line.stopped" not in stage.service_log.read_text(encoding="utf-8")
