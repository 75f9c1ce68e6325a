"""While a first filling reads, nothing of what it found is sent; all else is."""

from services.sync.application.backfill import LOOK_MS, FillingOrder, HeldBack
from services.sync.application.quota import Admission
from services.sync.domain.priority import Priority


class Order:
    """Where the order stands; counts how often it was asked."""

    def __init__(self) -> None:
        self.is_reading = False
        self.asked = 0

    async def order(self, order: FillingOrder) -> None:
        raise NotImplementedError(order)

    async def ordered(self) -> FillingOrder | None:
        raise NotImplementedError

    async def reading(self) -> bool:
        self.asked += 1
        return self.is_reading

    async def has_read(self, order: FillingOrder) -> None:
        raise NotImplementedError(order)


class Quota:
    """Admits what it is told to."""

    def __init__(self) -> None:
        self.admission = Admission()

    async def admits(self) -> Admission:
        return self.admission


async def test_backfill_waits_while_it_reads_and_nothing_else_does() -> None:
    """It is looked at once a second, and looked at again then."""
    order, quota, now = Order(), Quota(), 1_790_000_000_000
    held = HeldBack(quota, order, lambda: now)
    assert await held.admits() == Admission()

    order.is_reading = True
    now += LOOK_MS
    assert await held.admits() == Admission(Priority.RECONCILE, now + LOOK_MS)
    asked = order.asked
    assert (await held.admits()).least is Priority.RECONCILE
    assert order.asked == asked

    quota.admission = Admission(Priority.HANDOFF, now + 5)
    assert await held.admits() == Admission(Priority.HANDOFF, now + 5)
    quota.admission = Admission(None, now + 5)
    assert await held.admits() == Admission(None, now + 5)

    quota.admission, order.is_reading = Admission(), False
    now += LOOK_MS
    assert await held.admits() == Admission()
