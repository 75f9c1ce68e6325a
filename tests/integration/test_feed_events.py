"""Changes of metrics as they happen: to hundreds, resumed, dropped with a reason, kept alive."""

import asyncio
from contextlib import AsyncExitStack

from services.kpi.adapters.feed.asking import Asked
from services.kpi.adapters.feed.hub import Change, Hub, Topic
from services.kpi.application.reading import Reading
from services.kpi.domain.windows import Range
from services.runtime.clock import now_ms
from tests.integration.feed_world import RULES, EventStream, FeedWorld, feed_world
from tests.kpi_facts import DAY, Teller
from tests.waiting import wait_until

PATH = "/kpi/events?metrics=mqls,sql_rate&window=24h"
CLIENTS = 200


async def _tell(world: FeedWorld, teller: Teller, lead: str) -> None:
    before = len(teller.told)
    teller.reached(lead, "mql", now_ms() - 1_000)
    await world.kpi.tell(teller.told[before:])


async def test_hundreds_of_clients_hear_of_each_change_and_end_at_the_last_state() -> None:
    """One reader for all of them; the delays are printed."""
    async with feed_world() as world, AsyncExitStack() as stack:
        streams = [EventStream(world.server.port, PATH) for _ in range(CLIENTS)]
        for each in streams:
            await stack.enter_async_context(each.open())
        await wait_until(lambda: all(each.value == 0 for each in streams), description="all listen")
        teller, delays, loop = Teller(), list[float](), asyncio.get_running_loop()
        made = world.feed.hub.readings_made
        for number in range(1, 11):
            told_at = loop.time()
            await _tell(world, teller, f"lead-{number}")
            await wait_until(
                lambda number=number: all(each.value == number for each in streams),
                description="all have heard",
            )
            delays += [each.arrived[-1][0] - told_at for each in streams]
        delays.sort()
        p50, p99 = delays[len(delays) // 2] * 1000, delays[len(delays) * 99 // 100] * 1000
        print(f"{CLIENTS} listeners: fact to client p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        assert world.feed.hub.listening == CLIENTS
        assert world.feed.hub.readings_made - made <= 10 + 5
        assert {each.value for each in streams} == {10}


async def test_a_stream_is_resumed_after_the_last_event() -> None:
    """What the client had isn't told again; what changed meanwhile is, at once."""
    async with feed_world(heartbeat_ms=100) as world:
        teller = Teller()
        first = EventStream(world.server.port, PATH)
        async with first.open():
            await wait_until(lambda: first.value == 0, description="the state of now")
        seen = first.arrived[-1][2]
        await wait_until(lambda: world.feed.hub.listening == 0, description="it has gone")

        same = EventStream(world.server.port, PATH, Last_Event_ID=seen)
        async with same.open():
            await wait_until(lambda: same.comments > 2, description="heartbeats")
            assert same.arrived == []
        await _tell(world, teller, "lead-1")
        await world.kpi.counted(world.worker)
        later = EventStream(world.server.port, PATH, Last_Event_ID=seen)
        async with later.open():
            await wait_until(lambda: later.value == 1, description="what changed meanwhile")
            await world.feed.hub.stop()
            await wait_until(lambda: later.ended or len(later.arrived) > 1, description="the last word")
            assert later.arrived[-1][1::2] == ("dropped", {"why": "stopping"})


async def test_who_does_not_keep_up_is_dropped_with_a_reason_and_holds_up_nobody() -> None:
    """Its queue is bounded; the others get everything."""
    async with feed_world() as world:
        hub = Hub(world.kpi.readings(RULES), now_ms, failed=world.kpi.failures.append, most_waiting=2)
        days = Range(now_ms() - DAY, now_ms() + DAY)
        topic = Topic(("mqls",), Asked(days, None, Reading.PERIOD, None, None, "JPY"))
        slow, quick = hub.listen(topic, None), hub.listen(topic, None)
        teller, heard = Teller(), list[Change]()
        for number in range(5):
            await _tell(world, teller, f"lead-{number}")
            await world.kpi.counted(world.worker)

            async def got_it(number: int = number) -> bool:
                change = await quick.next(0.05)
                heard.extend([change] if change else [])
                return bool(heard) and f'"value":{number + 1}.0' in heard[-1].data

            await wait_until(got_it, description="the quick one hears of it")
        assert (slow.closed, len(slow.waiting), quick.closed) == ("too-slow", 0, None)
        hub.leave(slow)
        hub.leave(quick)
        await hub.stop()


async def test_what_can_not_be_listened_to_is_refused() -> None:
    """An unknown metric, none at all, a misspelt parameter."""
    async with feed_world() as world:
        for query, named in (
            ("metrics=nonsense", "metrics"),
            ("", "metrics"),
            ("metrics=mqls&by=owner", "by"),
        ):
            answer = await world.get(f"/kpi/events?{query}")
            assert answer.status_code == 400
            assert f"`{named}`" in answer.json()["detail"]
        assert world.feed.hub.listening == 0
