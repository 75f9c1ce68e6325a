"""A write whose answer is lost: the process died, or the connection did, and the vendor had taken it all the same."""

from typing import Any

from services.sync.domain.records import Side
from tests.firm import DAY, HOUR, MINUTE, START, Story, change, observed, settled, started

SOLD = START + 2 * HOUR
DEAL = ("salesforce", "Opportunity", "opportunity:1")


def _judged_worth_it() -> Story:
    story = Story()
    story.marketing(START, email="taro@example.jp", last_name="山田", company="A社", forms=3)
    story.write(START + 200)
    story.sales(SOLD, sfa_status="Qualified")
    return story


def test_an_sql_whose_opportunity_is_seen_was_handed_over_once() -> None:
    """Sales sees it, works on and wins; tasuki learns by the change events that it stands there, and tells it."""
    story = _judged_worth_it()
    deal = story.lacks(Side.SFA)["opportunity:1"]
    story.take(started(Side.SFA, "opportunity:1", deal.fields, SOLD + 100))
    made = [change(name, value, SOLD + 150, own=True) for name, value in deal.fields.items()]
    told: dict[str, Any] = {"kind": "opportunity", "ref": DEAL, "external_id": f"{story.lead.id}:1"}
    seen = observed("sfa", made, created_at=SOLD + 150, observed_at=SOLD + MINUTE, **told)
    story.take(seen)
    assert "opportunity:1" not in story.lacks(Side.SFA)
    assert "opportunity:1" in story.lead.slots
    offered = [(each.handoff, each.cycle, each.offered_at) for each in story.told("handoff-offered")]
    assert offered[1:] == [("sql", 1, SOLD + MINUTE)]

    story.take(seen)
    story.take(settled(Side.SFA, "opportunity:1", deal.fields, SOLD + HOUR))
    story.deal(START + 5 * DAY, stage="Won")
    assert len(story.told("handoff-offered")) == 2


def test_an_opportunity_that_sales_made_itself_is_no_handoff() -> None:
    """It doesn't carry our id; nor is one handed over that is gone when it is seen."""
    story = _judged_worth_it()
    story.deal(SOLD + MINUTE, stage="Discovery")
    gone: dict[str, Any] = {
        "ref": ("salesforce", "Opportunity", "another"),
        "external_id": f"{story.lead.id}:1",
    }
    story.take(observed("sfa", [], kind="opportunity", created_at=0, deleted=True, **gone))
    assert "opportunity:1" not in story.lead.slots
    assert [each.handoff for each in story.told("handoff-offered")] == ["mql"]
