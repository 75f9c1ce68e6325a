"""The connector's writes on the sandbox: create, link, update, and what goes wrong in between."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from services.sync.adapters.salesforce.sandbox import SandboxSettings
from services.sync.adapters.salesforce.sandbox.fields import pick
from services.sync.application.ports import BatchRefused, Throttled, Unavailable
from services.sync.domain.records import Confirmed, Deferred, Kind, RecordRef, Refused, Scalar, Write
from tests.integration.salesforce_world import SATO, World, a_lead, lead_id, salesforce


@pytest.fixture
async def world() -> AsyncGenerator[World]:
    """Give a sandbox with a connector."""
    async with salesforce() as found:
        yield found


def confirmed(result: object) -> Confirmed:
    """Return *result*, which must be a confirmation."""
    assert isinstance(result, Confirmed), result
    return result


async def test_a_new_lead_is_created_with_our_id_and_its_owner(world: World) -> None:
    """A person whom nobody knows becomes a Lead."""
    (result,) = await world.connector.write([a_lead(score=72, owner=SATO)])
    row = world.row(confirmed(result).ref)
    assert confirmed(result).created
    assert (row["Tasuki_Id__c"], row["Tasuki_Score__c"]) == (lead_id(), 72.0)
    assert row["OwnerId"] == world.sandbox.state.tables["User"].live("Email", SATO)[0]["Id"]


async def test_a_repeated_write_finds_what_the_first_one_made(world: World) -> None:
    """Nothing is made twice."""
    first = confirmed((await world.connector.write([a_lead()]))[0])
    again = confirmed((await world.connector.write([a_lead()]))[0])
    assert again.ref == first.ref
    assert not again.created
    assert len(world.rows("Lead")) == 1


async def test_a_person_whom_sales_knows_is_linked_not_made(world: World) -> None:
    """The e-mail address finds the lead that a rep made; our id is put on it."""
    email = "lead1@firm.example"
    made = await world.act(
        "create", "Lead", fields={"LastName": "佐々木", "Company": "B社", "Email": email.upper()}
    )
    (result,) = await world.connector.write([a_lead()])
    assert confirmed(result).ref.id == made["id"]
    assert world.row(confirmed(result).ref)["Tasuki_Id__c"] == lead_id()


async def test_a_contact_is_preferred_and_the_oldest_of_several_is_taken(world: World) -> None:
    """The choice among several persons is always the same."""
    email = "lead1@firm.example"
    lead = {"act": "create", "object": "Lead", "fields": {"LastName": "a", "Company": "b", "Email": email}}
    contact = {"act": "create", "object": "Contact", "fields": {"LastName": "a", "Email": email}}
    results = await world.acts(lead, contact, contact)
    (result,) = await world.connector.write([a_lead()])
    assert confirmed(result).ref == RecordRef("salesforce", "Contact", results[1]["id"])
    found = await world.connector.search(email=email)
    assert [each.id for each in found] == [results[1]["id"], results[2]["id"], results[0]["id"]]


async def test_our_id_on_a_record_is_not_taken_from_another_lead(world: World) -> None:
    """Two leads of ours with one person: the record keeps the id that it has."""
    first = confirmed((await world.connector.write([a_lead()]))[0])
    other = Write(
        lead_id=lead_id(2),
        slot="lead",
        kind=Kind.LEAD,
        fields={"score": 5},
        match_email="lead1@firm.example",
    )
    second = confirmed((await world.connector.write([other]))[0])
    assert second.ref == first.ref
    assert world.row(first.ref)["Tasuki_Id__c"] == lead_id()


async def test_what_salesforce_requires_is_filled_with_a_sign_for_unknown(world: World) -> None:
    """A lead without names is delivered all the same."""
    write = Write(lead_id=lead_id(), slot="lead", kind=Kind.LEAD, fields={"email": "x@y.example"})
    row = world.row(confirmed((await world.connector.write([write]))[0]).ref)
    assert (row["LastName"], row["Company"]) == ("[不明]", "[不明]")


async def test_a_known_record_is_updated_and_cleared_fields_are_cleared(world: World) -> None:
    """An update names the record, and None takes a value away."""
    ref = confirmed((await world.connector.write([a_lead(first_name="太郎", country="JP")]))[0]).ref
    await world.connector.write([a_lead(ref=ref, first_name=None, score=3)])
    row = world.row(ref)
    assert (row.get("FirstName"), row["Country"], row["Tasuki_Score__c"]) == (None, "JP", 3.0)


async def test_two_hundred_leads_go_in_one_call_and_results_keep_their_order(world: World) -> None:
    """A full batch costs the two searches and one save, and each result stands in its place."""
    before = world.sandbox.traffic.calls
    results = await world.connector.write([a_lead(n) for n in range(200)])
    ids = [world.row(confirmed(each).ref)["Tasuki_Id__c"] for each in results]
    assert ids == [lead_id(n) for n in range(200)]
    assert world.sandbox.traffic.calls - before <= 7  # the searches are cut to fit into a URI


async def test_one_bad_record_does_not_hold_back_the_others(world: World) -> None:
    """A batch of which one is refused for good."""
    results = await world.connector.write([a_lead(1), a_lead(2, last_name="長" * 81), a_lead(3)])
    assert isinstance(results[0], Confirmed)
    assert isinstance(results[2], Confirmed)
    assert results[1] == Refused(
        code="STRING_TOO_LONG",
        detail=results[1].detail,  # type: ignore[union-attr]
        fields=("last_name",),
    )


async def test_each_request_is_counted_logins_too(world: World) -> None:
    """What the organisation counts against its daily limit, and one login."""
    await world.connector.write([a_lead(n) for n in range(3)])
    await world.connector.search(email="nobody@firm.example")
    assert world.connector.calls == world.sandbox.traffic.calls + 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("last_name", "長" * 81, "STRING_TOO_LONG"),
        ("email", "no address", "INVALID_EMAIL_ADDRESS"),
        ("owner", "nobody@sales.example", "UNMAPPABLE"),
        ("score", 10**31, "UNMAPPABLE"),
    ],
)
async def test_a_refused_field_is_named_and_without_it_the_record_is_taken(
    world: World, field: str, value: Scalar, code: str
) -> None:
    """Whoever sends knows what to leave out."""
    good = a_lead(country="JP")
    (result,) = await world.connector.write([replace(good, fields={**good.fields, field: value})])
    assert isinstance(result, Refused)
    assert (result.code, result.fields) == (code, (field,))

    fields = {name: each for name, each in good.fields.items() if name != field}
    (again,) = await world.connector.write([replace(good, fields=fields)])
    assert world.row(confirmed(again).ref)["Country"] == "JP"


async def test_a_stage_that_the_picklist_does_not_have_is_named(world: World) -> None:
    """A restricted picklist takes its own values only."""
    write = Write(
        lead_id=lead_id(),
        slot="opportunity:1",
        kind=Kind.OPPORTUNITY,
        fields={"name": "商談", "stage": "No such", "close_on": "2026-12-31"},
    )
    (result,) = await world.connector.write([write])
    assert isinstance(result, Refused)
    assert (result.code, result.fields) == ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ("stage",))


async def test_an_owner_who_is_no_user_is_refused_and_named(world: World) -> None:
    """A misspelt owner is a person's mistake, and only that write suffers."""
    results = await world.connector.write([a_lead(1, owner="nobody@sales.example"), a_lead(2)])
    assert results[0] == Refused(
        code="UNMAPPABLE",
        detail="owner: no active Salesforce user has this e-mail address",
        fields=("owner",),
        unsent=True,
    )
    assert isinstance(results[1], Confirmed)


async def test_all_values_without_a_form_are_named_at_once(world: World) -> None:
    """One letter tells of them all, and the record goes without them, also a task without its owner."""
    good = a_lead(country="JP")
    bad = {"owner": "nobody@sales.example", "score": 10**31}
    (result,) = await world.connector.write([replace(good, fields={**good.fields, **bad})])
    assert isinstance(result, Refused)
    assert (result.unsent, set(result.fields)) == (True, {"owner", "score"})
    assert all(f"{name}: " in result.detail for name in bad)

    parent = confirmed((await world.connector.write([good]))[0]).ref
    task = Write(
        lead_id=good.lead_id,
        slot="task:1",
        kind=Kind.ACTIVITY,
        fields={"subject": "電話", "owner": "nobody@sales.example", "due_on": "2026-12-31"},
        parent=parent,
    )
    (refused,) = await world.connector.write([task])
    assert isinstance(refused, Refused)
    assert refused.fields == ("owner",)
    rest = {name: value for name, value in task.fields.items() if name not in refused.fields}
    (made,) = await world.connector.write([replace(task, fields=rest)])
    assert world.row(confirmed(made).ref)["OwnerId"]


async def test_a_locked_row_is_deferred(world: World) -> None:
    """A lock passes: the write comes again later."""
    await world.faults(lock_row=1)
    (result,) = await world.connector.write([a_lead()])
    assert isinstance(result, Deferred)
    assert result.code == "UNABLE_TO_LOCK_ROW"
    await world.faults()
    assert confirmed((await world.connector.write([a_lead()]))[0]).created


async def test_racing_upserts_of_one_id_make_one_record(world: World) -> None:
    """Two processes that write the same lead at once."""
    results = await asyncio.gather(*(world.connector.write([a_lead()]) for _ in range(8)))
    assert len({confirmed(each[0]).ref for each in results}) == 1
    assert len(world.rows("Lead")) == 1


async def test_an_id_that_somebody_took_in_between_leads_to_that_record(world: World) -> None:
    """The vendor refuses a value that another record has: the write goes to that record."""
    await world.connector.write([a_lead(1)])
    twice = [a_lead(1, score=1), a_lead(1, score=2)]
    results = await world.connector.write(twice)
    assert len({confirmed(each).ref for each in results}) == 1
    assert len(world.rows("Lead")) == 1


async def test_a_repeated_opportunity_leaves_what_sales_did_since(world: World) -> None:
    """An attempt whose end got lost is repeated after a rep moved the deal on: it is found, not written again."""
    fields = {"name": "a", "stage": "Prospecting", "close_on": "2027-01-31"}
    write = Write(lead_id="L", slot="opportunity:1", kind=Kind.OPPORTUNITY, fields=fields)
    first = confirmed((await world.connector.write([write]))[0])
    await world.act("update", "Opportunity", id=first.ref.id, fields={"StageName": "Closed Won"})

    again = confirmed((await world.connector.write([write]))[0])

    assert (first.created, again.created, again.ref) == (True, False, first.ref)
    assert [each["StageName"] for each in world.rows("Opportunity")] == ["Closed Won"]


async def test_a_lost_connection_and_a_repeat_make_no_duplicate(world: World) -> None:
    """Half of the connections break, before or after the work; repeating until it works makes one of each."""
    await world.faults(reset=0.5, seed=7)
    failures = unheard = 0
    for number in range(12):
        while True:
            try:
                await world.connector.write([a_lead(number)])
                break
            except Unavailable:
                failures += 1
                unheard += len(world.rows("Lead")) > number
    assert failures > unheard > 0  # some broke before the work was done, some after
    assert sorted(each["Tasuki_Id__c"] for each in world.rows("Lead")) == [lead_id(n) for n in range(12)]


async def test_a_converted_lead_leads_to_its_contact(world: World) -> None:
    """The write that names the lead reaches the contact, with the contact's own field names."""
    ref = confirmed((await world.connector.write([a_lead()]))[0]).ref
    done = await world.act("convert", "Lead", id=ref.id)
    (result,) = await world.connector.write([a_lead(ref=ref, score=9, country="日本", company="ない")])
    assert confirmed(result).ref == RecordRef("salesforce", "Contact", done["created"]["contact"])
    row = world.row(confirmed(result).ref)
    assert (row["Tasuki_Score__c"], row["MailingCountry"]) == (9.0, "日本")


async def test_a_merged_lead_leads_to_the_one_that_was_kept(world: World) -> None:
    """The loser of a merge is deleted and names its master."""
    lost = confirmed((await world.connector.write([a_lead(1)]))[0]).ref
    kept = confirmed((await world.connector.write([a_lead(2)]))[0]).ref
    await world.act("merge", "Lead", id=kept.id, other={"object": "Lead", "id": lost.id})
    (result,) = await world.connector.write([a_lead(1, ref=lost, score=4)])
    assert confirmed(result).ref == kept
    assert world.row(kept)["Tasuki_Id__c"] == lead_id(2)


async def test_a_deleted_lead_is_refused(world: World) -> None:
    """What sales threw away does not come back by itself."""
    ref = confirmed((await world.connector.write([a_lead()]))[0]).ref
    await world.act("delete", "Lead", id=ref.id)
    (result,) = await world.connector.write([a_lead(ref=ref, score=4)])
    assert isinstance(result, Refused)
    assert result.code == "ENTITY_IS_DELETED"


@pytest.mark.parametrize("details", [True, False])
async def test_a_detected_duplicate_is_linked_when_it_is_only_one(*, details: bool) -> None:
    """The organisation's duplicate rule knows a person whom the search missed: that record is taken."""
    settings = SandboxSettings(duplicate_rule=True, duplicate_details=details)
    async with salesforce(settings) as world:
        email = "twin@firm.example"
        made = await world.act("create", "Lead", fields={"LastName": "a", "Company": "b", "Email": email})
        unsearched = Write(
            lead_id=lead_id(),
            slot="lead",
            kind=Kind.LEAD,
            fields={"email": email, "score": 8},
            match_email=None if details else email,
        )
        if details:
            assert confirmed((await world.connector.write([unsearched]))[0]).ref.id == made["id"]
            await world.act("create", "Lead", fields={"LastName": "a", "Company": "b", "Email": email})
            other = Write(lead_id=lead_id(2), slot="lead", kind=Kind.LEAD, fields={"email": email})
            (ambiguous,) = await world.connector.write([other])
            assert isinstance(ambiguous, Refused)
            assert ambiguous.code == "DUPLICATES_DETECTED"
        else:
            assert confirmed((await world.connector.write([unsearched]))[0]).ref.id == made["id"]


async def test_an_opportunity_hangs_on_the_contact_and_its_account(world: World) -> None:
    """An opportunity is upserted by lead and cycle; the contact becomes its primary role."""
    account = await world.act("create", "Account", fields={"Name": "株式会社例"})
    contact = await world.act("create", "Contact", fields={"LastName": "山田", "AccountId": account["id"]})
    write = Write(
        lead_id=lead_id(),
        slot="opportunity:2",
        kind=Kind.OPPORTUNITY,
        fields={"name": "例 山田", "stage": "Prospecting", "close_on": "2027-01-31", "amount": 1_200_000},
        parent=RecordRef("salesforce", "Contact", contact["id"]),
    )
    first = confirmed((await world.connector.write([write]))[0])
    again = confirmed((await world.connector.write([write]))[0])
    row = world.row(first.ref)
    assert (first.created, again.created, again.ref) == (True, False, first.ref)
    assert (row["Tasuki_Id__c"], row["AccountId"], row["Amount"]) == (f"{lead_id()}:2", account["id"], 1.2e6)
    assert [each["ContactId"] for each in world.rows("OpportunityContactRole")] == [contact["id"]]


async def test_a_task_for_a_lead_is_made_once_and_keeps_what_the_rep_did(world: World) -> None:
    """A repeated task write does not open again what was completed."""
    lead = confirmed((await world.connector.write([a_lead()]))[0]).ref
    write = Write(
        lead_id=lead_id(),
        slot="task:1",
        kind=Kind.ACTIVITY,
        fields={
            "subject": "MQL対応",
            "type": "task",
            "owner": SATO,
            "due_on": "2026-11-24",
            "body": "資料ダウンロード +30",
        },
        parent=lead,
    )
    task = confirmed((await world.connector.write([write]))[0]).ref
    await world.act("update", "Task", id=task.id, fields={"Status": "Completed"})
    assert confirmed((await world.connector.write([write]))[0]).ref == task
    row = world.row(task)
    assert (row["WhoId"], row["Subject"], row["ActivityDate"]) == (lead.id, "MQL対応", "2026-11-24")
    assert (row["Status"], row["Description"]) == ("Completed", "資料ダウンロード +30")


async def test_a_task_for_a_lead_converted_meanwhile_hangs_on_the_contact(world: World) -> None:
    """The vendor refuses to hang a task on a converted lead."""
    lead = confirmed((await world.connector.write([a_lead()]))[0]).ref
    done = await world.act("convert", "Lead", id=lead.id)
    write = Write(lead_id=lead_id(), slot="task:1", kind=Kind.ACTIVITY, fields={"subject": "x"}, parent=lead)
    task = confirmed((await world.connector.write([write]))[0]).ref
    assert world.row(task)["WhoId"] == done["created"]["contact"]


async def test_a_session_that_ended_is_renewed_once_for_all(world: World) -> None:
    """Many calls meet the end of the session; one login serves them."""
    await world.connector.write([a_lead(0)])
    world.sandbox.logins.end_all()
    await asyncio.gather(*(world.connector.write([a_lead(n)]) for n in range(1, 9)))
    assert world.sandbox.logins.opened == 2
    assert len(world.rows("Lead")) == 9


async def test_a_used_up_quota_throttles() -> None:
    """The vendor's daily limit is not an outage."""
    async with salesforce(SandboxSettings(daily_calls=4)) as world:
        await world.connector.write([a_lead(1)])
        usage = world.connector.usage
        assert usage is not None
        assert (usage.used, usage.limit, usage.left) == (3, 4, 1)
        with pytest.raises(Throttled):
            await world.connector.write([a_lead(2)])


async def test_an_outage_is_unavailable_and_passes(world: World) -> None:
    """Nothing is lost: the same write works when the vendor is back."""
    await world.faults(outage=True)
    with pytest.raises(Unavailable):
        await world.connector.write([a_lead()])
    await world.faults()
    assert confirmed((await world.connector.write([a_lead()]))[0]).created


async def test_a_field_that_is_gone_refuses_the_batch() -> None:
    """An unknown external id field concerns the whole call, and says so."""
    async with salesforce(external_id_field="Gone__c") as world:
        with pytest.raises(BatchRefused) as refused:
            await world.connector.write([a_lead()])
        assert refused.value.code == "INVALID_FIELD"


async def test_amount_is_ignored_where_line_items_say_it(world: World) -> None:
    """The vendor succeeds and changes nothing."""
    write = Write(
        lead_id=lead_id(),
        slot="opportunity:1",
        kind=Kind.OPPORTUNITY,
        fields={"name": "a", "stage": "Prospecting", "close_on": "2027-01-31", "amount": 100},
    )
    ref = confirmed((await world.connector.write([write]))[0]).ref
    await world.act("update", "Opportunity", id=ref.id, fields={"HasOpportunityLineItem": True})
    update = Write(
        lead_id=lead_id(), slot="opportunity:1", kind=Kind.OPPORTUNITY, fields={"amount": 7}, ref=ref
    )
    assert isinstance((await world.connector.write([update]))[0], Confirmed)
    assert world.row(ref)["Amount"] == 100.0


def a_task(parent: RecordRef, ref: RecordRef | None = None, **fields: Scalar) -> Write:
    """Return the write of a task that an alert asked for."""
    return Write(
        lead_id=lead_id(),
        slot="alert:a1b2",
        kind=Kind.ACTIVITY,
        fields=fields or {"subject": "期限超過"},
        ref=ref,
        parent=parent,
    )


@pytest.mark.parametrize("labels", ["Not Started|Completed|Deferred", "未着手|進行中|完了"])
async def test_a_task_is_completed_with_the_organisation_s_own_word(labels: str) -> None:
    """Its subject and owner stay; a repeat changes nothing."""
    status = pick("Status", "Status", "状況", labels, restricted=True, default=labels.partition("|")[0])
    async with salesforce(SandboxSettings(extra_fields={"Task": (status,)})) as world:
        lead = confirmed((await world.connector.write([a_lead()]))[0]).ref
        task = confirmed((await world.connector.write([a_task(lead)]))[0]).ref
        for _ in range(2):
            done = (await world.connector.write([a_task(lead, task, status="completed")]))[0]
            assert confirmed(done).ref == task
        row = world.row(task)
        assert (row["IsClosed"], row["Subject"], row["Tasuki_Id__c"]) == (
            True,
            "期限超過",
            f"{lead_id()}:a1b2",
        )
        assert row["Status"] in labels


async def test_a_task_that_a_rep_deleted_needs_no_completing(world: World) -> None:
    """Who deleted it is done with it: that is no error."""
    lead = confirmed((await world.connector.write([a_lead()]))[0]).ref
    task = confirmed((await world.connector.write([a_task(lead)]))[0]).ref
    await world.act("delete", "Task", id=task.id)
    done = (await world.connector.write([a_task(lead, task, status="completed")]))[0]
    assert confirmed(done).ref == task
    assert world.rows("Task") == []
