"""A task that an alert asks for: made once, given to whom it is for, completed when the promise is over; never counted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.lead import LeadChange, LeadTaskOver, LeadTaskWanted
from schemas.requests import Over, Task
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.aiming import write_of
from services.sync.application.decide import Decide
from services.sync.domain.priority import Priority
from services.sync.domain.records import Side
from services.sync.domain.rules import Condition, Operator
from services.sync.domain.uniting import Uniter
from tests.firm import HOUR, LEAD_ID, MINUTE, START, Story, observed, rules, settled, started

TOLD = START + 24 * HOUR
NAME = "a1b2c3"
SLOT = f"alert:{NAME}"
BOSS = "boss@firm"
PROMISE: dict[str, Any] = {"lead_id": LEAD_ID, "policy": "response", "cycle": 1, "round": 1}


def wanted(name: str = NAME, *, at: int = TOLD, **more: Any) -> LeadTaskWanted:
    """Return that a task is wanted."""
    data = Task.model_validate(
        {**PROMISE, "task": name, "alert": f"alert-{name}", "told_at": at}
        | {"subject": f"overdue {name}", "body": "call", "owner": BOSS, "due_at": TOLD - HOUR}
        | more
    )
    return LeadTaskWanted(id="r", source="/test", subject=LEAD_ID, time="2026-09-22T00:00:00.000Z", data=data)


def over(*, at: int = TOLD + HOUR, **more: Any) -> LeadTaskOver:
    """Return that the promise is over."""
    data = Over.model_validate({**PROMISE, "told_at": at} | more)
    return LeadTaskOver(id="o", source="/test", subject=LEAD_ID, time="2026-09-22T00:00:00.000Z", data=data)


def an_mql(**changes: Any) -> Story:
    """Return a lead that was handed over to inside sales."""
    story = Story(rules(**changes))
    story.marketing(START, email="a@x.jp", last_name="山田", company="A社", forms=3)
    story.write(START + MINUTE)
    return story


def test_a_task_is_wanted_among_the_handoffs_and_made_once() -> None:
    """It is for whom the alert is for, due on the deadline's day; a repeated request makes no other."""
    story = an_mql()
    story.take(wanted())
    (lack,) = story.write(TOLD + MINUTE)
    assert (lack.slot, lack.priority) == (SLOT, Priority.HANDOFF)
    assert lack.fields == {
        "subject": f"overdue {NAME}",
        "type": "task",
        "owner": BOSS,
        "due_on": "2026-09-22",
        "body": "call",
    }
    story.take(wanted())
    assert story.lacks(Side.SFA) == {}
    assert story.lead.tasks.asked[NAME].body == ""


def test_without_an_owner_it_is_for_the_lead_s() -> None:
    """As it is by now."""
    story = an_mql()
    story.take(wanted(owner=None))
    assert story.lacks(Side.SFA)[SLOT].fields["owner"] == story.there(Side.SFA, "owner")


def test_whom_the_sales_tool_does_not_know_is_told_and_the_lead_s_owner_has_it_done() -> None:
    """One letter names the field; the task isn't held back by it."""
    story = an_mql()
    story.take(wanted())
    fields = story.lacks(Side.SFA)[SLOT].fields
    refused = story.take(settled(Side.SFA, SLOT, fields, TOLD, refused=True, refused_fields=["owner"]))
    assert [each.data.origin for each in refused.dead_letters] == [f"sfa:{SLOT}"]
    assert story.lacks(Side.SFA)[SLOT].fields["owner"] == story.there(Side.SFA, "owner")
    fields = story.lacks(Side.SFA)[SLOT].fields
    story.take(settled(Side.SFA, SLOT, fields, TOLD, refused=True, refused_fields=["owner"]))
    assert "owner" not in story.lacks(Side.SFA)[SLOT].fields
    assert [each.fields.get("owner") for each in story.write(TOLD + MINUTE)] == [None]


def test_what_the_vendor_will_never_take_is_set_aside_until_it_is_retried() -> None:
    """As any other write."""
    story = an_mql()
    story.take(wanted())
    fields = story.lacks(Side.SFA)[SLOT].fields
    story.take(settled(Side.SFA, SLOT, fields, TOLD, refused=True))
    assert story.lacks(Side.SFA) == {}


def test_the_end_of_a_breach_completes_the_task() -> None:
    """Once; a completion can wait behind handoffs."""
    story = an_mql()
    story.take(wanted())
    story.write(TOLD + MINUTE)
    story.take(over())
    (lack,) = story.write(TOLD + HOUR)
    assert (lack.slot, lack.fields, lack.priority) == (SLOT, {"status": "completed"}, Priority.EDIT)
    story.take(over())
    assert story.lacks(Side.SFA) == {}


def test_what_is_over_before_it_was_made_is_not_made() -> None:
    """Unless a write of it was begun: it may stand there, so it is found, and completed."""
    story = an_mql()
    story.take(wanted())
    story.take(over())
    assert story.lacks(Side.SFA) == {}

    begun = an_mql()
    begun.take(wanted())
    begun.take(started(Side.SFA, SLOT, begun.lacks(Side.SFA)[SLOT].fields, TOLD))
    begun.take(over())
    assert [each.fields.get("status") for each in begun.write(TOLD + 2 * HOUR)] == [None]
    assert [each.fields for each in begun.write(TOLD + 3 * HOUR)] == [{"status": "completed"}]
    assert begun.write(TOLD + 4 * HOUR) == []


def test_an_alert_after_the_end_is_a_task_again_and_other_promises_are_left_alone() -> None:
    """A breach that was taken back and told anew is another alert."""
    story = an_mql()
    story.take(over())
    story.take(wanted("later", at=TOLD + 2 * HOUR))
    story.take(wanted("other", policy="another"))
    assert story.lacks(Side.SFA).keys() == {"alert:later", "alert:other"}


def test_no_deed_is_told_of_a_task_that_we_made_nor_of_its_completion() -> None:
    """Neither by us nor by a rep: it must not count as the first response."""
    story = an_mql()
    story.take(wanted())
    story.write(TOLD)
    before = len(story.facts)
    for kind in ("task", "call"):
        story.activity(TOLD + HOUR, kind, key=SLOT, external_id=f"{LEAD_ID}:{NAME}")
    assert story.facts[before:] == []
    assert story.lead.activities == {}
    assert story.reached("first_response") is None


@pytest.mark.parametrize("state", ["erased", "deleted", "marketing only", "out of scope"])
def test_a_lead_of_which_nothing_is_written_gets_no_task_and_says_why(state: str) -> None:
    """The word is the letter's reason."""
    reasons = {
        "erased": "lead-erased",
        "deleted": "no-sales-record",
        "marketing only": "no-sales-record",
        "out of scope": "out-of-scope",
    }
    scope = (Condition(field="company", operator=Operator.IS, operands=("B社",)),)
    story = an_mql(scope=scope) if state == "out of scope" else Story()
    if state in {"erased", "deleted"}:
        story = an_mql()
        side = "ma" if state == "erased" else "sfa"
        story.take(observed(side, [], observed_at=TOLD, deleted=True, erased=state == "erased"))
    elif state == "marketing only":
        story.marketing(START, email="a@x.jp")
    unfit = story.take(wanted()).unfit
    assert unfit is not None
    assert unfit[0] == reasons[state]
    assert story.lead.tasks.asked == {}
    assert story.take(over()).unfit is None


def test_a_lead_whose_sales_record_is_on_its_way_gets_the_task_after_it() -> None:
    """The person goes first, whatever hangs on it."""
    story = Story()
    story.marketing(START, email="a@x.jp", last_name="山田", company="A社", forms=3)
    assert story.take(wanted()).unfit is None
    assert [*story.lacks(Side.SFA)] == ["lead", "task:1", SLOT]


def test_an_erased_lead_keeps_no_words_of_its_tasks() -> None:
    """Neither of those that stand nor of those that don't; nothing is written any more."""
    story = an_mql()
    story.take(wanted())
    story.take(observed("ma", [], observed_at=TOLD, deleted=True, erased=True))
    assert story.lacks(Side.SFA) == {}
    assert b"overdue" not in encode(story.lead)
    assert BOSS.encode() not in encode(story.lead)


def test_a_merged_lead_brings_its_tasks_with_the_id_that_they_carry() -> None:
    """One that may have been made under the old id is looked for under it."""
    story = an_mql()
    story.take(wanted())
    stays = an_mql().lead
    stays.id = "01000000-0000-7000-8000-000000000000"
    Uniter(story.rules).unite(stays, decode(LEAD_ID, encode(story.lead)), TOLD)
    lack = next(each for each in Decide(story.rules).lacks(stays, Side.SFA) if each.slot == SLOT)
    assert lack.named == LEAD_ID
    assert write_of(stays, lack, None).external_id == f"{LEAD_ID}:{NAME}"


@given(st.data())
def test_requests_in_any_order_with_any_repeats_give_the_same_lead(data: st.DataObject) -> None:
    """Whatever is asked for and ended, by whomever."""
    events: list[LeadChange] = [
        wanted(),
        wanted(owner=None),
        wanted("b", at=TOLD + 1),
        wanted("c", at=TOLD + 2 * HOUR),
        wanted("d", policy="other"),
        over(),
        over(at=TOLD + 2 * HOUR),
        over(policy="other", at=TOLD),
    ]
    one, other = an_mql(), an_mql()
    for each in events:
        one.take(each)
    for each in data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events)))])):
        other.take(each)
    assert encode(one.lead) == encode(other.lead)
