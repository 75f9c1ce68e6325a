"""Points get old in the running service: nothing happens to the lead, and the sales tool shows another score."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.sync.app.scoring import open_score_preview
from services.sync.domain.score_preview import Effect
from tests.integration.sweep_world import MQL, SweepWorld, sweep_world
from tests.waiting import wait_until

DAY_MS = 86_400_000
SCORING: Mapping[str, Any] = {
    "threshold": 40,
    "behaviours": [
        {"counter": "forms", "points": 15, "lapse_after": "30d", "label": "Forms", "label_ja": "フォーム"},
        {
            "counter": "downloads",
            "points": 20,
            "halve_every": "60d",
            "label": "Guide",
            "label_ja": "資料請求",
        },
    ],
    "attributes": [],
}


def scores(world: SweepWorld) -> list[tuple[int, str]]:
    """Return the scores that the sales tool shows, with their reasons."""
    return [(int(each["Tasuki_Score__c"]), each["Tasuki_Score_Reasons__c"]) for each in world.leads()]


async def shown(world: SweepWorld, score: int, reasons: str) -> None:
    """Return when the sales tool shows that."""
    await wait_until(
        lambda: scores(world) == [(score, reasons)], within_s=20, description=f"{score}: {reasons}"
    )


async def test_points_lapse_in_the_sales_tool_by_time_alone(tmp_path: Path) -> None:
    """70 points; a month later the forms are gone, another month later half of the guide; it was handed over once."""
    async with sweep_world(tmp_path, overrides={"scoring": SCORING}) as world:
        world.contact(1, **MQL)
        await shown(world, 70, "資料請求 +40、フォーム +30")
        await world.settled()
        (task,) = list(world.salesforce.state.tables["Task"].rows.values())
        assert "資料請求 +40(" in task["Description"]
        assert "に失効" in task["Description"]
        lead = (await world.http.get("/leads/p1@firm.example")).json()
        assert (lead["score_held"], lead["score_reasons"][0]["points"]) == (False, 30)
        assert lead["score_reasons"][0]["text"].startswith("フォーム +30(今日、")

        world.clock.ahead_ms = 31 * DAY_MS
        await shown(world, 40, "資料請求 +40")
        world.clock.ahead_ms = 62 * DAY_MS
        await shown(world, 20, "資料請求 +20")
        await world.settled()

        lead = (await world.http.get("/leads/p1@firm.example")).json()
        reviewed = [each for each in lead["entries"] if each["what"] == "reviewed"]
        assert {each["cause"] for each in reviewed} == {
            "aged"
        }  # an echo on its way may move the instant, too
        assert {each["milestone"] for each in lead["milestones"]} >= {"lead", "mql"}
        assert lead["score_changes_at"] > lead["score_as_of"]
        assert len(world.salesforce.state.tables["Task"].rows) == 1

        async with open_score_preview(world.service.settings, world.server.url, clock=world.clock) as lines:
            found = [each async for each in lines]
        assert [(each.effect, each.old, each.new, each.is_mql) for each in found] == [
            (Effect.SAME, 20, 20, True)
        ]
