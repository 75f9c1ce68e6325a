"""Two accounts that held leads before tasuki came: what a dry run says is what the filling then does."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from services.cli.backfill import Summary, summed
from services.sync.adapters.filling_orders import FillingOrders
from services.sync.app.filling import open_dry_run
from services.sync.application.backfill import FillingOrder
from services.sync.domain.preview import What
from tests.integration.sweep_world import MQL, SweepWorld, now_ms, sweep_world
from tests.waiting import wait_until


def fill(world: SweepWorld) -> None:
    """Let both tools have lived their lives: nobody tells tasuki."""
    world.untold()
    for number in range(4):  # in marketing only, one of them qualified
        world.contact(number, **(MQL if number == 0 else {}))
    for number in range(10, 14):  # on both sides, with another phone number; one of them qualified
        world.contact(number, phone=f"03-0000-{number:04}", **(MQL if number == 10 else {}))
        fields = {"Email": f"P{number}@firm.example", "LastName": "山田", "Company": "株式会社例"}
        world.sales("create", fields={**fields, "Phone": f"03-9999-{number:04}"})
    for number in (20, 21):  # in sales only
        world.sales(
            "create", fields={"Email": f"p{number}@firm.example", "LastName": "佐藤", "Company": "別"}
        )
    world.sales("create", fields={"LastName": "名無し", "Company": "別"})  # without an address
    for _ in range(2):  # the same person twice
        world.sales("create", fields={"Email": "twice@firm.example", "LastName": "鈴木", "Company": "別"})
    world.told_again()


async def dry(world: SweepWorld, *, hand_over: bool = False, fresh: bool = True) -> Summary:
    """Return what a dry run says."""
    settings = world.service.settings
    async with open_dry_run(settings, world.server.url, hand_over=hand_over, fresh=fresh) as run:
        while await run.page():
            pass
        return summed(run.lines())


async def backfill(world: SweepWorld, *, hand_over: bool = False) -> None:
    """Order a filling, and wait for its end."""
    await FillingOrders(world.service.store).order(FillingOrder(now_ms(), hand_over))

    async def done() -> bool:
        found = (await world.status())["backfill"]
        return found is not None and found["phase"] == "done"

    await wait_until(done, description="the filling is done")
    await world.settled()


def snapshot(world: SweepWorld) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, Mapping[str, object]]]:
    """Return what stands on both sides, by id."""
    contacts = {each.id: dict(each.values) for each in world.hubspot.state.store.rows["contact"].values()}
    return contacts, {each["Id"]: each for each in world.leads()}


async def test_a_dry_run_says_what_the_filling_then_does(tmp_path: Path) -> None:
    """People made, people changed and conflicts; who qualified before isn't handed over."""
    async with sweep_world(tmp_path) as world:
        fill(world)
        said = await dry(world)
        contacts, leads = snapshot(world)
        assert (len(contacts), len(leads)) == (8, 9)
        await backfill(world)
        contacts_now, leads_now = snapshot(world)

        assert said.leads[What.LINKED, "ma"] == 4
        assert said.leads[What.ONLY, "ma"] == 4
        assert said.leads[What.CREATE, "ma"] == len(contacts_now) - len(contacts) == 4
        assert said.leads[What.CREATE, "sfa"] == len(leads_now) - len(leads) == 0
        assert said.leads[What.SEVERAL, "sfa"] == 1
        assert said.leads[What.NO_EMAIL, "sfa"] == 1
        assert said.leads[What.HISTORY, ""] == 2
        assert said.conflicts["phone", "latest", "sfa"] + said.conflicts["phone", "latest:tie", "sfa"] == 4
        changed = Counter(
            name
            for key, values in contacts.items()
            for name in ("phone", "company", "lastname")
            if contacts_now[key].get(name) != values.get(name)
        )
        assert changed == {"phone": said.fields["ma", "phone"]} == {"phone": 4}
        assert world.salesforce.state.tables["Task"].rows == {}  # nothing is handed over
        assert await world.drift() == {}

        again = await dry(world)
        assert not any(
            again.leads[what, side] for what in (What.CREATE, What.CHANGE) for side in ("ma", "sfa")
        )


async def test_who_qualified_before_is_handed_over_where_that_is_wanted(tmp_path: Path) -> None:
    """With --hand-over each of them gets its task, and the one that sales lacks is made there."""
    async with sweep_world(tmp_path) as world:
        fill(world)
        said = await dry(world, hand_over=True)
        leads = len(world.leads())
        await backfill(world, hand_over=True)
        tasks = world.salesforce.state.tables["Task"].rows
        assert said.leads[What.TASK, "sfa"] == len(tasks) == 2
        assert said.leads[What.CREATE, "sfa"] == len(world.leads()) - leads == 1
        assert said.leads[What.HISTORY, ""] == 0


async def test_a_lead_that_qualifies_after_the_filling_is_handed_over(tmp_path: Path) -> None:
    """What was history stays history; the next to qualify goes to sales at once."""
    async with sweep_world(tmp_path) as world:
        fill(world)
        await backfill(world)
        world.marketing(
            "update", id=next(iter(world.hubspot.state.store.rows["contact"])), fields={"phone": "1"}
        )
        second = [*world.hubspot.state.store.rows["contact"]][1]
        world.marketing("update", id=second, fields=MQL)
        await wait_until(lambda: len(world.salesforce.state.tables["Task"].rows) == 1, description="a task")
        await world.settled()
        assert len(world.salesforce.state.tables["Task"].rows) == 1


async def test_nothing_is_written_before_both_sides_were_read(tmp_path: Path) -> None:
    """Each marketing lead goes to sales here; what sales said later must not be written over on the way."""
    async with sweep_world(tmp_path, sync={"mirror_all": True}) as world:
        world.untold()
        for number in range(210):
            world.contact(number, phone="03-0000-0000")
        for number in range(210):
            fields = {"Email": f"p{number}@firm.example", "LastName": "山田", "Company": "株式会社例"}
            world.sales("create", fields={**fields, "Phone": "03-9999-9999"})
        world.told_again()
        await backfill(world)
        assert {each["Phone"] for each in world.leads()} == {"03-9999-9999"}
        assert {each["phone"] for each in world.contacts()} == {"03-9999-9999"}
        assert len(world.leads()) == 210
