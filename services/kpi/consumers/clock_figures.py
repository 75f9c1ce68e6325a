"""The figures of clocks and of records set aside, for Prometheus."""

from collections.abc import Sequence

import orjson

from schemas.topics import ALERTS, DEAD_LETTERS
from services.runtime.metrics import Metrics
from services.runtime.outbox import Emission

_HEAD, _TAIL = "tasuki.alert.sla-", ".v1"


class ClockFigures:
    """Counts what the shards that count tell, once it is committed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def committed(self, emissions: Sequence[Emission]) -> None:
        """Count the alerts and dead letters among *emissions*, which a batch made."""
        for each in emissions:
            if each.record.topic in {ALERTS.name, DEAD_LETTERS.name}:
                self._count(orjson.loads(each.record.value or b"{}"))

    def fired(self, emissions: Sequence[Emission]) -> None:
        """Count *emissions*, which timers made, and how late they were."""
        self.committed(emissions)
        for each in emissions:
            late_ms = orjson.loads(each.record.value or b"{}")["data"].get("late_ms")
            if late_ms is not None:  # a deadline that other rules moved isn't late
                self._metrics.observe("tasuki_timer_late_seconds", late_ms / 1000)

    def _count(self, event: dict[str, dict[str, str]]) -> None:
        kind = str(event["type"])
        if kind.startswith(_HEAD):
            self._metrics.count("tasuki_alerts_total", kind=kind.removeprefix(_HEAD).removesuffix(_TAIL))
        else:
            self._metrics.count("tasuki_dead_letters_total", reason=event["data"]["reason"])
