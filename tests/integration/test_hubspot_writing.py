"""The HubSpot connector writes leads: makes, links and updates contacts, and loses none to another's fault."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from services.sync.adapters.hubspot import OAuthGrant
from services.sync.adapters.sandbox.faults import Faults
from services.sync.application.ports import BatchRefused, Throttled, Unauthorised, Unavailable
from services.sync.domain.records import Confirmed, Deferred, Kind, Refused, WriteResult
from tests.integration.hubspot_world import BUSY, World, lead, open_world


def ref_of(result: WriteResult) -> str:
    """Return the id of a confirmed write."""
    assert isinstance(result, Confirmed), result
    return result.ref.id


async def test_a_new_lead_is_made_once_however_often_it_is_sent() -> None:
    """The first write makes the contact with our id, the second finds it by its address or our id."""
    async with open_world() as world:
        write = lead({"last_name": "山田", "email": "Yamada@X.jp"}, email="Yamada@X.jp", lead_id="L1")
        (first,) = await world.connector.write([write])
        (second,) = await world.connector.write([write])
        (third,) = await world.connector.write([replace(write, match_email=None)])
        assert world.sandbox.state.store.creates == 1
        values = world.contact(ref_of(first))
    assert isinstance(first, Confirmed)
    assert first.created
    assert second == third == replace(first, created=False)
    assert values["tasuki_id"] == "L1"
    assert values["email"] == "yamada@x.jp"


async def test_an_existing_contact_is_linked_not_doubled() -> None:
    """A contact with the lead's address gets our id and the fields; no second one is made."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp", "company": "甲"})
        (result,) = await world.connector.write([lead({"phone": "03"}, email="A@x.jp", lead_id="L1")])
        assert ref_of(result) == row
        assert world.contact(row)["tasuki_id"] == "L1"
        assert world.contact(row)["phone"] == "03"
        assert world.contact(row)["company"] == "甲"
        assert world.sandbox.state.store.creates == 1


async def test_a_further_address_of_a_contact_is_found_too() -> None:
    """After a merge the second address is still the same person's: the conflict names the contact."""
    async with open_world() as world:
        first = world.user("create", fields={"email": "a@x.jp"})
        second = world.user("create", fields={"email": "b@x.jp"})
        new = world.user("merge", id=first, other={"object": "contact", "id": second})
        (result,) = await world.connector.write([lead({"phone": "03", "email": "b@x.jp"}, email="b@x.jp")])
        assert ref_of(result) == new
        assert world.contact(new)["email"] == "a@x.jp"


async def test_a_contact_that_appears_between_look_and_write_is_taken_over() -> None:
    """When another makes the contact just then, HubSpot's conflict names it, and it is linked."""
    rival: list[Any] = []

    class Slow(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("/upsert") and not rival[1:]:
                rival.append(rival[0].user("create", fields={"email": "a@x.jp"}))
            return await super().handle_async_request(request)

    async with open_world(transport=Slow()) as world:
        rival.append(world)
        (result,) = await world.connector.write([lead({"phone": "03"}, email="a@x.jp", lead_id="L1")])
        assert ref_of(result) == rival[1]
        assert world.contact(rival[1])["tasuki_id"] == "L1"


async def test_anothers_contact_is_not_stolen() -> None:
    """A contact that carries another lead's id is left alone, and the reason says so."""
    async with open_world() as world:
        await world.connector.write([lead({"last_name": "甲"}, email="a@x.jp", lead_id="L1")])
        (result,) = await world.connector.write([lead({"last_name": "乙"}, email="a@x.jp", lead_id="L2")])
    assert isinstance(result, Refused)
    assert result.code == "linked-elsewhere"


async def test_results_stand_in_order_and_one_bad_record_harms_no_other() -> None:
    """Of a batch of known, new and bad records each gets its own answer, in its place."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        results = await world.connector.write(
            [
                lead({"last_name": "新"}, email="new@x.jp"),
                lead({"email": "no address"}, ref=row),
                lead({"phone": "03"}, ref=row),
                lead({"phone": "04"}, ref="999999"),
                lead({"owner": "nobody@x.jp"}, ref=row),
                lead({"visits": 7, "unmapped": "x", "company": "甲"}, ref=row),
                lead({"stage": "no such stage"}, ref=row),
            ]
        )
        assert world.contact(row)["phone"] == "03"
        assert world.contact(row)["company"] == "甲"
    assert [type(each) for each in results] == [
        Confirmed,
        Refused,
        Confirmed,
        Refused,
        Refused,
        Confirmed,
        Refused,
    ]
    codes = [each.code for each in results if isinstance(each, Refused)]
    assert codes == ["INVALID_EMAIL", "OBJECT_NOT_FOUND", "unmappable", "INVALID_OPTION"]
    fields = [each.fields for each in results if isinstance(each, Refused)]
    assert fields == [("email",), (), ("owner",), ("stage",)]


async def test_every_refused_field_is_named_and_without_them_the_record_is_taken() -> None:
    """Whoever sends knows what to leave out, also where nobody has the address that was refused."""
    async with open_world() as world:
        bad = lead({"email": "no address", "stage": "no such stage", "last_name": "山田"}, email="no address")
        (result,) = await world.connector.write([bad])
        assert isinstance(result, Refused)
        assert result.fields == ("email", "stage")

        (again,) = await world.connector.write([lead({"last_name": "山田"})])
        assert isinstance(again, Confirmed)
        assert world.contact(again.ref.id)["lastname"] == "山田"


async def test_all_values_without_a_form_are_named_at_once() -> None:
    """One letter tells of them all; HubSpot isn't asked."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        (result,) = await world.connector.write(
            [lead({"owner": "nobody@x.jp", "opted_out": "maybe", "phone": "03"}, ref=row)]
        )
        assert isinstance(result, Refused)
        assert (result.code, result.unsent, result.fields) == ("unmappable", True, ("owner", "opted_out"))
        assert "owner: no active HubSpot user" in result.detail
        assert "opted_out: 'maybe' is not a boolean" in result.detail
        assert not world.contact(row).get("phone")


async def test_each_request_is_counted() -> None:
    """Looks and writes alike."""
    async with open_world() as world:
        await world.connector.write([lead({"last_name": "山田"}, email="a@x.jp")])
        await world.connector.search(email="b@x.jp")
        assert world.connector.calls == sum(
            sum(each.values()) for each in world.sandbox.desk.stats()["requests"].values()
        )


async def test_values_are_written_in_hubspots_form() -> None:
    """Owners by id, booleans as words, money in major units, blanks as empty strings."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp", "company": "甲"})
        fields = {"owner": "sato@sandbox.example", "opted_out": True, "revenue": 1_200_000, "company": None}
        await world.connector.write([lead(fields, ref=row)])
        values = world.contact(row)
    assert values["hubspot_owner_id"] == "71001"
    assert values["hs_email_optout"] == "true"
    assert values["annualrevenue"] == "1200000"
    assert values["company"] == ""


async def test_a_stage_goes_back_although_hubspot_only_pretends() -> None:
    """HubSpot answers success and leaves a later stage; it is cleared first, then set, and known as done."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp", "lifecyclestage": "opportunity"})
        (result,) = await world.connector.write([lead({"stage": "lead", "phone": "03"}, ref=row)])
        assert isinstance(result, Confirmed)
        assert world.contact(row)["lifecyclestage"] == "lead"
        (seen,) = await world.see(("contact", row))
    assert [each.value for each in seen.fields if each.name == "stage"] == ["opportunity", None, "lead"]


async def test_two_writes_to_one_contact_go_one_after_the_other() -> None:
    """HubSpot refuses a batch that names a record twice; the later write stands."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        writes = [lead({"phone": "03"}, ref=row), lead({"phone": "04", "company": "甲"}, ref=row)]
        results = await world.connector.write(writes)
        assert [type(each) for each in results] == [Confirmed, Confirmed]
        assert world.contact(row)["phone"] == "04"


async def test_other_kinds_are_refused() -> None:
    """HubSpot as the marketing tool gets no tasks and no opportunities."""
    async with open_world() as world:
        write = replace(lead({}), kind=Kind.OPPORTUNITY, slot="opportunity:1")
        (result,) = await world.connector.write([write])
    assert isinstance(result, Refused)
    assert result.code == "unsupported"


async def test_a_batch_that_fails_without_a_name_is_refused_as_a_whole_and_alone_by_name() -> None:
    """Where HubSpot doesn't say which record is bad, the caller halves; the last one gets the reason."""

    class Deaf(httpx2.AsyncHTTPTransport):
        """Answers as HubSpot does for inputs without trace ids: all or nothing."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            body = (await request.aread()).replace(b'"objectWriteTraceId"', b'"ignored"')
            headers = {n: v for n, v in request.headers.items() if n != "content-length"}
            plain = httpx2.Request(request.method, request.url, headers=headers, content=body)
            return await super().handle_async_request(plain)

    async with open_world(transport=Deaf()) as world:
        rows = [world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(4)]
        writes = [lead({"email": "bad" if row == rows[2] else f"{row}@y.jp"}, ref=row) for row in rows]
        with pytest.raises(BatchRefused):
            await world.connector.write(writes)
        results = [(await world.connector.write([each]))[0] for each in writes]
    assert [type(each) for each in results] == [Confirmed, Confirmed, Refused, Confirmed]


async def test_a_locked_record_is_deferred_and_the_rest_goes_on() -> None:
    """A lock says nothing against the record: it may be taken later."""
    async with open_world() as world:
        rows = [world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(40)]
        world.sandbox.state.faults.set(Faults(lock_row=0.3, seed=3))
        results = await world.connector.write([lead({"phone": "03"}, ref=row) for row in rows])
    assert {type(each) for each in results} == {Confirmed, Deferred}


async def test_a_record_refused_for_ever_stays_refused() -> None:
    """A portal's own rule refuses the same record each time."""
    async with open_world() as world:
        rows = [world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(40)]
        world.sandbox.state.faults.set(Faults(partial_error=0.2, seed=3))
        writes = [lead({"phone": "03"}, ref=row) for row in rows]
        results = await world.connector.write(writes)
    refused = [each for each in results if isinstance(each, Refused)]
    assert 0 < len(refused) < 40
    assert {each.code for each in refused} == {"SANDBOX_FAULT"}


async def test_each_failure_of_the_whole_has_its_own_name() -> None:
    """Too many requests, outages, refused credentials and dropped connections are told apart."""
    async with open_world() as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        write = [lead({"phone": "03"}, ref=row)]
        faults = world.sandbox.state.faults
        for fault, error in (
            (Faults(too_many_requests=1), Throttled),
            (Faults(outage=True), Unavailable),
            (Faults(server_error=1), Unavailable),
            (Faults(expire_session=1), Unauthorised),
            (Faults(reset=1), Unavailable),
        ):
            faults.set(fault)
            with pytest.raises(error):
                await world.connector.write(write)
            with pytest.raises(error):
                await world.see(("contact", row))
        faults.set(Faults())
        assert isinstance((await world.connector.write(write))[0], Confirmed)
        base_url = world.sandbox.base_url
        await world.sandbox.stop()
        with pytest.raises(Unavailable):
            await world.connector.write(write)
    assert base_url.startswith("http://127.0.0.1:")


async def test_a_vendor_that_takes_too_long_is_unavailable() -> None:
    """The connector waits no longer than its own timeout."""
    async with open_world(timeout_ms=200) as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        world.sandbox.state.faults.set(Faults(slow=1, slow_ms=5_000))
        with pytest.raises(Unavailable):
            await world.see(("contact", row))


async def test_the_quota_is_read_from_the_headers_and_its_end_is_throttled() -> None:
    """What is left is visible after each answer; over the limit the wait is said."""
    settings = replace(BUSY, ten_secondly=5, daily=1_000)
    async with open_world(settings) as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        left: list[int | None] = []
        for _ in range(5):
            await world.see(("contact", row))
            assert world.connector.limits is not None
            left.append(world.connector.limits.remaining)
        with pytest.raises(Throttled) as throttled:
            await world.see(("contact", row))
        assert world.connector.client.limits is not None
        assert world.connector.client.limits.daily_remaining == 995
    assert left == [4, 3, 2, 1, 0]
    assert throttled.value.retry_after_ms is None  # HubSpot doesn't say


async def test_an_expired_oauth_token_is_renewed_once_for_all_who_wait() -> None:
    """Twenty calls at once after the token died cost one refresh, and none of them fails."""
    grant = OAuthGrant(
        client_id=BUSY.client_id, client_secret=BUSY.client_secret, refresh_token=BUSY.refresh_token
    )
    async with open_world(token=None, oauth=grant) as world:
        row = world.user("create", fields={"email": "a@x.jp"})
        await world.see(("contact", row))
        assert world.sandbox.state.tokens.issued == 1
        world.sandbox.state.tokens.expire("sandbox-access-1")
        await asyncio.gather(*(world.see(("contact", row)) for _ in range(20)))
        assert world.sandbox.state.tokens.issued == 2
    async with open_world(token=None, oauth=replace(grant, refresh_token="wrong")) as world:
        with pytest.raises(Unauthorised):
            await world.see(("contact", "101"))


@pytest.mark.parametrize("seed", range(5))
async def test_a_connection_lost_in_the_middle_doubles_nobody(seed: int) -> None:
    """Half of the dropped answers were work done; repeating until confirmed makes each contact once."""
    async with open_world() as world:
        linked = world.user("create", fields={"email": "u3@x.jp"})
        world.sandbox.state.faults.set(Faults(reset=0.5, seed=seed))
        writes = [lead({"last_name": "山"}, email=f"u{n}@x.jp", lead_id=f"L{n}") for n in range(30)]
        results = await until_confirmed(world, writes)
        emails = [each.values["email"] for each in world.sandbox.state.store.rows["contact"].values()]
    assert sorted(emails) == sorted(f"u{n}@x.jp" for n in range(30))
    assert ref_of(results[3]) == linked


async def until_confirmed(world: World, writes: list[Any]) -> list[WriteResult]:
    """Repeat *writes* as the dispatcher does, until all are confirmed."""
    for _ in range(200):
        try:
            results = list(await world.connector.write(writes))
        except Unavailable:
            continue
        if all(isinstance(each, Confirmed) for each in results):
            return results
    raise AssertionError("the writes were never all confirmed")
