"""
The law of time: a score is a function of what was seen and of the instant up to which it is known, of nothing else.

However often a lead was looked at meanwhile, in whatever order things were heard, with any repeats, with the store
between any two of them: the end is the same, and it is what a plain sum over the facts gives.
"""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.lead import LeadChange, LeadObserved, LeadReviewed, Reviewed
from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.days import beginning, day_of
from services.sync.domain.desired import Missing
from services.sync.domain.lifecycle import trace
from services.sync.domain.records import Side
from services.sync.domain.rules import Milestone
from services.sync.domain.score_rules import AttributeRule, BehaviourRule, Operator, ScoreGroup, Scoring
from tests.firm import DAY, HOUR, LEAD_ID, START, Story, change, observed, rules
from tests.laws.test_order import histories

ZONE = "Asia/Tokyo"
SCORING = Scoring(
    threshold=50,
    rearm_below=35,
    behaviours=(
        BehaviourRule(
            counter="visits", points=7, cap=30, halving_days=10, label="v", label_ja="v", group="web"
        ),
        BehaviourRule(counter="forms", points=20, lapse_days=30, label="f", label_ja="f", group="web"),
        BehaviourRule(activity="seminar", points=25, lapse_days=60, halving_days=25, label="s", label_ja="s"),
        BehaviourRule(activity="call", points=-9, lapse_days=12, label="c", label_ja="c"),
    ),
    attributes=(
        AttributeRule(
            field="industry", operator=Operator.IS, operands=("IT",), points=10, label="i", label_ja="i"
        ),
    ),
    groups=(ScoreGroup(name="web", cap=40, label="w", label_ja="w"),),
)
FIRM = rules(scoring=SCORING)
LONG = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

instants = st.integers(0, 24 * 100).map(lambda hours: START + hours * HOUR)


@st.composite
def facts(draw: st.DrawFn) -> LeadObserved:
    """Something that moves a score, heard of when it happened or up to a day late."""
    at = draw(instants)
    heard_at = at + draw(st.integers(0, 24)) * HOUR + 1
    kind = draw(st.sampled_from(["visits", "forms", "industry", "activity", "status"]))
    if kind == "activity":
        name = draw(st.sampled_from(["seminar", "call"]))
        changes = [change("type", name, at), change("at", at, at)]
        ref = ("hubspot", "meeting", draw(st.sampled_from("123")))
        return observed("ma", changes, kind="activity", ref=ref, observed_at=heard_at, created_at=at)
    if kind == "status":
        status = draw(st.sampled_from(["Recycled", "Working", "Qualified"]))
        return observed("sfa", [change("sfa_status", status, at)], observed_at=heard_at)
    value = draw(st.sampled_from(["IT", "商社"]) if kind == "industry" else st.integers(0, 6))
    return observed("ma", [change(kind, value, at)], observed_at=heard_at)


def review(at: int) -> LeadReviewed:
    """Return that the lead was looked at."""
    data = Reviewed(cause="aged", reviewed_at=at)
    return LeadReviewed(id="r", source="/t", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data)


reviews = instants.map(review)


def lived(events: Sequence[LeadChange]) -> tuple[bytes, dict[Side, list[Missing]], dict[str, object]]:
    """Return the lead after *events*, what each side lacks, and what is told of it last."""
    story = Story(FIRM)
    for event in events:
        story.take(event)
        story.lead = decode(LEAD_ID, encode(story.lead))  # a crash between any two
    told: dict[str, object] = {}
    for fact in story.facts:
        match fact.type:
            case "tasuki.lifecycle.score-changed.v1":
                told["score"] = fact.data.score
            case "tasuki.lifecycle.milestone-reached.v1":
                told[f"{fact.data.cycle}:{fact.data.milestone}"] = fact.data.reached_at
            case "tasuki.lifecycle.milestone-retracted.v1":
                del told[f"{fact.data.cycle}:{fact.data.milestone}"]
            case _:
                pass
    told.setdefault("score", 0)
    return encode(story.lead), {side: [*story.lacks(side).values()] for side in Side}, told


@LONG
@given(st.data())
def test_the_end_depends_on_the_facts_and_the_instant_alone(data: st.DataObject) -> None:
    """Any order, any repeats, looked at however often: the same as everything at once and one look at the end."""
    seen = data.draw(st.lists(facts(), min_size=1, max_size=10))
    end = review(START + 101 * DAY)
    looks = data.draw(st.lists(reviews, max_size=6))
    repeats = data.draw(st.lists(st.sampled_from([*seen, *looks, end]), max_size=5))
    shuffled = data.draw(st.permutations([*seen, *looks, *repeats, end]))

    assert lived(shuffled) == lived([*seen, end])


@LONG
@given(histories())
def test_with_all_else_that_is_seen_of_a_lead_too(
    history: tuple[list[LeadChange], list[LeadChange], list[LeadChange]],
) -> None:
    """Writes, echoes, deals, ends of records: time goes by between them."""
    begun, one, other = history
    end = review(START + 40 * DAY)

    assert lived([*begun, *one, end]) == lived([*begun, end, *other])


@LONG
@given(st.lists(facts(), min_size=1, max_size=10), st.lists(instants, max_size=5))
def test_time_alone_takes_no_milestone_back(seen: list[LeadObserved], looks: list[int]) -> None:
    """Heard of in order, looked at in between: what was told as reached stays where it is."""
    story = Story(FIRM)
    events: list[LeadChange] = [*seen, *map(review, looks)]
    events.sort(key=lambda each: each.data.reviewed_at if isinstance(each, LeadReviewed) else _heard_at(each))
    for event in events:
        before = dict(story.lead.told.milestones)
        story.take(event)
        if isinstance(event, LeadReviewed):
            assert before.items() <= story.lead.told.milestones.items()


def _heard_at(event: LeadChange) -> int:
    assert isinstance(event, LeadObserved)
    return event.data.observed_at


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Steps of counters and deeds that only grow: what happened, and when."""
    return draw(
        st.lists(
            st.tuples(st.sampled_from(["visits", "forms", "seminar", "call"]), instants),
            min_size=1,
            max_size=12,
            unique=True,
        )
    )


@LONG
@given(steps(), st.integers(0, 101))
def test_a_score_is_a_plain_sum_over_the_steps(done: list[tuple[str, int]], days: int) -> None:
    """Each step for itself: halved, lapsed, capped, and the first instant over the threshold is the MQL."""
    as_of = max(at for _, at in done) + days * DAY
    story = Story(FIRM)
    for name in ("visits", "forms"):
        past = [at for each, at in sorted(done, key=lambda step: step[1]) if each == name]
        changes = [change(name, number, at) for number, at in enumerate(past, start=1)]
        story.take(observed("ma", changes, observed_at=as_of))
    for number, (name, at) in enumerate(done):
        if name in ("seminar", "call"):
            story.activity(at, name, side="ma", key=str(number))
    story.take(review(as_of))
    life = trace(story.lead, FIRM)

    moments = sorted({at for _, at in done} | {at for step in done for at in _turns(step) if at <= as_of})
    over = [at for at in moments if _plain(done, at) >= SCORING.threshold]
    assert life.score == _plain(done, as_of) == sum(life.points.values())
    assert life.reached(Milestone.MQL) == (over[0] if over else None)
    coming = sorted(at for step in done for at in _turns(step) if at > as_of)
    changing = [at for at in coming if _worths(done, at) != _worths(done, as_of)]
    assert life.changes_at == (changing[0] if changing else 0)


def _rule(name: str) -> BehaviourRule:
    return next(each for each in SCORING.behaviours if name in (each.counter, each.activity))


def _turns(step: tuple[str, int]) -> list[int]:
    """Return the instants at which a step may lose points."""
    rule, day = _rule(step[0]), day_of(step[1], ZONE)
    days = [number * (rule.halving_days or 10_000) for number in range(1, 9)] + [rule.lapse_days or 10_000]
    return [beginning(day + each, ZONE) for each in days if each < 10_000]


def _worths(done: list[tuple[str, int]], at: int) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, done_at in done:
        rule, age = _rule(name), day_of(at, ZONE) - day_of(done_at, ZONE)
        if done_at > at or (rule.lapse_days is not None and age >= rule.lapse_days):
            continue
        worth = abs(rule.points) >> (age // rule.halving_days if rule.halving_days else 0)
        sums[name] = sums.get(name, 0) + (worth if rule.points > 0 else -worth)
    return {name: min(points, _rule(name).cap or points) for name, points in sums.items() if points}


def _plain(done: list[tuple[str, int]], at: int) -> int:
    worths = _worths(done, at)
    web = sum(points for name, points in worths.items() if _rule(name).group == "web")
    return min(web, 40) + sum(points for name, points in worths.items() if _rule(name).group is None)


@LONG
@given(st.lists(facts(), min_size=1, max_size=8), st.lists(facts(), max_size=4), st.integers(20, 90))
def test_changed_rules_take_no_mql_back_and_make_none_in_the_past(
    before: list[LeadObserved], after: list[LeadObserved], threshold: int
) -> None:
    """What was told stays; a new one comes only with what was heard of later, and lies after the change."""
    story = Story(FIRM)
    for each in before:
        story.take(each)
    known = {at for (_, each), at in story.lead.told.milestones.items() if each is Milestone.MQL}
    changed_at = story.lead.as_of
    new = Story(rules(scoring=replace(SCORING, threshold=threshold, rearm_below=20)), story.lead)
    new.take(review(changed_at))
    mqls = {at for (_, each), at in new.lead.told.milestones.items() if each is Milestone.MQL}
    assert mqls == known

    for each in after:
        new.take(each)
        new.lead = decode(LEAD_ID, encode(new.lead))
    later = {at for (_, each), at in new.lead.told.milestones.items() if each is Milestone.MQL}
    assert all(at > changed_at for at in later - known)
