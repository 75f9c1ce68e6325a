"""The sandbox's admin surface and page: acts, clock, records, changes, figures."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from tests.integration.salesforce_world import SATO, World, a_lead, following, salesforce


@pytest.fixture
async def world() -> AsyncGenerator[World]:
    """Give a sandbox."""
    async with salesforce() as found:
        yield found


async def test_a_driven_clock_gives_changes_their_historic_times(world: World) -> None:
    """A history of 2018 is played with its own times."""
    at = 1_530_000_000_000
    await world.http.put("/_sandbox/clock", json={"drive": at - 1_000})
    made = await world.act("create", "Lead", fields={"LastName": "a", "Company": "b"}, at=at, user=SATO)
    await world.act("update", "Lead", id=made["id"], fields={"FirstName": "x"}, at=at + 5_000)
    row = world.rows("Lead")[0]
    assert (row["CreatedDate"], row["LastModifiedDate"]) == (at, at + 5_000)
    assert row["CreatedById"] == world.sandbox.state.tables["User"].live("Email", SATO)[0]["Id"]


async def test_a_repeated_create_with_a_key_changes_nothing(world: World) -> None:
    """A driver may repeat what it isn't sure of; keys stand for ids, also of what a conversion made."""
    fields = {"LastName": "a", "Company": "b"}
    one = await world.act("create", "Lead", key="k", fields=fields)
    assert (await world.act("create", "Lead", key="k", fields=fields))["id"] == one["id"]
    made = (await world.act("convert", "Lead", key="k"))["created"]
    await world.act("update", "Opportunity", key="k", fields={"StageName": "Closed Won"})
    assert world.rows("Opportunity")[0]["Id"] == made["opportunity"]
    assert world.rows("Opportunity")[0]["IsWon"] is True


async def test_a_refused_act_says_why_and_changes_nothing(world: World) -> None:
    """In the vendor's words."""
    results = await world.acts(
        {"act": "create", "object": "Lead", "fields": {"LastName": "a"}},
        {"act": "update", "object": "Lead", "id": "00Q5g0000000009", "fields": {}},
        {"act": "explode", "object": "Lead"},
        {"act": "create", "object": "Lead", "user": "nobody@sales.example"},
    )
    assert [each["error"].split(":")[0] for each in results] == [
        "REQUIRED_FIELD_MISSING",
        "INVALID_CROSS_REFERENCE_KEY",
        "nobody can explode a Lead here",
        "INVALID_CROSS_REFERENCE_KEY",
    ]
    assert world.rows("Lead") == []


async def test_changes_can_be_waited_for(world: World) -> None:
    """A driver learns of our write when it happens, and whose it was."""
    since = (await world.http.get("/_sandbox/changes")).json()["last"]
    waiting = asyncio.create_task(
        world.http.get("/_sandbox/changes", params={"since": since, "wait_ms": 5_000})
    )
    await world.connector.write([a_lead()])
    (change,) = (await waiting).json()["changes"]
    assert (change["object"], change["change"], change["origin"]) == ("Lead", "create", "api")


async def test_records_are_paged_in_both_directions(world: World) -> None:
    """Each record once, deleted ones too."""
    await world.acts(
        *(
            {"act": "create", "object": "Lead", "fields": {"LastName": f"n{n}", "Company": "c"}}
            for n in range(7)
        )
    )
    for newest in ("0", "1"):
        names: list[str] = []
        after: str | None = ""
        while after is not None:
            asked = {"object": "Lead", "limit": "3", "newest": newest} | ({"after": after} if after else {})
            page = (await world.http.get("/_sandbox/records", params=asked)).json()
            names += [each["fields"]["LastName"] for each in page["records"]]
            after = page["after"]
        assert names == [f"n{n}" for n in (reversed(range(7)) if newest == "1" else range(7))]


async def test_figures_count_what_happened_and_reset_forgets(world: World) -> None:
    """Requests, writes, events; after a reset only the settings are left."""
    async with following(world) as follower:
        await world.connector.write([a_lead()])
        await follower.until(1)
        stats = (await world.http.get("/_sandbox/stats")).json()
        assert (stats["writes"], stats["creates"], stats["deliveries"], stats["undelivered"]) == (1, 1, 1, 0)
        assert stats["records"]["Lead"] == 1
        assert stats["requests"]["PATCH composite/sobjects/Lead 200"] == 1
    await world.http.post("/_sandbox/reset")
    stats = (await world.http.get("/_sandbox/stats")).json()
    assert (stats["writes"], stats["records"]["Lead"], stats["records"]["User"]) == (0, 0, 5)
    assert (await world.connector.write([a_lead()]))[0]


async def test_the_page_shows_records_and_takes_edits(world: World) -> None:
    """A form is a user's act; both languages; nothing from outside."""
    made = await world.act("create", "Lead", fields={"LastName": "<山田>", "Company": "例"})
    for language, word in (("ja", "リード"), ("en", "Leads")):
        page = (await world.http.get("/", params={"object": "Lead", "lang": language})).text
        assert word in page
        assert "&lt;山田&gt;" in page
        assert "http://" not in page
    form = {"act": "update", "f.Status": "Qualified", "f.FirstName": ""}
    answer = await world.http.post("/", params={"object": "Lead", "id": made["id"]}, data=form)
    assert answer.status_code == 303
    assert world.rows("Lead")[0]["Status"] == "Qualified"
