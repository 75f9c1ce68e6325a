"""An opportunity in another currency, between two sandboxes."""

from pathlib import Path
from typing import Any

import orjson
import tomlkit

from schemas.topics import LIFECYCLE
from services.sync.application.letters import Wanted
from services.sync.settings import Sections
from services.sync.settings.template import template
from tests.integration.sweep_world import MQL, SweepWorld, sweep_world


def sections() -> Sections:
    """Return a configuration whose opportunities say their currency, and whose marketing has dollars."""
    fields: list[dict[str, Any]] = [dict(each) for each in tomlkit.parse(template())["fields"].unwrap()]
    for each in fields:
        if (each.get("kind"), each["name"]) == ("opportunity", "amount"):
            each["sfa"] = {"name": "Amount", "currency_field": "CurrencyIsoCode"}
        elif each["name"] == "sales_amount":
            each["ma"] = {"name": each["ma"], "currency": "USD"}
    return {"fields": fields, "currencies": [{"code": "USD", "from": "2026-01-01", "rate": 149.53}]}


async def test_a_deal_in_another_currency_comes_to_both_in_theirs(tmp_path: Path) -> None:
    """Marketing's in dollars, the KPIs' in yen; without a rate there is a letter, and what marketing had stays."""
    async with sweep_world(tmp_path, overrides=sections()) as world:
        world.contact(1, **MQL)
        await world.settled()
        (lead,) = world.leads()
        deal = {
            "Amount": 1000.5,
            "CurrencyIsoCode": "USD",
            "CloseDate": "2026-09-30",
            "StageName": "Closed Won",
        }
        world.sales("convert", id=lead["Id"], fields={"opportunityName": "例", **deal})
        await world.settled()
        (contact,) = world.contacts()
        assert contact["tasuki_sales_amount"] == "1000.50"
        assert await amounts(world) == [149_605]

        (row,) = (each for each in world.salesforce.state.tables["Opportunity"].rows.values())
        world.sales(
            "update", "Opportunity", id=row["Id"], fields={"CurrencyIsoCode": "JPY", "Amount": 149530}
        )
        await world.settled()
        assert world.contacts()[0]["tasuki_sales_amount"] == "1000.00"
        world.sales("update", "Opportunity", id=row["Id"], fields={"CurrencyIsoCode": "EUR"})
        await world.settled()
        assert world.contacts()[0]["tasuki_sales_amount"] == "1000.00"
        (letter,) = await world.service.letters.letters(Wanted())
        assert letter.data.reason == "no-rate"
        assert await world.service.letters.obstacle(letter) is None


async def amounts(world: SweepWorld) -> list[int]:
    """Return what the KPIs were told that won deals are worth."""
    found: list[int] = []
    for partition, each in (await world.service.log.offsets(LIFECYCLE.name)).items():
        for record in await world.service.log.read(LIFECYCLE.name, partition, each.begin):
            event = orjson.loads(record.value or b"")
            if event["type"].endswith("milestone-reached.v1") and event["data"]["milestone"] == "won":
                found.append(event["data"]["amount"])
    return found
