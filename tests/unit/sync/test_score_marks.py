"""When a score qualifies: hysteresis around the threshold, and what changed rules mean for who was scored before."""

from dataclasses import replace

import pytest

from schemas.lead import LeadReviewed, Reviewed, TakenOver
from schemas.lead import LeadTakenOver as Taken
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import Decide
from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import trace
from services.sync.domain.priority import Priority
from services.sync.domain.records import Side
from services.sync.domain.rescoring import bring, confirm, join
from services.sync.domain.rules import Rules
from services.sync.domain.score_rules import BehaviourRule, Scoring
from tests.firm import DAY, HOUR, LEAD_ID, SCORING, START, Story, change, observed, rules

TOOL = Scoring(threshold=50, read_from="ma_score", rearm_below=40)
FORMS = replace(SCORING, attributes=(), behaviours=(SCORING.behaviours[1],))
PERSON = {"email": "a@example.jp"}


def cycles(story: Story) -> list[int]:
    """Return when each cycle's MQL was reached, as told."""
    return [at - START for (_, each), at in sorted(story.lead.told.milestones.items()) if each == "mql"]


def review(at: int, *, hand_over: bool = False) -> LeadReviewed:
    """Return that the rules changed."""
    data = Reviewed(cause="rules", reviewed_at=at, hand_over=hand_over)
    return LeadReviewed(id="r", source="/t", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data)


def changed(story: Story, new: Scoring) -> Story:
    """Return the lead's story under other scoring rules, after a restart."""
    return Story(rules(scoring=new), decode(LEAD_ID, encode(story.lead)))


def test_a_score_that_wobbles_is_handed_over_once() -> None:
    """Given back by sales, 49, 51, 49, 52: no new cycle before it was below the lower mark."""
    story = Story(rules(scoring=TOOL))
    story.marketing(START, ma_score=55)
    story.sales(START + HOUR, sfa_status="Recycled")
    for hour, score in ((2, 49), (3, 51), (4, 41), (5, 70)):
        story.marketing(START + hour * HOUR, ma_score=score)
    assert cycles(story) == [0]
    story.marketing(START + 6 * HOUR, ma_score=39)
    story.marketing(START + 7 * HOUR, ma_score=50)

    assert cycles(story) == [0, 7 * HOUR]


def test_below_the_mark_before_it_was_given_back_counts() -> None:
    """It cooled while sales had it: what comes after is new interest."""
    story = Story(rules(scoring=TOOL))
    for hour, score in ((0, 55), (1, 30), (2, 45)):
        story.marketing(START + hour * HOUR, ma_score=score)
    story.sales(START + 3 * HOUR, sfa_status="Recycled")
    story.marketing(START + 4 * HOUR, ma_score=52)
    assert cycles(story) == [0]  # it was given back at 45, which is not below the mark

    story.marketing(START + 5 * HOUR, ma_score=39)
    story.marketing(START + 6 * HOUR, ma_score=52)
    assert cycles(story) == [0, 6 * HOUR]


def test_who_never_qualified_needs_no_lower_mark() -> None:
    """45, then 50: the first qualification is that of always."""
    story = Story(rules(scoring=TOOL))
    story.marketing(START, ma_score=45)
    story.marketing(START + HOUR, ma_score=50)

    assert cycles(story) == [HOUR]


def test_what_was_told_stands_when_the_rules_change() -> None:
    """A higher threshold takes nobody's MQL back; the score is told anew."""
    story = Story(rules(scoring=FORMS))
    story.marketing(START, forms=3, **PERSON)
    behaviour = replace(FORMS.behaviours[0], points=10)
    new = changed(story, replace(FORMS, behaviours=(behaviour,)))
    new.take(review(START + DAY))

    assert new.lead.told.score == 30
    assert new.told("milestone-retracted") == []
    assert cycles(new) == [0]
    new.marketing(START + 2 * DAY, forms=9)
    assert cycles(new) == [0]


def test_a_lower_threshold_hands_nobody_over_by_itself() -> None:
    """Who is over it by the change alone is held; the next thing that raises the score qualifies, when it happens."""
    story = Story(rules(scoring=FORMS))
    story.marketing(START, forms=2, **PERSON)
    new = changed(story, replace(FORMS, threshold=30))
    assert new.lacks(Side.SFA) == {}  # the dispatcher sees it before anything else does
    new = changed(story, replace(FORMS, threshold=30))
    new.take(review(START + DAY))
    assert (cycles(new), new.facts, new.lacks(Side.SFA)) == ([], [], {})
    assert trace(new.lead, new.rules).held

    new.marketing(START + 2 * DAY, forms=3)
    assert cycles(new) == [2 * DAY]
    assert new.lacks(Side.SFA)["task:1"].priority is Priority.HOT


def test_the_first_event_after_the_change_counts_by_the_new_rules() -> None:
    """No review came yet: a form that crosses either threshold makes an MQL at once."""
    story = Story(rules(scoring=FORMS))
    story.marketing(START, forms=1, **PERSON)
    new = changed(story, replace(FORMS, threshold=40))
    new.marketing(START + DAY, forms=2)

    assert cycles(new) == [DAY]


def test_a_confirmed_change_hands_over_after_everything_else() -> None:
    """They qualify at the instant of their review, once, as the least urgent work."""
    story = Story(rules(scoring=FORMS))
    story.marketing(START, forms=2, **PERSON)
    new = changed(story, replace(FORMS, threshold=30))
    for at in (DAY, DAY, 2 * DAY):
        new.take(review(START + at, hand_over=True))

    assert cycles(new) == [DAY]
    assert {each.priority for each in new.lacks(Side.SFA).values()} == {Priority.BACKFILL}
    new.take(observed("ma", [change("forms", 2, START + 3 * DAY)]))
    assert cycles(new) == [DAY]


def test_a_confirmed_change_leaves_who_is_below_alone() -> None:
    """Not over the threshold, already an MQL, or given back: nothing happens."""
    for steps, status, expected in ((1, "New", []), (3, "New", [0]), (3, "Recycled", [0])):
        story = Story(rules(scoring=FORMS))
        story.marketing(START, forms=steps, **PERSON)
        story.sales(START + HOUR, sfa_status=status)
        new = changed(story, replace(FORMS, threshold=30))
        new.take(review(START + DAY, hand_over=True))

        assert cycles(new) == expected


def test_a_field_that_didn_t_count_before_counts_as_it_stands() -> None:
    """A new rule sees the value that is known, without reading the record anew."""
    story = Story(rules(scoring=FORMS))
    story.marketing(START, industry="IT", company="A", forms=1, **PERSON)
    assert "ma:industry" not in story.lead.history
    new = changed(story, replace(FORMS, attributes=(SCORING.attributes[2],)))
    new.take(review(START + DAY))

    assert new.told("score-changed")[-1].reasons == {"Forms": 20, "Target": 10}
    new.marketing(START + 2 * DAY, industry="商社")
    assert new.lead.told.score == 20


def test_labels_change_no_rules() -> None:
    """Other words, another order: nothing is worked out anew."""
    said = BehaviourRule(counter="forms", points=20, label="Forms sent", label_ja="送信")
    visits, *others = SCORING.behaviours
    assert replace(FORMS, behaviours=(said,)).mark == FORMS.mark
    assert replace(SCORING, behaviours=(*others, visits)).mark == SCORING.mark
    assert replace(FORMS, threshold=51).mark != FORMS.mark


def test_a_merged_score_makes_no_second_mql() -> None:
    """An MQL by the old rules, and a lead over the new threshold: one lead, its MQL that of before."""
    story, other = Story(rules(scoring=FORMS)), Story(rules(scoring=FORMS))
    story.marketing(START, forms=3, **PERSON)
    other.take(observed("ma", [change("forms", 2, START + HOUR)], ref=("hubspot", "contact", "102")))
    new = changed(story, replace(FORMS, threshold=30))
    state = replace(other.lead, id="01890a5d-ac96-774b-bcce-b302099a8058")
    Decide(new.rules).take_over(new.lead, state, taken_over(state), "0-9")

    assert cycles(new) == [0]
    assert new.lead.as_of == START + HOUR + 500


def taken_over(lead: Lead) -> Taken:
    """Return that *lead* is taken over; what it knew is given beside."""
    data = TakenOver(lead_id=lead.id, side="ma", state="", merged_at=START + DAY)
    return Taken(id="t", source="/t", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data)


@pytest.mark.parametrize("times", [1, 2])
def test_bringing_twice_is_bringing_once(times: int) -> None:
    """After a crash the same lead may be brought again."""
    story = Story(rules(scoring=FORMS))
    story.marketing(START, forms=3, **PERSON)
    new: Rules = rules(scoring=replace(FORMS, threshold=90))
    for _ in range(times):
        bring(story.lead, new)
        join(story.lead, replace(story.lead), new)

    assert (story.lead.qualified, story.lead.rules_since) == ((START,), START + 500)
    assert not confirm(story.lead, START + DAY, new)
