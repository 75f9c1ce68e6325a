"""The demo's population, and what its lives must lead to."""

from pathlib import Path
from random import Random

import pytest

from services.cli.demo.life import Edits, Grows, Kind, Life, Step
from services.cli.demo.population import life
from services.cli.demo.truth import Track, expected_on_both, must_qualify
from services.sync.domain.fold import Folder
from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import trace
from services.sync.domain.records import FieldChange, Observation, RecordRef, Side
from services.sync.domain.records import Kind as RecordKind
from services.sync.domain.rules import Milestone, Rules
from services.sync.settings import loads, template

SEED = 7


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Return the rules that the demo runs by."""
    return loads(template(), {}, file="tasuki.toml", folder=Path(), need_secrets=False).rules


def track_of(who: Life, rules: Rules) -> Track:
    """Return the track of a life that has just begun."""
    return Track(who, rules.scoring, dict(who.fields))


def live(track: Track, steps: tuple[Step, ...]) -> None:
    """Do all that *steps* say, as far as it scores."""
    for step in steps:
        if isinstance(step.deed, Grows):
            track.grown(step.deed.counter, step.deed.by)
        elif isinstance(step.deed, Edits) and step.deed.side is Side.MA:
            track.edited(step.deed.fields)


def some(kind: Kind) -> Life:
    """Return a life of *kind*."""
    return next(each for number in range(1, 500) if (each := life(SEED, number)).kind is kind)


def test_the_same_seed_gives_the_same_lives() -> None:
    """A run repeats as far as its timing allows; another seed gives other people."""
    assert [life(SEED, n) for n in range(1, 30)] == [life(SEED, n) for n in range(1, 30)]
    assert [life(SEED, n) for n in range(1, 30)] != [life(SEED + 1, n) for n in range(1, 30)]


def test_nobody_shares_an_address_and_no_address_exists() -> None:
    """Every e-mail address is one person's, under a domain that is reserved for examples."""
    emails = [life(SEED, n).email for n in range(1, 400)]

    assert len(set(emails)) == len(emails)
    assert all(each.endswith(".example") and each.isascii() for each in emails)


def test_a_crowd_has_everybody_in_it() -> None:
    """All kinds of life, people of both languages, leads of both sides."""
    crowd = [life(SEED, n) for n in range(1, 400)]

    assert {each.kind for each in crowd} == set(Kind)
    assert {each.made_by for each in crowd} == set(Side)
    assert {each.fields["last_name"].isascii() for each in crowd} == {True, False}


@pytest.mark.parametrize(
    ("kind", "qualifies"),
    [(Kind.PASSERBY, False), (Kind.LEARNER, False), (Kind.HOT, True), (Kind.STEADY, True)],
)
def test_a_life_qualifies_as_its_kind_does(kind: Kind, qualifies: bool, rules: Rules) -> None:  # noqa: FBT001 (a parameter)
    """Passers-by and students never become MQLs; who is warm or hot does."""
    for number in range(1, 200):
        who = life(SEED, number)
        if who.kind is kind:
            track = track_of(who, rules)
            live(track, who.steps)
            assert must_qualify(track) is qualifies


def test_the_reckoning_is_that_of_the_rules(rules: Rules) -> None:
    """The demo's own sum agrees with what the service's domain makes of the same acts."""
    for number in range(1, 150):
        who = life(SEED, number)
        track = track_of(who, rules)
        folder, lead = Folder(rules), Lead("x")
        folder.observe(lead, Side.MA, seen(1, **_scored(who)))
        for at, step in enumerate(who.steps, start=2):
            live(track, (step,))
            if isinstance(step.deed, Grows):
                folder.observe(
                    lead, Side.MA, seen(at, **{step.deed.counter: track.counts[step.deed.counter]})
                )
            elif isinstance(step.deed, Edits) and step.deed.side is Side.MA:
                folder.observe(lead, Side.MA, seen(at, **step.deed.fields))
        life_of_lead = trace(lead, rules)
        assert life_of_lead.score == track.score
        assert (life_of_lead.reached(Milestone.MQL) is not None) is must_qualify(track)


def seen(at: int, **values: str | int) -> Observation:
    """Return what marketing's tool tells at *at*."""
    changes = tuple(FieldChange(name, value, at) for name, value in values.items())
    ref = RecordRef("hubspot", "contact", "1")
    return Observation(ref=ref, kind=RecordKind.LEAD, observed_at=at, created_at=1, fields=changes)


def _scored(who: Life) -> dict[str, str | int]:
    fields: dict[str, str | int] = {"job_title": who.fields["job_title"]}
    if "industry" in who.fields:
        fields["industry"] = who.fields["industry"]
    if "employees" in who.fields:
        fields["employees"] = int(who.fields["employees"])
    return fields


def test_who_was_given_back_must_qualify_anew(rules: Rules) -> None:
    """Behaviour from before the recycling counts no more; enough of it afterwards is a second qualification."""
    who = some(Kind.HOT)
    track = track_of(who, rules)
    live(track, who.steps)
    assert track.qualifications == 1

    track.given_back()
    track.grown("visits", 1)
    assert track.qualifications == 1
    live(track, who.return_steps)

    assert track.qualifications == 2


def test_what_the_viewer_changes_by_hand_is_expected_of_nobody(rules: Rules) -> None:
    """A value that no life has set is the viewer's: whether that lead must qualify isn't known any more."""
    who = some(Kind.HOT)
    track = track_of(who, rules)
    live(track, who.steps)
    track.seen("job_title", who.fields["job_title"])
    track.seen("visits", str(track.counts["visits"]))
    assert expected_on_both(track)

    track.seen("job_title", "学生")

    assert not expected_on_both(track)


def test_a_handling_goes_all_the_way_or_says_why_not() -> None:
    """A lost opportunity has its reason, whichever stage it was lost in; only qualified leads get one."""
    handlings = [each for n in range(1, 300) for each in life(Random(SEED).randrange(9), n).handlings]

    assert any(each.stages and each.stages[-1] == "Closed Won" for each in handlings)
    for each in handlings:
        assert bool(each.lost_reason) is ("Closed Lost" in each.stages)
        assert each.judgement.value == "Qualified" or not each.stages
