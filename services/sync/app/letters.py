"""The dead letters of a deployment, opened beside the service or without it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from services.configuration.parts import make_log, make_store, topic_specs
from services.runtime.clock import Clock, now_ms
from services.runtime.log.port import Log
from services.runtime.store import Store
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.operator_marks import OperatorMarks
from services.sync.application.letters import Marks
from services.sync.consumers.letters import LetterBox
from services.sync.domain.records import Side
from services.sync.settings import Settings

SERVICE = "sync"


def make_letter_box(settings: Settings, log: Log, store: Store, clock: Clock = now_ms) -> LetterBox:
    """Return the letters that are on *log*; neither *log* nor *store* need have started."""
    return LetterBox(
        log=log,
        store=store,
        marks=OperatorMarks(store),
        identity=IdentityIndex(store),
        systems={Side.MA: settings.ma.system, Side.SFA: settings.sfa.system},
        service=SERVICE,
        clock=clock,
    )


@asynccontextmanager
async def open_letters(settings: Settings, embedded_url: str | None) -> AsyncGenerator[LetterBox]:
    """Give the dead letters, read beside the service or without it."""
    log, store = make_log(settings, embedded_url), make_store(settings, embedded_url)
    try:
        await store.start()
        await log.start()
        await log.ensure_topics(topic_specs(settings.log.partitions))
        yield make_letter_box(settings, log, store)
    finally:
        await log.close()
        await store.close()


@asynccontextmanager
async def open_marks(settings: Settings, embedded_url: str | None) -> AsyncGenerator[Marks]:
    """Give the place where people's orders to the service are kept."""
    store = make_store(settings, embedded_url)
    try:
        await store.start()
        yield OperatorMarks(store)
    finally:
        await store.close()
