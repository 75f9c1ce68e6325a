"""The notifier killed at any instant: each receiver has each alert, and knows a repeated one by its id."""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from tests.integration.notify_world import NotifyWorld, notify_world
from tests.notice_desk import alert
from tests.receivers import DROP, HANG, OK, http_receiver, status
from tests.waiting import wait_until

KILLS = 2
_SCRIPT = Path(__file__).with_name("notify_process.py")


@asynccontextmanager
async def notifier(
    world: NotifyWorld, namespace: str, **sinks: str
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Give a process of the notifier; it is killed at the end."""
    words = [world.url, namespace, world.service, *(f"{name}={url}" for name, url in sinks.items())]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(_SCRIPT), *words, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_message_that_was_out_when_the_process_was_killed_comes_again_under_the_same_id(
    redis_url: str,
) -> None:
    """The receiver had it, but nobody noted the answer; what came in meanwhile goes with another message."""
    namespace = f"l{uuid4().hex[:10]}"
    async with notify_world(redis_url, namespace=namespace) as world, http_receiver() as receiver:
        receiver.moods.append(HANG)
        await world.tell(*(alert("breached", f"lead-{each}") for each in range(3)))
        async with notifier(world, namespace, hook=receiver.url()):
            await receiver.has(1)
            await world.tell(alert("breached", "meanwhile"))

            async def queued() -> bool:
                return await world.store.client.hlen(world.shard.key("sink:hook:waiting")) == 4

            await wait_until(queued, description="it waits beside what is out")
        async with notifier(world, namespace, hook=receiver.url()):
            await receiver.has(3)

    first, again, last = receiver.received
    assert again.headers["idempotency-key"] == first.headers["idempotency-key"]
    assert again.alert_ids == first.alert_ids
    assert last.alert_ids == [alert("breached", "meanwhile").id]


async def test_killed_again_and_again_every_receiver_has_every_alert(redis_url: str) -> None:
    """One receiver is well, one fails in all ways; the messages of one id are always the same alerts."""
    namespace, chance = f"l{uuid4().hex[:10]}", random.Random(7)
    alerts = [alert("breached", f"lead-{each}") for each in range(KILLS * 20 + 20)]
    async with (
        notify_world(redis_url, namespace=namespace) as world,
        http_receiver() as well,
        http_receiver() as ill,
    ):
        ill.moods.extend(chance.choices([OK, DROP, status(500), status(503)], k=60))
        for number in range(KILLS):
            async with notifier(world, namespace, well=well.url(), ill=ill.url()):
                seen = len(well.received)
                for each in alerts[number * 20 : number * 20 + 20]:
                    await world.tell(each)
                await wait_until(lambda: len(well.received) > seen, description="it is at work")  # noqa: B023
                await asyncio.sleep(chance.uniform(0, 0.05))
        await world.tell(*alerts[KILLS * 20 :])
        wanted = {each.id for each in alerts}
        async with notifier(world, namespace, well=well.url(), ill=ill.url()):
            await wait_until(
                lambda: set(well.alert_ids) == wanted == set(ill.alert_ids),
                description="both receivers have all",
            )
            for sink in ("well", "ill"):

                async def all_delivered() -> bool:
                    return await world.outcomes(sink) == {"delivered": len(alerts)}  # noqa: B023

                await wait_until(all_delivered, description=f"{sink} is done")

    for receiver in (well, ill):
        by_id: dict[str, set[tuple[str, ...]]] = {}
        for request in receiver.received:
            by_id.setdefault(request.json["id"], set()).add(tuple(request.alert_ids))
        assert all(len(contents) == 1 for contents in by_id.values())
    messages = Counter(request.json["id"] for request in well.received)
    assert sum(messages.values()) - len(messages) <= KILLS, "only what was out at a kill comes again"
