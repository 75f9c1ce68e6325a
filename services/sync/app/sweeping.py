"""What sweeps are composed of."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from schemas.dead_letters import DeadLettered
from schemas.topics import DEAD_LETTERS, LEAD_CHANGES
from services.runtime.clock import Clock
from services.runtime.log.port import Log, Record
from services.runtime.store import Store
from services.sync.adapters.filling_orders import FillingOrders
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.lead_codec import decode
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.app.letters import SERVICE
from services.sync.application.decide import Decide
from services.sync.application.observe import Found, Observe
from services.sync.application.orders import Order, Orders
from services.sync.application.ports import Connector
from services.sync.application.sweep import Sweep
from services.sync.consumers.figures import Figures
from services.sync.consumers.filling import Filling
from services.sync.consumers.known_leads import KnownLeads
from services.sync.consumers.leads import Resident
from services.sync.consumers.reviews import Reviews
from services.sync.consumers.sweeps import Habits, Sweeps
from services.sync.settings import Settings
from services.sync.settings.sync_section import SyncSection


@dataclass(frozen=True, slots=True)
class Shared:
    """What sweeps share with the rest of the service."""

    log: Log
    store: Store
    connectors: Sequence[Connector]
    observe: Observe
    decide: Decide
    identity: IdentityIndex
    clock: Clock
    failed: Callable[[BaseException], None]


def make_residents(settings: Settings, shared: Shared, figures: Figures) -> Sequence[Resident]:
    """Return the reviews, the sweeps and the first filling, which live in the shards of the leads."""
    log, store, clock = shared.log, shared.store, shared.clock
    known = KnownLeads(
        store=store, log=log, identity=shared.identity, decode=decode, service=SERVICE, clock=clock
    )
    sweep = Sweep(
        observe=shared.observe,
        known=known,
        folder=shared.decide.folder,
        append=appending(log),
        clock=clock,
    )
    return [
        Reviews(
            rules=shared.decide.rules, log=log, store=store, decode=decode, clock=clock, failed=shared.failed
        ),
        Sweeps(
            connectors=shared.connectors,
            sweep=sweep,
            orders=SweepOrders(store),
            store=store,
            habits=sweep_habits(settings.sync),
            partitions=settings.log.partitions,
            clock=clock,
            failed=shared.failed,
            told=figures,
        ),
        Filling(
            connectors=shared.connectors,
            sweep=sweep,
            known=known,
            fillings=FillingOrders(store),
            store=store,
            partitions=settings.log.partitions,
            clock=clock,
            failed=shared.failed,
        ),
    ]


def sweep_habits(sync: SyncSection) -> Habits:
    """Return how often and how far back is swept."""
    return Habits(
        every_ms=sync.reconcile_every_ms if sync.reconcile else None,
        overlap_ms=sync.reconcile_overlap_ms,
        grace_ms=sync.reconcile_grace_ms,
    )


def appending(log: Log) -> Callable[[Sequence[Found]], Awaitable[None]]:
    """Return what appends observations to the changes of their leads, and what was set aside to the dead letters."""

    async def append(found: Sequence[Found]) -> None:
        await log.append([_record(each) for each in found])

    return append


def _record(found: Found) -> Record:
    topic = DEAD_LETTERS if isinstance(found.event, DeadLettered) else LEAD_CHANGES
    return Record(topic.name, found.key, found.event.model_dump_json().encode())


class CountedOrders:
    """See `Orders`; what a gap of a stream orders is counted."""

    def __init__(self, inner: Orders, figures: Figures) -> None:
        self._inner = inner
        self._figures = figures

    async def order(self, order: Order) -> None:
        """See `Orders.order`."""
        await self._inner.order(order)
        self._figures.lost(order.system, order.object, "gap")

    async def given(self) -> Sequence[Order]:
        """See `Orders.given`."""
        return await self._inner.given()

    async def taken(self, orders: Sequence[Order]) -> None:
        """See `Orders.taken`."""
        await self._inner.taken(orders)
