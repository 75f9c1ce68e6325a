"""Leads decided again from the log: by the rules in force nothing differs, by others exactly what they change."""

import csv
import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.exits import ExitCode
from services.cli.main import main
from services.cli.replay import show, write
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import Decide
from services.sync.application.replay import Lacking, OtherDecision, OtherMilestone, Outcome, Replay
from services.sync.consumers.replaying import Replayed, Replaying
from services.sync.domain.policy import Policy
from services.sync.domain.records import Side
from services.sync.domain.rules import Rules
from services.sync.settings import demo_document
from tests.integration.sweep_world import MQL, SweepWorld, now_ms, settings_of, sweep_world
from tests.waiting import wait_until


async def _replayed(world: SweepWorld, rules: Rules, since: int = 0) -> Replayed:
    decide = Decide(rules)
    run = Replaying(
        log=world.service.log,
        store=world.service.store,
        begin=lambda: Replay(decide, encode, decode),
        service="sync",
    )
    return await run.run(since)


async def test_other_rules_are_tried_on_what_happened(tmp_path: Path) -> None:
    """Nothing differs by the same rules; another winner, threshold and deal each show where they would."""
    rules = settings_of(tmp_path).rules
    async with sweep_world(tmp_path) as world:
        first = world.contact(1, **MQL)
        world.contact(2, jobtitle=MQL["jobtitle"])
        await wait_until(lambda: len(world.leads()) == 1, description="the MQL in the sales tool")
        await world.settled()
        half = now_ms()
        world.sales("update", id=world.leads()[0]["Id"], fields={"Company": "新社名"})
        await world.settled()
        world.marketing("update", id=first, fields={"company": "別社名"})
        await world.settled()

        same = await _replayed(world, rules)
        assert (same.differs, same.unreadable) == (False, 0)
        assert same.changes > 6

        marketing_wins = {**rules.fields, "company": replace(rules.fields["company"], policy=Policy.MA)}
        found = await _replayed(world, replace(rules, fields=marketing_wins))
        last = found.decisions[-1]
        assert (last.field, last.then and last.then.value, last.now and last.now.value) == (
            "company",
            "新社名",
            "別社名",
        )
        assert [(each.side, each.fields) for each in found.lacking] == [
            (Side.MA, ("company",)),
            (Side.SFA, ("company",)),
        ]

        easy = replace(rules, scoring=replace(rules.scoring, threshold=1, rearm_below=1))
        found = await _replayed(world, easy)
        assert [(each.milestone, each.then_at) for each in found.milestones] == [("mql", None)]
        assert Side.SFA in {each.side for each in found.lacking}  # it would be handed over
        late = await _replayed(world, easy, half)
        assert late.milestones == []


def test_the_command_ends_with_0_where_nothing_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a deployment without leads; without --dry-run, or with no duration, it says how it is called."""
    config = tmp_path / "tasuki.toml"
    config.write_text(
        demo_document(
            hubspot_url="http://127.0.0.1:1",
            salesforce_url="http://127.0.0.1:1",
            pubsub="127.0.0.1:1",
            data_folder=tmp_path / "data",
        ),
        encoding="utf-8",
    )
    assert main(["replay", "--dry-run", "--since", "30d", "--config", str(config)]) is ExitCode.OK
    assert "nothing would differ" in capsys.readouterr().out
    assert main(["replay", "--config", str(config)]) is ExitCode.USAGE
    assert "--dry-run" in capsys.readouterr().err
    assert main(["replay", "--dry-run", "--since", "soon", "--config", str(config)]) is ExitCode.USAGE
    assert "30m, 24h or 7d" in capsys.readouterr().err


def test_each_difference_is_a_line_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Decisions, milestones and writes; the counts go to the terminal."""
    found = Replayed(
        decisions=[
            OtherDecision("l1", 1_000, "company", Outcome("=A", "sfa", "latest"), Outcome("B", "ma", "ma"))
        ],
        milestones=[OtherMilestone("l1", 1, "mql", None, 2_000)],
        lacking=[Lacking("l1", Side.SFA, "person", ("company", "phone"))],
        changes=5,
    )
    write(found, tmp_path / "differences.csv")
    show(found, Console(file=sys.stdout, width=120))
    text = (tmp_path / "differences.csv").read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(each["what"], each["name"], each["then"], each["now"]) for each in lines] == [
        ("decision", "company", "'=A", "B"),
        ("milestone", "mql", "", "1970-01-01T00:00:02.000Z"),
        ("write", "company", "", ""),
        ("write", "phone", "", ""),
    ]
    shown = capsys.readouterr().out
    assert "be reached" in shown
    assert "latest (sfa)" in shown
