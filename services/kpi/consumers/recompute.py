"""After the promises changed: works out the clocks of a shard's leads by the new rules, beside the work, and says what moved."""

from collections.abc import Callable, Sequence

import structlog

from services.kpi.consumers.known import Known
from services.kpi.consumers.shard_clocks import ShardClocks
from services.kpi.consumers.sweep import Sweep
from services.kpi.consumers.timers import Fired
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import ClockState, is_promised
from services.runtime.operations import Operations

PAGE = 100
"""So many leads are worked out in one commit: some 10 ms, in which nothing else is folded."""
_log = structlog.get_logger(__name__)


class Recompute:
    """
    One shard's recompute.

    Clocks carry the number of the rules they were worked out by. What a fact or a timer reached first is left alone,
    and the next owner goes on where this one stopped.
    """

    def __init__(
        self,
        clocks: ShardClocks,
        known: Known,
        *,
        fired: Fired,
        failed: Callable[[BaseException], None],
        page: int = PAGE,
    ) -> None:
        self._clocks = clocks
        self._known = known
        self._fired = fired
        self._sweep = Sweep(
            clocks.shard,
            clocks.tallying.counts,
            name="recompute",
            page=self._page,
            finish=self._finish,
            failed=failed,
            size=page,
        )

    def start(self) -> None:
        """Begin, or go on."""
        self._sweep.start()

    async def stop(self) -> None:
        """Stop; safe where it never began."""
        await self._sweep.stop()

    async def _page(self, lead_ids: Sequence[str]) -> None:
        """Work out the clocks of *lead_ids* as of an instant of which all is known, however long that takes to know."""
        clocks = self._clocks
        now = await self._known.up_to()
        async with clocks.shard.turn() as turn:
            leads, states = await clocks.tallying.counts.load(lead_ids), await clocks.load(lead_ids)
            outdated = [lead for lead, _ in leads.values() if self._is_due(lead, states.get(lead.id))]
            if not outdated:
                return
            told = await clocks.bring_all(turn, outdated, states, now, Operations())
        self._fired(told.told)

    def _is_due(self, lead: KpiLead, state: ClockState | None) -> bool:
        if state is None or not state.era:  # it had no clock
            return is_promised(lead, state or ClockState(), self._clocks.eras.rules)
        return self._clocks.is_outdated(state)

    async def _finish(self) -> None:
        moved = await self._clocks.eras.agree()
        shifts = {name: moved.get(name, 0) for name in ("earlier", "later", "ended", "begun")}
        _log.info(
            "promises.recomputed", shard=str(self._clocks.shard.id), clocks=sum(shifts.values()), **shifts
        )
