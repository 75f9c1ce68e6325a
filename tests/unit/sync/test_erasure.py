"""A person asked to be forgotten: nothing personal stays, nothing is written any more, what was counted stands."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.lead import LeadObserved
from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.erasure import addresses, kept_fields
from services.sync.domain.records import Scalar, Side
from tests.firm import HOUR, LEAD_ID, START, Story, change, observed, settled, started

EMAIL = "hanako@example.jp"
PERSONAL = ("hanako", "佐藤", "花子商店", "03-1234", "営業部長", "子供が三人", "お電話で")


def erased(at: int) -> LeadObserved:
    """Return that marketing's tool was asked to forget the person."""
    return observed("ma", [], observed_at=at, deleted=True, erased=True)


def full() -> Story:
    """Return a lead that became an MQL by its title, stands in both tools, and was called."""
    story = Story()
    story.marketing(
        START,
        email=EMAIL,
        last_name="佐藤",
        company="花子商店",
        phone="03-1234",
        job_title="営業部長",
        forms=2,
    )
    story.write(START + 100)
    story.sales(START + HOUR, phone="03-1234-5678", sfa_status="Working", source="Seminar")
    ref = ("salesforce", "Task", "1")
    call = [change("type", "call", START), change("at", START, START), change("subject", "お電話で", START)]
    story.take(observed("sfa", call, kind="activity", ref=ref))
    deal(story, START + 2 * HOUR, name="花子商店 佐藤", stage="Meeting", amount=100, lost_reason="子供が三人")
    return story


def deal(story: Story, at: int, **fields: Scalar) -> None:
    """Let sales set *fields* of the deal, its name among them."""
    ref = ("salesforce", "Opportunity", "1")
    changes = [change(key, value, at) for key, value in fields.items()]
    story.take(observed("sfa", changes, kind="opportunity", ref=ref, created_at=at))


def assert_forgotten(story: Story) -> None:
    """Fail if the stored lead holds anything personal, or anything is to be written."""
    stored = encode(story.lead).decode("utf-8", "replace")
    assert [each for each in PERSONAL if each in stored] == []
    assert (story.lacks(Side.MA), story.lacks(Side.SFA)) == ({}, {})


def test_what_names_or_describes_the_person_goes_and_what_was_counted_stays() -> None:
    """The title that made the MQL is gone; the MQL, the score, the call and the deal's stage are not."""
    story = full()
    milestones, score = dict(story.lead.told.milestones), story.lead.told.score
    assert addresses(story.lead) == {EMAIL}
    decided = story.take(erased(START + 3 * HOUR))

    assert_forgotten(story)
    assert decided.forgotten == {EMAIL}
    assert [fact["type"] for fact in decided.facts] == ["tasuki.lifecycle.lead-erased.v1"]
    assert (story.lead.told.milestones, story.lead.told.score) == (milestones, score)
    assert story.there(Side.MA, "forms") == 2
    assert story.there(Side.SFA, "source") == "Seminar"
    assert story.lead.activities["salesforce:Task:1"].type == "call"


def test_it_is_told_once() -> None:
    """HubSpot tells of an erasure again and again until it is heard."""
    story = full()
    for _ in range(3):
        story.take(erased(START + 3 * HOUR))
    assert [fact.erased_at for fact in story.told("lead-erased")] == [START + 3 * HOUR]


def test_late_news_brings_nothing_back() -> None:
    """A rep's edit, an old webhook, the end of a write that was under way: the deal's stage counts, no more."""
    story = full()
    fields = {"phone": "03-1234", "company": "花子商店"}
    story.take(started(Side.MA, "lead", fields, START + 2 * HOUR))
    story.take(erased(START + 3 * HOUR))
    story.take(settled(Side.MA, "lead", fields, START + 4 * HOUR, over={}))
    story.take(settled(Side.SFA, "lead", fields, START + 4 * HOUR, refused=True, refused_fields=["phone"]))
    story.sales(START + 4 * HOUR, last_name="佐藤", phone="03-1234")
    story.marketing(START, email=EMAIL, job_title="営業部長", visits=3)
    deal(story, START + 5 * HOUR, stage="Won", name="花子商店 佐藤")

    assert_forgotten(story)
    assert story.reached("won") == START + 5 * HOUR
    assert story.told("milestone-retracted") == []
    assert story.lead.refused == {}


def test_a_lead_is_erased_before_anything_is_known_of_it() -> None:
    """The erasure overtakes the webhooks before it."""
    story = Story()
    assert story.take(erased(START + HOUR)).forgotten == frozenset()
    story.marketing(START, email=EMAIL, last_name="佐藤", forms=3)

    assert_forgotten(story)
    assert story.reached("mql") == START


def test_a_deletion_alone_erases_nothing() -> None:
    """Somebody took the record away; nobody asked to be forgotten."""
    story = full()
    decided = story.take(observed("ma", [], observed_at=START + 3 * HOUR, deleted=True))
    assert decided.forgotten is None
    assert story.there(Side.SFA, "phone") == "03-1234-5678"


names = st.sampled_from(
    ["email", "last_name", "phone", "job_title", "industry", "forms", "sfa_status", "note"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(["ma", "sfa"]), names, st.integers(0, 9)), max_size=8),
    st.integers(0, 8),
)
def test_whenever_it_comes_only_what_is_counted_is_held(seen: list[tuple[str, str, int]], place: int) -> None:
    """Among news in any order: the fields that are kept are those of the rules, and nothing is missing anywhere."""
    story = Story()
    events = [observed(side, [change(name, "佐藤", START + at)]) for side, name, at in seen]
    for event in [*events[:place], erased(START + 5), *events[place:]]:
        story.take(event)
        story.lead = decode(LEAD_ID, encode(story.lead))

    kept = kept_fields(story.rules)
    assert set(story.lead.fields) <= kept
    assert {key.partition(":")[2].rstrip("?") for key in story.lead.history} <= kept
    assert (story.lacks(Side.MA), story.lacks(Side.SFA)) == ({}, {})
