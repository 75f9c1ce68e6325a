"""What each side lacks, and when it lacks nothing."""

from collections import Counter
from uuid import UUID

import pytest

from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.assignment import share
from services.sync.domain.priority import Priority
from services.sync.domain.records import Scalar, Side
from services.sync.domain.rules import FieldRule, Policy
from tests.firm import DAY, HOUR, LEAD_ID, START, Story, change, observed, rules, settled, started


def _mql(**fields: str) -> Story:
    story = Story()
    story.marketing(START, email="a@example.jp", company="A社", last_name="山田", forms=3, **fields)
    return story


def test_sales_gets_nothing_before_the_mql() -> None:
    """Marketing's leads stay in marketing until they qualify."""
    story = Story()
    story.marketing(START, email="a@example.jp", visits=3)

    assert story.lacks(Side.SFA) == {}


def test_sales_gets_every_lead_if_the_firm_wants_it_so() -> None:
    """With `mirror_all` a lead is put into sales at once; a task it gets only as an MQL."""
    story = Story(rules(mirror_all=True))
    story.marketing(START, email="a@example.jp")

    assert list(story.lacks(Side.SFA)) == ["lead"]
    assert "owner" not in story.lacks(Side.SFA)["lead"].fields


def test_a_lead_that_stands_in_sales_is_kept_up_to_date() -> None:
    """Sales made it, so sales has it, MQL or not; and marketing gets it."""
    story = Story()
    story.sales(START, email="a@example.jp")
    story.marketing(START + 1, phone="03-1", email="a@example.jp")

    assert story.lacks(Side.SFA)["lead"].fields["phone"] == "03-1"


def test_an_mql_goes_to_sales_with_owner_score_and_reasons() -> None:
    """The person first, then a task that says why; both before anything else."""
    story = _mql()
    lacks = story.lacks(Side.SFA)
    person, task = lacks["lead"], lacks["task:1"]

    assert list(lacks) == ["lead", "task:1"]
    assert person.priority == task.priority == Priority.HOT
    assert person.fields["owner"] == task.fields["owner"]
    assert person.fields["owner"] in story.rules.assignment.sdr
    assert (person.fields["score"], person.fields["stage"], person.fields["mql_at"]) == (60, "mql", START)
    assert task.fields["subject"] == "MQL: A社 山田 (score 60)"
    assert task.fields["due_on"] == "2026-09-22"


def test_marketing_learns_who_has_the_lead() -> None:
    """Both tools name the same owner."""
    story = _mql()
    story.write(START + 100)

    assert story.there(Side.MA, "owner") == story.there(Side.SFA, "owner") is not None


def test_nothing_is_missing_after_it_was_written() -> None:
    """Confirmed is enough; the echo changes nothing."""
    for echo in (False, True):
        story = _mql()
        story.write(START + 100, echo=echo)

        assert story.lacks(Side.SFA) == story.lacks(Side.MA) == {}
        assert [(each.handoff, each.offered_at) for each in story.told("handoff-offered")] == [
            ("mql", START + 140)
        ]


def test_an_sql_becomes_an_opportunity_once() -> None:
    """With an owner in field sales; made once, though it is read again and again."""
    story = _mql()
    story.write(START + 100)
    story.sales(START + HOUR, sfa_status="Qualified")
    deal = story.lacks(Side.SFA)["opportunity:1"]
    assert deal.priority is Priority.HANDOFF
    assert deal.fields["owner"] in story.rules.assignment.field_sales
    assert deal.fields["close_on"] == "2026-12-21"  # a quarter past midnight in Tokyo, 90 days on
    story.write(START + HOUR + 100)
    story.sales(START + 2 * HOUR, sfa_status="Qualified")

    assert story.lacks(Side.SFA) == {}
    assert [each.handoff for each in story.told("handoff-offered")] == ["mql", "sql"]


def test_an_opportunity_of_sales_is_enough() -> None:
    """Sales made one itself in that cycle; none is made beside it, not even when it was deleted again."""
    story = _mql()
    story.write(START + 100)
    story.deal(START + HOUR, "006", stage="Discovery")
    story.sales(START + HOUR, sfa_status="Qualified")
    assert "opportunity:1" not in story.lacks(Side.SFA)
    story.take(
        observed("sfa", [], kind="opportunity", ref=("salesforce", "Opportunity", "006"), deleted=True)
    )

    assert "opportunity:1" not in story.lacks(Side.SFA)


def test_an_opportunity_of_an_earlier_cycle_is_not() -> None:
    """The second SQL gets its own."""
    story = _mql()
    story.deal(START + HOUR, "006", stage="Lost")
    story.sales(START + DAY, sfa_status="Recycled")
    story.marketing(START + 2 * DAY, forms=6)
    story.sales(START + 3 * DAY, sfa_status="Qualified")

    assert "opportunity:2" in story.lacks(Side.SFA)


def test_a_recycled_lead_gets_neither_task_nor_opportunity() -> None:
    """Sales gave it back before the task was written."""
    story = _mql()
    story.sales(START + HOUR, sfa_status="Qualified")
    story.sales(START + DAY, sfa_status="Recycled")

    assert list(story.lacks(Side.SFA)) == ["lead"]


def test_marketing_learns_sales_verdict() -> None:
    """Stage, amount, owner, reason and verdict of the opportunity."""
    story = _mql()
    story.write(START + 100)
    story.deal(START + HOUR, "006", stage="Discovery", amount=1_200_000, owner="fs-1@firm")
    assert story.lacks(Side.MA)["lead"].fields == {
        "sales_stage": "Discovery",
        "sales_amount": 1_200_000,
        "sales_owner": "fs-1@firm",
        "verdict": "open",
    }
    story.write(START + HOUR + 100)
    story.deal(START + DAY, "006", stage="Lost", lost_reason="予算")

    assert story.lacks(Side.MA)["lead"].fields == {
        "sales_stage": "Lost",
        "lost_reason": "予算",
        "verdict": "lost",
    }
    assert story.lacks(Side.MA)["lead"].priority is Priority.HANDOFF


def test_what_was_refused_is_not_sent_again_until_it_is_something_else() -> None:
    """The vendor won't take the number; another number is another try."""
    story = _mql(phone="bad")
    fields = story.lacks(Side.SFA)["lead"].fields
    story.take(started(Side.SFA, "lead", fields, START + 100))
    decided = story.take(settled(Side.SFA, "lead", fields, START + 140, refused=True))
    assert len(decided.dead_letters) == 1
    assert story.lacks(Side.SFA) == {}  # the task waits for its person

    story.marketing(START + HOUR, phone="03-1")
    assert list(story.lacks(Side.SFA)) == ["lead", "task:1"]


def test_a_field_that_is_refused_holds_back_nothing_else() -> None:
    """The vendor names the number: the rest is sent without it, the task follows, and the number is told."""
    story = _mql(phone="bad")
    fields = story.lacks(Side.SFA)["lead"].fields
    refusal = settled(
        Side.SFA, "lead", fields, START + 140, refused=True, refused_fields=["phone", "unknown"]
    )
    (letter,) = story.take(refusal).dead_letters

    assert letter.data.detail == "without phone (a text of 3 characters): no such value"
    rest = {name: value for name, value in fields.items() if name != "phone"}
    assert story.lacks(Side.SFA)["lead"].fields == rest
    story.write(START + 200)
    assert [fact.handoff for fact in story.told("handoff-offered")] == ["mql"]
    assert story.lacks(Side.SFA) == {}


def test_a_refused_field_is_tried_again_when_it_is_something_else() -> None:
    """Another value is another try, and once taken the old refusal is forgotten; the store keeps it until then."""
    story = _mql(phone="bad")
    fields = story.lacks(Side.SFA)["lead"].fields
    story.take(settled(Side.SFA, "lead", fields, START + 140, refused=True, refused_fields=["phone"]))
    story.write(START + 200)
    story.lead = decode(LEAD_ID, encode(story.lead))
    story.marketing(START + HOUR, company="B社")
    assert story.lacks(Side.SFA)["lead"].fields == {"company": "B社"}

    story.marketing(START + 2 * HOUR, phone="03-1")
    assert story.lacks(Side.SFA)["lead"].fields == {"company": "B社", "phone": "03-1"}
    story.write(START + 3 * HOUR)
    assert story.lead.refused == {}


def test_a_refusal_that_names_none_of_the_fields_is_of_the_record() -> None:
    """What the vendor names wasn't sent: leaving it out would change nothing."""
    story = _mql(phone="bad")
    fields = story.lacks(Side.SFA)["lead"].fields
    story.take(settled(Side.SFA, "lead", fields, START + 140, refused=True, refused_fields=["unknown"]))
    assert story.lacks(Side.SFA) == {}


@pytest.mark.parametrize(
    ("value", "shape"),
    [(None, "cleared"), (True, "a boolean"), (-12.5, "a number of 3 digits"), (1234, "a number of 4 digits")],
)
def test_a_dead_letter_tells_the_shape_of_a_refused_value(value: Scalar, shape: str) -> None:
    """The value itself stays out of the text, which is shown and logged."""
    refusal = settled(Side.SFA, "lead", {"phone": value}, START, refused=True, refused_fields=["phone"])
    (letter,) = Story().take(refusal).dead_letters
    assert letter.data.detail == f"without phone ({shape}): no such value"


@pytest.mark.parametrize("side", Side)
def test_what_is_gone_is_not_made_again(side: Side) -> None:
    """The person was deleted on one side: nothing is written there any more."""
    story = _mql()
    story.write(START + 100)
    story.take(observed(side.value, [], observed_at=START + HOUR, deleted=True))
    story.take(observed(side.other.value, [change("phone", "03-1", START + DAY)]))

    assert story.lacks(side) == {}


def test_a_lead_that_marketing_deleted_does_not_go_to_sales() -> None:
    """The person asked to be forgotten before sales ever saw it."""
    story = _mql()
    story.take(observed("ma", [], observed_at=START + HOUR, deleted=True))

    assert story.lacks(Side.SFA) == story.lacks(Side.MA) == {}


def test_a_deletion_of_the_same_instant_counts() -> None:
    """One batch tells of a change and of the end."""
    story = _mql()
    story.take(observed("ma", [change("phone", "03-1", START)], observed_at=START + HOUR))
    story.take(observed("ma", [], observed_at=START + HOUR, deleted=True))

    assert story.lead.is_gone(Side.MA)


def test_a_converted_lead_goes_on_as_the_contact() -> None:
    """Salesforce made a contact of the lead: that is where writes go."""
    story = _mql()
    story.write(START + 100)
    moved = {"system": "salesforce", "object": "Contact", "id": "003"}
    story.take(observed("sfa", [], observed_at=START + HOUR, moved_to=moved))

    assert str(story.lead.person(Side.SFA)) == "salesforce:Contact:003"


def test_an_opportunity_without_its_person_makes_nobody() -> None:
    """Only the deal was seen so far: no nameless contact is made of it in marketing."""
    story = Story()
    story.deal(START, "006", stage="Discovery", amount=5)

    assert story.lacks(Side.MA) == {}


def test_a_blank_never_overwrites() -> None:
    """Sales' record has no phone number and never had: marketing's stays, and goes there."""
    story = _mql(phone="03-1")
    story.take(observed("sfa", [change("phone", None, START + HOUR, exact=False)]))

    assert "phone" not in story.lacks(Side.MA)["lead"].fields
    assert story.lacks(Side.SFA)["lead"].fields["phone"] == "03-1"


def test_a_cleared_value_is_cleared_on_both_sides() -> None:
    """Somebody in sales took the number out that tasuki had put in."""
    story = _mql(phone="03-1")
    story.write(START + 100)
    story.sales(START + HOUR, phone=None)

    assert story.lacks(Side.MA)["lead"].fields == {"phone": None}
    story.write(START + HOUR + 100)
    assert story.lacks(Side.MA) == story.lacks(Side.SFA) == {}


def test_an_opt_out_is_never_loosened() -> None:
    """Opted out in marketing; sales says no, later: sales is set right, first of all."""
    story = _mql()
    story.write(START + 100)
    story.marketing(START + HOUR, opted_out=True)
    assert story.lacks(Side.SFA)["lead"].priority is Priority.CONSENT
    story.write(START + HOUR + 100)
    story.sales(START + DAY, opted_out=False)
    story.marketing(START + DAY, opted_out=False)

    assert story.lacks(Side.SFA)["lead"].fields == {"opted_out": True}
    assert story.lacks(Side.MA)["lead"].fields["opted_out"] is True


def test_saying_that_nobody_opted_out_is_no_matter_of_consent() -> None:
    """A new MQL carries `opted_out` False like any field; only an opt-out goes before all else."""
    story = Story()
    story.marketing(START, email="a@example.jp", forms=3, opted_out=False)

    assert story.lacks(Side.SFA)["lead"].priority is Priority.HOT


def test_an_owner_in_sales_stays() -> None:
    """Sales gave the lead to somebody: assignment doesn't take it away."""
    story = Story()
    story.sales(START, email="a@example.jp", owner="boss@firm")
    story.marketing(START + 1, email="a@example.jp", forms=3)

    assert "owner" not in story.lacks(Side.SFA)["lead"].fields
    assert story.lacks(Side.SFA)["task:1"].fields["owner"] == "boss@firm"


def test_an_assigned_lead_stays_with_its_owner_when_people_come_and_go() -> None:
    """The list of people changes after the lead was handed over: nobody loses work in hand."""
    story = _mql()
    story.write(START + 100)
    for people in ((), ("new-1@firm", "new-2@firm", "new-3@firm")):
        changed = rules(assignment=type(story.rules.assignment)(sdr=people))
        later = Story(changed, lead=story.lead)

        assert later.lacks(Side.SFA) == {}


@pytest.mark.parametrize("write_ma", [True, False])
def test_a_recycled_lead_keeps_its_owner(*, write_ma: bool) -> None:
    """Nobody said whose it is, tasuki assigned it; given back to marketing it isn't taken from its owner."""
    fields = {**rules().fields, "owner": FieldRule(name="owner", policy=Policy.SFA, write_ma=write_ma)}
    story = Story(rules(fields=fields))
    story.marketing(START, email="a@example.jp", forms=3)
    story.write(START + 100)
    story.sales(START + DAY, sfa_status="Recycled")

    assert "owner" not in story.lacks(Side.SFA)["lead"].fields
    assert story.lacks(Side.MA) == {}


def test_white_space_that_a_tool_cuts_off_is_not_written_for_ever() -> None:
    """Salesforce cuts the ends of a text: what came back is as good as what was sent."""
    story = _mql(campaign=" 春 ")
    story.write(START + 100, echo=False)
    story.echo(Side.SFA, {"campaign": "春"}, START + 120)

    assert story.lacks(Side.SFA) == story.lacks(Side.MA) == {}


def test_a_field_that_cannot_be_written_is_left_out() -> None:
    """Read only on one side: never missing there."""
    fields = {
        name: type(rule)(name=name, policy=rule.policy, write_sfa=name != "phone")
        for name, rule in rules().fields.items()
    }
    story = Story(rules(fields=fields))
    story.marketing(START, email="a@example.jp", phone="03-1", forms=3)

    assert "phone" not in story.lacks(Side.SFA)["lead"].fields


def test_leads_are_shared_out_evenly() -> None:
    """10,000 leads over seven people: each gets a seventh, give or take a tenth of it."""
    people = tuple(f"sdr-{number}@firm" for number in range(7))
    counts = Counter(share(str(UUID(int=number)), people) for number in range(10_000))

    assert set(counts) == set(people)
    assert max(abs(count - 10_000 / 7) for count in counts.values()) < 10_000 / 7 * 0.1


def test_only_the_leads_of_who_leaves_move() -> None:
    """One of seven leaves: the others keep every lead they had."""
    people = tuple(f"sdr-{number}@firm" for number in range(7))
    for number in range(2_000):
        lead_id = str(UUID(int=number))
        before = share(lead_id, people)

        assert before in {people[3], share(lead_id, (*people[:3], *people[4:]))}


def test_nobody_to_share_among_is_nobody() -> None:
    """Without people there is no owner, and the task goes out without one."""
    assert share(LEAD_ID, ()) is None


def test_two_owners_that_we_named_at_different_instants_become_sales_one() -> None:
    """The source changed between the write to sales and that to marketing, and so did whose lead it was to be."""
    story = Story()
    story.marketing(START, email="a@example.jp", last_name="山田", company="A", forms=9, job_title="部長")
    story.take(started(Side.SFA, "lead", {"owner": "bdr-1@firm"}, START + 100))
    story.take(started(Side.MA, "lead", {"owner": "sdr-1@firm"}, START + 100))
    story.take(settled(Side.SFA, "lead", {"owner": "bdr-1@firm"}, START + 140))
    story.take(settled(Side.MA, "lead", {"owner": "sdr-1@firm"}, START + 140))

    assert story.lacks(Side.MA)["lead"].fields["owner"] == "bdr-1@firm"
    assert "owner" not in story.lacks(Side.SFA)["lead"].fields
