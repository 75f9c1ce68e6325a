"""Sales' tool refuses a lead, its administrator mends the rule, and somebody replays the letter."""

from schemas.lead import LeadWriteRetried, WriteRetried
from services.sync.domain.records import Side
from tests.firm import DAY, LEAD_ID, START, Story, settled, started


def retried(slot: str, at: int) -> LeadWriteRetried:
    """Return that what was refused of a record in sales may be sent again."""
    return LeadWriteRetried(
        id="r",
        source="/test",
        subject=LEAD_ID,
        time="2026-09-21T00:00:00.000Z",
        data=WriteRetried(side="sfa", slot=slot, retried_at=at),
    )


def test_a_refused_lead_reaches_sales_after_a_replay() -> None:
    """It isn't sent again by itself; after the replay it is, and what hangs on it follows."""
    story = Story()
    story.marketing(START, email="taro@example.jp", last_name="山田", forms=3)
    person = story.lacks(Side.SFA)["lead"]
    story.take(started(Side.SFA, "lead", person.fields, START + 100))
    refusal = story.take(settled(Side.SFA, "lead", person.fields, START + 200, refused=True))

    # There is a letter, and the lead is left alone in sales, as long as it is what it was.
    assert len(refusal.dead_letters) == 1
    assert story.lacks(Side.SFA) == {}
    assert {each.side for each in story.write(START + 300)} == {Side.MA}
    assert story.lacks(Side.SFA) == {}

    # Mended and replayed: it is sent as it is by now, with its task behind it.
    story.marketing(START + DAY, phone="03-1234-5678")
    story.take(settled(Side.SFA, "lead", story.lacks(Side.SFA)["lead"].fields, START + DAY, refused=True))
    again = story.take(retried("lead", START + 2 * DAY))
    assert {each.slot for each in again.missing[Side.SFA]} == {"lead", "task:1"}
    assert story.lacks(Side.SFA)["lead"].fields["phone"] == "03-1234-5678"
    story.write(START + 2 * DAY + 200)
    assert story.there(Side.SFA, "last_name") == "山田"
    assert story.lacks(Side.SFA) == {}


def test_a_replay_that_comes_twice_or_too_late_changes_nothing() -> None:
    """Whoever replays need not know whether the letter has been overtaken."""
    story = Story()
    story.marketing(START, email="taro@example.jp", forms=3)
    story.write(START + 200)
    for _ in range(2):
        decided = story.take(retried("lead", START + DAY))
        assert (decided.facts, decided.decisions, decided.dead_letters) == ([], [], [])
        assert not any(decided.missing.values())
