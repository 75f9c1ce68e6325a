"""What an operator sees of sync at work: one trace from the door to the vendor, the gauges, the streams' health."""

import asyncio

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from schemas.topics import INBOX, LEAD_CHANGES
from services.runtime.health import Condition
from tests.integration.sync_world import CHANNEL, SyncWorld, sync_world
from tests.waiting import PATIENCE_S, wait_until

VENDORS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STREAM = f"stream.sales:{CHANNEL}"


async def test_one_trace_leads_from_the_door_to_the_vendors_call() -> None:
    """Each step is the child of the one that caused it: door, observe, then decide and dispatch, vendor.call each."""
    async with sync_world() as world:
        await world.notify(1, traceparent=VENDORS)
        await wait_until(lambda: bool(_sent(world, "sales")), description="a write to sales")
        steps = [world.spans("door")[0], world.spans("observe")[0], _sent(world, "sales")[0]]
        steps += [world.spans("decide")[0], _calls(world, "sales", "write")[0]]
        steps += [_calls(world, "acme", "read")[0]]

    contexts = [each.get_span_context() for each in steps]
    assert {each and f"{each.trace_id:032x}" for each in contexts} == {VENDORS.split("-")[1]}
    door, observe, dispatch, *_ = (each and each.span_id for each in contexts)
    parents = [each.parent and each.parent.span_id for each in steps]
    assert parents == [int(VENDORS.split("-")[2], 16), door, observe, observe, dispatch, observe]
    assert {each.kind for each in steps[-2:]} == {SpanKind.CLIENT}
    assert dict(steps[-1].attributes or {}) == {"system": "acme", "operation": "read", "records": 1}


async def test_notifications_of_one_batch_keep_to_their_own_traces() -> None:
    """One without a caller's trace gets one of its own, not that of its neighbour in the batch."""
    async with sync_world() as world:
        await world.notify(1, traceparent=VENDORS)
        await world.notify(2)
        await wait_until(lambda: len(world.spans("decide")) >= 2, description="two leads decided")
        observed = [each.get_span_context() for each in world.spans("observe")]

    assert len({each and each.trace_id for each in observed}) == 2


async def test_a_read_that_a_vendor_does_not_answer_is_marked() -> None:
    """The span names the error's type; the repeat that works has a span of its own."""
    async with sync_world() as world:
        world.marketing.away = True
        await world.notify(1)
        await wait_until(lambda: bool(_calls(world, "acme", "read")), description="a read that failed")
        world.marketing.away = False
        await wait_until(lambda: bool(_sent(world, "sales")), description="a write to sales")
        failed, *_, done = _calls(world, "acme", "read")

    assert (failed.attributes or {})["error.type"] == "Unavailable"
    assert (failed.status.status_code, done.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)


async def test_no_span_is_made_while_tracing_is_off() -> None:
    """The caller's context goes through to the change all the same."""
    async with sync_world(traced=False) as world:
        await world.notify(1, traceparent=VENDORS)
        await wait_until(
            lambda: world.metrics.value("tasuki_vendor_writes_total", system="sales", outcome="created") > 0,
            description="a write to sales",
        )
        changes = world.log.records(LEAD_CHANGES.name, 0)

    assert not world.exporter.get_finished_spans()
    assert VENDORS.encode() in (changes[0].value or b"")


async def test_gauges_tell_what_waits_when_they_are_scraped() -> None:
    """A lead that a vendor doesn't take is dirty until it does; nothing stays in outbox or lag."""
    async with sync_world() as world:
        value = world.metrics.value
        world.sales.away = True
        await world.notify(1)
        await wait_until(lambda: _dirty(world, 1), description="a lead waits for sales")
        await wait_until(
            lambda: value("tasuki_vendor_write_seconds", system="sales", outcome="unavailable") >= 1,
            description="a write that found sales away",
        )
        world.sales.away = False
        await wait_until(lambda: _dirty(world, 0), description="sales took it")
        lines = ['tasuki_quota_remaining_calls{limit="daily",system="acme"} 7.0']
        for topic in (INBOX.name, LEAD_CHANGES.name):
            lines.append(f'tasuki_outbox_records{{partition="0",topic="{topic}"}} 0.0')
            lines.append(f'tasuki_lag_records{{partition="0",topic="{topic}"}} 0.0')

        async def nothing_waits() -> bool:
            text = (await world.metrics.scrape()).decode()
            return all(line in text for line in lines)

        await wait_until(nothing_waits, description=f"{lines}")

    assert value("tasuki_vendor_reads_total", system="acme", outcome="ok") == 1
    assert value("tasuki_vendor_read_seconds", system="acme", outcome="ok") == 1
    assert value("tasuki_vendor_writes_total", system="sales", outcome="created") >= 1


async def test_a_silent_stream_shows_in_its_age_and_in_health_until_it_tells_something() -> None:
    """A sign of life is enough; a stream that nobody follows here is no worry of ours."""
    async with sync_world() as world:
        await wait_until(lambda: _age(world), description="the stream is followed")
        assert await _condition(world) is Condition.OK

        world.clock.ahead_ms += 301_000
        await world.metrics.scrape()
        age = world.metrics.value("tasuki_stream_age_seconds", system="sales", channel=CHANNEL)
        assert age >= 301
        assert await _condition(world) is Condition.DEGRADED

        world.sales.tell.set()

        async def well() -> bool:
            return await _condition(world) is Condition.OK

        await wait_until(well, description="the stream is well again")

    await world.metrics.scrape()
    assert "tasuki_stream_age_seconds{" not in world.metrics.render().decode()
    assert await _condition(world) is Condition.OK


def _calls(world: SyncWorld, system: str, operation: str) -> list[ReadableSpan]:
    wanted = {"system": system, "operation": operation}
    return [each for each in world.spans("vendor.call") if wanted.items() <= (each.attributes or {}).items()]


def _sent(world: SyncWorld, system: str) -> list[ReadableSpan]:
    return [each for each in world.spans("dispatch") if (each.attributes or {}).get("system") == system]


async def _dirty(world: SyncWorld, count: int) -> bool:
    await world.metrics.scrape()
    return world.metrics.value("tasuki_dispatch_dirty_leads", system="sales") == count


async def _age(world: SyncWorld) -> bool:
    return b"tasuki_stream_age_seconds{" in await world.metrics.scrape()


async def _condition(world: SyncWorld) -> Condition:
    return (await world.health.verdict()).components[STREAM].condition


async def test_a_stream_that_misses_the_order_to_stop_is_told_again() -> None:
    """On Python 3.11 a client may swallow a cancellation; the shard is let go all the same."""
    async with asyncio.timeout(PATIENCE_S), sync_world() as world:
        world.sales.deaf = True
        await wait_until(lambda: world.sales.followed, description="sales' stream is followed")

    assert not world.sales.deaf
