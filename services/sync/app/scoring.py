"""What scoring rules would do to the leads in the store, read beside the service or without it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from schemas.topics import LEAD_CHANGES
from services.configuration.parts import make_store
from services.runtime.clock import Clock, now_ms
from services.runtime.keys import ShardId
from services.runtime.store import Store
from services.sync.adapters.lead_codec import decode
from services.sync.app.letters import SERVICE
from services.sync.domain.rules import Rules
from services.sync.domain.score_preview import ScoreLine, score_line
from services.sync.settings import Settings

PAGE = 200


@asynccontextmanager
async def open_score_preview(
    settings: Settings, embedded_url: str | None, *, clock: Clock = now_ms
) -> AsyncGenerator[AsyncIterator[ScoreLine]]:
    """Give the lines of the preview, lead by lead; nothing is written."""
    store = make_store(settings, embedded_url)
    try:
        await store.start()
        yield _lines(store, settings.rules, settings.log.partitions, clock())
    finally:
        await store.close()


async def _lines(store: Store, rules: Rules, partitions: int, now: int) -> AsyncIterator[ScoreLine]:
    for partition in range(partitions):
        shard = ShardId(SERVICE, LEAD_CHANGES.name, partition)
        seen: set[str] = set()
        page: list[str] = []
        async for name in store.names(shard, "lead:"):
            if name not in seen:
                seen.add(name)
                page.append(name)
            if len(page) == PAGE:
                for line in await _of(store, shard, page, rules, now):
                    yield line
                page = []
        for line in await _of(store, shard, page, rules, now):
            yield line


async def _of(store: Store, shard: ShardId, names: list[str], rules: Rules, now: int) -> list[ScoreLine]:
    blobs = await store.mget([shard.key(each) for each in names])
    leads = [
        decode(name.removeprefix("lead:"), blob)
        for name, blob in zip(names, blobs, strict=True)
        if blob is not None
    ]
    found = (score_line(each, rules, now) for each in leads)
    return [each for each in found if each is not None]
