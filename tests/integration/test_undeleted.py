"""What sales takes out of the recycle bin again: over both sandboxes and the whole service."""

from pathlib import Path

from services.cli.stage.look import people
from services.cli.stage.sandbox_client import Act
from services.sync.domain.records import Side
from tests.integration.test_merged_leads import HOT, ONE, TWO, Firm, contact, play


def test_what_was_said_meanwhile_stands_in_a_record_taken_out_of_the_bin(tmp_path: Path) -> None:
    """It comes back as it was, which nobody said anew: what marketing said since goes before that."""
    play(tmp_path, _said_meanwhile)


async def _said_meanwhile(firm: Firm) -> None:
    await firm.marketing(contact(ONE, **HOT, jobtitle="課長"))
    (lead,) = await firm.leads()
    sales = str(lead.person(Side.SFA)).rpartition(":")[2]
    await firm.sales(Act(act="delete", object="Lead", id=sales))
    await firm.marketing(Act(act="update", object="contact", key=ONE, fields={"jobtitle": "部長"}))
    await firm.sales(Act(act="undelete", object="Lead", id=sales))

    ((marketing,), (there,)) = await people(firm.stage)
    assert (marketing.fields["job_title"], there.fields["job_title"]) == ("部長", "部長")
    (lead,) = await firm.leads()
    assert (str(lead.person(Side.SFA)), lead.duplicates(Side.SFA)) == (f"salesforce:Lead:{sales}", [])


def test_a_merged_record_taken_out_of_the_bin_is_a_further_record_of_its_lead(tmp_path: Path) -> None:
    """Leads that became one stay one; what is changed in either record is heard."""
    play(tmp_path, _merged_and_back)


async def _merged_and_back(firm: Firm) -> None:
    await firm.marketing(contact(ONE, **HOT, phone="03-1111-1111"), contact(TWO, **HOT, phone="03-2222-2222"))
    one, two = await firm.leads()
    kept, lost = (str(each.person(Side.SFA)).rpartition(":")[2] for each in (one, two))
    await firm.sales(Act(act="merge", object="Lead", id=kept, other={"object": "Lead", "id": lost}))
    await firm.sales(Act(act="undelete", object="Lead", id=lost))

    _, sales = await people(firm.stage)
    assert {each.id: each.fields["email"] for each in sales} == {kept: ONE, lost: TWO}
    (lead,) = await firm.leads()
    assert str(lead.person(Side.SFA)) == f"salesforce:Lead:{kept}"
    assert [str(each) for each in lead.duplicates(Side.SFA)] == [f"salesforce:Lead:{lost}"]
    await firm.sales(Act(act="update", object="Lead", id=lost, fields={"Phone": "03-9999-9999"}))
    (lead,) = await firm.leads()
    assert [lead.seen("phone", each).there for each in Side] == ["+81399999999", "+81399999999"]
