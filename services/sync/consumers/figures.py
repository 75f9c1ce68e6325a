"""What happens in sync, as metrics."""

from collections import deque
from collections.abc import Sequence
from typing import Literal

from schemas.lead import LeadChange, LeadObserved, LeadWriteStarted
from services.runtime.clock import Clock
from services.runtime.logs import events
from services.runtime.metrics import Metrics
from services.sync.application.decide import Decided
from services.sync.application.dispatch import Plan
from services.sync.application.sweep import Swept
from services.sync.consumers.sweep_state import Ended
from services.sync.consumers.sweeps import SweepTold
from services.sync.domain.drift import counted
from services.sync.domain.priority import Priority
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
        if isinstance(event, LeadWriteStarted):
            self._looped(event, decided)
        if decided.fights:
            self._metrics.count("tasuki_fights_total", decided.fights)
        reasons = [letter.data.reason for letter in decided.dead_letters]
        for reason in (*reasons, *(() if decided.unfit is None else decided.unfit[:1])):
            self._metrics.count("tasuki_dead_letters_total", reason=reason)
        if isinstance(event, LeadObserved):
            self._seen(event, decided)
            if any(lack.priority is Priority.HOT for lacks in decided.missing.values() for lack in lacks):
                self._hot_since.setdefault(event.subject, event.data.received_at)

    def _looped(self, event: LeadWriteStarted, decided: Decided) -> None:
        for name in decided.loops:
            self._metrics.count("tasuki_loops_total", side=event.data.side, field=name)
            log.warning("write.looped", side=event.data.side, lead_id=event.subject, field=name)

    def _seen(self, event: LeadObserved, decided: Decided) -> None:
        system = event.data.ref.system
        for name, count in counted(decided.drift).items():
            self._metrics.count("tasuki_drift_total", count, system=system, field=name)
        for layer, count in decided.echoes.items():
            self._metrics.count("tasuki_echoes_suppressed_total", count, system=system, layer=layer.value)
        for name in decided.false_drops:
            self._metrics.count("tasuki_echo_false_drops_total", system=system, field=name)
            log.warning("echo.mistaken", system=system, lead_id=event.subject, field=name)

    def sending(self, system: str, plans: Sequence[Plan], now: int) -> None:
        """A batch leaves for *system*."""
        self._metrics.observe("tasuki_write_batch_records", len(plans), system=system)
        for plan in plans:
            since = self._hot_since.pop(plan.lead.id, None) if plan.missing.priority is Priority.HOT else None
            if since is not None:
                self._waits_ms.append(now - since)
                self._metrics.observe("tasuki_handoff_seconds", (now - since) / 1000, system=system)
                log.debug("handoff.sent", system=system, lead_id=plan.lead.id, waited_ms=now - since)
