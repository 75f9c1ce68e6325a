"""
Health that tells the truth: each component reports by itself, and the process is judged from the reports.

A component is in one of five conditions, and only what a restart would mend makes the process not alive:

| condition | ready | alive | example |
|---|---|---|---|
| OK | yes | yes | |
| DEGRADED | yes | yes | a vendor's circuit is open: the rest works, the door must stay open |
| WAITING | no | yes | no partition assigned yet, behind the log's end |
| DOWN | no | yes | the store doesn't answer: a restart of ours would not help it |
| STUCK | no | no, unless something is DOWN | a batch that doesn't end: perhaps it waits for what is down |
| DEAD | no | no | a subscription ended, or polls no more |

The log's ping says nothing about a consumer; the consumer says it itself (services/runtime/health_probes.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.errors import ServiceError
from services.runtime.clock import Clock
from services.runtime.logs import events
from services.runtime.redaction import error_text

log = events()


class Condition(StrEnum):
    """How a component is; see the module's table."""

    OK = "ok"
    DEGRADED = "degraded"
    WAITING = "waiting"
    DOWN = "down"
    STUCK = "stuck"
    DEAD = "dead"


_READY = frozenset({Condition.OK, Condition.DEGRADED})


@dataclass(frozen=True, slots=True)
class Report:
    """What a component says of itself: its condition, why if it isn't OK, and its figures."""

    condition: Condition
    reason: str = ""
    facts: Mapping[str, str | int | float | bool | None] = field(
        default_factory=dict[str, str | int | float | bool | None]
    )


Probe = Callable[[], Awaitable[Report]]
"""Asks a component; it should answer in milliseconds and touch nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The process as a whole. `reasons` are ``component: reason`` for all that isn't OK, the worst first."""

    ready: bool
    live: bool
    reasons: tuple[str, ...]
    components: Mapping[str, Report]


class Health:
    """
    Asks the registered components and judges.

    Reports are kept for *fresh_ms*, so a flood of questions doesn't become a flood of pings.

    Args:
        clock: For the age of the reports.
        timeout_ms: A probe that takes longer counts as DOWN.
        fresh_ms: How long an answer is good for.
    """

    def __init__(self, clock: Clock, *, timeout_ms: int = 1_000, fresh_ms: int = 500) -> None:
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._fresh_ms = fresh_ms
        self._probes: dict[str, Probe] = {}
        self._asking = asyncio.Lock()
        self._reports: Mapping[str, Report] = {}
        self._asked_at: int | None = None
        self._was_ready: bool | None = None

    def register(self, component: str, probe: Probe) -> None:
        """Ask *probe* from now on; a second registration of *component* takes the place of the first."""
        self._probes[component] = probe
        self._asked_at = None

    def unregister(self, component: str) -> None:
        """Ask *component* no more."""
        self._probes.pop(component, None)
        self._asked_at = None

    @property
    def components(self) -> frozenset[str]:
        """The names of all that is asked."""
        return frozenset(self._probes)

    async def verdict(self, only: Collection[str] | None = None) -> Verdict:
        """
        Judge by the reports of all components, or of those in *only*.

        Without any component the process is live and not ready: it has nothing to be ready with.
        """
        reports = await self._asked()
        whole = _judged(reports)
        self._note(whole)
        if only is None:
            return whole
        return _judged({name: report for name, report in reports.items() if name in only})

    async def _asked(self) -> Mapping[str, Report]:
        async with self._asking:
            age = None if self._asked_at is None else self._clock() - self._asked_at
            if age is None or not 0 <= age < self._fresh_ms:
                names = list(self._probes)
                reports = await asyncio.gather(*(self._ask(name, self._probes[name]) for name in names))
                self._reports = dict(zip(names, reports, strict=True))
                self._asked_at = self._clock()
            return self._reports

    async def _ask(self, component: str, probe: Probe) -> Report:
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                return await probe()
        except TimeoutError:
            return Report(Condition.DOWN, f"did not answer within {self._timeout_ms} ms")
        except ServiceError as error:
            return Report(Condition.DOWN, error_text(error))
        except Exception as error:  # noqa: BLE001 - a broken probe must show red, not take the others along
            log.failed("health.probe_failed", error, component=component)
            return Report(Condition.DOWN, f"its probe failed: {error_text(error)}")

    def _note(self, verdict: Verdict) -> None:
        if verdict.ready == self._was_ready:
            return
        if verdict.ready:
            log.info("health.became_ready", components=len(verdict.components))
        elif self._was_ready:
            log.warning("health.became_unready", reason=list(verdict.reasons), live=verdict.live)
        self._was_ready = verdict.ready


def _judged(reports: Mapping[str, Report]) -> Verdict:
    conditions = {report.condition for report in reports.values()}
    dead = Condition.DEAD in conditions or (
        Condition.STUCK in conditions and Condition.DOWN not in conditions
    )
    severity = list(Condition)
    wrong = [(name, report) for name, report in reports.items() if report.condition is not Condition.OK]
    wrong.sort(key=lambda each: (-severity.index(each[1].condition), each[0]))
    reasons = tuple(f"{name}: {report.reason or report.condition.value}" for name, report in wrong)
    ready = bool(reports) and conditions <= _READY
    return Verdict(
        ready, not dead, reasons or (() if reports else ("nothing has been started yet",)), reports
    )
