"""Somebody's automation that sets a value back each time is fought so many rounds, then told and left alone."""

from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.records import Side
from services.sync.domain.rules import FieldRule, Policy
from tests.firm import DAY, HOUR, MINUTE, START, Story, rules, settled, started

ROUNDS = 3


def _fight(**changes: object) -> Story:
    """A firm where marketing's company counts, and a lead that stands on both sides."""
    fields = {**rules().fields, "company": FieldRule(name="company", policy=Policy.MA)}
    story = Story(rules(fields=fields, **{"fight_rounds": ROUNDS, **changes}))
    story.marketing(
        START, email="a@x.jp", last_name="山田", company="A社", visits=99, forms=9, job_title="部長"
    )
    story.write(START + HOUR)
    return story


def _round(story: Story, at: int) -> list[str]:
    """Sales' flow sets the company back and tasuki writes it again; return the reasons of dead letters."""
    story.sales(at, company="(株)A")
    if "lead" not in story.lacks(Side.SFA):
        return []
    decided = story.take(started(Side.SFA, "lead", {"company": "A社"}, at + MINUTE))
    story.take(settled(Side.SFA, "lead", {"company": "A社"}, at + 2 * MINUTE, over={"company": at}))
    return [each.data.reason for each in decided.dead_letters]


def test_a_value_that_is_set_back_each_time_is_left_alone_and_told_once() -> None:
    """After three rounds nothing more is written, whatever the flow does."""
    story = _fight()
    told = [_round(story, START + DAY + number * 5 * MINUTE) for number in range(6)]

    assert told == [[], [], ["refused:fight"], [], [], []]
    assert story.lacks(Side.SFA) == {}
    assert story.there(Side.SFA, "company") == "(株)A"
    assert decode(story.lead.id, encode(story.lead)).fights == story.lead.fights


def test_another_value_is_written_again() -> None:
    """What is left alone is the value, not the field."""
    story = _fight()
    for number in range(ROUNDS + 1):
        _round(story, START + DAY + number * 5 * MINUTE)
    story.marketing(START + 2 * DAY, company="B社")

    assert story.lacks(Side.SFA)["lead"].fields == {"company": "B社"}


def test_rounds_that_are_far_apart_are_no_fight() -> None:
    """A person who corrects a value now and then is heard by the policy alone."""
    story = _fight(fight_window_ms=HOUR)
    told = [_round(story, START + DAY + number * 2 * HOUR) for number in range(2 * ROUNDS)]

    assert told == [[]] * (2 * ROUNDS)


def test_trying_again_after_a_failure_is_no_round() -> None:
    """Nobody set anything back in between."""
    story = _fight()
    story.sales(START + DAY, company="(株)A")
    letters = [
        letter
        for number in range(10)
        for letter in story.take(
            started(Side.SFA, "lead", {"company": "A社"}, START + DAY + number * MINUTE)
        ).dead_letters
    ]

    assert letters == []
    assert story.lacks(Side.SFA)["lead"].fields == {"company": "A社"}


def test_an_opt_out_is_told_but_never_left_alone() -> None:
    """A flow that takes opt-outs back is worth a letter, not a surrender."""
    story = _fight()
    story.marketing(START + DAY, opted_out=True)
    story.write(START + DAY + MINUTE)
    letters: list[str] = []
    for number in range(1, ROUNDS + 2):
        at = START + DAY + number * 5 * MINUTE
        story.sales(at, opted_out=False)
        decided = story.take(started(Side.SFA, "lead", {"opted_out": True}, at + MINUTE))
        letters += [each.data.reason for each in decided.dead_letters]
        story.take(settled(Side.SFA, "lead", {"opted_out": True}, at + 2 * MINUTE, over={"opted_out": at}))

    assert letters == ["refused:fight"]
    story.sales(START + 2 * DAY, opted_out=False)
    assert story.lacks(Side.SFA)["lead"].fields == {"opted_out": True}


def test_zero_rounds_never_give_up() -> None:
    """For those who want it so."""
    story = _fight(fight_rounds=0)
    told = [_round(story, START + DAY + number * 5 * MINUTE) for number in range(2 * ROUNDS)]

    assert told == [[]] * (2 * ROUNDS)
    story.sales(START + 2 * DAY, company="(株)A")
    assert story.lacks(Side.SFA)["lead"].fields == {"company": "A社"}
