"""A replay under the rules as they are configured now, opened beside the service or without it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from services.configuration.parts import make_log, make_store, topic_specs
from services.sync.adapters.lead_codec import decode, encode
from services.sync.app.letters import SERVICE
from services.sync.application.decide import Decide
from services.sync.application.replay import Replay
from services.sync.consumers.replaying import Replaying
from services.sync.settings import Settings


@asynccontextmanager
async def open_replay(
    settings: Settings, embedded_url: str | None, told: Callable[[int, int], None]
) -> AsyncGenerator[Replaying]:
    """Give what replays; *told* is told how many changes were read, of how many."""
    log, store = make_log(settings, embedded_url), make_store(settings, embedded_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        await store.start()
        stack.push_async_callback(log.close)
        await log.start()
        await log.ensure_topics(topic_specs(settings.log.partitions))
        decide = Decide(settings.rules)
        yield Replaying(
            log=log,
            store=store,
            begin=lambda: Replay(decide, encode, decode),
            service=SERVICE,
            told=told,
        )
