"""The audit trail: what is told when a field gets another value, or a value loses."""

from services.sync.domain.records import Side
from tests.firm import HOUR, START, Story


def test_a_decision_tells_both_values_both_times_and_the_loser() -> None:
    """Sales changes what marketing had said: all that led to the outcome is told."""
    story = Story()
    story.marketing(START, phone="03-1")
    story.sales(START + HOUR, phone="03-2")
    decision = story.decisions[-1]

    assert (decision.field, decision.rule, decision.value, decision.winner) == (
        "phone",
        "latest",
        "03-2",
        "sfa",
    )
    assert [(each.side, each.value, each.changed_at) for each in decision.candidates] == [
        ("ma", "03-1", START),
        ("sfa", "03-2", START + HOUR),
    ]
    assert decision.loser is not None
    assert (decision.loser.side, decision.loser.value, decision.conflict) == ("ma", "03-1", True)


def test_the_loser_is_never_pushed() -> None:
    """Marketing's late news of an older value changes nothing and is written nowhere."""
    story = Story()
    story.sales(START + HOUR, phone="03-2")
    story.marketing(START, phone="03-1")

    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-2"
    assert "phone" not in story.lacks(Side.SFA)["lead"].fields


def test_nothing_is_told_when_nothing_changed() -> None:
    """The same again, the same value at another time, or the same value from the other side: no decision."""
    story = Story()
    story.marketing(START, phone="03-1", company="A社", email=None)
    told = len(story.decisions)
    story.marketing(START, phone="03-1", company="A社")
    story.marketing(START + HOUR, phone="03-1")
    story.sales(START + HOUR, phone="03-1", job_title=None)

    assert told == 2
    assert len(story.decisions) == told


def test_a_conflict_that_stands_is_told_once() -> None:
    """Each side keeps its own industry: told when it comes up, and again only when a value changes."""
    story = Story()
    story.marketing(START, industry="IT")
    story.sales(START, industry="製造業")
    assert (story.decisions[-1].conflict, story.decisions[-1].winner) == (True, None)
    told = len(story.decisions)

    story.sales(START + HOUR, industry="製造業")
    assert len(story.decisions) == told
    story.sales(START + 2 * HOUR, industry="商社")
    assert len(story.decisions) == told + 1


def test_a_cleared_value_is_told_as_lost() -> None:
    """Sales clears the phone number: the decision names marketing's number as what lost."""
    story = Story()
    story.marketing(START, phone="03-1")
    story.sales(START + 1, email="a@example.jp")
    story.write(START + 100)
    story.sales(START + HOUR, phone=None)
    decision = story.decisions[-1]

    assert (decision.value, decision.winner) == (None, "sfa")
    assert decision.loser is not None
    assert decision.loser.value == "03-1"


def test_equal_values_are_no_conflict() -> None:
    """Both sides say the same, at different times."""
    story = Story()
    story.marketing(START, phone="03-1")

    assert story.sales(START + HOUR, phone="03-1").made == []
