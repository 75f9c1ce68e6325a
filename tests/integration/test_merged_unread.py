"""A contact that tasuki made is merged away before anybody tells of it: its lead goes on with what took its place."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.sweep_world import SweepWorld, sweep_world


async def merged_unread(world: SweepWorld) -> tuple[str, str]:
    """Let marketing merge sales' person, whose contact was never read, into another; return lead and contact."""
    kept = world.contact(1)
    await world.settled()
    world.untold(salesforce=0)
    lead = world.sales("create", fields={"LastName": "乙", "Company": "乙社", "Email": "p2@firm.example"})
    await world.settled()
    (other,) = [each["hs_object_id"] for each in world.contacts() if each["email"] == "p2@firm.example"]
    return lead, world.marketing("merge", id=kept, other={"object": "contact", "id": other})


@pytest.mark.parametrize("told", [False, True], ids=["nobody tells", "the merged contact is edited"])
async def test_its_lead_is_the_other_s(tmp_path: Path, *, told: bool) -> None:
    """By what it writes, or by what is read; one write is enough, and both sides are the same."""
    async with sweep_world(tmp_path) as world:
        lead, contact = await merged_unread(world)
        world.told_again()
        if told:
            world.marketing("update", id=contact, fields={"jobtitle": "課長"})
            await world.settled()
        before = world.hubspot.desk.stats()["writes"]
        world.sales("update", id=lead, fields={"Phone": "03-1111-2222"})
        await world.settled()
        (left,) = world.contacts()
        assert (left["hs_object_id"], left["phone"]) == (contact, "03-1111-2222")
        assert world.hubspot.desk.stats()["writes"] - before <= WRITES
        await world.sweep()
        await world.settled()
        assert of_person(world, lead) == {"phone": left["phone"], "last_name": left["lastname"]}


WRITES = 6
"""The phone number, and what the united lead lacks yet; without an end it was a hundred each second."""


def of_person(world: SweepWorld, lead: str) -> Mapping[str, str]:
    """Return what stands in sales."""
    row = world.salesforce.state.tables["Lead"].rows[lead]
    return {"phone": row["Phone"], "last_name": row["LastName"]}
