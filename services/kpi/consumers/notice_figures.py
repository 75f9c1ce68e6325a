"""The figures of the notifier, for Prometheus."""

from services.kpi.consumers.notices import NoticeProcessor
from services.kpi.domain.notices import Outcome
from services.runtime.metrics import Metrics


class NoticeFigures:
    """Counts for `NoticeProcessor`: give it `counted` and `sent`, then `watch` it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.failing: set[str] = set()
        """The sinks whose last message failed."""

    def counted(self, sink: str, outcome: str, count: int) -> None:
        """Count alerts that are done."""
        self._metrics.count("tasuki_notices_total", count, sink=sink, outcome=outcome)
        if outcome == Outcome.REFUSED.value:
            self._metrics.count("tasuki_dead_letters_total", count, reason="refused-by-sink")

    def set_aside(self, reason: str) -> None:
        """Count a record that is no alert."""
        self._metrics.count("tasuki_dead_letters_total", reason=reason)

    def sent(self, sink: str, outcome: str, alerts: int, waited_ms: int) -> None:  # noqa: ARG002 - `Delivery`'s signature
        """Count a message that left; *waited_ms* is since its oldest alert was told."""
        self._metrics.count("tasuki_notice_messages_total", sink=sink, outcome=outcome)
        if outcome == "failed":
            self.failing.add(sink)
        else:
            self.failing.discard(sink)
        if outcome == "delivered":
            self._metrics.observe("tasuki_notice_seconds", max(0, waited_ms) / 1000, sink=sink)

    def watch(self, processor: NoticeProcessor) -> None:
        """Set how many alerts wait, before each scrape."""

        async def refresh() -> None:
            for sink, count in processor.waiting().items():
                self._metrics.set("tasuki_notices_waiting", count, sink=sink)

        self._metrics.on_scrape(refresh)
