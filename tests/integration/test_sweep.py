"""Drift planted in the sandboxes, of which nobody tells, is found, counted and repaired."""

from pathlib import Path

from tests.integration.sweep_world import MQL, sweep_world
from tests.waiting import wait_until


async def test_drift_is_found_counted_by_field_and_repaired(tmp_path: Path) -> None:
    """Both tools change a lead in silence; a sweep tells of each field, and both are the same again."""
    async with sweep_world(tmp_path) as world:
        contact = world.contact(1, **MQL)
        await wait_until(lambda: len(world.leads()) == 1, description="the MQL in the sales tool")
        await world.settled()
        await world.sweep()
        assert await world.drift() == {}  # all that stands there is what we know or wrote

        world.untold()
        world.marketing("update", id=contact, fields={"phone": "03-1111-2222"})
        world.sales(
            "update", id=world.leads()[0]["Id"], fields={"Company": "新社名", "Status": "Working - Contacted"}
        )
        world.told_again()
        await world.sweep()
        await world.settled()

        assert await world.drift() == {
            "hubspot:phone": 1,
            "salesforce:company": 1,
            "salesforce:sfa_status": 1,
        }
        assert world.leads()[0]["Phone"] == "03-1111-2222"
        assert world.contacts()[0]["company"] == "新社名"
        found = {each["ref"]["system"]: each for each in await world.told_drift()}
        assert {each["field"]: each["found"] for each in found["salesforce"]["differences"]}[
            "company"
        ] == "新社名"
        assert found["hubspot"]["cause"] == "ordered"

        await world.sweep()
        assert sum((await world.drift()).values()) == 3  # no more
