"""Companies between two sandboxes: known by their domain, kept the same, known to their leads."""

import asyncio
from pathlib import Path

from services.sync.adapters.sandbox.faults import Faults
from tests.integration.company_world import account, accounts, companies, company, with_companies
from tests.integration.sweep_world import MQL, sweep_world


async def test_a_company_and_the_account_of_its_domain_are_kept_the_same(tmp_path: Path) -> None:
    """However the domain is written; each side's later values and blanks go over, and nothing is made."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        ours = account(
            world, fields={"Name": "例", "Website": "https://www.Acme.co.jp/jp/", "NumberOfEmployees": 40}
        )
        theirs = company(
            world, fields={"name": "例", "domain": "acme.co.jp", "industry": "Finance", "phone": "0312345678"}
        )
        await world.settled()
        (row,) = accounts(world)
        assert (row["Industry"], row["Phone"], row["Website"]) == (
            "Finance",
            "03-1234-5678",
            "https://www.Acme.co.jp/jp/",
        )
        assert companies(world, theirs)["numberofemployees"] == "40"

        account(world, "update", id=ours, fields={"Phone": "03-9999-0000", "Industry": "Retail"})
        company(world, "update", id=theirs, fields={"numberofemployees": "7"})
        await world.settled()
        there = companies(world, theirs)
        (row,) = accounts(world)
        assert (there["phone"], there["industry"], there["numberofemployees"]) == (
            "03-9999-0000",
            "Finance",
            "40",
        )
        assert row["Industry"] == "Retail"
        assert len(world.hubspot.state.store.rows["company"]) == 1


async def test_of_several_accounts_with_one_domain_always_the_same_one_counts(tmp_path: Path) -> None:
    """The first by its id; a branch's values are its own, until the first one is gone."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        theirs = company(world, fields={"name": "例", "domain": "acme.co.jp"})
        branch = account(world, fields={"Name": "東京", "Website": "acme.co.jp", "NumberOfEmployees": 5})
        first, other = (
            account(world, fields={"Name": "大阪", "Website": "acme.co.jp", "NumberOfEmployees": 9}),
            branch,
        )
        first, other = sorted([first, other])
        account(world, "update", id=first, fields={"NumberOfEmployees": 100})
        account(world, "update", id=other, fields={"NumberOfEmployees": 3})
        await world.settled()
        assert companies(world, theirs)["numberofemployees"] == "100"

        company(world, "update", id=theirs, fields={"phone": "0312345678"})
        await world.settled()
        assert {row["Id"]: row.get("Phone") for row in accounts(world)} == {
            first: "03-1234-5678",
            other: None,
        }

        account(world, "delete", id=first)
        await world.settled()
        assert companies(world, theirs)["numberofemployees"] == "3"
        assert accounts(world)[0]["Phone"] == "03-1234-5678"


async def test_an_mql_goes_to_the_owner_of_its_company_s_account(tmp_path: Path) -> None:
    """By the domain of its address; who has a free address, or another company's, gets anybody."""
    team = {"sdr": ["sato@sandbox.example"], "account_owner": "company_owner"}
    async with sweep_world(tmp_path, overrides=with_companies(assignment=team)) as world:
        account(world, user="tanaka@sandbox.example", fields={"Name": "例", "Website": "acme.co.jp"})
        await world.settled()
        world.contact(1, email="a@acme.co.jp", **MQL)
        world.contact(2, email="b@gmail.com", **MQL)
        world.contact(3, email="c@other.co.jp", **MQL)
        await world.settled()
        owners = {row["Email"]: world.email(row["OwnerId"]) for row in world.leads()}
        assert owners == {
            "a@acme.co.jp": "tanaka@sandbox.example",
            "b@gmail.com": "sato@sandbox.example",
            "c@other.co.jp": "sato@sandbox.example",
        }


async def test_a_converted_lead_s_account_is_its_company_s(tmp_path: Path) -> None:
    """No second account is made; the lead showed the domain before, and its account has it from there."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        theirs = company(world, fields={"name": "例", "domain": "acme.co.jp", "phone": "0312345678"})
        await world.settled()
        world.contact(1, email="a@acme.co.jp", **MQL)
        await world.settled()
        (lead,) = world.leads()
        assert lead["Website"] == "acme.co.jp"
        world.sales("convert", id=lead["Id"])
        await world.settled()
        (row,) = accounts(world)
        assert (row["Website"], row["Phone"]) == ("acme.co.jp", "03-1234-5678")
        account(world, "update", id=row["Id"], fields={"NumberOfEmployees": 12})
        await world.settled()
        assert companies(world, theirs)["numberofemployees"] == "12"
        assert len(accounts(world)) == 1


async def test_an_account_without_a_domain_is_the_company_of_its_people(tmp_path: Path) -> None:
    """A contact's address tells whose it is; it gets the domain then, and a free address tells nothing."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        theirs = company(world, fields={"name": "例", "domain": "acme.co.jp", "phone": "0312345678"})
        ours = account(world, fields={"Name": "例", "NumberOfEmployees": 8})
        await world.settled()
        person = {"LastName": "山田", "AccountId": ours}
        world.sales("create", "Contact", fields={**person, "Email": "x@gmail.com"})
        await world.settled()
        assert "Website" not in accounts(world)[0] or accounts(world)[0]["Website"] is None
        world.sales("create", "Contact", fields={**person, "Email": "y@acme.co.jp"})
        await world.settled()
        (row,) = accounts(world)
        assert (row["Website"], row["Phone"]) == ("acme.co.jp", "03-1234-5678")
        assert companies(world, theirs)["numberofemployees"] == "8"
        account(world, "update", id=ours, fields={"NumberOfEmployees": 9})
        await world.settled()
        assert companies(world, theirs)["numberofemployees"] == "9"


async def test_a_record_goes_with_its_domain(tmp_path: Path) -> None:
    """Nothing is written to the company that it left, nor from it; who hangs on the record goes along."""
    team = {"sdr": ["sato@sandbox.example"], "account_owner": "company_owner"}
    async with sweep_world(tmp_path, overrides=with_companies(assignment=team)) as world:
        old = company(world, fields={"name": "旧", "domain": "old.co.jp"})
        new = company(world, fields={"name": "新", "domain": "new.co.jp", "hubspot_owner_id": "71003"})
        ours = account(world, fields={"Name": "旧", "Website": "old.co.jp", "Phone": "03-1111-1111"})
        await world.settled()
        assert companies(world, old)["phone"] == "03-1111-1111"
        contact = world.contact(1, email="x@gmail.com")
        world.marketing("associate", id=contact, parents=[{"object": "company", "id": old}])
        account(world, "update", id=ours, fields={"Website": "http://new.co.jp", "Phone": "03-2222-2222"})
        await world.settled()
        assert (companies(world, new)["phone"], companies(world, old)["phone"]) == (
            "03-2222-2222",
            "03-1111-1111",
        )
        company(world, "update", id=old, fields={"domain": "new.co.jp"})
        company(world, "delete", id=new)
        await world.settled()
        assert companies(world, old)["phone"] == "03-2222-2222"
        account(
            world,
            "update",
            id=ours,
            user="tanaka@sandbox.example",
            fields={"OwnerId": world.user("tanaka@sandbox.example")},
        )
        await world.settled()
        world.marketing("update", id=contact, fields=MQL)
        await world.settled()
        (lead,) = world.leads()
        assert world.email(lead["OwnerId"]) == "tanaka@sandbox.example"


async def test_merged_companies_end_as_one(tmp_path: Path) -> None:
    """On either side: what took the place of both goes on with the other side's record."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        one, two = (company(world, fields={"name": each, "domain": "acme.co.jp"}) for each in "甲乙")
        ours = [account(world, fields={"Name": each, "Website": "acme.co.jp"}) for each in "甲乙"]
        await world.settled()
        merged = company(world, "merge", id=two, other={"object": "company", "id": one})
        world.sales("merge", "Account", id=ours[1], other={"object": "Account", "id": ours[0]})
        await world.settled()
        account(world, "update", id=ours[1], fields={"Phone": "03-1111-1111"})
        company(world, "update", id=merged, fields={"industry": "Finance"})
        await world.settled()
        assert companies(world, merged)["phone"] == "03-1111-1111"
        assert [row["Industry"] for row in accounts(world)] == ["Finance"]


async def test_what_nobody_told_of_companies_is_swept_up(tmp_path: Path) -> None:
    """It is counted as drift, and repaired."""
    async with sweep_world(tmp_path, overrides=with_companies()) as world:
        theirs = company(world, fields={"name": "例", "domain": "acme.co.jp"})
        ours = account(world, fields={"Name": "例", "Website": "acme.co.jp"})
        await world.settled()
        # One after the other: what we write of the one may land between the listing of the other and its look.
        world.untold()
        account(world, "update", id=ours, fields={"Phone": "03-1111-1111"})
        world.told_again()
        await world.sweep()
        await world.settled()
        assert companies(world, theirs)["phone"] == "03-1111-1111"
        assert await world.drift() == {"salesforce:company_phone": 1}

        world.untold()
        company(world, "update", id=theirs, fields={"industry": "Finance"})
        world.told_again()
        await world.sweep()
        await world.settled()
        assert accounts(world)[0]["Industry"] == "Finance"
        assert await world.drift() == {"salesforce:company_phone": 1, "hubspot:company_industry": 1}


async def test_what_was_told_of_a_new_account_keeps_its_times(tmp_path: Path) -> None:
    """It is read whole as well, which says of no field when it was set: another one was, after marketing's word."""
    at_once = {"clock_skew": "0s"}
    async with sweep_world(tmp_path, sync=at_once, overrides=with_companies()) as world:
        world.salesforce.desk.faults.set(Faults(server_error=1))
        ours = account(world, fields={"Name": "例", "Website": "acme.co.jp", "Phone": "03-1111-1111"})
        await asyncio.sleep(0.01)  # the next word is a later one
        theirs = company(world, fields={"name": "例", "domain": "acme.co.jp", "phone": "03-2222-2222"})
        await asyncio.sleep(0.01)
        account(world, "update", id=ours, fields={"NumberOfEmployees": 12})
        world.salesforce.desk.faults.set(Faults())
        await world.settled()
        (row,) = accounts(world)
        there = companies(world, theirs)
        assert (there["phone"], row["Phone"]) == ("03-2222-2222", "03-2222-2222")
        assert there["numberofemployees"] == "12"
