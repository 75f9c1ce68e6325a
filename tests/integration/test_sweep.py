"""Drift planted in the sandboxes, of which nobody tells, is found, counted and repaired."""

from pathlib import Path

from schemas.topics import INBOX
from services.runtime.keys import ShardId
from services.sync.adapters.sandbox.faults import Faults
from services.sync.domain.silence import BUCKET_MS, DAY_MS
from tests.integration.sweep_world import MQL, SweepWorld, now_ms, sweep_world
from tests.waiting import wait_until


async def test_drift_is_found_counted_by_field_and_repaired(tmp_path: Path) -> None:
    """Both tools change a lead in silence; a sweep tells of each field, and both are the same again."""
    async with sweep_world(tmp_path) as world:
        contact = world.contact(1, **MQL)
        await wait_until(lambda: len(world.leads()) == 1, description="the MQL in the sales tool")
        await world.settled()
        await world.sweep()
        assert await world.drift() == {}  # all that stands there is what we know or wrote

        # One after the other: our write of the one would be told, and have the other read before it is swept.
        world.untold()
        world.marketing("update", id=contact, fields={"phone": "03-1111-2222"})
        world.told_again()
        await world.sweep()
        await world.settled()
        assert await world.drift() == {"hubspot:phone": 1}

        world.untold()
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

        entries = (await world.http.get("/leads/p1@firm.example")).json()["entries"]
        assert [each["what"] for each in entries].count("drift") == 2
        assert all(each["at"] > 0 for each in entries)

        await world.sweep()
        assert sum((await world.drift()).values()) == 3  # no more


async def test_records_that_came_and_went_in_silence_are_found(tmp_path: Path) -> None:
    """A lead made in sales, and one deleted there, are drift as whole records."""
    async with sweep_world(tmp_path) as world:
        world.contact(1, **MQL)
        await wait_until(lambda: len(world.leads()) == 1, description="the MQL in the sales tool")
        await world.settled()
        world.untold()
        world.sales("delete", id=world.leads()[0]["Id"])
        world.sales("create", fields={"LastName": "佐藤", "Company": "B社", "Email": "new@b.example"})
        world.told_again()
        await world.sweep()
        await world.settled()
        assert await world.drift() == {"salesforce:(record)": 2}
        assert {each.get("email") for each in world.contacts()} == {"p1@firm.example", "new@b.example"}


async def test_a_contact_deleted_in_silence_is_found_in_the_recycling_bin(tmp_path: Path) -> None:
    """A search never shows it again; the list of the deleted does, beyond its first page, and it is drift once."""
    async with sweep_world(tmp_path) as world:
        lost = world.contact(1, **MQL)
        await wait_until(lambda: len(world.leads()) == 1, description="the MQL in the sales tool")
        await world.settled()
        world.untold()
        for number in range(2, 123):  # of whom nobody here ever heard
            world.marketing("delete", id=world.contact(number))
        world.marketing("delete", id=lost)
        world.told_again()
        await world.sweep()
        await world.settled()

        assert await world.drift() == {"hubspot:(record)": 1}
        (told,) = await world.told_drift()
        assert told["ref"] == {"system": "hubspot", "object": "contact", "id": lost}

        await world.sweep()
        assert await world.drift() == {"hubspot:(record)": 1}  # no more


async def test_what_the_search_does_not_show_yet_is_found_by_the_next_sweep(tmp_path: Path) -> None:
    """Each sweep reaches back behind the last one, farther than HubSpot's search lags behind."""
    async with sweep_world(tmp_path, sync={"reconcile_overlap": "1m"}, search_lag_ms=2_000) as world:
        contact = world.contact(1)
        await world.settled()

        index = world.hubspot.state.search
        await wait_until(lambda: index.behind == 0, description="the search shows the contact")
        world.untold()
        world.marketing("update", id=contact, fields={"phone": "03-1111-2222"})
        await world.sweep(now_ms())
        assert await world.drift() == {}

        async def found() -> bool:
            await world.sweep(now_ms())
            return await world.drift() == {"hubspot:phone": 1}

        await wait_until(found, description="the change that the search showed late")


async def test_what_changed_a_moment_ago_is_left_to_its_notification(tmp_path: Path) -> None:
    """Within the grace a difference is repaired, but it is no drift: its notification may be on its way."""
    async with sweep_world(tmp_path, sync={"reconcile_grace": "1h"}) as world:
        contact = world.contact(1)
        await world.settled()
        world.untold()
        world.marketing("update", id=contact, fields={"phone": "03-1111-2222"})
        await world.sweep()
        await world.settled()
        lead = (await world.http.get("/leads/p1@firm.example")).json()
        assert lead["fields"]["phone"]["ma"] == "+81311112222"
        assert await world.drift() == {}


async def test_an_overflow_of_the_stream_has_its_object_swept(tmp_path: Path) -> None:
    """Salesforce tells that it changed leads and not which: those that changed since are read."""
    async with sweep_world(tmp_path) as world:
        world.sales("create", fields={"LastName": "佐藤", "Company": "B社", "Email": "b@b.example"})
        await wait_until(lambda: len(world.contacts()) == 1, description="the lead in marketing")
        await world.settled()
        world.salesforce.desk.faults.set(Faults(gap_overflow=1))
        world.sales("update", id=world.leads()[0]["Id"], fields={"Company": "C社"})
        world.told_again()
        await wait_until(lambda: world.contacts()[0].get("company") == "C社", description="the new company")
        status = await world.sweeps()
        assert status["salesforce", "Lead"]["cause"] == "gap"
        assert status["salesforce", "Contact"]["ended_at"] is None
        metrics = (await world.http.get("/metrics")).text
        assert 'tasuki_stream_losses_total{cause="gap",object="Lead",system="salesforce"} 1' in metrics


async def test_a_lost_position_has_the_objects_of_its_stream_swept(tmp_path: Path) -> None:
    """The events between were dropped before they were read; what they told of is read anew."""
    async with sweep_world(tmp_path) as world:
        world.sales("create", fields={"LastName": "佐藤", "Company": "B社", "Email": "b@b.example"})
        await wait_until(lambda: len(world.contacts()) == 1, description="the lead in marketing")
        await world.settled()
        bus = world.salesforce.state.bus
        channel = bus.channels["/data/LeadChangeEvent"]
        world.untold(hubspot=0)
        world.sales("update", id=world.leads()[0]["Id"], fields={"Company": "C社"})
        world.told_again()
        bus.latest += 10
        channel.floor = bus.latest  # what was kept up to here is gone
        channel.events.clear()
        channel.numbers.clear()
        world.salesforce.desk.faults.set(Faults(stream_abort=1))
        world.sales("create", fields={"LastName": "鈴木", "Company": "D社", "Email": "d@d.example"})
        await wait_until(lambda: _lost(world), description="the lost position is told")
        world.told_again()
        companies = {"C社", "D社"}
        await wait_until(
            lambda: {each.get("company") for each in world.contacts()} == companies,
            description="both companies",
        )
        assert (await world.sweeps())["salesforce", "Lead"]["cause"] == "position-lost"


async def _lost(world: SweepWorld) -> bool:
    metrics = (await world.http.get("/metrics")).text
    return 'tasuki_stream_losses_total{cause="position-lost",object="Lead",system="salesforce"}' in metrics


async def test_more_records_than_a_search_shows_are_all_swept(tmp_path: Path) -> None:
    """HubSpot's search ends at its cap; an import of a moment goes beyond it."""
    async with sweep_world(tmp_path, search_cap=200) as world:
        world.untold()
        world.hubspot.state.clock.drive(now_ms())
        for number in range(450):
            world.contact(number)
        world.hubspot.state.clock.follow()
        await world.sweep()
        await world.settled()
        assert (await world.sweeps())["hubspot", "contact"]["others"] == 450
        assert await world.drift() == {"hubspot:(record)": 450}
        await world.sweep()
        assert (await world.sweeps())["hubspot", "contact"]["others"] == 0


async def test_a_source_that_falls_silent_is_told_and_swept(tmp_path: Path) -> None:
    """Its webhooks were busy at this hour yesterday, and none came for an hour: an alarm, and a sweep at once."""
    async with sweep_world(tmp_path) as world:
        contact = world.contact(1)
        await world.settled()
        await heard(world, "hubspot:contact", ahead_ms=-DAY_MS, stretches=24)
        world.untold()
        world.marketing("update", id=contact, fields={"phone": "03-1111-2222"})
        hearing = world.service.hearing
        world.clock.ahead_ms = 3_600_000
        await hearing.look()
        (silent,) = (await world.status())["silent"]
        assert (silent["system"], silent["object"]) == ("hubspot", "contact")
        assert silent["usual"] >= 10
        health = (await world.http.get("/health/ready")).json()
        assert health["components"]["silence.hubspot"]["condition"] == "degraded"
        await wait_until(lambda: _drifted(world), description="the silent change is found")
        assert (await world.sweeps())["hubspot", "contact"]["cause"] == "silence"


async def _drifted(world: SweepWorld) -> bool:
    return await world.drift() == {"hubspot:phone": 1}


async def heard(world: SweepWorld, name: str, *, ahead_ms: int, stretches: int) -> None:
    """Let it have been so that each five minutes something came, from *ahead_ms* off the present on."""
    first = (now_ms() + ahead_ms) // BUCKET_MS
    shard = ShardId("sync", INBOX.name, 0)
    await world.service.store.client.hset(
        shard.key(f"heard:{first * BUCKET_MS // DAY_MS}"),
        mapping={f"{name}:{each}": 1 for each in range(first - 1, first + stretches)},
    )
