"""A lead that stands several times on one side: what stands is held for each record, what people say counts in all."""

from schemas.lead import Change, Ref
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import held_addresses
from services.sync.domain.lead import OWN_ID
from services.sync.domain.records import RecordRef, Scalar, Side
from tests.firm import DAY, HOUR, START, Story, change, observed

ONE, TWO, THREE = (("salesforce", "Lead", f"00Q{number}") for number in (1, 2, 3))


def _sales(
    story: Story, ref: tuple[str, str, str], at: int, *, exact: bool = True, **fields: Scalar
) -> list[Change]:
    """Somebody set *fields* in the sales record *ref*, or they were read there; return them."""
    changes = [change(name, value, at, exact=exact) for name, value in fields.items()]
    story.take(observed("sfa", changes, ref=ref, observed_at=at))
    story.lead = decode(story.lead.id, encode(story.lead))
    return changes


def _twice(phone: Scalar = "03-1", other: Scalar = "03-1") -> Story:
    """A person whom marketing knows once and sales twice, each record with its phone number."""
    story = Story()
    story.marketing(START, email="a@x.jp", last_name="山田", phone=phone)
    _sales(story, ONE, START, email="a@x.jp", last_name="山田", phone=phone)
    _sales(story, TWO, START - HOUR, email="a@x.jp", last_name="山田", phone=other)
    return story


def _moved(
    story: Story, ref: tuple[str, str, str], to: tuple[str, str, str], at: int, *, deleted: bool = False
) -> None:
    system, name, record_id = to
    moved_to = Ref(system=system, object=name, id=record_id)
    story.take(observed("sfa", [], ref=ref, observed_at=at, moved_to=moved_to, deleted=deleted))


def _lacks(story: Story, side: Side) -> dict[str, Scalar]:
    """Return the values that differ on *side*, without our id."""
    lack = story.lacks(side).get("lead")
    return {} if lack is None else {name: each for name, each in lack.fields.items() if name in _JUDGED}


_JUDGED = {"email", "last_name", "phone", "opted_out"}


def test_an_opt_out_in_a_duplicate_reaches_the_record_that_is_written_to() -> None:
    """And marketing, as each opt-out does; a False of the other record later doesn't unsay it."""
    story = _twice()
    assert story.lead.person(Side.SFA) == RecordRef(*ONE)
    _sales(story, TWO, START + HOUR, opted_out=True)
    _sales(story, ONE, START + DAY, opted_out=False)

    assert _lacks(story, Side.SFA) == _lacks(story, Side.MA) == {"opted_out": True}


def test_an_opt_out_outlives_the_record_that_it_was_made_in() -> None:
    """Another took its place, in which nobody opted out."""
    story = _twice()
    _sales(story, TWO, START + HOUR, opted_out=True)
    _sales(story, ONE, START + 2 * HOUR, opted_out=False)
    _moved(story, TWO, ONE, START + DAY)

    assert _lacks(story, Side.SFA) == {"opted_out": True}


def test_what_somebody_changes_in_a_duplicate_is_written_to_both_sides() -> None:
    """It doesn't hide that the other value stands in the record that is written to."""
    story = _twice()
    _sales(story, TWO, START + HOUR, phone="03-2")

    assert (story.there(Side.SFA, "phone"), story.there(Side.MA, "phone")) == ("03-1", "03-1")
    assert _lacks(story, Side.SFA) == _lacks(story, Side.MA) == {"phone": "03-2"}


def test_what_is_read_again_in_a_duplicate_is_nobody_s_word() -> None:
    """Another value stood there already; that it isn't the other record's says nothing."""
    story = _twice(other="03-2")
    _sales(story, ONE, START + HOUR, exact=False, phone="03-1", last_name="山田")
    _sales(story, TWO, START + DAY, exact=False, phone="03-2", last_name="山田")

    assert _lacks(story, Side.SFA) == _lacks(story, Side.MA) == {}


def test_a_duplicate_without_a_value_clears_nothing() -> None:
    """A field that never held anything there says nothing, however late the record was made."""
    story = _twice()
    _sales(story, THREE, START + DAY, email="a@x.jp", last_name="山田", phone=None)

    assert _lacks(story, Side.SFA) == _lacks(story, Side.MA) == {}


def test_when_the_record_goes_what_stands_in_the_duplicate_counts() -> None:
    """The duplicate is written to from then on, and gets what it lacks."""
    story = _twice(other="03-2")
    story.take(observed("sfa", [], ref=ONE, observed_at=START + DAY, deleted=True))

    assert story.lead.person(Side.SFA) == RecordRef(*TWO)
    assert (story.there(Side.SFA, "phone"), _lacks(story, Side.SFA)) == ("03-2", {"phone": "03-1"})


def test_what_stood_in_a_converted_record_stands_until_the_new_one_is_read() -> None:
    """Then what was read counts."""
    story = _twice()
    contact = ("salesforce", "Contact", "0031")
    _moved(story, ONE, contact, START + DAY)
    assert story.lead.person(Side.SFA) == RecordRef(*contact)
    assert (story.there(Side.SFA, "phone"), _lacks(story, Side.SFA)) == ("03-1", {})

    _sales(story, contact, START + DAY, phone=None)
    assert story.there(Side.SFA, "phone") is None


def test_what_was_kept_in_a_merge_wins_over_a_later_word_in_the_record_that_went() -> None:
    """The record that stays is read after the merge, and still holds its own."""
    story = _twice()
    _sales(story, TWO, START + HOUR, phone="03-2")
    story.write(START + 2 * HOUR, echo=False)
    _sales(story, TWO, START + 3 * HOUR, phone="03-3")
    _moved(story, TWO, ONE, START + DAY)
    _sales(story, ONE, START + DAY, exact=False, phone="03-1")

    assert _lacks(story, Side.MA) == {"phone": "03-1"}


def test_a_merged_record_that_is_taken_out_of_the_bin_is_a_duplicate_with_a_word_of_its_own() -> None:
    """That it is read again says nothing; merged once more, it is gone once more."""
    story = _twice(other="03-2")
    _moved(story, TWO, ONE, START + DAY, deleted=True)
    assert story.lead.duplicates(Side.SFA) == []
    _sales(story, TWO, START + 2 * DAY, exact=False, phone="03-2")
    assert (story.lead.person(Side.SFA), story.lead.duplicates(Side.SFA)) == (
        RecordRef(*ONE),
        [RecordRef(*TWO)],
    )
    assert _lacks(story, Side.MA) == {}

    _sales(story, TWO, START + 3 * DAY, phone="03-3")
    assert _lacks(story, Side.MA) == _lacks(story, Side.SFA) == {"phone": "03-3"}
    _moved(story, TWO, ONE, START + 4 * DAY, deleted=True)
    assert story.lead.duplicates(Side.SFA) == []


def test_a_record_that_was_only_named_is_given_no_id_of_ours_before_it_is_read() -> None:
    """It may carry one already; to write the other's would take that from the bin's record."""
    story = _twice()
    _moved(story, ONE, THREE, START + DAY, deleted=True)
    story.take(observed("sfa", [], ref=TWO, observed_at=START + DAY, deleted=True))
    assert OWN_ID not in story.lacks(Side.SFA)["lead"].fields

    _sales(story, THREE, START + DAY, exact=False, email="a@x.jp")
    assert OWN_ID in story.lacks(Side.SFA)["lead"].fields


def test_a_converted_record_never_comes_back() -> None:
    """It was deleted and restored before, and late news of it come after the conversion."""
    story = _twice()
    contact = ("salesforce", "Contact", "0031")
    story.take(observed("sfa", [], ref=ONE, observed_at=START + HOUR, deleted=True))
    _sales(story, ONE, START + 2 * HOUR, exact=False, phone="03-1")
    _moved(story, ONE, contact, START + DAY)
    _sales(story, ONE, START + 2 * DAY, exact=False, phone="03-1")

    assert (story.lead.person(Side.SFA), story.lead.duplicates(Side.SFA)) == (
        RecordRef(*contact),
        [RecordRef(*TWO)],
    )


def test_drift_of_a_duplicate_is_found_against_what_stood_in_it() -> None:
    """What stands in the other record is no measure for it."""
    story = _twice(other="03-2")
    same, other = change("phone", "03-2", START - HOUR), change("phone", "03-4", START + DAY)

    assert not story.take(observed("sfa", [same], ref=TWO, sweep="regular", observed_at=START + DAY)).drift
    (found,) = story.take(observed("sfa", [other], ref=TWO, sweep="regular", observed_at=START + DAY)).drift
    assert (found.believed, found.found) == ("03-2", "03-4")


def test_a_lead_holds_the_addresses_of_all_its_records() -> None:
    """Who enters a duplicate's address is this lead, until the duplicate goes."""
    story = _twice()
    _sales(story, TWO, START + HOUR, email="b@x.jp")
    assert held_addresses(story.lead) == {"a@x.jp", "b@x.jp"}

    story.take(observed("sfa", [], ref=TWO, observed_at=START + DAY, deleted=True))
    assert held_addresses(story.lead) == {"a@x.jp"}


def test_an_erased_lead_keeps_no_word_of_its_duplicates() -> None:
    """Neither what stood in them, nor what comes of them later."""
    story = _twice()
    story.take(observed("ma", [], observed_at=START + DAY, deleted=True, erased=True))
    _sales(story, TWO, START + 2 * DAY, phone="03-2", last_name="佐藤")

    assert not {"email", "phone", "last_name"} & story.lead.names()
