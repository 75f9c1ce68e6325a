"""The first filling of two tools that both hold companies and people: known by their domains, equal on both sides."""

from pathlib import Path

from services.cli.stage.companies import OBJECTS, Company, company_of, compare_companies
from services.cli.stage.verdict import Comparison, Reader
from services.sync.domain.preview import What
from services.sync.domain.records import Side
from tests.integration.company_world import account, accounts, companies, company, with_companies
from tests.integration.sweep_world import SweepWorld, sweep_world
from tests.integration.test_backfill import backfill, dry

FIRMS = 12


def lived(world: SweepWorld) -> None:
    """Let both tools have lived their lives: companies on both sides or one, with people, and nobody tells tasuki."""
    world.untold()
    for number in range(FIRMS):
        phone = {"phone": f"03-0000-{number:04}"}
        company(world, fields={"name": f"{number}", "domain": f"firm{number}.co.jp", **phone})
        world.contact(number, email=f"a@firm{number}.co.jp")
        ours = account(
            world,
            fields={
                "Name": f"{number}社",
                "Website": f"https://www.Firm{number}.co.jp/jp/",
                "NumberOfEmployees": number + 1,
                "Industry": "Finance",
            },
        )
        person = {"LastName": "山田", "AccountId": ours, "Email": f"b@firm{number}.co.jp"}
        world.sales("create", "Contact", fields=person)
    company(world, fields={"name": "片", "domain": "only-there.co.jp", "phone": "03-1234-0000"})
    account(world, fields={"Name": "片", "Website": "only-here.co.jp", "NumberOfEmployees": 3})
    bare = account(world, fields={"Name": "無", "NumberOfEmployees": 44})
    world.sales("create", "Contact", fields={"LastName": "林", "AccountId": bare, "Email": "c@bare.co.jp"})
    company(world, fields={"name": "無", "domain": "bare.co.jp", "phone": "03-9876-0000"})
    for name in ("甲", "乙"):  # two branches
        account(world, fields={"Name": name, "Website": "twice.co.jp"})
    company(world, fields={"name": "双", "domain": "twice.co.jp", "phone": "03-5555-0000"})
    world.told_again()


async def test_the_first_filling_links_companies_by_their_domains(tmp_path: Path) -> None:
    """Each pair ends the same, nothing is made, and an account without a domain is found by its people."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        lived(world)
        assert differences(world) != []
        before = len(accounts(world)), len(world.hubspot.state.store.rows["company"])
        await backfill(world)
        assert (len(accounts(world)), len(world.hubspot.state.store.rows["company"])) == before
        assert differences(world) == []
        rows = [companies(world, each) for each in world.hubspot.state.store.rows["company"]]
        theirs = {each["domain"]: each for each in rows}
        assert [theirs[f"firm{each}.co.jp"]["numberofemployees"] for each in range(FIRMS)] == [
            str(each + 1) for each in range(FIRMS)
        ]
        ours = {row["Name"]: row for row in accounts(world)}
        assert (ours["無"]["Website"], ours["無"]["Phone"]) == ("bare.co.jp", "03-9876-0000")
        assert theirs["bare.co.jp"]["numberofemployees"] == "44"
        assert [ours[each].get("Phone") for each in ("甲", "乙")] == ["03-5555-0000", None]
        assert "numberofemployees" not in theirs["only-there.co.jp"]
        contacts = {each["email"]: each for each in world.contacts()}
        assert contacts["b@firm3.co.jp"]["lastname"] == "山田"
        assert await world.drift() == {}

        await backfill(world)
        assert differences(world) == []
        writes = sum(int(each.desk.stats()["writes"]) for each in (world.hubspot, world.salesforce))
        await world.sweep()
        await world.settled()
        assert sum(int(each.desk.stats()["writes"]) for each in (world.hubspot, world.salesforce)) == writes
        assert await world.drift() == {}


def differences(world: SweepWorld) -> list[str]:
    """Return how the companies of both sides differ."""
    settings, found = world.service.settings, Comparison()
    assert settings.rules.companies is not None
    maps = {Side.MA: settings.ma_fields, Side.SFA: settings.sfa_fields}
    users = world.salesforce.state.tables["User"].rows.values()
    owners = {
        Side.MA: {each.id: each.email for each in world.hubspot.state.settings.owners},
        Side.SFA: {str(each["Id"]): str(each["Email"]) for each in users},
    }
    reader = Reader(maps, owners, {Side.MA: "", Side.SFA: ""})
    desks = {Side.MA: world.hubspot.desk, Side.SFA: world.salesforce.desk}
    sides: dict[Side, list[Company]] = {
        side: [
            company_of(reader, side, each, settings.rules.companies)
            for each in desks[side].records(OBJECTS[side][1], after=None, limit=500, history=False).records
            if not each["archived"]
        ]
        for side in Side
    }
    compare_companies(sides[Side.MA], sides[Side.SFA], rules=settings.rules, maps=maps, found=found)
    assert found.fields > FIRMS
    return [str(each) for each in found.differences]


async def test_a_dry_run_says_which_companies_are_linked_and_what_changes_of_them(tmp_path: Path) -> None:
    """What it says is what the filling then does, an account that its people name included."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        lived(world)
        said = await dry(world)
        before, contacts = held(world), len(world.contacts())
        await backfill(world)
        after = held(world)

        assert said.leads[What.CREATE, "ma"] == len(world.contacts()) - contacts == FIRMS + 1
        assert said.leads[What.COMPANY_LINKED, "ma"] == FIRMS + 2
        assert said.leads[What.COMPANY_ONLY, "ma"] == said.leads[What.COMPANY_ONLY, "sfa"] == 1
        assert said.leads[What.COMPANY_SEVERAL, "sfa"] == 1
        for side in Side:
            changed = {key for key, values in after[side].items() if values != before[side][key]}
            assert said.leads[What.COMPANY_CHANGE, side] == len(changed) > FIRMS
        assert said.fields["sfa", "company_phone"] == FIRMS + 2

        again = await dry(world)
        assert not any(again.leads[What.COMPANY_CHANGE, side] for side in Side)


def held(world: SweepWorld) -> dict[Side, dict[str, dict[str, object]]]:
    """Return the companies of both tools by id, without what tells when they changed."""
    untold = {"hs_lastmodifieddate", "SystemModstamp", "LastModifiedDate", "LastModifiedById"}
    theirs = {each: companies(world, each) for each in world.hubspot.state.store.rows["company"]}
    ours = {str(row["Id"]): row for row in accounts(world)}
    return {
        side: {
            key: {name: value for name, value in row.items() if name not in untold}
            for key, row in rows.items()
        }
        for side, rows in ((Side.MA, theirs), (Side.SFA, ours))
    }
