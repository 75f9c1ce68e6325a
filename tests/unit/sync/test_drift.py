"""What counts as drift, and what explains itself."""

from typing import Any

from services.sync.domain.drift import RECORD, drift
from services.sync.domain.fold import Folder
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Side
from tests.firm import DAY, HOUR, START, Story, change, observed, rules

CONTACT = RecordRef("hubspot", "contact", "101")


def seen(*changes: FieldChange, ref: RecordRef = CONTACT, **more: Any) -> Observation:
    """Return what a sweep saw of a contact."""
    values: dict[str, Any] = {"kind": Kind.LEAD, "observed_at": START + 2 * DAY, "created_at": START, **more}
    return Observation(ref=ref, fields=changes, **values)


def found(story: Story, seen: Observation, side: Side = Side.MA) -> list[str]:
    """Return the fields that differ."""
    return [each.field for each in drift(story.lead, side, seen, Folder(story.rules))]


def known() -> Story:
    """Return a lead that marketing told of."""
    story = Story()
    story.marketing(START, email="taro@example.jp", last_name="山田", company="A社", phone="1")
    return story


def test_only_what_differs_and_is_later_is_drift() -> None:
    """A field that was never filled in, and a value that we learned later, are none."""
    story = known()
    later = START + DAY
    changes = [
        FieldChange("company", "A社 ", later),
        FieldChange("phone", "2", later),
        FieldChange("phone", "0", START - DAY),
        FieldChange("last_name", "旧姓", START - DAY),
        FieldChange("opted_out", False, later),
        FieldChange("job_title", None, later),
        FieldChange("industry", "IT", later),
    ]
    assert found(story, seen(*changes)) == ["industry", "phone"]


def test_our_own_write_that_comes_back_is_no_drift() -> None:
    """What the echo ledger holds explains itself; another's value under our mark doesn't."""
    story = known()
    story.sales(START + HOUR, phone="3")
    story.write(START + DAY, echo=False)
    assert found(story, seen(FieldChange("phone", "3", START + DAY + 5_000, own=True))) == []
    assert found(story, seen(FieldChange("phone", "4", START + DAY + 5_000, own=True))) == ["phone"]


def test_a_record_that_came_or_went_is_drift_as_a_whole() -> None:
    """One that we didn't know; one that is gone, or there again; nothing of one that was erased."""
    story = known()
    other = RecordRef("hubspot", "contact", "102")
    assert found(story, seen(ref=other)) == [RECORD]
    assert found(story, seen(ref=other, deleted=True)) == []
    assert found(story, seen(deleted=True)) == [RECORD]
    story.take(observed("ma", [], deleted=True, observed_at=START + DAY))
    assert found(story, seen(FieldChange("phone", "1", START))) == [RECORD]
    assert found(story, seen(deleted=True)) == []
    story.take(observed("ma", [], deleted=True, erased=True, observed_at=START + DAY))
    assert found(story, seen(FieldChange("phone", "9", START + 2 * DAY))) == []


def test_deals_and_activities_drift_under_their_own_names() -> None:
    """A stage that nobody told; a call that nobody told; our own task is nobody's."""
    story = known()
    story.deal(START + HOUR, stage="Discovery")
    deal = RecordRef("salesforce", "Opportunity", "opportunity:1")
    moved = seen(FieldChange("stage", "Won", START + DAY), ref=deal, kind=Kind.OPPORTUNITY)
    assert found(story, moved, Side.SFA) == ["opportunity.stage"]
    call = seen(ref=RecordRef("salesforce", "Task", "9"), kind=Kind.ACTIVITY)
    assert found(story, call, Side.SFA) == [f"activity.{RECORD}"]
    task = seen(ref=call.ref, kind=Kind.ACTIVITY, external_id=f"{story.lead.id}:1")
    assert found(story, task, Side.SFA) == []


def test_a_sweep_s_observation_tells_of_drift_and_a_notification_s_does_not() -> None:
    """And neither does one that was read while notifications still waited, nor the first filling."""
    for cause, told in (("regular", 1), ("gap", 1), (None, 0), ("backlog", 0), ("backfill", 0)):
        story = known()
        decided = story.take(observed("ma", [change("phone", "2", START + DAY)], sweep=cause))
        assert len(decided.drift) == told
        kinds = [each["type"] for each in decided.decisions]
        assert kinds.count("tasuki.decision.drift-found.v1") == told


def test_what_qualified_before_the_first_filling_is_history() -> None:
    """Sales gets neither lead nor task for it, unless it was asked to; what qualifies later is handed over."""
    for until, handed in ((START + DAY, False), (None, True)):
        story = Story(rules=rules())
        changes = [change(name, value, START) for name, value in {"email": "a@b.jp", "forms": 3}.items()]
        story.take(observed("ma", changes, sweep="backfill", history_until=until))
        assert story.reached("mql") == START
        assert bool(story.lacks(Side.SFA)) is handed
        assert all(each.priority.name == "BACKFILL" for each in story.lacks(Side.SFA).values())
