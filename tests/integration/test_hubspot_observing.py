"""The HubSpot connector reads what users, trackers and we ourselves did, over real HTTP."""

from dataclasses import replace

import pytest

from services.errors import Rejected
from services.sync.adapters.hubspot.sandbox import Owner
from services.sync.application.ports import Connector, Page, Place
from services.sync.domain.records import FieldChange, Kind, Notification, RecordRef, Side
from tests.integration.hubspot_world import BUSY, World, lead, notified, open_world


def of(name: str, changes: tuple[FieldChange, ...]) -> list[FieldChange]:
    """Return the changes of one field."""
    return [each for each in changes if each.name == name]


async def test_every_version_of_a_field_is_a_change_with_its_own_time_and_origin() -> None:
    """A user's edits and ours are told apart, each at the instant it happened, exactly."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp", "company": "旧社名"})
        world.user("update", id=row, fields={"company": "新社名"})
        await world.connector.write([lead({"company": "三つ目"}, ref=row)])
        (seen,) = await world.see(("contact", row))
    companies = of("company", seen.fields)
    assert [each.value for each in companies] == ["旧社名", "新社名", "三つ目"]
    assert [each.own for each in companies] == [False, False, True]
    assert all(each.exact for each in companies)
    assert companies[0].changed_at < companies[1].changed_at < companies[2].changed_at
    assert seen.kind is Kind.LEAD
    assert seen.created_at == companies[0].changed_at
    assert not seen.deleted


async def test_counters_have_a_step_for_each_visit() -> None:
    """Behaviour comes as the history of a counter that HubSpot keeps by itself."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        for visits in (1, 2, 5):
            world.user("update", id=row, fields={"hs_analytics_num_visits": visits})
        (seen,) = await world.see(("contact", row))
    assert [each.value for each in of("visits", seen.fields)] == [1, 2, 5]


async def test_many_notifications_of_a_record_are_one_read_and_order_follows_the_input() -> None:
    """120 notifications about 60 contacts cost two batch reads of at most 50."""
    async with open_world() as world:
        rows = [world.user("create", fields={"email": f"u{n}@x.jp"}) for n in range(60)]
        asked = [("contact", each) for each in (*reversed(rows), *rows)]
        seen = await world.see(*asked)
        requests = world.sandbox.desk.stats()["requests"]
    assert [each.ref.id for each in seen] == list(reversed(rows))
    assert requests["POST /crm/v3/objects/contacts/batch/read"] == {"200": 2}


async def test_activities_have_their_fields_and_their_contacts() -> None:
    """A call, a meeting, a task and an e-mail become activities that hang on the contact."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        parents = [{"object": "contact", "id": row}]
        call = world.user(
            "create",
            "call",
            parents=parents,
            fields={
                "hs_timestamp": 1_700_000_000_000,
                "hs_call_title": "初回架電",
                "hs_call_disposition": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
                "hs_call_direction": "OUTBOUND",
                "hubspot_owner_id": "71001",
            },
        )
        at = {"hs_timestamp": 1_700_000_000_001}
        meeting = world.user(
            "create", "meeting", parents=parents, fields=at | {"hs_meeting_outcome": "NO_SHOW"}
        )
        task = world.user("create", "task", parents=parents, fields=at | {"hs_task_status": "COMPLETED"})
        mail = world.user(
            "create", "email", parents=parents, fields=at | {"hs_email_direction": "INCOMING_EMAIL"}
        )
        seen = await world.see(("call", call), ("meeting", meeting), ("task", task), ("email", mail))
    facts = [{each.name: each.value for each in one.fields} for one in seen]
    assert facts[0] == {
        "type": "call",
        "at": 1_700_000_000_000,
        "subject": "初回架電",
        "outcome": "connected",
        "direction": "outbound",
        "owner": "sato@sandbox.example",
    }
    assert facts[1]["outcome"] == "no-show"
    assert facts[2]["outcome"] == "completed"
    assert facts[3]["direction"] == "inbound"
    assert [each["type"] for each in facts] == ["call", "meeting", "task", "email"]
    assert all(each.kind is Kind.ACTIVITY for each in seen)
    assert all(each.parents == (RecordRef("hubspot", "contact", row),) for each in seen)


@pytest.mark.parametrize("of", ["call", "meeting", "task", "email"])
async def test_a_deleted_activity_is_gone_until_it_is_restored(of: str) -> None:
    """Somebody deletes what was entered by mistake, and takes it out of the recycling bin."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        parents = [{"object": "contact", "id": row}]
        entered = world.user("create", of, parents=parents, fields={"hs_timestamp": 1_700_000_000_000})
        world.user("delete", of, id=entered)
        (gone,) = await world.see((of, entered))
        world.user("restore", of, id=entered)
        (back,) = await world.see((of, entered))
    assert (gone.kind, gone.deleted, gone.fields) == (Kind.ACTIVITY, True, ())
    assert (back.deleted, {each.name: each.value for each in back.fields}["type"]) == (False, of)


async def test_deleted_erased_and_unknown_records_are_deleted() -> None:
    """The recycling bin still tells when the record was made, whose it was and what it said; the rest is just gone."""
    async with open_world() as world:
        (made,) = await world.connector.write([lead({"last_name": "山田"}, email="a@x.jp", lead_id="L1")])
        binned = str(getattr(made, "ref").id)  # noqa: B009 - a result of one of three types
        (before,) = await world.see(("contact", binned))
        erased = world.user("create", fields={"email": "b@x.jp"})
        world.user("delete", id=binned)
        world.user("erase", id=erased)
        seen = await world.see(("contact", binned), ("contact", erased), ("contact", "999999"))
    assert [each.deleted for each in seen] == [True, True, True]
    assert seen[0].created_at == before.created_at
    assert [each.external_id for each in seen] == ["L1", None, None]
    assert [{change.name: change.value for change in each.fields}.get("last_name") for each in seen] == [
        "山田",
        None,
        None,
    ]


@pytest.mark.parametrize("resolves", [True, False])
async def test_a_merge_moves_both_old_ids_to_the_new_one(resolves: bool) -> None:  # noqa: FBT001
    """Whether HubSpot still answers to the old ids or not, the event tells where they went."""
    settings = BUSY.__class__(ten_secondly=1_000_000, merged_ids_resolve=resolves)
    async with open_world(settings) as world:
        first = world.user("create", fields={"email": "a@x.jp", "company": "甲"})
        second = world.user("create", fields={"email": "b@x.jp", "phone": "03"})
        new = world.user("merge", id=first, other={"object": "contact", "id": second})
        body = f'{{"primaryObjectId":{first},"mergedObjectIds":[{second}],"newObjectId":{new}}}'
        seen = {each.ref.id: each for each in await world.see(("contact", new), body=body)}
        late = await world.see(("contact", second))
    there = RecordRef("hubspot", "contact", new)
    assert {first, second, new} == set(seen)
    assert seen[first].moved_to == seen[second].moved_to == there
    assert not seen[first].deleted
    assert {each.name: each.value for each in seen[new].fields} == {
        "email": "a@x.jp",
        "company": "甲",
        "phone": "03",
    }
    if resolves:
        assert {each.ref.id: each.moved_to for each in late} == {second: there, new: None}
    else:
        assert [each.deleted for each in late] == [True]


async def test_owners_who_left_are_still_named() -> None:
    """The directory holds archived users too, and is read once for many records."""
    owners = (Owner("7", "here@x.jp"), Owner("8", "left@x.jp", active=False))
    settings = BUSY.__class__(ten_secondly=1_000_000, owners=owners)
    async with open_world(settings) as world:
        rows = [
            world.user("create", fields={"email": f"{n}@x.jp", "hubspot_owner_id": n})
            for n in ("7", "8", "9")
        ]
        seen = await world.see(*(("contact", each) for each in rows))
        await world.see(*(("contact", each) for each in rows))
        requests = world.sandbox.desk.stats()["requests"]
    assert [of("owner", each.fields)[0].value for each in seen] == ["here@x.jp", "left@x.jp", "9"]
    assert requests["GET /crm/v3/owners"] == {"200": 2}


async def walked(world: World, place: Place, until: int = 4_000_000_000_000) -> list[Page]:
    """Return all pages of a walk over the contacts."""
    pages = [await world.connector.changed("contact", place, until)]
    while (following := pages[-1].next) is not None:
        pages.append(await world.connector.changed("contact", following, until))
    return pages


async def test_a_walk_tells_of_what_changed_between_two_instants() -> None:
    """What changed before, and what changed after, is left out; the values are as they are now."""
    async with open_world() as world:
        rows = [world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(5)]
        since = world.sandbox.state.clock.now() + 1_000
        world.sandbox.state.clock.drive(since)
        world.user("update", id=rows[3], fields={"company": "新"})
        world.sandbox.state.clock.drive(since + 2_000)
        world.user("update", id=rows[4], fields={"company": "後"})
        page, deleted = await walked(world, Place(since), since + 1_000)
    (seen,) = page.seen
    assert not deleted.seen
    assert not deleted.gone
    assert seen.ref.id == rows[3]
    (company,) = of("company", seen.fields)
    assert (company.value, company.exact) == ("新", False)


async def test_a_walk_ends_with_all_that_was_deleted_up_to_its_end() -> None:
    """The recycling bin is listed page by page; what went in later is left to the next walk."""
    async with open_world() as world:
        rows = [world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(151)]
        for each in rows[:150]:
            world.user("delete", id=each)
        until = world.sandbox.state.clock.now() + 1_000
        world.sandbox.state.clock.drive(until + 1_000)
        world.user("delete", id=rows[150])
        first, *rest = await walked(world, Place(until), until)
        last = rest[0].next
        assert last is not None
        behind = await world.connector.changed("contact", replace(last, at=until - 500), until)
    assert not first.gone
    assert [ref.id for page in rest for ref in page.gone] == rows[:150]
    assert all(page.gone_at.keys() == set(page.gone) for page in rest)
    assert [len(page.gone) for page in rest] == [100, 50]
    assert behind.next == Place(until - 500)  # the end had moved on meanwhile


@pytest.mark.parametrize("at_once", [1, 700])
async def test_a_walk_goes_beyond_what_a_search_shows(at_once: int) -> None:
    """A search ends at its cap, though many changed in one millisecond; the walk leaves nobody out."""
    async with open_world(replace(BUSY, search_cap=200)) as world:
        rows: list[str] = []
        for number in range(950):
            if number % at_once == 0:
                world.sandbox.state.clock.drive(world.sandbox.state.clock.now() + 1)
            rows.append(world.user("create", fields={"email": f"{number}@x.jp"}))
        pages = await walked(world, Place(0))
    assert {each.ref.id for page in pages for each in page.seen} == set(rows)
    assert len(pages) < 12


async def test_a_notification_of_no_record_is_rejected() -> None:
    """Another system's or an unknown object's notification can never be understood."""
    async with open_world() as world:
        for ref in (RecordRef("hubspot", "unknown", "0"), RecordRef("salesforce", "Lead", "1")):
            with pytest.raises(Rejected):
                await world.connector.observe([Notification(ref=ref, body="{}", received_at=0)])


async def test_the_connector_fits_the_port() -> None:
    """Its facts are those of a marketing tool that calls webhooks."""
    async with open_world() as world:
        connector: Connector = world.connector
        assert (connector.system, connector.side, connector.write_batch) == ("hubspot", Side.MA, 100)
        assert list(connector.channels) == []
        assert notified("contact", "1").ref.system == connector.system
