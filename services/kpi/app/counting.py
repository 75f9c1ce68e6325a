"""The half of the service that counts and keeps clocks: what folds the facts, and since when promises hold."""

from collections.abc import Callable, Sequence

import structlog

from services.kpi.adapters.clock_codec import decode_clocks, encode_clocks
from services.kpi.adapters.first_instant import first_instant
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.consumers.accompanied import Accompanied, Companion
from services.kpi.consumers.clock_figures import ClockFigures
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.counts import CountProcessor
from services.kpi.domain.lead_clocks import ClockRules
from services.kpi.settings import Settings
from services.runtime.clock import Clock
from services.runtime.log.port import Log
from services.runtime.metrics import Metrics
from services.runtime.processor import Processor
from services.runtime.store import Store

SERVICE = "kpi"
_log = structlog.get_logger(__name__)


class Promises:
    """The promises of the settings, from the instant on that stands in the store; known once it was started."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._rules: ClockRules | None = None
        self.from_at: int | None = None

    async def start(self) -> None:
        """Find out since when they hold. Raises Misconfigured, StoreUnavailable."""
        settings = self._settings
        first_at = await first_instant(self._store, service=SERVICE, now=self._clock())
        self.from_at = first_at if settings.promised_from is None else settings.promised_from
        self._rules = ClockRules.of(
            settings.policies,
            from_at=self.from_at,
            calendars=settings.calendars,
            grace_ms=settings.grace_ms,
            batch=settings.timers_batch,
        )
        _log.info("promises.opened", policies=len(settings.policies), from_at=self.from_at)

    @property
    def rules(self) -> ClockRules:
        """The rules of the clocks."""
        if self._rules is None:
            raise AssertionError("the promises are asked for before they were started")
        return self._rules


def make_counting(
    settings: Settings,
    promises: Promises,
    *,
    log: Log,
    clock: Clock,
    metrics: Metrics,
    failed: Callable[[BaseException], None],
    companions: Sequence[Companion],
) -> Processor:
    """Return what folds the facts, once the promises are known."""
    figures = ClockFigures(metrics)
    clocks = LeadClocks(
        rules=promises.rules,
        log=log,
        encode=encode_clocks,
        decode=decode_clocks,
        clock=clock,
        failed=failed,
        fired=figures.fired,
    )
    counts = CountProcessor(
        rules=settings.counting, encode=encode, decode=decode, clock=clock, failed=failed, clocks=clocks
    )
    return Accompanied(counts, companions, figures.committed)
