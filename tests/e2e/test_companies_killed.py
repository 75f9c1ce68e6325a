"""`tasuki up` is killed again and again while companies change: both sides end the same, and each lead with its owner."""

import asyncio
from pathlib import Path

import pytest

from services.cli.stage.sandbox_client import Act, SandboxClient
from services.cli.stage.stage import Stage
from tests.integration.company_world import with_companies
from tests.waiting import wait_until

FIRMS = 24
KILLS = 2
TEAM = {"sdr": ["sato@sandbox.example"], "account_owner": "company_owner"}
MQL = {"lastname": "山田", "jobtitle": "部長", "num_conversion_events": "2", "document_downloads": "3"}


@pytest.mark.timeout(120)
async def test_killed_while_companies_change_nothing_is_lost(tmp_path: Path) -> None:
    """Values of both sides, those that came while it was away among them; no account is made."""
    overrides = with_companies(assignment=TEAM)
    async with Stage(tmp_path, overrides=overrides) as stage:
        for number, firms in enumerate(thirds()):
            await found(stage, firms)
            await asyncio.sleep(0.15 * number)  # each kill at another point of the work; none is waited for
            await stage.kill_service()
        await renamed(stage.sfa)

        async def same() -> bool:
            return await differing(stage) == []

        await wait_until(same, within_s=40, description="both sides are the same", every_s=0.3)
        for number, firms in enumerate(thirds()):
            await interested(stage.ma, firms)
            await asyncio.sleep(0.15 * number)
            await stage.kill_service()

        async def handed_over() -> bool:
            return await leads_of(stage) == FIRMS

        await wait_until(
            handed_over, within_s=40, description="each lead is its account's owner's", every_s=0.3
        )
        assert len([each async for each in stage.sfa.records("Account")]) == FIRMS
        assert len([each async for each in stage.ma.records("company")]) == FIRMS


def thirds() -> list[range]:
    """Return the numbers of the firms, in as many parts as there are kills."""
    return [range(FIRMS * each // KILLS, FIRMS * (each + 1) // KILLS) for each in range(KILLS)]


async def found(stage: Stage, firms: range) -> None:
    """Let both tools hear of *firms*."""
    await stage.sfa.act(
        [
            Act(
                act="create",
                object="Account",
                user="tanaka@sandbox.example",
                key=f"firm{each}",
                fields={
                    "Name": f"{each}社",
                    "Website": f"https://www.firm{each}.co.jp",
                    "NumberOfEmployees": each,
                },
            )
            for each in firms
        ]
    )
    await stage.ma.act(
        [
            Act(act="create", object="company", fields={"domain": f"firm{each}.co.jp", "industry": "Finance"})
            for each in firms
        ]
    )


async def interested(sandbox: SandboxClient, firms: range) -> None:
    """Let somebody of each of *firms* qualify."""
    await sandbox.act(
        [
            Act(act="create", object="contact", fields={**MQL, "email": f"a@firm{each}.co.jp"})
            for each in firms
        ]
    )


async def renamed(sandbox: SandboxClient) -> None:
    """Let sales enter telephone numbers."""
    await sandbox.act(
        [
            Act(act="update", object="Account", key=f"firm{each}", fields={"Phone": f"03-5555-{each:04}"})
            for each in range(FIRMS)
        ]
    )


async def differing(stage: Stage) -> list[str]:
    """Return the domains of the companies that differ between the two sides."""
    accounts = {
        each["fields"]["Website"].removeprefix("https://www."): each["fields"]
        async for each in stage.sfa.records("Account")
    }
    differ: list[str] = []
    async for each in stage.ma.records("company"):
        ma = each["fields"]
        sfa = accounts[ma["domain"]]
        wanted = (str(sfa["NumberOfEmployees"]), sfa.get("Phone"), sfa.get("Industry"))
        if (ma.get("numberofemployees"), ma.get("phone"), ma.get("industry")) != wanted:
            differ.append(ma["domain"])
    return differ


async def leads_of(stage: Stage) -> int:
    """Return how many leads in the sales tool belong to the owner of their company's account."""
    users = {each["id"]: each["fields"]["Email"] async for each in stage.sfa.records("User")}
    owners = [users[each["fields"]["OwnerId"]] async for each in stage.sfa.records("Lead")]
    return owners.count("tanaka@sandbox.example")
