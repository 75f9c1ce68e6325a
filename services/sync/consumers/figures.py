"""What happens in sync, as metrics."""

from collections import deque
from collections.abc import Sequence
from typing import Literal

from schemas.lead import LeadChange, LeadObserved
from services.runtime.clock import Clock
from services.runtime.logs import events
from services.runtime.metrics import Metrics
from services.sync.application.decide import Decided
from services.sync.application.dispatch import Plan
from services.sync.application.sweep import Swept
from services.sync.consumers.sweep_state import Ended
from services.sync.consumers.sweeps import SweepTold
from services.sync.domain.desired import Priority
from services.sync.domain.drift import counted
from services.sync.domain.records import Observation

log = events()
_REMEMBERED = 1_000
"""Handoffs whose latency is remembered, for the status."""
_OFFERED = "tasuki.lifecycle.handoff-offered.v1"


class Figures(SweepTold):
    """Counts and times; the latency of a handoff is from its notification's arrival to its request's departure."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._hot_since: dict[str, int] = {}
        self._waits_ms: deque[int] = deque(maxlen=_REMEMBERED)

    def handoff_ms(self) -> tuple[int, int] | None:
        """Return median and 99th percentile of the last handoffs' latency, None where there was none."""
        waits = sorted(self._waits_ms)
        return (waits[len(waits) // 2], waits[len(waits) * 99 // 100]) if waits else None

    def received(self, system: str, count: int) -> None:
        """A stream brought *count* notifications."""
        self._metrics.count("tasuki_notifications_total", count, system=system)

    def lost(self, system: str, name: str, cause: Literal["gap", "position-lost"]) -> None:
        """A change stream lost changes of an object."""
        self._metrics.count("tasuki_stream_losses_total", system=system, object=name, cause=cause)

    def page(self, system: str, name: str, swept: Swept) -> None:
        """See `SweepTold.page`."""
        counts = {"known": swept.read - swept.others, "other": swept.others}
        for outcome, count in counts.items():
            self._metrics.count(
                "tasuki_swept_records_total", count, system=system, object=name, outcome=outcome
            )

    def ended(self, system: str, name: str, sweep: Ended) -> None:
        """See `SweepTold.ended`."""
        self._metrics.count("tasuki_sweeps_total", system=system, object=name, cause=sweep.cause)

    def observed(self, system: str, seen: Sequence[Observation]) -> None:
        """Records were observed."""
        for each in seen:
            self._metrics.count("tasuki_observed_records_total", system=system, kind=each.kind.value)

    def decided(self, event: LeadChange, decided: Decided) -> None:
        """A change was decided."""
        for each in decided.made:
            self._metrics.count("tasuki_decisions_total", rule=each.outcome.rule)
            if each.outcome.conflict:
                self._metrics.count("tasuki_conflicts_total", rule=each.outcome.rule)
        for fact in decided.facts:
            if fact["type"] == _OFFERED:
                self._metrics.count("tasuki_handoffs_total", handoff=fact["data"]["handoff"])
        if decided.fights:
            self._metrics.count("tasuki_fights_total", decided.fights)
        for letter in decided.dead_letters:
            self._metrics.count("tasuki_dead_letters_total", reason=letter.data.reason)
        if decided.unfit is not None:
            self._metrics.count("tasuki_dead_letters_total", reason=decided.unfit[0])
        if isinstance(event, LeadObserved):
            self._seen(event.data.ref.system, decided)
            if any(lack.priority is Priority.HOT for lacks in decided.missing.values() for lack in lacks):
                self._hot_since.setdefault(event.subject, event.data.received_at)

    def _seen(self, system: str, decided: Decided) -> None:
        for name, count in counted(decided.drift).items():
            self._metrics.count("tasuki_drift_total", count, system=system, field=name)
        if decided.echoes:
            self._metrics.count("tasuki_echoes_suppressed_total", decided.echoes, system=system)

    def sending(self, system: str, plans: Sequence[Plan], now: int) -> None:
        """A batch leaves for *system*."""
        self._metrics.observe("tasuki_write_batch_records", len(plans), system=system)
        for plan in plans:
            since = self._hot_since.pop(plan.lead.id, None) if plan.missing.priority is Priority.HOT else None
            if since is not None:
                self._waits_ms.append(now - since)
                self._metrics.observe("tasuki_handoff_seconds", (now - since) / 1000, system=system)
                log.debug("handoff.sent", system=system, lead_id=plan.lead.id, waited_ms=now - since)
