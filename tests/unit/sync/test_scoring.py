"""Points over time: when the threshold is crossed is the event's own time, whatever the order of arrival."""

from dataclasses import replace
from itertools import permutations

import pytest

from services.sync.domain.records import Scalar, Side
from services.sync.domain.rules import FieldRule, Policy
from services.sync.domain.score_rules import AttributeRule, Operator, Scoring
from services.sync.domain.scoring import matches
from tests.firm import DAY, HOUR, POLICIES, SCORING, START, Story, change, observed, rules


def test_counters_give_points_for_each_step_up_to_the_cap() -> None:
    """Visits: 2 points each, 20 at most."""
    story = Story()
    story.marketing(START, visits=3)
    assert story.told("score-changed")[-1].score == 6
    story.marketing(START + HOUR, visits=500)
    assert story.told("score-changed")[-1].score == 20


def test_a_history_counts_as_if_it_had_been_seen_live() -> None:
    """One read that tells a counter's whole past crosses the threshold where the past did."""
    story = Story()
    past = [change("forms", number, START + number * HOUR) for number in (1, 2, 3)]
    story.take(observed("ma", past))

    assert story.reached("mql") == START + 3 * HOUR


def test_activities_give_points_and_take_them_back() -> None:
    """Each seminar counts; one that is deleted doesn't."""
    story = Story()
    for number in range(4):
        story.activity(START + number * HOUR, "seminar", side="ma", key=str(number))
    assert story.reached("mql") == START + 3 * HOUR
    story.activity(START + HOUR, "seminar", side="ma", key="1", deleted=True)

    assert story.reached("mql") is None
    assert [(each.milestone, each.previous_at) for each in story.told("milestone-retracted")] == [
        ("mql", START + 3 * HOUR)
    ]


@pytest.mark.parametrize(
    ("operator", "operands", "value", "satisfied"),
    [
        (Operator.IS, ("IT", "製造業"), "ＩＴ", True),
        (Operator.IS, ("IT",), "it ", True),
        (Operator.IS, ("IT",), "IT部", False),
        (Operator.IS, (5,), 5, True),
        (Operator.CONTAINS, ("部長",), "営業本部 部長", True),
        (Operator.CONTAINS, ("ブチョウ",), "ﾌﾞﾁｮｳ", True),
        (Operator.CONTAINS, ("director",), "Ｄｉｒｅｃｔｏｒ of Sales", True),
        (Operator.CONTAINS, ("部長",), "課長", False),
        (Operator.AT_LEAST, (300,), 300, True),
        (Operator.AT_LEAST, (300,), 299.5, False),
        (Operator.AT_LEAST, (300,), "300", False),
        (Operator.IS, ("",), "", False),
        (Operator.CONTAINS, ("",), None, False),
    ],
)
def test_attributes_are_compared_without_case_and_width(
    operator: Operator, operands: tuple[str | int, ...], value: Scalar, *, satisfied: bool
) -> None:
    """Full and half width, capital and small are the same; a blank satisfies nothing."""
    rule = AttributeRule(field="f", operator=operator, operands=operands, points=1, label="x", label_ja="x")

    assert matches(rule, value) is satisfied


def test_the_order_of_arrival_does_not_move_the_crossing() -> None:
    """Three events, six orders, one time."""
    events = [
        observed("ma", [change("forms", 1, START), change("forms", 2, START + DAY)]),
        observed("ma", [change("job_title", "部長", START + HOUR)]),
        observed("ma", [change("visits", 10, START + 2 * DAY)]),
    ]
    for order in permutations(events):
        story = Story()
        for event in order:
            story.take(event)

        assert story.reached("mql") == START + DAY


def test_points_of_one_instant_count_together() -> None:
    """Somebody who isn't a buyer doesn't qualify for the blink between plus and minus."""
    student = AttributeRule(
        field="industry", operator=Operator.IS, operands=("学生",), points=-50, label="Not", label_ja="対象外"
    )
    story = Story(rules(scoring=replace(SCORING, attributes=(*SCORING.attributes, student))))
    story.marketing(START, forms=3, industry="学生")

    assert story.reached("mql") is None


def test_the_score_is_read_from_marketing() -> None:
    """HubSpot's own score is taken as it is, with the times of its history; sales' copy isn't."""
    story = Story(rules(scoring=Scoring(threshold=50, read_from="ma_score")))
    story.take(observed("ma", [change("ma_score", 30, START), change("ma_score", 70, START + HOUR)]))
    story.sales(START + 1, ma_score=999)

    assert story.reached("mql") == START + HOUR
    assert story.told("score-changed")[-1].reasons == {"ma_score": 70}


def test_a_late_fact_moves_the_milestone() -> None:
    """A form of last week comes in today: the MQL is told again, with the time told before."""
    story = Story()
    story.marketing(START + DAY, forms=3)
    story.take(observed("ma", [change("forms", 2, START), change("visits", 5, START)]))
    reached = [each for each in story.told("milestone-reached") if each.milestone == "mql"]

    assert [(each.reached_at, each.previous_at) for each in reached] == [
        (START + DAY, None),
        (START, START + DAY),
    ]


def test_seeing_the_same_again_makes_no_second_mql() -> None:
    """Re-reads, up and down again in the same cycle: one MQL."""
    story = Story()
    for at, forms in ((0, 3), (0, 3), (1, 1), (2, 4), (2, 4)):
        story.marketing(START + at * HOUR, forms=forms)

    assert [each.reached_at for each in story.told("milestone-reached") if each.milestone == "mql"] == [START]


def test_after_recycling_behaviour_counts_anew() -> None:
    """What the lead did before counts no more; what it is still does."""
    story = Story()
    story.marketing(START, forms=3, job_title="部長")
    story.sales(START + HOUR, sfa_status="Recycled")
    assert story.told("score-changed")[-1].score == 15

    story.marketing(START + DAY, forms=4)
    assert story.reached("mql", 2) is None
    story.marketing(START + 2 * DAY, forms=5)
    assert story.reached("mql", 2) == START + 2 * DAY
    assert [(each.cycle, each.started_at) for each in story.told("cycle-started")] == [(2, START + 2 * DAY)]


def test_a_recycled_lead_must_cross_the_threshold_anew() -> None:
    """What it is keeps it over the threshold: only when the score was below it can it be crossed again."""
    big = AttributeRule(
        field="industry", operator=Operator.IS, operands=("IT",), points=50, label="Big", label_ja="大"
    )
    story = Story(rules(scoring=replace(SCORING, attributes=(big,))))
    story.marketing(START, industry="IT")
    story.sales(START + HOUR, sfa_status="Recycled")
    story.marketing(START + DAY, visits=5)
    assert story.reached("mql", 2) is None

    story.marketing(START + 2 * DAY, industry="商社")
    story.marketing(START + 3 * DAY, industry="IT")
    assert story.reached("mql", 2) == START + 3 * DAY


def test_an_attribute_counts_as_the_policy_decides_it() -> None:
    """Sales' larger head count wins by `max`; marketing's smaller one takes no points away."""
    story = Story()
    story.sales(START, employees=500)
    story.marketing(START + HOUR, employees=10)

    assert story.told("score-changed")[-1].score == 10


@pytest.mark.parametrize("policy", Policy)
def test_a_blank_in_sales_takes_no_points_away(policy: Policy) -> None:
    """Sales' record came with the field blank: nobody cleared anything."""
    fields = {name: FieldRule(name=name, policy=each) for name, each in POLICIES.items()}
    story = Story(rules(fields=fields | {"industry": FieldRule(name="industry", policy=policy)}))
    story.marketing(START, industry="IT")
    story.take(observed("sfa", [change("industry", None, START + HOUR, exact=False)]))

    assert story.told("score-changed")[-1].score == 10


def test_clearing_an_attribute_takes_its_points_away() -> None:
    """Marketing clears the job title."""
    story = Story()
    story.marketing(START, job_title="部長")
    story.marketing(START + HOUR, job_title=None)

    assert story.told("score-changed")[-1].score == 0


def test_reasons_are_told_in_the_firms_language() -> None:
    """Sales reads why: in Japanese, or in English."""
    for language, text, body in (
        ("ja", "フォーム +60、決裁者 +15", "フォーム +60(2026-09-21)\n決裁者 +15(2026-09-21)"),
        ("en", "Forms +60, Decides +15", "Forms +60 (2026-09-21)\nDecides +15 (2026-09-21)"),
    ):
        story = Story(rules(language=language))
        story.marketing(START, forms=3, job_title="部長", email="a@example.jp")

        assert story.lacks(Side.SFA)["lead"].fields["score_reasons"] == text
        assert story.lacks(Side.SFA)["task:1"].fields["body"] == body
