"""The change stream: followed, resumed, kept alive, broken and lost."""

import base64
import json
from collections.abc import AsyncGenerator

import grpc.aio
import httpx2
import pytest

from services.runtime.clock import now_ms
from services.sync.adapters.salesforce.pubsub import Fetches, PubSub, error_code
from services.sync.adapters.salesforce.sandbox import SandboxSettings
from services.sync.adapters.salesforce.sandbox.bus import ALL_CHANGES
from services.sync.adapters.salesforce.session import Sessions
from services.sync.adapters.salesforce.wire import pubsub_api_pb2 as wire
from services.sync.application.ports import StreamPosition, StreamPositionLost, Unauthorised, Unavailable
from tests.integration.salesforce_world import LEAD_CHANNEL, World, a_lead, following, salesforce
from tests.waiting import PATIENCE_S, wait_until


@pytest.fixture
async def world() -> AsyncGenerator[World]:
    """Give a sandbox that tells every 50 ms that it lives, with a connector."""
    async with salesforce(SandboxSettings(keep_alive_ms=50)) as found:
        yield found


async def make_leads(world: World, first: int, last: int) -> None:
    """Make the leads *first* to *last* as a user, each in a transaction of its own."""
    await world.acts(
        *(
            {"act": "create", "object": "Lead", "fields": {"LastName": f"L{n:05d}", "Company": "c"}}
            for n in range(first, last + 1)
        )
    )


async def until_it_breaks(stream: Fetches) -> None:
    """Read until the stream raises."""
    while True:
        await stream.read()


def names(notifications: list[object]) -> list[str]:
    """Return the last names that the notifications tell, in order."""
    return [json.loads(each.body)["values"]["LastName"] for each in notifications]  # type: ignore[attr-defined]


def wanted(first: int, last: int) -> list[str]:
    """Return the last names of the leads *first* to *last*."""
    return [f"L{n:05d}" for n in range(first, last + 1)]


async def test_a_write_is_told_with_its_values_and_its_time(world: World) -> None:
    """A change event needs no read: it holds what changed and when exactly."""
    async with following(world) as follower:
        await world.connector.write([a_lead(score=7)])
        (told,) = await follower.until(1)
    body = json.loads(told.body)
    row = world.rows("Lead")[0]
    assert (told.ref.object, told.ref.id) == ("Lead", row["Id"])
    assert told.occurred_at == body["header"]["commitTimestamp"] == row["CreatedDate"]
    assert body["header"]["changeType"] == "CREATE"
    assert body["values"]["Tasuki_Score__c"] == 7.0


async def test_nothing_is_lost_or_reordered_over_many_events(world: World) -> None:
    """Far more events than may be outstanding arrive once each and in order."""
    async with following(world) as follower:
        await make_leads(world, 1, 750)
        assert names(list(await follower.until(750))) == wanted(1, 750)


async def test_a_stream_resumes_after_its_last_position(world: World) -> None:
    """Events of the time in between are told first, then the new ones."""
    async with following(world) as follower:
        await make_leads(world, 1, 5)
        await follower.until(5)
        cursor = follower.cursor
    await make_leads(world, 6, 130)
    async with following(world, cursor=cursor) as follower:
        await make_leads(world, 131, 140)
        assert names(list(await follower.until(135))) == wanted(6, 140)


async def test_a_stream_can_resume_after_any_batch(world: World) -> None:
    """Each batch's position stands behind exactly that batch."""
    async with following(world) as follower:
        await make_leads(world, 1, 40)
        await follower.until(40)
    seen = 0
    for batch in follower.batches:
        seen += len(batch.notifications)
        if not batch.notifications or seen == 40:
            continue
        async with following(world, cursor=batch.position.cursor) as resumed:
            assert names(list(await resumed.until(40 - seen))) == wanted(seen + 1, 40)


async def test_a_keep_alive_moves_the_position(world: World) -> None:
    """On an idle channel the position follows the bus, so that it does not grow too old."""
    async with following(world) as follower:
        await wait_until(lambda: len(follower.batches) > 0, description="a keep-alive")
        before = follower.cursor
        assert follower.batches[0].notifications == []
        await world.act("create", "Account", fields={"Name": "another channel's business"})
        await wait_until(lambda: follower.cursor != before, description="a newer position")
        assert follower.notifications == []
        cursor = follower.cursor
    await make_leads(world, 1, 1)
    async with following(world, cursor=cursor) as follower:
        assert names(list(await follower.until(1))) == wanted(1, 1)


async def test_an_aborted_stream_is_unavailable_and_resumes_without_loss(world: World) -> None:
    """Streams break at random; reopened from the last position each time, everything arrives once."""
    await world.faults(stream_abort=0.4, seed=3)
    seen: list[object] = []
    breaks, cursor = 0, base64.b64encode(world.sandbox.state.bus.replay_id(world.sandbox.state.bus.latest))
    position = StreamPosition(LEAD_CHANNEL, cursor.decode())
    for first in range(1, 201, 10):
        await make_leads(world, first, first + 9)
    while len(seen) < 200:
        try:
            async for batch in world.connector.follow(position):
                seen += batch.notifications
                position = batch.position
                if len(seen) >= 200:
                    break
        except Unavailable:
            breaks += 1
    assert names(seen) == wanted(1, 200)
    assert breaks > 0


async def test_an_ended_session_is_renewed_for_the_stream(world: World) -> None:
    """The first try of a stale session fails and renews it; the second one follows."""
    await world.connector.search(email="nobody@firm.example")
    world.sandbox.logins.end_all()
    with pytest.raises(Unavailable):
        await anext(world.connector.follow(StreamPosition(LEAD_CHANNEL, "")))
    async with following(world) as follower:
        await make_leads(world, 1, 1)
        await follower.until(1)


async def test_the_sandbox_delivers_no_more_than_was_asked_for(world: World) -> None:
    """Flow control: three events for three asked, the rest when more is asked; too many is an error."""
    account = world.sandbox.account()
    http = httpx2.AsyncClient(timeout=PATIENCE_S)
    pubsub = PubSub(account)
    session = await Sessions(http, account, now_ms).current()
    earliest = wire.FetchRequest(topic_name=LEAD_CHANNEL, replay_preset=wire.EARLIEST, num_requested=3)
    await make_leads(world, 1, 10)
    stream = pubsub.subscribe(session)
    await stream.write(earliest)
    first = await stream.read()
    assert (len(first.events), first.pending_num_requested) == (3, 0)
    assert len((await stream.read()).events) == 0  # a keep-alive
    await stream.write(wire.FetchRequest(num_requested=5))
    counts = [len((await stream.read()).events) for _ in range(3)]
    assert sum(counts) == 5
    await stream.write(wire.FetchRequest(num_requested=101))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await until_it_breaks(stream)
    assert error_code(refused.value).endswith("fetch.requested.events.invalid")
    await pubsub.close()
    await http.aclose()


async def test_an_unknown_channel_is_named(world: World) -> None:
    """A channel that nobody selected is a person's mistake, not an outage."""
    with pytest.raises(Unauthorised, match="Change Data Capture"):
        await anext(world.connector.follow(StreamPosition("/data/NothingChangeEvent", "")))


@pytest.mark.parametrize("cursor", ["not base64!", base64.b64encode(b"0123456789").decode(), "AAAA"])
async def test_a_position_that_is_none_is_lost(world: World, cursor: str) -> None:
    """Text that the vendor never gave out."""
    with pytest.raises(StreamPositionLost):
        await anext(world.connector.follow(StreamPosition(LEAD_CHANNEL, cursor)))


async def test_an_expired_position_is_lost_and_one_within_the_retention_is_not() -> None:
    """The vendor keeps events for a while only."""
    async with salesforce(SandboxSettings(keep_alive_ms=50, retention_events=10)) as world:
        async with following(world) as follower:
            await make_leads(world, 1, 1)
            await follower.until(1)
            old = follower.cursor
        await make_leads(world, 2, 11)
        async with following(world, cursor=old) as follower:
            assert names(list(await follower.until(10))) == wanted(2, 11)
        await make_leads(world, 12, 12)
        with pytest.raises(StreamPositionLost):
            await anext(world.connector.follow(StreamPosition(LEAD_CHANNEL, old)))


async def test_records_that_changed_alike_share_an_event() -> None:
    """One transaction that changes several records in the same way gives a notification for each."""
    async with salesforce(SandboxSettings(keep_alive_ms=50, merge_alike=True)) as world:
        await world.connector.write([a_lead(1), a_lead(2), a_lead(3)])
        refs = [each["Id"] for each in world.rows("Lead")]
        async with following(world) as follower:
            body = {
                "records": [
                    {"attributes": {"type": "Lead"}, "id": each, "Status": "Qualified"} for each in refs
                ]
            }
            await world.http.patch(
                "/services/data/v67.0/composite/sobjects", json=body, headers=world.token()
            )
            told = (await follower.until(6))[3:]  # the three that were made come first
        assert world.sandbox.pubsub.sent == 4
    assert [each.ref.id for each in told] == refs
    assert len({each.body for each in told}) == 1


async def test_one_channel_can_tell_of_all_objects(world: World) -> None:
    """Each event has its own object's schema, asked for once."""
    async with following(world, ALL_CHANGES) as follower:
        await world.act("create", "Lead", key="a", fields={"LastName": "a", "Company": "b"})
        await world.act("convert", "Lead", key="a")
        told = await follower.until(5)
    assert [each.ref.object for each in told] == ["Lead", "Account", "Contact", "Opportunity", "Lead"]
    headers = [json.loads(each.body)["header"] for each in told[1:]]
    assert len({each["transactionKey"] for each in headers}) == 1
    assert [each["sequenceNumber"] for each in headers] == [1, 2, 3, 4]
    assert [each["changeType"] for each in headers] == ["CREATE", "CREATE", "CREATE", "UPDATE"]
    assert "LastModifiedDate" not in headers[3]["changedFields"]
    assert world.sandbox.pubsub.schema_reads == 4
