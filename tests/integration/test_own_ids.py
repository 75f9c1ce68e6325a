"""Our id on the records that people made, through the whole service."""

from pathlib import Path

from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from tests.waiting import PATIENCE_S

EMAIL = "taro@ids.example"


async def test_two_records_of_one_address_carry_the_same_id(tmp_path: Path) -> None:
    """Marketing has a contact below the threshold, a rep makes a lead: both and the opportunity are told apart by it."""
    async with Stage(tmp_path) as stage, stage.open_books() as books:
        contact = {"email": EMAIL, "lastname": "山田", "company": "甲"}
        await stage.ma.act([Act(act="create", object="contact", fields=contact)])
        await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)
        lead = {"Email": EMAIL, "LastName": "山田", "Company": "甲", "Status": "Qualified"}
        await stage.sfa.act([Act(act="create", object="Lead", fields=lead)])
        await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)
        writes = [(await each.stats())["writes"] for each in (stage.ma, stage.sfa)]

        (own,) = [each["fields"].get("tasuki_id") async for each in stage.ma.records("contact")]
        assert own
        assert [each["fields"].get("Tasuki_Id__c") async for each in stage.sfa.records("Lead")] == [own]
        deals = [each["fields"].get("Tasuki_Id__c") async for each in stage.sfa.records("Opportunity")]
        assert deals == [f"{own}:1"]

        # Known from then on: another edit costs its own write on the other side, and no other.
        (row,) = [each["id"] async for each in stage.ma.records("contact")]
        await stage.ma.act([Act(act="update", object="contact", id=row, fields={"jobtitle": "部長"})])
        await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)
        after = [(await each.stats())["writes"] for each in (stage.ma, stage.sfa)]
    assert after == [writes[0] + 1, writes[1] + 1]  # the person's own, and ours
