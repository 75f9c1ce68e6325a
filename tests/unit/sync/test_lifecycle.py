"""Milestones, cycles and stages, from what both tools say."""

import pytest

from services.sync.domain.lifecycle import trace
from services.sync.domain.records import Side
from services.sync.domain.rules import Milestone
from tests.firm import DAY, HOUR, START, Story, change, observed


def _qualified() -> Story:
    """An MQL that stands in sales."""
    story = Story()
    story.marketing(START, email="a@example.jp", forms=3)
    story.write(START + 100)
    return story


def test_each_milestone_keeps_its_own_time() -> None:
    """Down the whole funnel; sales' people and the opportunity's stages tell it."""
    story = _qualified()
    story.activity(START + HOUR)
    story.sales(START + 2 * HOUR, sfa_status="Qualified")
    for number, stage in enumerate(("Meeting", "Discovery", "Proposal", "Won"), start=1):
        story.deal(START + number * DAY, stage=stage)

    assert {milestone.value: at for (_, milestone), at in story.lead.told.milestones.items()} == {
        "lead": START,
        "mql": START,
        "first_response": START + HOUR,
        "sql": START + 2 * HOUR,
        "appointment": START + DAY,
        "opportunity": START + 2 * DAY,
        "effective_opportunity": START + 3 * DAY,
        "won": START + 4 * DAY,
    }
    assert trace(story.lead, story.rules).stage is Milestone.WON


def test_marketings_own_stage_makes_an_mql() -> None:
    """The MA's stage and the score both qualify; the earlier counts, and it is one MQL."""
    story = Story()
    story.marketing(START + HOUR, forms=3)
    story.marketing(START, ma_stage="mql")

    assert story.reached("mql") == START


@pytest.mark.parametrize("kind", ["call", "email", "meeting"])
def test_sales_touch_answers_an_mql(kind: str) -> None:
    """A call, a mail or a meeting of sales'."""
    story = _qualified()
    story.activity(START + HOUR, kind)

    assert story.reached("first_response") == START + HOUR


def test_what_answers_nothing() -> None:
    """A touch before the MQL, one of marketing's, a task that is only planned, one that was deleted."""
    story = _qualified()
    story.activity(START - HOUR, key="1")
    story.activity(START + HOUR, "email", side="ma", key="2")
    story.activity(START + HOUR, "task", key="3")
    story.activity(START + HOUR, key="4")
    story.activity(START + HOUR, key="4", deleted=True)

    assert story.reached("first_response") is None
    assert [each.milestone for each in story.told("milestone-retracted")] == ["first_response"]


def test_a_status_answers_an_mql_once_only() -> None:
    """The status stood before the MQL and is only read again after it: nobody did anything."""
    story = Story()
    story.sales(START - HOUR, sfa_status="Working")
    story.marketing(START, forms=3)
    story.take(observed("sfa", [change("sfa_status", "Working", START + HOUR, exact=False)]))

    assert story.reached("first_response") is None


def test_a_late_mql_makes_an_earlier_touch_the_first_response() -> None:
    """The call came in before the forms that were sent before it."""
    story = Story()
    story.activity(START + HOUR)
    assert story.reached("first_response") is None
    story.marketing(START, forms=3)

    assert story.reached("first_response") == START + HOUR


def test_a_recycled_lead_can_qualify_again() -> None:
    """The second qualification is cycle 2 with milestones of its own, and a task of its own."""
    story = _qualified()
    story.sales(START + DAY, sfa_status="Recycled")
    assert trace(story.lead, story.rules).stage is Milestone.RECYCLED
    story.marketing(START + 9 * DAY, forms=6)
    story.activity(START + 9 * DAY + HOUR)

    assert story.reached("mql", 2) == START + 9 * DAY
    assert story.reached("first_response", 1) is None
    assert story.reached("first_response", 2) == START + 9 * DAY + HOUR
    assert story.lacks(Side.SFA)["task:2"].fields["type"] == "task"


def test_a_recycled_status_that_is_read_again_ends_no_second_cycle() -> None:
    """The lead qualified anew before sales touched its status; a read shows the old status."""
    story = _qualified()
    story.sales(START + DAY, sfa_status="Recycled")
    story.marketing(START + 9 * DAY, forms=6)
    story.take(observed("sfa", [change("sfa_status", "Recycled", START + 10 * DAY, exact=False)]))

    assert story.reached("recycled", 2) is None


def test_sales_takes_a_recycled_lead_up_by_itself() -> None:
    """Sales judges a lead it had given back worth an opportunity: that is a qualification too."""
    story = _qualified()
    story.sales(START + DAY, sfa_status="Recycled")
    story.sales(START + 5 * DAY, sfa_status="Qualified")

    assert story.reached("sql", 2) == START + 5 * DAY
    assert [each.cycle for each in story.told("cycle-started")] == [2]
    assert "opportunity:2" in story.lacks(Side.SFA)


def test_an_old_deal_ends_in_its_own_cycle() -> None:
    """The deal of cycle 1 is lost after cycle 2 began: it says nothing of cycle 2."""
    story = _qualified()
    story.sales(START + HOUR, sfa_status="Qualified")
    story.deal(START + 2 * HOUR, stage="Discovery")
    story.sales(START + DAY, sfa_status="Recycled")
    story.marketing(START + 9 * DAY, forms=6)
    story.deal(START + 10 * DAY, stage="Lost")
    life = trace(story.lead, story.rules)

    assert (story.reached("lost", 1), story.reached("lost", 2)) == (START + 10 * DAY, None)
    assert (life.cycle, life.stage) == (2, Milestone.MQL)


def test_of_two_ends_the_later_counts() -> None:
    """A deal was lost, another one won."""
    story = _qualified()
    story.deal(START + DAY, "opportunity:1", stage="Lost")
    story.deal(START + 2 * DAY, "opportunity:2", stage="Won")

    assert trace(story.lead, story.rules).stage is Milestone.WON


def test_a_deleted_deal_says_nothing_any_more() -> None:
    """Made by mistake and deleted: its milestones are taken back."""
    story = _qualified()
    story.deal(START + DAY, "opportunity:1", stage="Discovery")
    ref = ("salesforce", "Opportunity", "opportunity:1")
    story.take(observed("sfa", [], kind="opportunity", ref=ref, observed_at=START + 2 * DAY, deleted=True))

    assert story.reached("opportunity") is None


@pytest.mark.parametrize("side", ["ma", "sfa"])
def test_a_source_makes_a_lead_outbound(side: str) -> None:
    """A target list's lead is worked by BDR, whichever tool names the source."""
    story = Story()
    story.marketing(START, email="a@example.jp", forms=3)
    story.take(observed(side, [change("source", "Target List", START)]))

    assert story.lacks(Side.SFA)["lead"].fields["owner"] == "bdr-1@firm"


def test_an_activity_is_told_again_when_anything_of_it_changes() -> None:
    """The outcome is put in later: it is told with the time told before; the same again isn't told."""
    story = Story()
    story.activity(START)
    outcome = [change("outcome", "connected", START + HOUR)]
    for _ in range(2):
        story.take(observed("sfa", outcome, kind="activity", ref=("salesforce", "Task", "1")))

    assert [(each.outcome, each.at, each.previous_at) for each in story.told("activity-logged")] == [
        (None, START, None),
        ("connected", START, START),
    ]


def test_an_undeleted_deal_speaks_again() -> None:
    """Deleted by mistake and taken out of the bin: the later holds, whatever is heard first."""
    ref = ("salesforce", "Opportunity", "opportunity:1")
    bin_, back = (
        observed("sfa", [], kind="opportunity", ref=ref, observed_at=START + at * HOUR, deleted=at == 3)
        for at in (3, 4)
    )
    for order in ((bin_, back), (back, bin_)):
        story = Story()
        story.deal(START + HOUR, stage="Discovery")
        for event in order:
            story.take(event)
        assert story.reached("opportunity") == START + HOUR


def _in_bin(story: Story, at: int, *, deleted: bool = True) -> None:
    ref = ("salesforce", "Task", "1")
    story.take(observed("sfa", [], kind="activity", ref=ref, observed_at=at, deleted=deleted))


def test_a_deleted_activity_is_taken_back_and_an_undeleted_one_told_again() -> None:
    """The KPIs hear of both once, and so does the response that the call was."""
    story = Story()
    story.marketing(START, email="a@example.jp", forms=3)
    story.activity(START + HOUR)
    for _ in range(2):
        _in_bin(story, START + 2 * HOUR)
    (taken_back,) = story.told("activity-retracted")
    assert (taken_back.key, taken_back.activity, taken_back.previous_at) == (
        "salesforce:Task:1",
        "call",
        START + HOUR,
    )
    assert taken_back.standing.origin == "sdr"
    assert story.reached("first_response") is None

    _in_bin(story, START + 3 * HOUR, deleted=False)
    assert [(each.at, each.previous_at) for each in story.told("activity-logged")] == [
        (START + HOUR, None),
        (START + HOUR, None),
    ]
    assert story.reached("first_response") == START + HOUR


def test_what_was_never_told_is_not_taken_back() -> None:
    """An activity that is deleted before its type is known concerns nobody; an old read brings nothing back."""
    story = Story()
    _in_bin(story, START + 2 * HOUR)
    story.activity(START + HOUR)
    _in_bin(story, START + 2 * HOUR, deleted=False)

    assert story.told("activity-logged") == story.told("activity-retracted") == []


def test_an_activity_whose_type_is_cleared_is_taken_back() -> None:
    """Nobody knows any more what was done."""
    story = Story()
    story.activity(START)
    cleared = [change("type", None, START + HOUR)]
    story.take(observed("sfa", cleared, kind="activity", ref=("salesforce", "Task", "1")))

    (taken_back,) = story.told("activity-retracted")
    assert (taken_back.activity, taken_back.previous_at) == (None, START)


def test_a_company_is_not_a_person() -> None:
    """What is seen of a company leaves the lead as it is."""
    story = Story()
    story.take(observed("ma", [change("company", "B社", START)], kind="company"))

    assert (story.lead.persons, story.lead.fields) == ({}, {})


def test_opportunities_live_in_sales_only() -> None:
    """A deal that marketing's tool keeps is not the lead's opportunity."""
    story = Story()
    story.take(
        observed("ma", [change("stage", "Won", START)], kind="opportunity", ref=("hubspot", "deal", "7"))
    )

    assert story.lead.opportunities == {}
