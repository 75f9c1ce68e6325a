"""The first filling's dry run, and the places of orders, opened beside the service or without it."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from services.configuration.parts import make_log, make_store, topic_specs
from services.runtime.clock import Clock, now_ms
from services.sync.adapters.dry_run_pages import DryRunPages
from services.sync.adapters.filling_orders import FillingOrders
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.lead_codec import decode, encode
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.app.connectors import make_connectors
from services.sync.app.letters import SERVICE
from services.sync.app.quotas import make_governors
from services.sync.application.backfill import Fillings
from services.sync.application.decide import Decide
from services.sync.application.dry_run import DryRun
from services.sync.application.orders import Orders
from services.sync.consumers.filling import steps
from services.sync.consumers.known_leads import KnownLeads
from services.sync.settings import Settings


@asynccontextmanager
async def open_orders(
    settings: Settings, embedded_url: str | None
) -> AsyncGenerator[tuple[Orders, Fillings]]:
    """Give the places where orders to sweep, and to fill, are kept."""
    store = make_store(settings, embedded_url)
    try:
        await store.start()
        yield SweepOrders(store), FillingOrders(store)
    finally:
        await store.close()


@asynccontextmanager
async def open_dry_run(
    settings: Settings, embedded_url: str | None, *, hand_over: bool, fresh: bool, clock: Clock = now_ms
) -> AsyncGenerator[DryRun]:
    """Give a dry run; one that was interrupted goes on where it stood, unless *fresh*."""
    log, store = make_log(settings, embedded_url), make_store(settings, embedded_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        await store.start()
        stack.push_async_callback(log.close)
        await log.start()
        await log.ensure_topics(topic_specs(settings.log.partitions))
        connectors = list(make_connectors(settings, clock, make_governors(settings, store, clock)).values())
        for each in connectors:
            stack.push_async_callback(each.close)
            await each.start()
        identity = IdentityIndex(store)
        pages = DryRunPages(settings.data_folder, fresh=fresh, hand_over=hand_over, now=clock())
        run = DryRun(
            steps=steps(connectors),
            identity=identity,
            stored=KnownLeads(
                store=store, log=log, identity=identity, decode=decode, service=SERVICE, clock=clock
            ),
            decide=Decide(settings.rules),
            encode=encode,
            decode=decode,
            clock=clock,
            until=pages.until,
            hand_over=hand_over,
            keep=pages.keep,
        )
        ended = False
        try:
            await run.resume(pages.pages)
            yield run
            ended = True
        finally:
            pages.close(ended=ended)
