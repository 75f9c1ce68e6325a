"""A lead survives the store, and equal leads are equal bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.stored_format import StoredOtherwise
from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.lead import (
    UNSURE,
    Activity,
    Employer,
    Employment,
    Evidence,
    Fight,
    Lead,
    Opportunity,
    OptOuts,
    Person,
    Told,
    history_keys,
)
from services.sync.domain.records import RecordRef, Side
from services.sync.domain.register import Register
from services.sync.domain.rules import Milestone
from services.sync.domain.tasks import AskedTask, Promise, Tasks

instants = st.integers(0, 4_000_000_000_000)
scalars = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from(["email", "Lead", 0, 1, 1.0, True, "1"]),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
    st.booleans(),
)
names = st.one_of(st.text(max_size=5), st.sampled_from(["email", "visits", "a:b", "?"]))
refs = st.builds(
    RecordRef, st.just("hubspot"), st.sampled_from(["contact", "Lead"]), st.text(min_size=1, max_size=5)
)
marks = st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple)


@st.composite
def registers(draw: st.DrawFn) -> Register:
    """A register as its own methods make it, and an echo ledger."""
    register = Register(sent=draw(marks))
    for value, at, own, exact in draw(
        st.lists(st.tuples(scalars, instants, st.booleans(), st.booleans()), max_size=9)
    ):
        register.observe(value, at + 1, own=own, exact=exact)
    return register


sides = st.sampled_from(Side)


def _by_name(people: list[Person]) -> dict[str, Person]:
    return {str(each.ref): each for each in people}


def _by_id(deals: list[Opportunity]) -> dict[str, Opportunity]:
    return {each.ref.id: each for each in deals}


opportunities = st.builds(
    Opportunity,
    refs,
    instants,
    st.integers(0, 3),
    st.booleans(),
    st.dictionaries(names, registers(), max_size=2),
    st.dictionaries(instants, scalars, max_size=3),
    instants,
)
activities = st.builds(
    Activity,
    sides,
    st.dictionaries(st.text(max_size=5), st.tuples(scalars, instants)),
    instants,
    instants,
    st.booleans(),
    st.one_of(st.none(), st.tuples(instants.filter(bool), st.integers(0, 2**32 - 1))),
)
told = st.builds(
    Told,
    st.integers(0, 200),
    st.dictionaries(st.tuples(st.integers(1, 3), st.sampled_from(Milestone)), instants, max_size=4),
    st.dictionaries(
        st.tuples(st.integers(1, 3), st.sampled_from(Milestone)), st.integers(0, 2**40), max_size=4
    ),
    st.dictionaries(st.sampled_from(["mql:1", "sql:1"]), instants),
)


def _history_key(side: Side, name: str, *, unsure: bool) -> str:
    return history_keys(name.rstrip(UNSURE))[side is Side.SFA][unsure]


histories = st.dictionaries(
    st.builds(_history_key, sides, names, unsure=st.booleans()),
    st.dictionaries(instants, scalars, max_size=4),
    max_size=3,
)
evidence = st.builds(Evidence, instants, sides, names, names, names)
promises = st.builds(Promise, names, names, st.integers(1, 9), st.integers(1, 9))
asked = st.builds(
    AskedTask,
    promises,
    instants,
    *(st.text(max_size=20) for _ in range(3)),
    instants,
    sent=st.booleans(),
    stands=st.booleans(),
    closed=st.booleans(),
)
values = st.dictionaries(names, scalars, max_size=2)
leads = st.builds(
    Lead,
    st.just("L"),
    instants,
    instants,
    st.integers(0, 9),
    instants,
    instants,
    instants,
    st.integers(0, 2**32 - 1),
    instants,
    st.lists(instants, max_size=2).map(tuple),
    st.dictionaries(
        sides,
        st.lists(
            st.builds(
                Person,
                *(refs, instants, instants, *[st.booleans()] * 4),
                st.dictionaries(names, registers(), max_size=2),
            ),
            min_size=1,
            max_size=2,
        ).map(_by_name),
    ),
    st.dictionaries(names, st.dictionaries(sides, registers(), min_size=1), max_size=3),
    histories,
    st.lists(opportunities, max_size=2).map(_by_id),
    st.dictionaries(st.one_of(names, refs.map(str)), activities, max_size=2),
    st.dictionaries(names, refs, max_size=2),
    st.dictionaries(names, marks, max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(0, 2**32 - 1), max_size=2),
    told,
    st.dictionaries(names, st.builds(OptOuts, evidence, evidence), max_size=2),
    st.dictionaries(names, st.builds(Fight, st.integers(1, 9), instants, instants), max_size=2),
    st.sampled_from(["", "another"]),
    st.dictionaries(names, st.integers(1, 2**45), max_size=2),
    st.builds(
        Tasks,
        st.dictionaries(names, asked, max_size=2),
        st.dictionaries(promises, instants, max_size=2),
    ),
    st.dictionaries(sides, st.builds(Employment, names, names, instants), max_size=2),
    st.none() | st.builds(Employer, names, instants, st.booleans(), st.frozensets(names), values),
    st.dictionaries(names, instants.filter(bool), max_size=2),
    values,
)


@given(leads)
def test_a_lead_survives_the_store(lead: Lead) -> None:
    """What is written is what is read."""
    assert decode("L", encode(lead)) == lead


@given(leads)
def test_equal_leads_are_equal_bytes(lead: Lead) -> None:
    """Writing what was read gives the very same bytes, whatever order things came in."""
    again = decode("L", encode(lead))
    again.fields = dict(reversed(again.fields.items()))
    again.history = {name: dict(reversed(seen.items())) for name, seen in reversed(again.history.items())}

    assert encode(again) == encode(lead)


def test_numbers_that_python_calls_equal_stay_apart() -> None:
    """True, 1 and 1.0 of the same instant: each comes back as what it was."""
    lead = Lead("L", fields={"f": {Side.MA: Register(said=True, said_at=5, there=1, there_at=5)}})
    lead.history["ma:f"] = {1: True, 2: 1, 3: 1.0, 4: False, 5: 0}
    again = decode("L", encode(lead))
    register = again.fields["f"][Side.MA]

    assert (register.said is True, type(register.there)) == (True, int)
    assert [type(value) for value in again.history["ma:f"].values()] == [bool, int, float, bool, int]


def test_another_format_is_not_guessed_at() -> None:
    """Bytes of another version are refused with the lead's name."""
    data = bytes.fromhex("920100")  # [1, 0]

    with pytest.raises(StoredOtherwise, match="lead L is stored in format 1"):
        decode("L", data)
