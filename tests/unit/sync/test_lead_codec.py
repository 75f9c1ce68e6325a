"""A lead survives the store, and equal leads are equal bytes."""

from hypothesis import given
from hypothesis import strategies as st

from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.lead import Activity, Lead, Opportunity, Person, Register, Told
from services.sync.domain.records import RecordRef, Side
from services.sync.domain.rules import Milestone

instants = st.integers(0, 4_000_000_000_000)
scalars = st.one_of(st.none(), st.text(max_size=20), st.integers(-(2**53), 2**53), st.booleans())
refs = st.builds(
    RecordRef, st.just("hubspot"), st.sampled_from(["contact", "Lead"]), st.text(min_size=1, max_size=5)
)
registers = st.builds(Register, scalars, instants, scalars, instants)
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
    st.dictionaries(st.text(max_size=5), registers, max_size=2),
    st.dictionaries(instants, scalars, max_size=3),
)
activities = st.builds(
    Activity,
    sides,
    st.dictionaries(st.text(max_size=5), st.tuples(scalars, instants)),
    instants,
    st.booleans(),
)
told = st.builds(
    Told,
    st.integers(0, 200),
    st.dictionaries(st.tuples(st.integers(1, 3), st.sampled_from(Milestone)), instants, max_size=4),
    st.dictionaries(st.sampled_from(["mql:1", "sql:1"]), instants),
    st.dictionaries(st.text(max_size=5), instants, max_size=2),
)
leads = st.builds(
    Lead,
    st.just("L"),
    instants,
    st.dictionaries(
        sides,
        st.lists(st.builds(Person, refs, instants, instants, st.booleans()), max_size=2).map(_by_name),
    ),
    st.dictionaries(st.text(max_size=5), st.dictionaries(sides, registers, min_size=1), max_size=3),
    st.dictionaries(st.text(max_size=5), st.dictionaries(instants, scalars, max_size=4), max_size=3),
    st.lists(opportunities, max_size=2).map(_by_id),
    st.dictionaries(st.text(max_size=5), activities, max_size=2),
    st.dictionaries(st.text(max_size=5), refs, max_size=2),
    st.dictionaries(st.text(max_size=5), st.lists(st.integers(0, 2**32 - 1), max_size=4), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(0, 2**32 - 1), max_size=2),
    told,
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
