"""A firm lowers its threshold: the preview says what that does, nobody is handed over unseen, and kills change nothing."""

import asyncio
import csv
from collections import Counter
from pathlib import Path

import pytest

from services.cli.exits import ExitCode
from services.cli.main import main
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests.waiting import wait_until

WARM = 40
WARM_PERSON = {"lastname": "山田", "company": "A社", "jobtitle": "部長", "num_conversion_events": "2"}
"""45 points: 30 for two forms, 15 for the title."""


@pytest.mark.timeout(400)
async def test_a_lower_threshold_hands_over_when_it_is_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty leads at 45 points, the threshold goes from 60 to 40; the service is killed three times on the way."""
    monkeypatch.setenv("COLUMNS", "250")
    for name, value in DEMO_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with Stage(tmp_path) as stage:

        async def run(*arguments: str) -> str:
            code = await asyncio.to_thread(main, [*arguments, "--config", str(stage.config)])
            assert code is ExitCode.OK, capsys.readouterr()
            return capsys.readouterr().out

        async def effects() -> Counter[str]:
            """Return what the rules in the file do, to how many leads."""
            return counted(await run("score"))

        async def tasks() -> list[str]:
            return [str(each["fields"]["WhoId"]) async for each in stage.sfa.records("Task")]

        hot = WARM_PERSON | {"document_downloads": "2"}
        await stage.ma.act(
            [
                Act(act="create", object="contact", fields=fields | {"email": f"p{number}@firm.example"})
                for number, fields in enumerate([hot, *[WARM_PERSON] * WARM])
            ]
        )

        async def all_scored() -> bool:
            return await effects() == Counter(stay=WARM + 1) and len(await tasks()) == 1

        await wait_until(
            all_scored, within_s=90, description="all are scored by the first rules", every_s=0.3
        )

        text = stage.config.read_text(encoding="utf-8")
        lower = text.replace("threshold = 60", "threshold = 40\nrearm_below = 30")
        assert lower != text
        stage.config.write_text(lower, encoding="utf-8")
        said, table = await run("score", "--csv", str(tmp_path / "score.csv")), tmp_path / "score.csv"
        judge(table)

        await stage.kill_service()
        await recomputed(stage, 4)
        assert await effects() == Counter(gain=WARM, stay=1)
        assert len(await tasks()) == 1

        mark = said.split('confirmed = "')[1].split('"')[0]
        stage.config.write_text(
            lower.replace("threshold = 40", f'threshold = 40\nconfirmed = "{mark}"'), encoding="utf-8"
        )
        assert f"hands these {WARM} over" in await run("score")
        await stage.kill_service()

        async def some() -> bool:
            return len(await tasks()) > 1

        await wait_until(some, within_s=90, description="the first are handed over", every_s=0.02)
        await stage.kill_service()

        async def all_handed_over() -> bool:
            return len(await tasks()) > WARM and await effects() == Counter(stay=WARM + 1)

        await wait_until(all_handed_over, within_s=120, description="all are handed over", every_s=0.3)
        people = await tasks()
        assert len(people) == len(set(people)) == WARM + 1


def judge(table: Path) -> None:
    """The table has a line for each lead that gains, and only its owner may read it."""
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert table.stat().st_mode & 0o077 == 0
    assert {(each["effect"], each["old_score"], each["new_score"], each["mql"]) for each in rows} == {
        ("gains", "45", "45", "no")
    }
    assert len(rows) == WARM
    assert "フォーム送信 +30(今日)" in rows[0]["reasons"]


def counted(said: str) -> Counter[str]:
    """Return how many leads the rules do what to, by the first word of each line; without none."""
    words = {"gain MQL": "gain", "are MQL": "fall", "get another score": "score", "stay as they are": "stay"}
    lines = [line.strip() for line in said.splitlines()]
    found = {
        name: int(line.rsplit(maxsplit=1)[1])
        for line in lines
        for words_of, name in words.items()
        if line.startswith(words_of)
    }
    assert found.keys() == set(words.values())
    return +Counter(found)


async def recomputed(stage: Stage, shards: int) -> None:
    """Return when all leads of all shards are scored by the new rules."""

    async def done() -> bool:
        return "\n".join(stage.log_tail(100_000)).count('"score.recomputed"') >= shards

    await wait_until(done, within_s=90, description="every shard is recomputed", every_s=0.1)
