"""From change events to observations: values with their times, conversions, merges, gaps, activities."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from services.errors import Rejected
from services.runtime.clock import now_ms
from services.sync.adapters.salesforce.observing import UNKNOWN
from services.sync.adapters.salesforce.sandbox import SandboxSettings
from services.sync.adapters.salesforce.sandbox.bus import ALL_CHANGES
from services.sync.application.ports import Place
from services.sync.domain.records import Confirmed, Kind, Notification, Observation, RecordRef, Scalar
from tests.integration.salesforce_world import (
    SATO,
    SUZUKI,
    Follower,
    World,
    a_lead,
    following,
    lead_id,
    salesforce,
)


@pytest.fixture
async def world() -> AsyncGenerator[World]:
    """Give a sandbox with a connector."""
    async with salesforce(SandboxSettings(keep_alive_ms=50)) as found:
        yield found


@pytest.fixture
async def told(world: World) -> AsyncGenerator[Follower]:
    """Follow all changes of the sandbox."""
    async with following(world, ALL_CHANGES) as follower:
        yield follower


async def seen(world: World, told: Follower, count: int, of: str | None = None) -> list[Observation]:
    """Observe the newest events once there are *count* of them, those of the object *of* only if given."""
    notifications = (await told.until(count))[:count]
    chosen = [each for each in notifications if of is None or each.ref.object == of]
    return list(await world.connector.observe(chosen))


def values(observation: Observation) -> dict[str, Scalar]:
    """Return the fields of *observation* by name."""
    return {each.name: each.value for each in observation.fields}


def reading(ref: RecordRef) -> Notification:
    """Return a notification that only asks to read the record."""
    return Notification(ref=ref, body="", received_at=1)


async def test_our_own_create_is_marked_as_ours(world: World, told: Follower) -> None:
    """The echo of our write carries our id, and the time of the commit for each field."""
    await world.connector.write([a_lead(score=72, owner=SATO)])
    calls = world.sandbox.traffic.calls
    (found,) = await seen(world, told, 1)
    row = world.rows("Lead")[0]
    assert (found.kind, found.external_id, found.created_at) == (Kind.LEAD, lead_id(), row["CreatedDate"])
    assert values(found) == {
        "email": "lead1@firm.example",
        "last_name": "山田",
        "company": "株式会社例",
        "sfa_status": "Open - Not Contacted",
        "owner": SATO,
        "score": 72,
    }
    assert all(each.own and each.exact and each.changed_at == row["CreatedDate"] for each in found.fields)
    assert world.sandbox.traffic.calls - calls <= 1  # the owner's address; nothing else is read


async def test_a_users_edit_tells_the_changed_fields_only(world: World, told: Follower) -> None:
    """An edit by a rep is not ours; what was cleared is None."""
    made = await world.act(
        "create", "Lead", fields={"LastName": "a", "Company": "b", "FirstName": "c", "Country": "d"}
    )
    await world.act(
        "update", "Lead", id=made["id"], fields={"Status": "Qualified", "FirstName": "", "Country": "e"}
    )
    await seen(world, told, 1)
    calls = world.sandbox.traffic.calls
    (found,) = await world.connector.observe((await told.until(2))[1:])
    assert values(found) == {"sfa_status": "Qualified", "first_name": None, "country": "e"}
    assert {each.changed_at for each in found.fields} == {world.rows("Lead")[0]["LastModifiedDate"]}
    assert not any(each.own for each in found.fields)
    assert world.sandbox.traffic.calls == calls


async def test_a_conversion_moves_the_lead_to_its_contact(world: World, told: Follower) -> None:
    """The lead's change names the contact; the contact carries our id over; the opportunity knows its contact."""
    await world.connector.write([a_lead()])
    lead = world.rows("Lead")[0]["Id"]
    made = (
        await world.act("convert", "Lead", id=lead, fields={"opportunityName": "例 案件", "Amount": 5000})
    )["created"]
    _, account, contact, opportunity, moved = await seen(world, told, 5)
    assert account.kind is Kind.COMPANY
    assert (contact.ref.id, contact.external_id) == (made["contact"], lead_id())
    assert opportunity.ref.id == made["opportunity"]
    assert values(opportunity)["amount"] == 5000
    assert opportunity.parents == (RecordRef("salesforce", "Contact", made["contact"]),)
    assert (moved.ref.id, moved.deleted) == (lead, False)
    assert moved.moved_to == contact.ref
    assert values(moved)["converted"] is True


async def test_a_merge_moves_the_loser_and_a_deletion_deletes(world: World, told: Follower) -> None:
    """The stream tells both as a deletion; only a read tells them apart."""
    await world.connector.write([a_lead(1), a_lead(2), a_lead(3)])
    one, two, three = (each["Id"] for each in world.rows("Lead"))
    await world.act("merge", "Lead", id=one, other={"object": "Lead", "id": two})
    await world.act("delete", "Lead", id=three)
    found = (await seen(world, told, 6))[3:]
    gone = [(one, False), (two, True), (one, False), (three, True)]
    assert [(each.ref.id, each.deleted) for each in found] == gone
    assert found[1].moved_to == found[0].ref
    assert values(found[2])["last_name"] == "山田"  # what somebody chose to keep is in no event
    assert found[3].moved_to is None


async def test_merges_of_merges_lead_to_the_last_one(world: World, told: Follower) -> None:
    """The master was itself merged, and then converted, before the first deletion was looked at."""
    await world.connector.write([a_lead(1), a_lead(2), a_lead(3)])
    one, two, three = (each["Id"] for each in world.rows("Lead"))
    await world.act("merge", "Lead", id=two, other={"object": "Lead", "id": one})
    await world.act("merge", "Lead", id=three, other={"object": "Lead", "id": two})
    done = await world.act("convert", "Lead", id=three, fields={"doNotCreateOpportunity": True})
    found = await seen(world, told, 7, of="Lead")
    gone = [each for each in found if each.ref.id == one and not each.fields]
    assert gone[0].moved_to == RecordRef("salesforce", "Contact", done["created"]["contact"])


async def test_an_undeleted_lead_is_there_again_with_all_its_fields(world: World, told: Follower) -> None:
    """Taken out of the recycle bin."""
    await world.connector.write([a_lead()])
    lead = world.rows("Lead")[0]["Id"]
    await world.act("delete", "Lead", id=lead)
    await world.act("undelete", "Lead", id=lead)
    *before, last = await seen(world, told, 2)
    assert not any(each.deleted for each in before)  # it was there again when the deletion was looked at
    assert (last.deleted, last.external_id, values(last)["email"]) == (
        False,
        lead_id(),
        "lead1@firm.example",
    )


async def test_an_account_that_is_there_again_was_never_gone(world: World) -> None:
    """The deletion is looked at after it was taken out of the bin, perhaps at the same instant as that."""
    told = Follower(world.connector, "/data/AccountChangeEvent")
    try:
        firm = (await world.act("create", "Account", fields={"Name": "例"}))["id"]
        await world.act("delete", "Account", id=firm)
        await world.act("undelete", "Account", id=firm)
        found = await seen(world, told, 3, of="Account")
    finally:
        await told.stop()
    assert [each.deleted for each in found] == [False, False]


async def test_a_deleted_task_is_gone_until_it_is_undeleted(world: World, told: Follower) -> None:
    """A call that a rep deletes, and takes out of the recycle bin."""
    (made,) = await world.connector.write([a_lead()])
    assert isinstance(made, Confirmed)
    fields = {"WhoId": made.ref.id, "Subject": "架電", "TaskSubtype": "Call", "Status": "Completed"}
    task = (await world.act("create", "Task", fields=fields))["id"]
    await world.act("delete", "Task", id=task)
    await world.act("undelete", "Task", id=task)
    found = await seen(world, told, 4, of="Task")
    assert [(each.deleted, values(each).get("type")) for each in found] == [
        (False, "call"),
        (True, None),
        (False, "call"),
    ]


async def test_a_gap_event_has_the_record_read(world: World, told: Follower) -> None:
    """An event without values: the record tells what it is now, without exact times."""
    made = await world.act("create", "Lead", fields={"LastName": "a", "Company": "b", "OwnerId": None})
    await world.faults(gap_event=1)
    await world.act("update", "Lead", id=made["id"], fields={"FirstName": "太郎"})
    found = (await seen(world, told, 2))[1]
    assert values(found)["first_name"] == "太郎"
    assert not any(each.exact or each.own for each in found.fields)
    assert found.created_at == world.rows("Lead")[0]["CreatedDate"]


async def test_when_we_made_a_record_is_not_told_by_a_reading(world: World, told: Follower) -> None:
    """A rep changed it since and the event said nothing: the lead isn't as young as our record, nor as old."""
    await world.connector.write([a_lead(score=72)])
    await told.until(1)
    await world.faults(gap_event=1)
    await world.act("update", "Lead", id=world.rows("Lead")[0]["Id"], fields={"FirstName": "太郎"})
    (found,) = await world.connector.observe((await told.until(2))[1:])
    assert (values(found)["first_name"], found.created_at) == ("太郎", UNKNOWN)
    assert not any(each.own for each in found.fields)


async def test_a_walk_tells_of_every_record_that_changed(world: World) -> None:
    """More than one page of them, many of one transaction, and those that were deleted."""
    world.sandbox.state.settings = SandboxSettings()
    await world.acts(
        *(
            {"act": "create", "object": "Lead", "fields": {"LastName": f"n{n}", "Company": "c"}}
            for n in range(2100)
        )
    )
    gone = world.rows("Lead")[7]["Id"]
    await world.acts({"act": "delete", "object": "Lead", "id": gone})
    until = now_ms() + 60_000
    first = await world.connector.changed("Lead", Place(0), until)
    assert first.next is not None
    second = await world.connector.changed("Lead", first.next, until)
    assert second.next is None
    seen = [each.ref.id for each in (*first.seen, *second.seen)]
    assert (len(seen), len(set(seen))) == (2099, 2099)
    assert [each.id for each in (*first.gone, *second.gone)] == [gone]
    nothing = await world.connector.changed("Lead", Place(until + 1), until + 2)
    assert (list(nothing.seen), nothing.next) == ([], None)


async def test_the_objects_that_are_swept_are_those_whose_changes_are_told(world: World) -> None:
    """Persons first; a channel of all changes tells of all of them."""
    connector = world.connector
    assert list(connector.objects) == ["Lead", "Contact", "Opportunity", "Task", "Event"]
    assert list(connector.told_by("/data/LeadChangeEvent")) == ["Lead"]
    assert list(connector.told_by("/data/ChangeEvents")) == list(connector.objects)


async def test_a_record_is_read_on_request_or_gone(world: World) -> None:
    """A notification without a body asks for the record."""
    await world.connector.write([a_lead(score=3)])
    there = RecordRef("salesforce", "Lead", world.rows("Lead")[0]["Id"])
    nowhere = RecordRef("salesforce", "Lead", "00Q5g000000zzzz")
    found, gone = await world.connector.observe([reading(there), reading(nowhere)])
    assert (values(found)["score"], found.external_id, found.deleted) == (3, lead_id(), False)
    assert all(each.own and not each.exact for each in found.fields)
    assert (gone.ref, gone.deleted, gone.moved_to) == (nowhere, True, None)


async def test_a_planned_call_becomes_a_call_when_it_is_done(world: World, told: Follower) -> None:
    """A task touches nobody before it is done; then it says who did what when on whom."""
    lead = await world.act("create", "Lead", fields={"LastName": "a", "Company": "b"})
    task = await world.act(
        "create",
        "Task",
        fields={"Subject": "電話", "TaskSubtype": "Call"},
        parents=[{"object": "Lead", "id": lead["id"]}],
        user=SATO,
    )
    await world.act(
        "update",
        "Task",
        id=task["id"],
        fields={"Status": "Completed", "CallDisposition": "Connected"},
        user=SUZUKI,
    )
    planned, done = await seen(world, told, 3, of="Task")
    assert planned.parents == done.parents == (RecordRef("salesforce", "Lead", lead["id"]),)
    assert values(planned)["type"] == "task"
    row = world.rows("Task")[0]
    assert values(done) == {
        "type": "call",
        "at": row["CompletedDateTime"],
        "outcome": "Connected",
        "owner": SATO,
    }
    assert done.created_at == row["CreatedDate"]


@pytest.mark.parametrize(
    ("of", "fields", "wanted"),
    [
        ("Task", {"TaskSubtype": "Email", "Status": "Completed"}, "email"),
        ("Task", {"CallType": "Outbound", "Status": "Completed"}, "call"),
        ("Task", {"Status": "Completed"}, "task"),
        ("Event", {"StartDateTime": "2026-11-25T01:00:00.000+0000"}, "meeting"),
    ],
)
async def test_activities_have_their_types(
    world: World, told: Follower, of: str, fields: dict[str, Any], wanted: str
) -> None:
    """Calls, mails, meetings and other tasks."""
    await world.act("create", of, fields=fields)
    (found,) = await seen(world, told, 1)
    assert (found.kind, values(found)["type"]) == (Kind.ACTIVITY, wanted)
    if of == "Event":
        assert values(found)["at"] == 1_795_568_400_000


async def test_an_update_of_an_opportunity_knows_its_contact(world: World, told: Follower) -> None:
    """Few fields come with an update; the contact is known or looked up."""
    contact = await world.act("create", "Contact", fields={"LastName": "a"})
    fields = {"Name": "a", "StageName": "Prospecting", "CloseDate": "2027-01-31", "ContactId": contact["id"]}
    made = await world.act("create", "Opportunity", fields=fields)
    await world.act(
        "update", "Opportunity", id=made["id"], fields={"StageName": "Closed Won", "CloseDate": "2026-12-24"}
    )
    found = (await seen(world, told, 3))[2]
    assert values(found) == {"stage": "Closed Won", "close_on": "2026-12-24"}
    assert found.parents == (RecordRef("salesforce", "Contact", contact["id"]),)


async def test_an_object_that_nobody_knows_is_rejected(world: World) -> None:
    """A channel of another object was configured."""
    case = Notification(
        ref=RecordRef("salesforce", "Case", "5005g000000zzzz"),
        body='{"header":{"changeType":"CREATE","commitTimestamp":1},"values":{}}',
        received_at=1,
    )
    with pytest.raises(Rejected) as rejected:
        await world.connector.observe([case])
    assert rejected.value.reason == "unknown-object"


async def test_instants_lose_their_milliseconds_in_salesforce(world: World, told: Follower) -> None:
    """The vendor keeps whole seconds: who writes an instant must not expect its milliseconds back."""
    await world.connector.write([a_lead(mql_at=1_795_361_867_999)])
    assert values((await seen(world, told, 1))[0])["mql_at"] == 1_795_361_867_000


_ODD: list[Any] = [None, True, -1, 2**63, 1.5, "", "x", "005" + "z" * 15, [], [1], {}, {"a": 1}, "9" * 400]


def mangled(body: str, random: Random) -> str:
    """Return an event's body with something else in some of its places."""
    event = json.loads(body)
    for part in (event, event["header"], event["values"]):
        for name in list(part):
            if random.random() < 0.15:
                part[name] = random.choice(_ODD)
            elif random.random() < 0.05:
                del part[name]
    text = json.dumps(event)
    return text[: random.randrange(len(text))] if random.random() < 0.05 else text


async def test_mangled_events_are_observed_or_rejected(world: World, told: Follower) -> None:
    """Whatever stands in a body, nothing but Rejected comes out."""
    await world.connector.write([a_lead(score=3, mql_at=1_795_361_867_000)])
    lead = world.rows("Lead")[0]["Id"]
    await world.act(
        "create", "Task", fields={"Status": "Completed"}, parents=[{"object": "Lead", "id": lead}]
    )
    await world.act("create", "Event", fields={"StartDateTime": "2026-11-25T01:00:00Z"})
    await world.act("convert", "Lead", id=lead)
    events = (await told.until(7))[:7]
    random, rejected = Random(20_261_122), 0
    for number in range(600):
        event = events[number % len(events)]
        try:
            await world.connector.observe([replace(event, body=mangled(event.body, random))])
        except Rejected:
            rejected += 1
    assert 0 < rejected < 600
