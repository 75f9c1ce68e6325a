"""Points get old: by calendar days, in whole points, as of the instant up to which a lead is known."""

from dataclasses import replace

import pytest

from schemas.lead import LeadReviewed, Reviewed
from services.sync.domain.days import beginning, day_of
from services.sync.domain.lifecycle import trace
from services.sync.domain.score_rules import AttributeRule, BehaviourRule, Operator, ScoreGroup, Scoring
from services.sync.domain.tally import Reason, Tally
from tests.firm import DAY, LEAD_ID, MINUTE, SCORING, START, Story, change, observed, rules

ZONE = "Asia/Tokyo"
FORMS = BehaviourRule(counter="forms", points=20, lapse_days=30, label="Forms", label_ja="フォーム")
VISITS = BehaviourRule(counter="visits", points=10, halving_days=10, label="Visits", label_ja="訪問")


def reviewed(at: int, *, hand_over: bool = False) -> LeadReviewed:
    """Return that nothing happened, but time went by."""
    data = Reviewed(cause="aged", reviewed_at=at, hand_over=hand_over)
    return LeadReviewed(id="r", source="/test", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data)


def scoring(*behaviours: BehaviourRule, threshold: int = 50) -> Scoring:
    """Return rules of nothing but *behaviours*."""
    return Scoring(threshold=threshold, behaviours=behaviours)


def midnight(at: int, days: int) -> int:
    """Return when the firm's day begins that is *days* after the day of *at*."""
    return beginning(day_of(at, ZONE) + days, ZONE)


def test_a_rule_s_points_lapse_after_their_days() -> None:
    """They count until the day before; the MQL that they made stays."""
    story = Story(rules(scoring=scoring(FORMS, threshold=40)))
    story.marketing(START, forms=1)
    story.marketing(START + 3 * DAY, forms=2)
    for at, score in (
        (midnight(START, 30) - 1, 40),
        (midnight(START, 30), 20),
        (midnight(START, 33) - 1, 20),
        (midnight(START, 33), 0),
    ):
        story.take(reviewed(at))
        assert trace(story.lead, story.rules).score == score

    assert story.reached("mql") == START + 3 * DAY
    assert [each.score for each in story.told("score-changed")] == [20, 40, 20, 0]


def test_points_halve_in_whole_points_until_nothing_is_left() -> None:
    """10, 5, 2, 1, 0; minus points in the same way."""
    for points, worth in ((10, [10, 5, 2, 1, 0]), (-10, [-10, -5, -2, -1, 0])):
        tally = Tally(scoring(replace(VISITS, points=points)), ZONE)
        tally.take(0, 1, START)
        found = [tally.score]
        while (at := tally.next_lapse) != 0:
            assert at == midnight(START, 10 * len(found))
            tally.lapse(at)
            found.append(tally.score)

        assert found == worth


def test_halving_points_end_with_their_life() -> None:
    """Both may be given: halved each 10 days, gone after 25."""
    tally = Tally(scoring(replace(VISITS, points=16, lapse_days=25)), ZONE)
    tally.take(0, 1, START)
    found: list[tuple[int, int]] = []
    while (at := tally.next_lapse) != 0:
        tally.lapse(at)
        found.append((at, tally.score))

    assert found == [(midnight(START, 10), 8), (midnight(START, 20), 4), (midnight(START, 25), 0)]


def test_a_cap_bounds_what_is_left() -> None:
    """Three visits of 10, at most 20: the first may lapse and the score stays."""
    tally = Tally(scoring(replace(VISITS, halving_days=None, lapse_days=10, cap=20)), ZONE)
    for number in (1, 2, 3):
        tally.take(0, number, START + number * DAY)
    tally.lapse(midnight(START + DAY, 10))
    assert tally.score == 20
    tally.lapse(midnight(START + 2 * DAY, 10))
    assert tally.score == 10


def test_a_counter_that_goes_back_takes_its_latest_steps_back() -> None:
    """Two forms, one was a mistake: the earlier one stays, with its own age."""
    tally = Tally(scoring(FORMS), ZONE)
    tally.take(0, 1, START)
    tally.take(0, 3, START + 5 * DAY)
    tally.take(0, 1, START + 6 * DAY)

    assert (tally.score, tally.next_lapse) == (20, midnight(START, 30))
    tally.lapse(midnight(START, 30))
    assert (tally.score, tally.next_lapse) == (0, 0)


def test_what_counted_before_recycling_lapses_no_more() -> None:
    """Behaviour counts anew, and its age too."""
    tally = Tally(scoring(FORMS), ZONE)
    tally.take(0, 2, START)
    tally.restart()
    assert (tally.score, tally.next_lapse) == (0, 0)
    tally.take(0, 3, START + DAY)
    assert (tally.score, tally.next_lapse) == (20, midnight(START + DAY, 30))


def test_minus_points_that_lapse_can_make_an_mql() -> None:
    """Somebody unsubscribed half a year ago: at that midnight the lead is over the threshold."""
    leaving = BehaviourRule(counter="visits", points=-30, lapse_days=30, label="Left", label_ja="離脱")
    story = Story(rules(scoring=scoring(replace(FORMS, lapse_days=60), leaving, threshold=40)))
    story.marketing(START, visits=1)
    story.marketing(START + DAY, forms=3)
    assert story.reached("mql") is None
    story.take(reviewed(START + 40 * DAY))

    assert story.reached("mql") == midnight(START, 30)


def test_what_happens_late_meets_what_lapsed_before() -> None:
    """A form after the first one's life: never two at once, whenever both are heard of."""
    past = [change("forms", 1, START), change("forms", 2, START + 31 * DAY)]
    story = Story(rules(scoring=scoring(FORMS, threshold=40)))
    story.take(observed("ma", past))

    assert (story.reached("mql"), story.lead.told.score) == (None, 20)


def test_a_group_bounds_its_rules_together() -> None:
    """Web 30 at most; the reasons tell what was taken off, and sum up to the score."""
    web = ScoreGroup(name="web", cap=30, label="Web at most", label_ja="Web上限")
    fits = AttributeRule(
        field="industry", operator=Operator.IS, operands=("IT",), points=10, label="IT", label_ja="IT"
    )
    grouped = Scoring(
        threshold=50,
        behaviours=(replace(FORMS, group="web"), replace(VISITS, group="web")),
        attributes=(fits,),
        groups=(web,),
    )
    story = Story(rules(scoring=grouped))
    story.marketing(START, forms=1, visits=2, industry="IT")
    told = story.told("score-changed")[-1]
    assert (told.score, told.reasons) == (40, {"Forms": 20, "Visits": 20, "IT": 10, "Web at most": -10})
    story.take(reviewed(midnight(START, 10)))

    assert story.told("score-changed") == [told]
    assert trace(story.lead, story.rules).points == {"Forms": 20, "Visits": 10, "IT": 10}


def test_reasons_tell_since_when_and_until_when() -> None:
    """The latest step of each rule, and its next loss; what doesn't get old has none."""
    story = Story(rules(scoring=replace(SCORING, behaviours=(FORMS, VISITS))))
    story.marketing(START, forms=1, visits=1, employees=300)
    story.marketing(START + MINUTE, visits=2)
    life = trace(story.lead, story.rules)

    assert life.reasons == [
        Reason("Forms", 20, START, midnight(START, 30), 0),
        Reason("Visits", 20, START + MINUTE, midnight(START, 10), 10),
        Reason("Large", 10, START),
    ]
    assert life.changes_at == midnight(START, 10)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe"])
def test_days_are_the_firm_s_own(zone: str) -> None:
    """A day begins with its first instant, where clocks are changed as well."""
    first = day_of(START, zone)
    for day in range(first, first + 400):
        begins = beginning(day, zone)
        assert (day_of(begins, zone), day_of(begins - 1, zone)) == (day, day - 1)
