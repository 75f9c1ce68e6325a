"""Who opted out did so, though the contact was deleted before anybody read it."""

from pathlib import Path

from tests.integration.sweep_world import SweepWorld, sweep_world


async def in_sales(world: SweepWorld) -> tuple[str, str]:
    """Make a person in sales whom tasuki makes a contact of; return lead and contact."""
    lead = world.sales("create", fields={"LastName": "乙", "Company": "乙社", "Email": "p2@firm.example"})
    await world.settled()
    (contact,) = [each["hs_object_id"] for each in world.contacts() if each["email"] == "p2@firm.example"]
    return lead, contact


async def test_an_opt_out_in_a_contact_that_was_deleted_since_reaches_sales(tmp_path: Path) -> None:
    """Of the contact nothing else counts any more: the telephone that it was given last doesn't."""
    async with sweep_world(tmp_path) as world:
        lead, contact = await in_sales(world)
        world.untold()
        world.marketing("update", id=contact, fields={"hs_email_optout": "true", "phone": "03-9999-9999"})
        world.marketing("delete", id=contact)
        world.told_again()
        await world.sweep()
        await world.settled()
        row = world.salesforce.state.tables["Lead"].rows[lead]
        assert row["HasOptedOutOfEmail"] is True
        assert row.get("Phone") is None


async def test_an_opt_out_in_a_lead_that_was_deleted_since_reaches_marketing(tmp_path: Path) -> None:
    """The same the other way: the recycle bin of sales is read too."""
    async with sweep_world(tmp_path) as world:
        lead, contact = await in_sales(world)
        world.untold()
        world.sales("update", id=lead, fields={"HasOptedOutOfEmail": True, "Phone": "03-9999-9999"})
        world.sales("delete", id=lead)
        world.told_again()
        await world.sweep()
        await world.settled()
        values = world.hubspot.state.store.rows["contact"][contact].values
        assert values["hs_email_optout"] == "true"
        assert not values.get("phone")
