"""The scope, owners with two addresses, fields made of others, and fields that one column holds together."""

from services.sync.domain.records import Side
from services.sync.domain.rules import Composed, Condition, FieldRule, Policy
from services.sync.domain.score_rules import Operator
from tests.firm import DAY, HOUR, START, Story, rules

GERMANY_OUT = Condition(field="country", operator=Operator.IS, operands=("Germany",), negated=True)


def _story(**changes: object) -> Story:
    return Story(rules(**changes))


def _qualified(story: Story, **fields: str) -> Story:
    story.marketing(START, email="a@x.jp", last_name="山田", company="A社", **fields)
    story.marketing(START + HOUR, visits=99, forms=9, job_title="部長")
    return story


def test_a_lead_out_of_scope_is_not_handed_over_nor_told() -> None:
    """Nothing is made in sales, and no milestone is told."""
    story = _qualified(_story(scope=(GERMANY_OUT,)), country="ｇｅｒｍａｎｙ")

    assert story.lacks(Side.SFA) == {}
    assert story.told("milestone-reached") == []


def test_a_lead_that_comes_into_scope_is_made_up_for() -> None:
    """With the milestones at their own times."""
    story = _qualified(_story(scope=(GERMANY_OUT,)), country="Germany")
    story.marketing(START + DAY, country="Japan")

    assert story.lacks(Side.SFA)["lead"].fields["email"] == "a@x.jp"
    assert story.reached("mql") == START + HOUR
    assert [each.milestone for each in story.told("milestone-reached")] == ["lead", "mql"]


def test_a_lead_that_leaves_the_scope_stays_as_it_is_but_for_consent() -> None:
    """An edit goes nowhere; an opt-out does."""
    story = _qualified(_story(scope=(GERMANY_OUT,)), country="Japan")
    story.write(START + 2 * HOUR)
    story.marketing(START + DAY, country="Germany", company="B社")
    assert story.lacks(Side.SFA) == {}

    story.marketing(START + 2 * DAY, opted_out=True)
    assert story.lacks(Side.SFA)["lead"].fields == {"opted_out": True}

    story.marketing(START + 3 * DAY, country="Japan")
    assert story.lacks(Side.SFA)["lead"].fields["company"] == "B社"


OWNERS = {
    "owners": {
        Side.MA: {"sato@sales.example": "sato@mkt.example"},
        Side.SFA: {"sato@mkt.example": "sato@sales.example"},
    },
    "owner_default": {Side.MA: "all@mkt.example"},
}


def test_an_owner_goes_over_under_the_other_address() -> None:
    """What marketing then holds is no difference, and no edit."""
    story = _qualified(_story(**OWNERS))
    story.write(START + 2 * HOUR)
    story.sales(START + DAY, owner="Sato@sales.example")
    assert story.lacks(Side.MA)["lead"].fields == {"owner": "sato@mkt.example"}

    story.write(START + DAY + HOUR)
    assert story.there(Side.MA, "owner") == "sato@mkt.example"
    assert story.lacks(Side.MA) == {}
    assert story.lacks(Side.SFA) == {}


def test_an_owner_without_a_pair_goes_to_the_default() -> None:
    """Many may: the default that is read back changes nothing in sales."""
    story = _qualified(_story(**OWNERS))
    story.write(START + 2 * HOUR)
    story.sales(START + DAY, owner="mori@sales.example")
    story.write(START + DAY + HOUR)

    assert story.there(Side.MA, "owner") == "all@mkt.example"
    assert story.there(Side.SFA, "owner") == "mori@sales.example"
    assert story.lacks(Side.MA) == story.lacks(Side.SFA) == {}


def test_a_field_made_of_others_follows_them() -> None:
    """Blanks are left out; it is written again when one of them changes."""
    made = {"composed": {"summary": Composed(fields=("company", "job_title"), separator=" / ")}}
    story = _qualified(_story(**made, produced={Side.SFA: frozenset({"summary"})}))
    assert story.lacks(Side.SFA)["lead"].fields["summary"] == "A社 / 部長"

    story.write(START + 2 * HOUR)
    story.marketing(START + DAY, job_title=None)
    assert story.lacks(Side.SFA)["lead"].fields == {"job_title": None, "summary": "A社"}


def test_what_one_column_holds_is_written_together() -> None:
    """The other part goes along although it is as it should be."""
    fields = dict(rules().fields)
    fields["first_name"] = FieldRule(name="first_name", policy=Policy.LATEST)
    story = _story(fields=fields, together={Side.SFA: (frozenset({"last_name", "first_name"}),)})
    _qualified(story, first_name="太郎")
    story.write(START + 2 * HOUR)
    story.marketing(START + DAY, first_name="次郎")

    assert story.lacks(Side.SFA)["lead"].fields == {"first_name": "次郎", "last_name": "山田"}
