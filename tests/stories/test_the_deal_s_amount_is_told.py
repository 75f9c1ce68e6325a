"""What a deal is worth is told with its milestones, and told again when it changes."""

from collections.abc import Mapping

from tests.firm import DAY, START, Story, rules


def amounts(story: Story) -> list[tuple[str, int, int | None, int | None, str | None]]:
    """Return the deal's milestones as told: which, when, when before, amount, currency."""
    return [
        (each.milestone, each.reached_at, each.previous_at, each.amount, each.currency)
        for each in story.told("milestone-reached")
        if each.milestone != "lead"
    ]


def firm(**changes: Mapping[str, str] | str) -> Story:
    """Return a story of a lead that sales knows."""
    story = Story(rules=rules(currency="USD", **changes))
    story.marketing(START, email="taro@example.jp")
    return story


def test_a_deal_grows_after_it_was_won() -> None:
    """The same time is told again with the new amount; the earlier milestones of that deal likewise."""
    story = firm()
    story.deal(START + DAY, stage="Meeting", amount=100)
    story.deal(START + 2 * DAY, stage="Discovery")
    story.deal(START + 3 * DAY, stage="Won")
    first = [
        ("appointment", START + DAY, None, None, None),
        ("opportunity", START + 2 * DAY, None, 100, "USD"),
        ("won", START + 3 * DAY, None, 100, "USD"),
    ]
    assert amounts(story) == first
    story.deal(START + 4 * DAY, amount=250)
    again = [
        ("opportunity", START + 2 * DAY, START + 2 * DAY, 250, "USD"),
        ("won", START + 3 * DAY, START + 3 * DAY, 250, "USD"),
    ]
    assert amounts(story) == [*first, *again]
    story.deal(START + 4 * DAY, amount=250)
    assert amounts(story) == [*first, *again]


def test_an_amount_that_is_not_known_is_not_told() -> None:
    """Nor is one below nought; when it is taken away the milestone stands without it."""
    story = firm()
    story.deal(START + DAY, stage="Won", amount=-5)
    story.deal(START + 2 * DAY, amount=0)
    story.deal(START + 3 * DAY, amount=None)
    assert amounts(story) == [
        ("won", START + DAY, None, None, None),
        ("won", START + DAY, START + DAY, 0, "USD"),
        ("won", START + DAY, START + DAY, None, None),
    ]


def test_each_milestone_has_the_amount_of_its_own_deal() -> None:
    """Two deals: the first to reach a milestone gives its amount; deleted, the other one's is told."""
    story = firm()
    story.deal(START + DAY, "a", stage="Discovery", amount=1_000)
    story.deal(START + 2 * DAY, "b", stage="Won", amount=7)
    told = {each[0]: each[3] for each in amounts(story)}
    assert told == {"opportunity": 1_000, "won": 7}
    story.deal(START + 3 * DAY, "a", amount=2_000)
    assert {each[0]: each[3] for each in amounts(story)} == {"opportunity": 2_000, "won": 7}
