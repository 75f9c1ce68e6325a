"""
The law of order: the state of a lead is a function of the set of what was seen.

Any permutation of a history, with any repeats, ends in the same bytes, in the same that each side lacks, and in
the same for who only reads the facts that were told on the way.
Only an echo keeps its place after the start of the write that it echoes: the log keeps that order.
"""

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.lead import Change, LeadChange, LeadObserved, LeadWriteStarted
from schemas.lifecycle import (
    ActivityLogged,
    ActivityRetracted,
    LifecycleFact,
    MilestoneReached,
    MilestoneRetracted,
    ScoreChanged,
)
from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.desired import Missing
from services.sync.domain.lead import Lead
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import Register
from tests.firm import LEAD_ID, POLICIES, START, Story, change, observed, settled, started

TEXTS = ["A", "B", "製造業", None]
SENT = ["S", "T"]
VALUES = {
    "employees": [50, 300, 300.0, 1_000, None],
    "opted_out": [True, False, None],
    "visits": [1, 5, 9, 10, None],
    "forms": [0, 1, 2, 3],
    "sfa_status": ["New", "Working", "Qualified", "Recycled", None],
    "ma_stage": ["lead", "mql"],
    "job_title": ["部長", "ﾌﾞﾁｮｳ", "Director", "学生", None],
}
PERSON = [*POLICIES, "visits", "forms", "sfa_status", "ma_stage", "score", "sales_stage"]

instants = st.integers(0, 12).map(lambda step: START + step * 1_000)
births = st.one_of(st.just(0), instants)  # 0: the tool doesn't tell when the record was made
sides = st.sampled_from(["ma", "sfa"])


@st.composite
def person_changes(draw: st.DrawFn) -> Change:
    """A change by somebody; few fields, values and instants, so that they meet."""
    name = draw(st.sampled_from(PERSON))
    value = draw(st.sampled_from(VALUES.get(name, TEXTS)))
    own = draw(st.booleans())  # marked as ours but never sent: somebody's all the same
    return change(name, value, draw(instants), own=own, exact=draw(st.booleans()))


@st.composite
def persons(draw: st.DrawFn) -> LeadObserved:
    """Something seen of a person: its fields, its end, its conversion into another record, or its merge into one."""
    side = draw(sides)
    names = {"ma": "contact", "sfa": "Lead"}
    system = {"ma": "hubspot", "sfa": "salesforce"}[side]
    ref = (system, names[side], draw(st.sampled_from(["1", "2"])))
    end = draw(st.sampled_from(["", "", "", "deleted", "moved", "merged"]))
    more: dict[str, Any] = {
        "": {},
        "deleted": {"deleted": True},
        "moved": {"moved_to": {"system": system, "object": "Contact", "id": "3"}},
        "merged": {"moved_to": {"system": system, "object": names[side], "id": "4"}, "deleted": True},
    }[end]
    return observed(
        side,
        draw(st.lists(person_changes(), max_size=5)),
        ref=ref,
        observed_at=draw(instants),
        created_at=draw(births),
        **more,
    )


@st.composite
def deals(draw: st.DrawFn) -> LeadObserved:
    """Something seen of an opportunity, sometimes with our own id on it."""
    values = {"stage": ["Meeting", "Discovery", "Won", "Lost"], "amount": [100, 200], "owner": ["fs-1@firm"]}
    names = draw(st.lists(st.sampled_from(sorted(values)), max_size=3))
    changes = [
        change(name, draw(st.sampled_from(values[name])), draw(instants), own=draw(st.booleans()))
        for name in names
    ]
    ref = ("salesforce", "Opportunity", draw(st.sampled_from(["1", "2"])))
    external = {"1": f"{LEAD_ID}:1", "2": None}[ref[2]]
    return observed(
        draw(st.sampled_from(["sfa", "sfa", "ma"])),
        changes,
        kind="opportunity",
        ref=ref,
        observed_at=draw(instants),
        created_at=draw(births),
        external_id=draw(st.sampled_from([external, None])),
        deleted=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def activities(
    draw: st.DrawFn, on: Sequence[str] = ("ma", "sfa"), ids: Sequence[str] = ("1", "2", "own")
) -> LeadObserved:
    """Something seen of an activity, often only a part of it; or that it is gone, perhaps to come back."""
    values = {
        "type": ["call", "task", "seminar", None],
        "at": [START, START + 3_000, START + 9_000, None],
        "outcome": ["connected", "busy"],
        "owner": ["sdr-1@firm"],
    }
    names = draw(st.lists(st.sampled_from(sorted(values)), max_size=4))
    changes = [
        change(name, draw(st.sampled_from(values[name])), draw(instants), exact=draw(st.booleans()))
        for name in names
    ]
    side = draw(st.sampled_from(on))
    return observed(
        side,
        changes,
        kind="activity",
        ref=(side, "Task", draw(st.sampled_from(ids))),
        observed_at=draw(instants),
        created_at=draw(births),
        external_id=None,
        deleted=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def writes(draw: st.DrawFn) -> list[LeadChange]:
    """A write that starts, is confirmed, and comes back as an echo."""
    side = draw(st.sampled_from(Side))
    names = draw(
        st.lists(st.sampled_from(["phone", "company", "job_title", "score"]), min_size=1, unique=True)
    )
    fields = {name: draw(st.sampled_from(SENT)) for name in names}
    echo = [
        change(name, value, draw(instants), own=True, exact=draw(st.booleans()))
        for name, value in fields.items()
    ]
    return [
        started(side, "lead", fields, START),
        settled(side, "lead", fields, draw(instants), over={name: draw(instants) for name in names}),
        observed(side.value, echo, observed_at=draw(instants)),
    ]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[LeadChange], list[LeadChange], list[LeadChange]]:
    """A history: the starts of writes, which come first, and two orders of the rest, the second with repeats."""
    seen = draw(st.lists(st.one_of(persons(), persons(), deals(), activities()), min_size=2, max_size=9))
    begun: list[LeadChange] = []
    rest: list[LeadChange] = [*seen]
    for start, *ends in draw(st.lists(writes(), max_size=2)):
        begun.append(start)
        rest += ends
    repeats = draw(st.lists(st.sampled_from(rest), max_size=4))
    return begun, rest, draw(st.permutations([*rest, *repeats]))


def _heard(facts: Sequence[LifecycleFact]) -> dict[object, object]:
    """Return what a reader of *facts* holds in the end: the milestones and activities that stand, the score."""
    held: dict[object, object] = {}
    for fact in facts:
        if isinstance(fact, MilestoneReached):
            data = fact.data
            assert held.get((data.cycle, data.milestone)) == data.previous_at
            held[data.cycle, data.milestone] = data.reached_at
            held["amount", data.cycle, data.milestone] = data.amount or 0
        elif isinstance(fact, MilestoneRetracted):
            assert held.pop((fact.data.cycle, fact.data.milestone)) == fact.data.previous_at
            held.pop(("amount", fact.data.cycle, fact.data.milestone))
        elif isinstance(fact, ActivityLogged):
            at, *_ = cast("tuple[int]", held.get(fact.data.key, (None,)))
            assert at == fact.data.previous_at
            held[fact.data.key] = (fact.data.at, fact.data.activity, fact.data.owner, fact.data.outcome)
        elif isinstance(fact, ActivityRetracted):
            at, *_ = cast("tuple[int]", held.pop(fact.data.key))
            assert at == fact.data.previous_at
        elif isinstance(fact, ScoreChanged):
            held["score"] = fact.data.score
    return {what: value for what, value in held.items() if value != 0}


def _end(events: Sequence[LeadChange]) -> tuple[bytes, dict[Side, list[Missing]], dict[object, object]]:
    story = Story()
    for event in events:
        story.take(event)
        story.lead = decode(LEAD_ID, encode(story.lead))  # the store comes between any two events
    lacks = {side: [*story.lacks(side).values()] for side in Side}
    # A handoff is told once, when its record is found: of that, what led to the record always comes first.
    story.lead.told.offered.clear()
    return encode(story.lead), lacks, _heard(story.facts)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_the_end_does_not_depend_on_the_order(
    history: tuple[list[LeadChange], list[LeadChange], list[LeadChange]],
) -> None:
    """Any order with any repeats leaves the same lead, told and untold, the same missing, the same told."""
    begun, one, other = history

    assert _end([*begun, *one]) == _end([*begun, *other])


@settings(max_examples=300)
@given(st.data())
def test_an_activity_counts_or_does_not_whatever_the_order(data: st.DataObject) -> None:
    """Logged, corrected, deleted and undeleted in any order: the KPIs hold the same of it in the end."""
    seen = data.draw(st.lists(activities(["sfa"], ["1"]), min_size=2, max_size=6))

    assert _end(seen) == _end(data.draw(st.permutations([*seen, *seen[:2]])))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_what_came_before_matters_once(
    history: tuple[list[LeadChange], list[LeadChange], list[LeadChange]],
) -> None:
    """A history that is told a second time, after a crash, changes nothing and tells nothing."""
    begun, one, _ = history
    story = Story()
    for event in [*begun, *one]:
        story.take(event)
    before, told = encode(story.lead), len(story.facts)
    for event in [*begun, *one]:
        if not isinstance(event, LeadWriteStarted):
            story.take(event)

    assert (encode(story.lead), story.facts[told:]) == (before, [])


def test_a_lead_nobody_saw_is_empty() -> None:
    """Without a history there is nothing to store and nothing missing anywhere."""
    assert _end([]) == (encode(Lead(LEAD_ID)), {Side.MA: [], Side.SFA: []}, {})


sayings = st.tuples(st.sampled_from(["A", "B", None]), st.integers(1, 30), st.booleans(), st.booleans())


@settings(max_examples=300)
@given(st.data())
def test_a_register_does_not_depend_on_the_order(data: st.DataObject) -> None:
    """However many reads and echoes of one field there are, its register is a function of their set."""
    seen = data.draw(st.lists(sayings, min_size=1, max_size=24))
    other = data.draw(st.permutations([*seen, *seen[:3]]))

    assert _register(seen) == _register(other)


@settings(max_examples=200)
@given(st.data())
def test_an_opt_out_does_not_depend_on_the_order(data: st.DataObject) -> None:
    """Once anybody said True it is said, and since the first time, in any order."""
    seen = data.draw(st.lists(sayings, min_size=1, max_size=10))
    consents = [({"A": True, "B": False}.get(str(value)), at, own) for value, at, own, _ in seen]
    said = [at for value, at, own in consents if value and not own]

    for order in (consents, data.draw(st.permutations(consents))):
        register = Register()
        for value, at, own in order:
            register.observe_consent(value, at, own=own)

        assert bool(register.said) == bool(said)
        assert not said or register.said_at == min(said)


def _register(seen: Sequence[tuple[Scalar, int, bool, bool]]) -> Register:
    register = Register()
    for value, at, own, exact in seen:
        register.observe(value, at, own=own, exact=exact)
    return register
