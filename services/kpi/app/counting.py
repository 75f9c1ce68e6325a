"""The half of the service that counts and keeps clocks: what folds the facts, and since when promises hold."""

from collections.abc import Callable, Sequence

import structlog

from services.kpi.adapters.clock_codec import decode_clocks, encode_clocks
from services.kpi.adapters.first_instant import first_instant
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.adapters.rulebook_codec import decode_eras, encode_eras, fingerprint
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.consumers.accompanied import Accompanied, Companion
from services.kpi.consumers.clock_figures import ClockFigures
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.counts import CountProcessor
from services.kpi.consumers.promised import Forms, Promised
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.sla.rulebook import Rulebook, next_era
from services.kpi.settings import Settings
from services.runtime.clock import Clock
from services.runtime.log.port import Log
from services.runtime.metrics import Metrics
from services.runtime.processor import Processor
from services.runtime.store import Store

SERVICE = "kpi"
FORMS = Forms(
    encode=encode_clocks,
    decode=decode_clocks,
    encode_eras=encode_eras,
    decode_eras=decode_eras,
    fingerprint=fingerprint,
)
"""How clocks and rules are kept."""
_log = structlog.get_logger(__name__)


class Promises:
    """The promises of the settings, from the instant on that stands in the store; known once it was started."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._promised: Promised | None = None
        self.rules = ClockRules()
        self.from_at: int | None = None

    async def start(self) -> None:
        """Find out since when they hold. Raises Misconfigured, StoreUnavailable."""
        settings = self._settings
        first_at = await first_instant(self._store, service=SERVICE, now=self._clock())
        self.from_at = first_at if settings.promised_from is None else settings.promised_from
        self._promised = Promised(
            book=Rulebook.of(settings.policies, settings.calendars),
            from_at=self.from_at,
            grace_ms=settings.grace_ms,
            batch=settings.timers_batch,
        )
        self.rules = await self._in_force(self._promised)
        _log.info("promises.opened", count=len(settings.policies), begin=self.from_at)

    async def _in_force(self, promised: Promised) -> ClockRules:
        """Return the rules that shards hold by now, or will once they were opened."""
        stored = await stored_eras(self._store, service=SERVICE)
        begun = next_era(
            stored,
            promised.book,
            fingerprint(promised.book),
            now=self._clock(),
            first_at=promised.from_at,
            reaching_back=promised.reaching_back,
        )
        return ClockRules.of(stored if begun is None else (*stored, begun))

    @property
    def promised(self) -> Promised:
        """What the clocks are given."""
        if self._promised is None:
            raise AssertionError("the promises are asked for before they were started")
        return self._promised


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
        promised=promises.promised,
        log=log,
        forms=FORMS,
        clock=clock,
        failed=failed,
        fired=figures.fired,
    )
    counts = CountProcessor(
        rules=settings.counting, encode=encode, decode=decode, clock=clock, failed=failed, clocks=clocks
    )
    return Accompanied(counts, companions, figures.committed)
