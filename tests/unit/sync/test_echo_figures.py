"""What was taken for an echo and was none, and writes that nobody's word asked for."""

from schemas.lead import Ref
from services.sync.adapters.lead_codec import decode, encode
from services.sync.domain.echoes import Layer, asked_for
from services.sync.domain.records import Side
from services.sync.domain.register import value_hash
from tests.firm import DAY, HOUR, MINUTE, START, Story, change, observed, settled, started


def _handed() -> Story:
    """A lead on both sides: marketing said the phone number, tasuki wrote it to sales, and saw it come back."""
    story = Story()
    story.marketing(START, email="a@example.jp", phone="03-1")
    story.sales(START + 1, email="a@example.jp")
    story.write(START + 100)  # its echo has the time + 120, and was read at + 620
    return story


def _swept(story: Story, phone: str, at: int, *, own: bool = False, exact: bool = True) -> list[str]:
    """Sales' record is swept; return the fields of changes that had been taken for echoes."""
    change_of_phone = change("phone", phone, at, own=own, exact=exact)
    seen = observed("sfa", [change_of_phone], observed_at=START + DAY, sweep="regular")
    return story.take(seen).false_drops


def test_echoes_are_told_apart_by_what_they_were_known_by() -> None:
    """Of the fields that tasuki makes itself there is no ledger."""
    story = _handed()
    decided = story.echo(Side.SFA, {"phone": "03-1", "score": 4, "stage": "lead"}, START + HOUR)

    assert decided.echoes == {Layer.LEDGER: 1, Layer.MARKER: 2}


def test_a_change_that_an_echo_had_hidden_is_a_false_drop() -> None:
    """Sales' number stood there when the record was read, and only our own came of that."""
    story = _handed()

    assert _swept(story, "03-9", START + 500) == ["phone"]
    assert _swept(story, "03-9", START + 500) == []
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-9"


def test_a_change_that_nobody_told_of_after_the_echo_is_drift_alone() -> None:
    """The record wasn't looked at since: no echo can have hidden it."""
    story = _handed()

    assert _swept(story, "03-9", START + HOUR) == []
    assert len(story.drift) == 1


def test_a_difference_where_no_echo_was_heard_of_is_drift_alone() -> None:
    """What somebody said was the last that was heard."""
    story = _handed()
    story.sales(START + 300, phone="03-2")

    assert _swept(story, "03-9", START + 400) == []
    assert len(story.drift) == 1


def test_a_ledger_that_lies_is_found_out_when_the_vendor_names_somebody_else() -> None:
    """A value that was never sent got into the ledger, and the vendor's mark was wrong for once."""
    story = _handed()
    register = story.lead.register("phone", Side.SFA)
    register.sent = (*register.sent, value_hash("03-9"))
    assert story.echo(Side.SFA, {"phone": "03-9"}, START + HOUR).echoes == {Layer.LEDGER: 1}
    assert story.lacks(Side.SFA)["lead"].fields["phone"] == "03-1"

    assert _swept(story, "03-9", START + HOUR) == ["phone"]
    assert _swept(story, "03-9", START + HOUR) == []
    assert story.lacks(Side.MA)["lead"].fields["phone"] == "03-9"


def test_a_record_changed_by_somebody_since_says_nothing_of_who_set_a_field() -> None:
    """Salesforce tells who changed the record last, not who changed the field."""
    assert _swept(_handed(), "03-1", START + 120, exact=False) == []


def _sent(story: Story, phone: str, at: int) -> list[str]:
    """Dispatch sends the number to sales, and it is taken; return the fields that are a loop."""
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    loops = story.take(started(Side.SFA, "lead", {"phone": phone}, at, over=over)).loops
    story.take(settled(Side.SFA, "lead", {"phone": phone}, at + 40, over=over))
    return loops


def test_our_own_write_that_leads_to_our_own_write_is_a_loop() -> None:
    """An automation under our name puts back what tasuki had sent before; nobody said anything."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    assert _sent(story, "03-2", START + HOUR + 100) == []
    story.echo(Side.SFA, {"phone": "03-2"}, START + HOUR + 120)
    story.echo(Side.SFA, {"phone": "03-1"}, START + 2 * HOUR)
    story.lead = decode(story.lead.id, encode(story.lead))

    assert story.lacks(Side.SFA)["lead"].fields == {"phone": "03-2"}
    assert _sent(story, "03-2", START + 2 * HOUR + 100) == ["phone"]


def test_trying_again_is_no_loop() -> None:
    """Nothing moved between the tries, or our first try arrived without our being told."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    fields = {"phone": "03-2"}
    tries = [
        story.take(started(Side.SFA, "lead", fields, START + HOUR + number * MINUTE)).loops
        for number in range(3)
    ]

    assert tries == [[], [], []]


def test_trying_again_when_an_earlier_write_came_back_meanwhile_is_no_loop() -> None:
    """Nobody told us that the second write was taken, for we were killed; then the first came back."""
    story = Story()
    story.marketing(START, email="a@example.jp", phone="03-1")
    story.sales(START + 1, email="a@example.jp")
    story.take(started(Side.SFA, "lead", {"phone": "03-1"}, START + 100))
    story.marketing(START + 200, phone="03-2")
    story.take(started(Side.SFA, "lead", {"phone": "03-2"}, START + 300))
    story.echo(Side.SFA, {"phone": "03-1"}, START + 120)

    assert story.take(started(Side.SFA, "lead", {"phone": "03-2"}, START + MINUTE)).loops == []


def _sent_twice() -> tuple[Story, dict[str, int]]:
    """Two numbers were sent and taken, and the first came back after that; return it and what the second was sent over."""
    story = Story()
    story.marketing(START, email="a@example.jp", phone="03-1")
    story.sales(START + 1, email="a@example.jp")
    assert _sent(story, "03-1", START + 100) == []
    story.marketing(START + HOUR, phone="03-2")
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    assert _sent(story, "03-2", START + HOUR + 100) == []
    story.echo(Side.SFA, {"phone": "03-1"}, START + 120)
    return story, over


def test_sending_again_what_was_planned_before_a_crash_is_no_loop() -> None:
    """The shard's next owner plans before it has read that the write was taken; nor is what it sends after that."""
    story, over = _sent_twice()
    fields = {"phone": "03-2"}

    assert story.take(started(Side.SFA, "lead", fields, START + DAY, over=over)).loops == []
    story.take(settled(Side.SFA, "lead", fields, START + DAY + 40, over=over))
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    assert story.take(started(Side.SFA, "lead", fields, START + 2 * DAY, over=over)).loops == []


def test_sending_again_what_was_taken_after_a_late_echo_is_no_loop() -> None:
    """The echo of the first came while the second was on its way; the shard's next owner knew of that alone."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    story.take(started(Side.SFA, "lead", {"phone": "03-2"}, START + HOUR, over=over))
    story.echo(Side.SFA, {"phone": "03-1"}, START + HOUR - 1)
    again = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    story.take(settled(Side.SFA, "lead", {"phone": "03-2"}, START + HOUR + 40, over=over))

    assert story.take(started(Side.SFA, "lead", {"phone": "03-2"}, START + DAY, over=again)).loops == []


def test_sending_to_another_record_what_the_first_has_already_is_no_loop() -> None:
    """Two leads that are one both wrote, each to its own record."""
    story, _ = _sent_twice()
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    again = started(Side.SFA, "lead", {"phone": "03-2"}, START + DAY, over=over, record_id="00Q9")

    assert story.take(again).loops == []


def test_a_write_of_another_lead_that_was_taken_later_makes_no_loop() -> None:
    """The lead that was taken over had sent its own value before."""
    story, _ = _sent_twice()
    over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
    story.take(settled(Side.SFA, "lead", {"phone": "03-1"}, START + DAY, over=over))

    assert _sent(story, "03-2", START + DAY + MINUTE) == []


def test_a_write_that_another_lead_s_record_took_makes_no_loop() -> None:
    """The lead that was taken over had made a record of its own, which took the value; this one's wants it still."""
    story, over = _sent_twice()
    event = settled(Side.SFA, "lead", {"phone": "03-2"}, START + DAY, over=over)
    other = Ref(system="salesforce", object="Lead", id="00Q9")
    story.take(event.model_copy(update={"data": event.data.model_copy(update={"ref": other})}))

    assert _sent(story, "03-2", START + DAY + MINUTE) == []


def test_what_follows_a_write_that_a_word_overtook_is_no_loop() -> None:
    """It was planned before that word was read, though another one of the same value stands; what is next follows it."""
    for late in (Side.MA, Side.SFA):
        story = _handed()
        story.take(observed("sfa", [change("phone", "03-1", START + 2 * HOUR, exact=False)]))
        story.marketing(START + HOUR, phone="03-2")
        over = {"phone": story.lead.seen("phone", Side.SFA).there_at}
        asked = {"phone": asked_for(story.lead, "phone", Side.SFA)}
        story.take(observed(late, [change("phone", "03-1", START + 2 * HOUR)]))
        overtaken = started(Side.SFA, "lead", {"phone": "03-2"}, START + 3 * HOUR, over=over, asked=asked)
        assert story.take(overtaken).loops == []
        story.take(settled(Side.SFA, "lead", {"phone": "03-2"}, START + 3 * HOUR + 40, over=over))
        story.echo(Side.SFA, {"phone": "03-2"}, START + 3 * HOUR + 20)

        assert _sent(story, "03-1", START + 3 * HOUR + 200) == []


def test_writing_anew_over_what_was_read_before_the_write_is_no_loop() -> None:
    """Somebody touched the record, which was read with our former value just before our write arrived."""
    story = _handed()
    story.marketing(START + HOUR, phone="03-2")
    assert _sent(story, "03-2", START + HOUR + 100) == []
    touched = [change("phone", "03-1", START + HOUR + 50, exact=False)]
    story.take(observed("sfa", touched, observed_at=START + HOUR + 90))

    assert story.lacks(Side.SFA)["lead"].fields == {"phone": "03-2"}
    assert _sent(story, "03-2", START + HOUR + 300) == []


def test_a_person_who_goes_to_and_fro_makes_no_loop() -> None:
    """Each write follows somebody's word."""
    story = _handed()
    loops: list[str] = []
    for number in range(1, 5):
        phone = f"03-{1 + number % 2}"
        story.marketing(START + number * HOUR, phone=phone)
        loops += _sent(story, phone, START + number * HOUR + 100)
        story.echo(Side.SFA, {"phone": phone}, START + number * HOUR + 120)

    assert loops == []


def test_a_value_that_somebody_set_back_makes_no_loop() -> None:
    """That is a fight, and counted as one."""
    story = _handed()
    story.marketing(START + HOUR, opted_out=True)
    story.write(START + HOUR + 100)
    story.sales(START + 2 * HOUR, opted_out=False)

    assert story.take(started(Side.SFA, "lead", {"opted_out": True}, START + 3 * HOUR)).loops == []


def _owned_twice(at: int) -> Story:
    """Two leads that are one both handed themselves to sales, each to somebody else: the second stands there."""
    story = Story()
    story.marketing(START, email="a@example.jp", forms=3)
    for number, owner in enumerate(("sdr-1@firm", "sdr-2@firm")):
        fields = {"owner": owner}
        story.take(started(Side.SFA, "lead", fields, at + number))
        story.take(settled(Side.SFA, "lead", fields, at + number + 40))
    return story


def test_of_two_owners_that_tasuki_wrote_marketing_follows_the_last() -> None:
    """The echo of the first comes after the second was taken."""
    story = _owned_twice(START + HOUR)
    story.echo(Side.SFA, {"owner": "sdr-1@firm"}, START + HOUR + 20)

    assert story.lacks(Side.MA)["lead"].fields["owner"] == "sdr-2@firm"


def test_marketing_that_follows_the_owner_in_sales_makes_no_loop() -> None:
    """Nobody named one, and another came to stand in sales each time."""
    story, loops = _owned_twice(START + HOUR), list[str]()
    for number, owner in enumerate(("sdr-1@firm", "sdr-2@firm", "sdr-1@firm"), start=2):
        story.echo(Side.SFA, {"owner": owner}, START + number * HOUR)
        fields = {"owner": story.lacks(Side.MA)["lead"].fields["owner"]}
        assert fields == {"owner": owner}
        at = START + number * HOUR + 100
        loops += story.take(started(Side.MA, "lead", fields, at)).loops
        story.take(settled(Side.MA, "lead", fields, at + 40, over={"owner": at}))

    assert loops == []
