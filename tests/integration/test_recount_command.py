"""`tasuki recount` at a terminal, on an embedded deployment whose facts were counted."""

import asyncio
import csv
import json
from datetime import date
from pathlib import Path
from random import Random

import pytest

from schemas.topics import LIFECYCLE
from services.cli.exits import ExitCode
from services.cli.main import main
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.port import partition_of
from services.sync.settings import demo_document
from tests.kpi_facts import Teller, day_of
from tests.kpi_histories import Lives
from tests.recounting import counted

PARTITIONS = 2
RULES = CountingRules()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give the configuration of a deployment in a folder."""
    text = demo_document(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:1",
        pubsub="127.0.0.1:1",
        data_folder=tmp_path / "data",
        overrides={"log": {"partitions": PARTITIONS}},
    )
    (tmp_path / "tasuki.toml").write_text(text, encoding="utf-8")
    return tmp_path / "tasuki.toml"


def test_a_counter_that_is_off_ends_the_command_with_1(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First nothing differs; after a counter was moved, the command names the metric, the day and both figures."""
    at = now_ms()
    told = Lives(Random(2), at, days=9).told(8)
    told.append(Teller([*told]).reached("lead-x", "won", at))
    name = f"n:{RULES.generation}:d{date.fromisoformat(day_of(at)).toordinal()}"
    shard = ShardId("kpi", LIFECYCLE.name, partition_of("lead-x", PARTITIONS))

    async def prepare() -> None:
        async with counted(tmp_path / "data", RULES, partitions=PARTITIONS, facts=told):
            pass

    async def spoil() -> None:
        async with counted(tmp_path / "data", RULES, partitions=PARTITIONS) as (_, store):
            await store.client.hincrby(shard.key(name), "W", 3)

    asyncio.run(prepare())
    assert main(["recount", "-c", str(config), "--csv", str(tmp_path / "all.csv")]) is ExitCode.OK
    assert "0 differences" in capsys.readouterr().out
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    (whole,) = (
        each for each in rows if (each["metric"], each["window"], each["segment"]) == ("won", "all", "")
    )
    assert whole["served"] == whole["recounted"] != "0"

    asyncio.run(spoil())
    assert main(["recount", "-c", str(config), "--format", "json"]) is ExitCode.NEGATIVE
    found = json.loads(capsys.readouterr().out)
    of_day = [each for each in found["differences"] if each["window"] == day_of(at)]
    assert {each["metric"] for each in of_day} == {"won", "effective_to_won_rate", "win_rate"}
    (won,) = (each for each in of_day if each["metric"] == "won")
    assert won["served"]["numerator"] == won["recounted"]["numerator"] + 3
    assert won["lead"] is None
    assert main(["recount", "-c", str(config)]) is ExitCode.NEGATIVE
    assert "won" in capsys.readouterr().out
