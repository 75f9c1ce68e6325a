"""Opt-outs only tighten, keep their evidence, and are undone by one explicit newer act alone."""

from itertools import permutations

import pytest

from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.consent import opt_in
from services.sync.domain.lead import Evidence, Lead
from services.sync.domain.records import Side
from services.sync.domain.rules import FieldRule, Policy, Rules
from tests.firm import DAY, HOUR, START, Change, Story, observed, rules


def _rules() -> Rules:
    fields = {**rules().fields, "agreed_at": FieldRule(name="agreed_at", policy=Policy.LATEST)}
    return rules(fields=fields, opt_ins={"opted_out": "agreed_at"})


def _opted_out(at: int, by: str = "user 42", *, value: bool = True) -> Change:
    return Change(name="opted_out", value=value, changed_at=at, via="CRM_UI", by=by)


def _stands_on_both(story: Story) -> Story:
    story.marketing(
        START, email="a@x.jp", last_name="山田", company="A社", visits=99, forms=9, job_title="部長"
    )
    story.write(START + HOUR)
    return story


def test_the_evidence_of_an_opt_out_is_kept() -> None:
    """Who, where, when and how, of the first and of the last; a False later changes nothing."""
    story = _stands_on_both(Story(_rules()))
    story.take(observed("ma", [_opted_out(START + 2 * DAY)]))
    story.take(observed("sfa", [_opted_out(START + DAY, "user 7"), _opted_out(START + 3 * DAY, value=False)]))

    said = story.lead.opt_outs["opted_out"]
    assert said.first == Evidence(START + DAY, Side.SFA, str(story.lead.person(Side.SFA)), "CRM_UI", "user 7")
    assert (said.last.at, said.last.side, said.last.by) == (START + 2 * DAY, Side.MA, "user 42")
    assert decode(story.lead.id, encode(story.lead)).opt_outs == story.lead.opt_outs


def test_our_own_write_of_an_opt_out_is_no_evidence() -> None:
    """It would stand later than the person's own."""
    story = _stands_on_both(Story(_rules()))
    story.take(observed("ma", [_opted_out(START + DAY)]))
    story.write(START + 2 * DAY)

    assert story.there(Side.SFA, "opted_out") is True
    assert story.lead.opt_outs["opted_out"].last.at == START + DAY


def test_an_explicit_newer_act_undoes_an_opt_out_on_both_sides() -> None:
    """And a decision says by which rule."""
    story = _stands_on_both(Story(_rules()))
    story.take(observed("ma", [_opted_out(START + DAY)]))
    story.write(START + 2 * DAY)
    story.marketing(START + 3 * DAY, agreed_at=START + 3 * DAY)

    assert story.lacks(Side.SFA)["lead"].fields["opted_out"] is False
    assert story.lacks(Side.MA)["lead"].fields["opted_out"] is False
    story.write(START + 4 * DAY)
    assert (story.there(Side.MA, "opted_out"), story.there(Side.SFA, "opted_out")) == (False, False)
    assert story.lacks(Side.MA) == story.lacks(Side.SFA) == {}


@pytest.mark.parametrize("agreed_at", [START + DAY, START])
def test_an_act_that_is_not_newer_undoes_nothing(agreed_at: int) -> None:
    """The opt-out of the same instant counts."""
    story = _stands_on_both(Story(_rules()))
    story.take(observed("ma", [_opted_out(START + DAY)]))
    story.marketing(START + 2 * DAY, agreed_at=agreed_at)

    assert story.lacks(Side.SFA)["lead"].fields["opted_out"] is True


def test_an_opt_out_after_the_act_counts_again() -> None:
    """From whichever side."""
    story = _stands_on_both(Story(_rules()))
    story.take(observed("ma", [_opted_out(START + DAY)]))
    story.marketing(START + 2 * DAY, agreed_at=START + 2 * DAY)
    story.write(START + 3 * DAY)
    story.take(observed("sfa", [_opted_out(START + 4 * DAY)]))

    assert story.lacks(Side.MA)["lead"].fields["opted_out"] is True


def test_nothing_undoes_an_opt_out_unless_the_firm_says_what() -> None:
    """The field alone means nothing."""
    story = _stands_on_both(Story(rules(fields=_rules().fields)))
    story.take(observed("ma", [_opted_out(START + DAY)]))
    story.marketing(START + 2 * DAY, agreed_at=START + 2 * DAY)

    assert story.lacks(Side.SFA)["lead"].fields["opted_out"] is True


def test_the_order_of_arrival_makes_no_difference() -> None:
    """Six orders of two opt-outs and an act between them: opted out, with the same evidence."""
    ends: set[bytes] = set()
    events = [
        observed("ma", [_opted_out(START + DAY)]),
        observed("ma", [Change(name="agreed_at", value=START + 2 * DAY, changed_at=START + 2 * DAY)]),
        observed("sfa", [_opted_out(START + 3 * DAY, "user 7")]),
    ]
    for order in permutations(events):
        story = Story(_rules())
        for event in order:
            story.take(event)
        ends.add(encode(story.lead))
        assert opt_in(story.lead, "opted_out", _rules()) is None

    assert len(ends) == 1


def test_a_lead_without_an_opt_out_keeps_nothing() -> None:
    """No bytes for those who never opted out."""
    assert Lead("x").opt_outs == {}


def test_that_nobody_opted_out_is_never_written_over_nothing() -> None:
    """Blank and False are the same consent, and a False on its way would undo an opt-out of that very moment."""
    story = Story()
    story.sales(START, email="a@example.jp", opted_out=False)
    story.marketing(START + 1, email="a@example.jp", phone="03-1")

    assert [side for side in Side for each in story.lacks(side).values() if "opted_out" in each.fields] == []
    story.marketing(START + HOUR, opted_out=True)
    assert story.lacks(Side.SFA)["lead"].fields["opted_out"] is True
