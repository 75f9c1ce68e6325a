"""
The sweep: list what changed, compare it with what is known, and read anew what differs.

What is read anew goes the way of all observations, so that repair is no path of its own. Only the listing is
paid for everything: a record that is as known costs no read.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.lead import SweepCause
from services.runtime.clock import Clock
from services.sync.application.observe import READ, Found, Hint, Observe
from services.sync.application.ports import Connector, Place
from services.sync.application.quota import working_as
from services.sync.domain.drift import drift
from services.sync.domain.fold import Folder
from services.sync.domain.lead import Lead
from services.sync.domain.priority import Priority
from services.sync.domain.records import Notification, Observation, RecordRef

READ_AT_ONCE = 200
"""Records of one reading; the connector cuts it into the vendor's own batches."""

FILLED_AT_ONCE = 16
"""Leads of a first filling that are taken in at once: what is told meanwhile queues up behind no more than these."""

BACKLOG: SweepCause = "backlog"


class Known(Protocol):
    """What is known of records, whichever shard holds it. Raises StoreUnavailable, LogUnavailable."""

    async def leads(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, Lead]:
        """Return the lead of each of *refs* that belongs to one; of one that was erased, an empty one that says so."""
        ...

    async def settled(self, within_ms: int) -> bool:
        """Return once all that the log holds by now is taken in; False where that takes longer than *within_ms*."""
        ...

    async def room(self, within_ms: int) -> None:
        """
        Return when there is room for work that isn't urgent: what was appended is taken in, and this process idles.

        At the latest after *within_ms*, or a second longer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """
    One page to be swept: of which object, from where, up to which change, and why.

    `sure_until`: what changed later may be told yet, so that no difference of it is drift. `history_until`: see
    `schemas.lead.Observed`.
    """

    object: str
    place: Place
    until: int
    cause: SweepCause
    sure_until: int
    history_until: int | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a page brought: where it goes on, how many records it listed, how many of them were not as known."""

    next: Place | None
    read: int
    others: int


class Sweep:
    """
    Sweeps pages.

    Args:
        observe: Reads and identifies.
        known: What is known.
        folder: The firm's rules, which know our own writes.
        append: Puts what was found into the log; durable when it returns.
        patience_ms: So long it waits for notifications to be taken in before it calls a difference drift.
    """

    def __init__(
        self,
        *,
        observe: Observe,
        known: Known,
        folder: Folder,
        append: Callable[[Sequence[Found]], Awaitable[None]],
        clock: Clock,
        patience_ms: int = 60_000,
    ) -> None:
        self._observe = observe
        self._known = known
        self._folder = folder
        self._append = append
        self._clock = clock
        self._patience_ms = patience_ms

    async def page(self, connector: Connector, walk: Walk) -> Swept:
        """
        Sweep one page; can be repeated.

        Raises what `Connector.changed` does, StoreUnavailable and LogUnavailable.
        """
        filling = walk.cause == "backfill"
        with working_as(Priority.BACKFILL if filling else Priority.RECONCILE):
            page = await connector.changed(walk.object, walk.place, walk.until)
            others = await self._others(connector, page.seen, page.gone)
            settled = True
            if others and not filling:
                # What differs may have been told, and not be taken in yet: look again when it is.
                settled = await self._known.settled(self._patience_ms)
                wanted = set(others)
                seen = [each for each in page.seen if each.ref in wanted]
                others = await self._others(connector, seen, [each for each in page.gone if each in wanted])
            changed = {**page.gone_at, **{each.ref: _changed_at(each) for each in page.seen}}
            for start in range(0, len(others), READ_AT_ONCE):
                refs = others[start : start + READ_AT_ONCE]
                hints = [self._hint(walk, ref, changed.get(ref, 0), settled=settled) for ref in refs]
                found = await self._observe.run(hints)
                if not filling:
                    await self._append(found)
                    continue
                for place in range(0, len(found), FILLED_AT_ONCE):
                    await self._append(found[place : place + FILLED_AT_ONCE])
                    await self._known.room(self._patience_ms)
        # Who fills for the first time knows nobody yet whom the deleted records could be.
        ended = filling and page.next is not None and page.next.deleted
        return Swept(None if ended else page.next, len(page.seen) + len(page.gone), len(others))

    async def _others(
        self, connector: Connector, seen: Sequence[Observation], gone: Sequence[RecordRef]
    ) -> list[RecordRef]:
        """Return the records that aren't as known."""
        leads = await self._known.leads([*(each.ref for each in seen), *gone])
        found = [each.ref for each in seen if self._is_other(connector, each, leads.get(each.ref))]
        return [*found, *(ref for ref in gone if (lead := leads.get(ref)) is not None and _stands(lead, ref))]

    def _is_other(self, connector: Connector, seen: Observation, lead: Lead | None) -> bool:
        if lead is None:
            return True
        return bool(drift(lead, connector.side, seen, self._folder))

    def _hint(self, walk: Walk, ref: RecordRef, changed_at: int, *, settled: bool) -> Hint:
        now = self._clock()
        told = settled and changed_at <= walk.sure_until
        return Hint(
            offset=0,
            event_id=f"w-{walk.cause}-{walk.until}",
            notification=Notification(ref=ref, body=READ, received_at=now),
            sweep=walk.cause if told or walk.cause == "backfill" else BACKLOG,
            history_until=walk.history_until,
        )


def _changed_at(seen: Observation) -> int:
    return max((each.changed_at for each in seen.fields), default=seen.created_at)


def _stands(lead: Lead, ref: RecordRef) -> bool:
    """Return whether *lead* thinks that the record is there."""
    name = str(ref)
    for persons in lead.persons.values():
        if (person := persons.get(name)) is not None:
            return person.alive
    if (deal := lead.opportunities.get(ref.id)) is not None and deal.ref == ref:
        return not deal.deleted
    activity = lead.activities.get(name)
    return activity is not None and not activity.deleted
