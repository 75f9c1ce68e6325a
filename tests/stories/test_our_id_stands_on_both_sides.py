"""A person who stands on both sides carries our id on both, whoever made the records."""

from services.sync.domain.priority import Priority
from services.sync.domain.records import Side
from tests.firm import LEAD_ID, START, Story, change, observed, settled, started


def test_records_that_people_made_get_it_once() -> None:
    """A contact below the threshold and sales' own lead meet by their e-mail address."""
    story = Story()
    story.marketing(START, email="taro@example.jp", last_name="山田")
    assert story.lacks(Side.MA) == {}  # marketing's alone: nothing leads to it from sales
    story.sales(START + 1_000, email="taro@example.jp", last_name="山田")

    for side in Side:
        assert story.lacks(side)["lead"].fields["lead_id"] == LEAD_ID
    story.write(START + 2_000)
    assert story.lacks(Side.MA) == story.lacks(Side.SFA) == {}
    assert "lead_id" not in story.lead.fields  # it is nobody's value


def test_where_an_id_stands_nothing_is_written() -> None:
    """The record says so when it is read; an id of another lead is left alone as well."""
    story = Story()
    story.take(
        observed("ma", [change("email", "taro@example.jp", START)], external_id=LEAD_ID, observed_at=START)
    )
    sales = [change("email", "taro@example.jp", START)]
    story.take(observed("sfa", sales, observed_at=START))
    story.take(observed("sfa", sales, observed_at=START, external_id="another"))
    assert all("lead_id" not in each.fields for side in Side for each in story.lacks(side).values())


def test_it_alone_is_not_urgent_and_a_refusal_ends_it() -> None:
    """It waits behind what people wait for; a second record of the person can't carry it, and one letter says so."""
    story = Story()
    story.marketing(START, email="taro@example.jp")
    story.sales(START, email="taro@example.jp")
    story.write(START + 1_000)
    story.lead.persons[Side.SFA]["salesforce:Lead:00Q1"].marked = False
    (lack,) = story.lacks(Side.SFA).values()
    assert (lack.fields, lack.priority) == ({"lead_id": LEAD_ID}, Priority.RECONCILE)

    story.take(started(Side.SFA, "lead", lack.fields, START + 2_000))
    refusal = story.take(
        settled(Side.SFA, "lead", lack.fields, START + 2_100, refused=True, refused_fields=("lead_id",))
    )
    assert len(refusal.dead_letters) == 1
    assert story.lacks(Side.SFA) == {}


def test_nobody_is_made_for_it_alone() -> None:
    """When all else of a new record is refused, no empty one is made."""
    story = Story()
    story.marketing(START, email="taro@example.jp", forms=3)
    lack = story.lacks(Side.SFA)["lead"]
    assert lack.fields["lead_id"] == LEAD_ID
    rest = [name for name in lack.fields if name != "lead_id"]
    story.take(settled(Side.SFA, "lead", lack.fields, START + 100, refused=True, refused_fields=tuple(rest)))
    assert story.lacks(Side.SFA) == {}
