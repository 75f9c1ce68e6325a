"""When everything is refused the line stops, tells why, and goes on when it is mended; nothing is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.lead import LeadWriteRetried, WriteRetried
from schemas.topics import DEAD_LETTERS, LEAD_CHANGES, LIFECYCLE
from services.runtime.health import Condition, Report
from services.runtime.keys import ShardId
from services.runtime.log.port import Record
from services.sync.adapters.operator_marks import OperatorMarks
from services.sync.application.letters import LetterState, Wanted
from services.sync.consumers.letters import LetterBox
from services.sync.consumers.resuming import obey
from services.sync.domain.records import Side
from tests.integration.letter_world import forget_marks, letter_box
from tests.integration.sync_world import MOST_REFUSALS, SyncWorld, sync_world
from tests.waiting import PATIENCE_S, wait_until

LEADS = 40


@pytest.fixture
async def world() -> AsyncIterator[SyncWorld]:
    """Give sync at work over two vendors."""
    async with sync_world(traced=False) as one:
        await forget_marks(one.store)
        yield one


def letters(world: SyncWorld) -> int:
    """Return how many dead letters there are."""
    return len(world.log.records(DEAD_LETTERS.name, 0))


def handoffs(world: SyncWorld) -> int:
    """Return how many leads were handed to sales."""
    return sum(b"handoff-offered" in (each.value or b"") for each in world.log.records(LIFECYCLE.name, 0))


def box(world: SyncWorld) -> LetterBox:
    """Return the world's dead letters."""
    return letter_box(world.log, world.store, world.service, {Side.MA: "acme", Side.SFA: "sales"})


async def report(world: SyncWorld, component: str) -> Report:
    """Return what health says of *component*."""
    return (await world.health.verdict()).components[component]


async def stopped(world: SyncWorld) -> None:
    """Let all leads come in while sales refuses each; return when its line stands, and no pause ends by itself."""
    world.clock.stand()
    world.sales.refuses = True
    for person in range(LEADS):
        await world.notify(person)
    await wait_until(lambda: world.circuits.writes["sales"].stop is not None, description="the line stops")


async def test_a_few_letters_tell_of_it_and_the_rest_waits(world: SyncWorld) -> None:
    """Health, metric and reason name it; the other system goes on."""
    await stopped(world)
    await wait_until(lambda: letters(world) == MOST_REFUSALS, description="the letters")
    told = await report(world, "sales")
    assert told.condition is Condition.DEGRADED
    assert "everything-refused: NO_RIGHT" in told.reason
    assert "tasuki resume" in told.reason
    assert (await report(world, "acme")).condition is Condition.OK
    await world.metrics.scrape()
    assert world.metrics.value("tasuki_vendor_waiting", system="sales", reason="everything-refused") == 1
    assert handoffs(world) == 0


async def test_it_goes_on_by_itself_and_the_letters_by_a_replay(world: SyncWorld) -> None:
    """The trial after the pause succeeds: all that waited is handed over, then what the letters hold."""
    await stopped(world)
    world.sales.refuses = False
    world.clock.ahead_ms += 3_000
    for dispatcher in world.dispatchers("sales"):
        dispatcher.wake()
    await wait_until(lambda: handoffs(world) == LEADS - MOST_REFUSALS, description="those that waited")
    assert letters(world) == MOST_REFUSALS
    assert world.circuits.writes["sales"].stop is None
    await world.metrics.scrape()
    assert b"tasuki_vendor_waiting{" not in world.metrics.render()

    waiting = await box(world).letters(Wanted(reason="refused", states=(LetterState.WAITING,)))
    handled = await box(world).replay(waiting, by="ops")
    assert (len(handled.done), len(handled.left)) == (MOST_REFUSALS, 0)
    await wait_until(lambda: handoffs(world) == LEADS, description="those of the letters")


async def test_a_replay_or_an_order_tries_at_once(world: SyncWorld) -> None:
    """However long the pause has grown; an order from before the stop is none."""
    marks = OperatorMarks(world.store)
    await marks.order_resume("sales", world.clock() - 1_000)
    await stopped(world)
    asked = world.sales.asked
    circuit = world.circuits.writes["sales"]
    await obey(world.circuits, marks)
    assert circuit.room(1) == 0

    world.sales.refuses = False
    await marks.order_resume("sales", world.clock() + 1_000)
    await obey(world.circuits, marks)
    await wait_until(lambda: handoffs(world) == LEADS - MOST_REFUSALS, description="those that waited")
    assert world.sales.asked > asked


async def test_while_it_stands_only_trials_leave(world: SyncWorld) -> None:
    """One lead each, with growing pauses, and no letter for any of them."""
    await stopped(world)
    await wait_until(lambda: letters(world) == MOST_REFUSALS, description="the letters")
    for number in range(1, 4):
        asked, stop = world.sales.asked, world.circuits.writes["sales"].stop
        assert stop is not None
        world.clock.ahead_ms += 2_000 * 2**number
        for dispatcher in world.dispatchers("sales"):
            dispatcher.wake()
        await wait_until(lambda asked=asked: world.sales.asked > asked, description="a trial")
        assert (world.sales.asked, stop.attempts) == (asked + 1, number)
    assert letters(world) == MOST_REFUSALS


async def test_when_nothing_can_be_read_the_notifications_wait(world: SyncWorld) -> None:
    """A mapped field is gone: a few letters, then the inbox waits; mended, each record is read."""
    world.marketing.unreadable = True
    for person in range(LEADS):
        await world.notify(person)
    circuit = world.circuits.reads["acme"]
    await wait_until(lambda: circuit.stop is not None, description="reading stops")
    told = await report(world, "acme")
    assert told.condition is Condition.DEGRADED
    assert "everything-refused: read-refused" in told.reason

    world.marketing.unreadable = False
    circuit.resume()
    await wait_until(lambda: handoffs(world) == LEADS - MOST_REFUSALS, description="those that waited")
    waiting = await box(world).letters(Wanted(reason="read-refused"))
    assert len(waiting) == MOST_REFUSALS
    await box(world).replay(waiting, by="ops")
    await wait_until(lambda: handoffs(world) == LEADS, description="those of the letters")


async def test_a_retry_of_a_lead_that_is_not_there_makes_none(world: SyncWorld) -> None:
    """It was erased between the refusal and the replay, and must not come to life again."""
    gone = "01890a5d-ac96-774b-bcce-b302099a8057"
    event = LeadWriteRetried(
        id="r",
        source="/test",
        subject=gone,
        time="2026-09-21T00:00:00.000Z",
        data=WriteRetried(side="sfa", slot="lead", retried_at=world.clock()),
    )
    await world.log.append([Record(LEAD_CHANGES.name, gone, event.model_dump_json().encode())])
    await world.notify(1)
    await wait_until(lambda: handoffs(world) == 1, description="what came after it")
    shard = ShardId(world.service, LEAD_CHANGES.name, 0)
    assert await world.store.mget([shard.key(f"lead:{gone}")]) == [None]


async def test_a_batch_that_misses_one_order_to_stop_ends_all_the_same() -> None:
    """On Python 3.11 a cancellation may be lost on its way to a vendor's call; the service stops nevertheless."""
    async with asyncio.timeout(PATIENCE_S), sync_world(traced=False) as world:
        world.sales.stubborn = True
        await world.notify(1)
        await wait_until(lambda: world.sales.asked > 0, description="a write is under way")
    assert not world.sales.stubborn
