"""The sandbox's webhooks reach the connector: signed, prompt, in batches, repeated until taken."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot.sandbox import Delivery, SandboxSettings
from services.sync.adapters.sandbox.clock import SandboxClock
from services.sync.adapters.sandbox.faults import Faults
from tests.integration.hubspot_world import BUSY, Receiver, World, lead, open_receiver, open_world, wait_until

SUBSCRIBED = (
    "contact.creation",
    "contact.deletion",
    "contact.merge",
    "contact.restore",
    "contact.privacyDeletion",
    "contact.propertyChange:email",
    "contact.propertyChange:company",
    "call.creation",
    "call.propertyChange:hs_call_disposition",
)


@asynccontextmanager
async def hooked(settings: SandboxSettings = BUSY) -> AsyncGenerator[tuple[World, Receiver]]:
    """Start a world whose sandbox tells a receiver what happens."""
    async with open_world(settings) as world, open_receiver(world.connector) as receiver:
        world.sandbox.state.subscribe(*SUBSCRIBED)
        world.sandbox.deliver_to(receiver.url)
        yield world, receiver


def quiet(world: World) -> bool:
    """Return whether every webhook was delivered."""
    return world.sandbox.desk.stats()["undelivered"] == 0


def quick(**delivery: Any) -> SandboxSettings:
    """Return settings whose retries come within milliseconds."""
    return replace(BUSY, delivery=Delivery(time_factor=0.0005, max_retry_delay_ms=50, **delivery))


async def test_changes_are_told_with_their_origin() -> None:
    """A user's edit names the user, our own names our app; what nobody subscribed to is not told."""
    async with hooked() as (world, receiver):
        row = world.user("create", fields={"email": "a@x.jp", "phone": "03"}, user="42")
        await world.connector.write([lead({"company": "甲", "phone": "04"}, ref=row)])
        await wait_until(lambda: quiet(world) and len(receiver.events) == 3)
    told = {(e["subscriptionType"], e.get("propertyName")): e for e in receiver.events}
    assert set(told) == {
        ("contact.creation", None),
        ("contact.propertyChange", "email"),
        ("contact.propertyChange", "company"),
    }
    email, company = told["contact.propertyChange", "email"], told["contact.propertyChange", "company"]
    assert (email["changeSource"], email["sourceId"]) == ("CRM_UI", "userId:42")
    assert (company["changeSource"], company["sourceId"]) == ("INTEGRATION", str(company["appId"]))
    assert company["propertyValue"] == "甲"
    assert {each.ref.id for each in receiver.notifications} == {row}
    assert receiver.refused == []


async def test_delivery_is_prompt() -> None:
    """From the change to the receiver it takes milliseconds; the best of some, for the machine may be busy."""
    took: list[int] = []
    async with hooked() as (world, receiver):
        for number in range(8):
            begun = now_ms()
            world.user("create", fields={"email": f"{number}@x.jp"})
            await wait_until(lambda number=number: quiet(world) and len(receiver.requests) > number)
            took.append(receiver.requests[-1][0] - begun)
    assert min(took) < 200


async def test_many_changes_travel_in_batches_of_a_hundred() -> None:
    """A thousand events make about ten requests, none of more than 100 events."""
    async with hooked() as (world, receiver):
        for n in range(500):
            world.user("create", fields={"email": f"{n}@x.jp"})
        await wait_until(lambda: quiet(world) and len(receiver.events) == 1_000)
    assert 10 <= len(receiver.requests) <= 12
    assert len({each["objectId"] for each in receiver.events}) == 500


async def test_nothing_is_lost_while_the_receiver_is_away() -> None:
    """Failed answers, then nobody listening: each event arrives when the receiver is back."""
    async with open_world(quick(give_up=False)) as world:
        world.sandbox.state.subscribe(*SUBSCRIBED)
        async with open_receiver(world.connector) as receiver:
            world.sandbox.deliver_to(receiver.url)
            receiver.answers += [500, 404, 302, 503]
            world.user("create", fields={"email": "a@x.jp"})
            await wait_until(lambda: quiet(world) and len(receiver.events) == 2)
            assert [each["attemptNumber"] for each in receiver.events] == [4, 4]
        for n in range(50):
            world.user("create", fields={"email": f"{n}@x.jp"})
        await wait_until(lambda: world.sandbox.desk.stats()["retries"] > 30)
        async with open_receiver(world.connector) as back:
            world.sandbox.deliver_to(back.url)
            await wait_until(lambda: quiet(world))
            assert len(back.events) == 100
            assert world.sandbox.desk.stats()["abandoned_events"] == 0


async def test_hubspot_gives_up_after_ten_retries() -> None:
    """That is why a sweep must find what webhooks did not tell."""
    async with hooked(quick()) as (world, receiver):
        receiver.answers += [500] * 50
        world.user("create", fields={"email": "a@x.jp"})
        await wait_until(lambda: quiet(world))
        stats = world.sandbox.desk.stats()
    assert len(receiver.requests) == 11
    assert stats["abandoned_events"] == 2


async def test_a_receiver_that_does_not_answer_in_time_is_asked_again() -> None:
    """Silence beyond the timeout counts as a failure."""
    async with hooked(quick(timeout_ms=500)) as (world, receiver):
        receiver.answers.append(None)
        world.user("create", fields={"email": "a@x.jp"})
        await wait_until(lambda: quiet(world) and len(receiver.events) == 2)
    assert world.sandbox.desk.stats()["retries"] == 1


async def test_duplicates_shuffles_and_repeated_event_ids_happen_when_asked_for() -> None:
    """The faults make deliveries come twice and out of order, and ids repeat."""
    async with hooked() as (world, receiver):
        world.sandbox.state.faults.set(Faults(duplicate=0.4, shuffle=0.3, seed=1))
        rows = [world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(200)]
        await wait_until(lambda: quiet(world) and len(receiver.events) > 400)
    objects = [str(each["objectId"]) for each in receiver.events]
    assert set(objects) == set(rows)
    assert objects != sorted(objects)
    keys = {(e["objectId"], e["subscriptionType"]) for e in receiver.events}
    assert len({each["eventId"] for each in receiver.events}) < len(keys)


async def test_merges_deletions_and_erasures_come_in_their_pairs() -> None:
    """A merge tells of all ids, an erasure also deletes, and generic events name their object."""
    async with hooked() as (world, receiver):
        first = world.user("create", fields={"email": "a@x.jp"})
        second = world.user("create", fields={"email": "b@x.jp"})
        new = world.user("merge", id=first, other={"object": "contact", "id": second})
        world.user("erase", id=new)
        third = world.user("create", fields={"email": "c@x.jp"})
        world.user("delete", id=third)
        world.user("restore", id=third)
        call = world.user("create", "call", fields={"hs_timestamp": "1700000000000"})
        await wait_until(lambda: quiet(world) and len(receiver.events) == 14)
    told = {(e["subscriptionType"], str(e["objectId"])): e for e in receiver.events}
    merge = told["contact.merge", new]
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (int(first), [int(second)])
    assert merge["newObjectId"] == int(new)
    assert {("contact.privacyDeletion", new), ("contact.deletion", new)} <= set(told)
    assert {("contact.deletion", first), ("contact.deletion", second)} <= set(told)
    assert {("contact.deletion", third), ("contact.restore", third)} <= set(told)
    assert told["object.creation", call]["objectTypeId"] == "0-48"
    assert ("call", call) in {(each.ref.object, each.ref.id) for each in receiver.notifications}


async def test_a_paused_subscription_tells_nothing() -> None:
    """A new subscription over the API is paused until it is switched on."""
    async with hooked() as (world, receiver):
        world.sandbox.state.subscriptions.all.clear()
        paused = world.sandbox.state.subscriptions.add("contact.creation", at=0)
        world.user("create", fields={"email": "a@x.jp"})
        paused.active = True
        row = world.user("create", fields={"email": "b@x.jp"})
        await wait_until(lambda: quiet(world) and bool(receiver.events))
    assert [str(each["objectId"]) for each in receiver.events] == [row]


async def test_the_signed_url_is_the_public_one() -> None:
    """Behind a proxy the receiver is called at one URL and signed for another."""
    async with hooked() as (world, receiver):
        world.sandbox.deliver_to(receiver.url, public_url="https://tasuki.example.com/webhooks/hubspot")
        receiver.url = "https://tasuki.example.com/webhooks/hubspot"
        world.user("create", fields={"email": "a@x.jp"})
        await wait_until(lambda: quiet(world) and bool(receiver.events))
    assert receiver.refused == []


async def test_a_driven_clock_dates_the_events_and_not_the_signature() -> None:
    """A history of 2018 is played with its own times, and still verifies today."""
    async with hooked() as (world, receiver):
        clock: SandboxClock = world.sandbox.state.clock
        clock.drive(1_519_862_400_000)
        world.user("create", fields={"email": "a@x.jp"})
        await wait_until(lambda: quiet(world) and len(receiver.events) == 2)
    assert {each["occurredAt"] for each in receiver.events} == {1_519_862_400_001}
