"""Our own writes coming back, and people's changes around them."""

import pytest

from schemas.lead import Change
from services.sync.domain.echoes import Layer
from services.sync.domain.records import Side
from tests.firm import DAY, HOUR, START, Story, change, observed, settled, started


def _handed() -> Story:
    """A lead on both sides: marketing said the phone number, tasuki wrote it to sales."""
    story = Story()
    story.marketing(START, email="a@example.jp", phone="03-1")
    story.sales(START + 1, email="a@example.jp")
    story.write(START + 100)
    return story


def test_an_echo_is_never_somebodys_word() -> None:
    """Sales has the number because tasuki wrote it; nobody in sales said so."""
    story = _handed()

    assert story.lead.seen("phone", Side.SFA).said_at == 0
    assert story.there(Side.SFA, "phone") == "03-1"
    assert story.lacks(Side.SFA) == {}


def test_echoes_are_counted_and_nothing_else_is() -> None:
    """What is marked as ours but was never sent is no echo."""
    story = _handed()

    assert story.echo(Side.SFA, {"phone": "03-1"}, START + 200).echoes == {Layer.LEDGER: 1}
    assert story.echo(Side.SFA, {"phone": "03-9"}, START + HOUR).echoes == {}


def test_a_value_that_was_never_sent_is_somebodys_though_marked_as_ours() -> None:
    """A flow that our write set off commits as our user: what it set is a change to be kept."""
    story = _handed()
    story.echo(Side.SFA, {"phone": "03-9"}, START + HOUR)

    assert story.lead.seen("phone", Side.SFA).said == "03-9"
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-9"


def test_a_change_just_after_the_confirmed_write_wins() -> None:
    """A person changes the field a millisecond after our write landed, by the vendor's clock."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    story.write(START + HOUR + 100)  # stands in the vendor's books at +120
    story.sales(START + HOUR + 121, phone="03-3")

    assert story.lacks(Side.SFA) == {}
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-3"


def test_a_change_between_confirmation_and_echo_is_not_lost() -> None:
    """The person's change comes in before our own echo does."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    story.write(START + HOUR + 100, echo=False)
    story.sales(START + HOUR + 500, phone="03-3")
    story.echo(Side.SFA, {"phone": "03-2"}, START + HOUR + 120)

    assert story.there(Side.SFA, "phone") == "03-3"
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-3"


def _twice(story: Story, *, first_echo: str) -> None:
    """Marketing says two numbers in a row; that of the first write comes back late, *first_echo* the end of the second."""
    story.marketing(START + HOUR, phone="03-2")
    story.write(START + HOUR + 100, echo=False)  # lands at + 120
    story.marketing(START + HOUR + 200, phone="03-3")
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    story.take(started(Side.SFA, "lead", {"phone": "03-3"}, START + HOUR + 300))
    if first_echo == "before":
        story.echo(Side.SFA, {"phone": "03-2"}, START + HOUR + 120)
    story.take(settled(Side.SFA, "lead", {"phone": "03-3"}, START + HOUR + 340, over=over))
    if first_echo == "after":
        story.echo(Side.SFA, {"phone": "03-2"}, START + HOUR + 120)


@pytest.mark.parametrize("first_echo", ["before", "after"])
def test_an_echo_that_a_later_write_overtook_is_not_written_over_again(first_echo: str) -> None:
    """Of two writes in a row the first comes back while the second is on its way, or was taken already."""
    story = _handed()
    _twice(story, first_echo=first_echo)
    assert story.lacks(Side.SFA) == {}

    story.echo(Side.SFA, {"phone": "03-3"}, START + HOUR + 320)
    assert story.lacks(Side.SFA) == story.lacks(Side.MA) == {}
    story.sales(START + HOUR + 330, phone="03-4")
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-4"


@pytest.mark.parametrize("first_echo", ["before", "after"])
def test_a_change_beside_an_overtaken_echo_is_kept(first_echo: str) -> None:
    """Sales changed the number just after the second write had landed, and that is told before our own echo."""
    story = _handed()
    _twice(story, first_echo=first_echo)
    story.sales(START + HOUR + 330, phone="03-4")
    story.echo(Side.SFA, {"phone": "03-3"}, START + HOUR + 320)

    assert story.there(Side.SFA, "phone") == "03-4"
    assert story.lacks(Side.SFA) == {}
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-4"


def test_a_change_before_our_write_landed_is_decided_by_the_policy() -> None:
    """Sales changed the number while ours was on its way and overwrote it: the later word is written again."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    fields = {"phone": "03-2"}
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    story.take(started(Side.SFA, "lead", fields, START + HOUR + 100))
    story.take(settled(Side.SFA, "lead", fields, START + HOUR + 140, over=over))
    story.sales(START + HOUR + 110, phone="03-3")  # a little before ours, seen after the confirmation
    story.echo(Side.SFA, fields, START + HOUR + 120)

    assert story.there(Side.SFA, "phone") == "03-2"
    assert story.lacks(Side.SFA)["lead"].fields == {"phone": "03-3"}


def test_setting_back_what_we_overwrote_counts() -> None:
    """Sales undoes our write with the very value it had said before."""
    story = Story()
    story.sales(START, phone="03-1")
    story.marketing(START + HOUR, phone="03-2", email="a@example.jp")
    story.write(START + HOUR + 100)
    story.sales(START + DAY, phone="03-1")

    assert story.lacks(Side.MA)["lead"].fields == {"phone": "03-1"}


def test_old_echoes_are_known_again_after_many_writes() -> None:
    """HubSpot tells a field's whole past with each read: a write of long ago is still ours."""
    story = Story()
    story.sales(START, email="a@example.jp")
    story.marketing(START, email="a@example.jp")
    past: list[Change] = []
    for number in range(20):
        at = START + number * HOUR
        story.sales(at, campaign=f"spring {number}")
        story.write(at + 100)
        past.append(change("campaign", f"spring {number}", at + 120, own=True))
    story.take(observed("ma", past))

    assert story.lead.seen("campaign", Side.MA).said_at == 0
    assert story.lacks(Side.MA) == story.lacks(Side.SFA) == {}


def test_the_echo_of_our_opportunity_is_not_sales_word() -> None:
    """The opportunity that tasuki made stands in its first stage; sales said nothing of it yet."""
    story = Story()
    story.sales(START, email="a@example.jp", sfa_status="Qualified")
    story.write(START + 100)
    ref = ("salesforce", "Opportunity", "opportunity:1")
    stage = [change("stage", story.rules.handoffs.opportunity_stage, START + 120, own=True)]
    story.take(observed("sfa", stage, kind="opportunity", ref=ref, external_id=f"{story.lead.id}:1"))

    (deal,) = story.lead.opportunities.values()
    assert (deal.cycle, deal.stages) == (1, {})


def test_our_own_task_is_nobodys_deed() -> None:
    """The task that tasuki made comes back as an activity; nobody did anything."""
    story = Story()
    story.activity(START, "call", external_id=f"{story.lead.id}:1")

    assert story.lead.activities == {}


def test_a_write_that_is_told_after_the_deletion_revives_nobody() -> None:
    """It landed before, but its answer is taken in after the news that the record is gone."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    story.take(started(Side.SFA, "lead", {"phone": "03-2"}, START + HOUR + 100))
    story.take(observed("sfa", [], observed_at=START + HOUR + 200, deleted=True))
    story.take(settled(Side.SFA, "lead", {"phone": "03-2"}, START + HOUR + 300, over={"phone": START + 120}))

    assert story.lead.person(Side.SFA) is None
    assert story.lacks(Side.SFA) == {}


def test_a_conversion_that_is_told_after_the_contact_s_deletion_revives_nobody() -> None:
    """The lead names the contact that took its place; the contact's own deletion came in before."""
    story = _handed()
    contact = ("salesforce", "Contact", "003Q1")
    story.take(observed("sfa", [], ref=contact, observed_at=START + HOUR, deleted=True))
    story.take(
        observed(
            "sfa",
            [],
            observed_at=START + HOUR + 100,
            moved_to={"system": contact[0], "object": contact[1], "id": contact[2]},
        )
    )

    assert story.lead.person(Side.SFA) is None
