"""What is asked for when somebody looks: gauges set before each scrape, and the health of the change streams."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.gauges import Series
from services.runtime.health import Condition, Health, Probe, Report
from services.runtime.health_probes import stream_probe
from services.runtime.metrics import Metrics
from services.sync.adapters.quota import QuotaGovernor
from services.sync.application.circuit import Circuits
from services.sync.application.gate import Gate
from services.sync.application.ports import Connector
from services.sync.application.trouble import trouble_of
from services.sync.consumers.leads import HeldShard
from services.sync.consumers.streams import Streams
from services.sync.domain.priority import Priority
from services.sync.domain.records import Side

Quotas = Callable[[], Awaitable[Iterable[tuple[str, str, int]]]]
"""What is left of the vendors' limits, as far as it is known: system, limit, calls."""


Calls = Callable[[], Iterable[tuple[str, int]]]
"""How many requests were sent to each vendor so far: system, calls."""


def watch_vendors(metrics: Metrics, quotas: Quotas, streams: Streams, clock: Clock) -> None:
    """Set what is left of the vendors' limits, and the age of each stream that is followed here."""
    left = Series(metrics, "tasuki_quota_remaining_calls")
    ages = Series(metrics, "tasuki_stream_age_seconds")

    async def refresh() -> None:
        left.show([({"system": system, "limit": limit}, calls) for system, limit, calls in await quotas()])
        now = clock()
        ages.show(
            [
                ({"system": system, "channel": channel}, max(0, now - at) / 1000)
                for (system, channel), at in streams.told_at.items()
            ]
        )

    metrics.on_scrape(refresh)


def headroom(governors: Mapping[str, QuotaGovernor]) -> Quotas:
    """Return what asks the governors how many calls are left; what nobody knows is left out."""

    async def left() -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []
        for system, governor in governors.items():
            with suppress(Retryable):  # the store is away: unknown
                found += [
                    (system, each.limit.name, each.left)
                    for each in await governor.standings()
                    if each.left is not None
                ]
        return found

    return left


def quota_probe(governor: QuotaGovernor) -> Probe:
    """Return a probe for a system's quota: DEGRADED while work that may not use the reserve is held back."""

    async def probe() -> Report:
        try:
            standings = await governor.standings()
        except Retryable:
            return Report(Condition.OK, facts={"known": False})
        facts: dict[str, str | int | float | bool | None] = {
            f"{each.limit.name}_left": each.left for each in standings
        }
        why = await governor.why(Priority.EDIT)
        return Report(Condition.DEGRADED if why else Condition.OK, why or "", facts)

    return probe


def quotas_awaited(governors: Mapping[str, QuotaGovernor]) -> str:
    """Return the systems whose quota leaves nothing even to read with; empty while none is so."""
    return ", ".join(f"{system} (out of quota)" for system, each in governors.items() if each.reads_wait)


def watch_calls(metrics: Metrics, calls: Calls) -> None:
    """Count the requests sent to the vendors, and set how many there were for each handoff."""
    counted: dict[str, int] = {}

    async def refresh() -> None:
        handoffs = sum(metrics.value("tasuki_handoffs_total", handoff=each) for each in ("mql", "sql"))
        for system, sent in calls():
            metrics.count("tasuki_vendor_calls_total", max(0, sent - counted.get(system, 0)), system=system)
            counted[system] = sent
            if handoffs:
                metrics.set("tasuki_handoff_vendor_calls", sent / handoffs, system=system)

    metrics.on_scrape(refresh)


def watch_dirty(
    metrics: Metrics, held: Mapping[int, HeldShard], connectors: Mapping[Side, Connector]
) -> None:
    """Set for how many leads of the shards held here dispatch has something to send."""

    async def refresh() -> None:
        shards = list(held.values())
        for side, connector in connectors.items():
            with suppress(Retryable):  # the store is away: the last count stays, health tells
                counts = await asyncio.gather(*(each.leads.dirty_count(side) for each in shards))
                metrics.set("tasuki_dispatch_dirty_leads", sum(counts), system=connector.system)

    metrics.on_scrape(refresh)


def watch_lines(metrics: Metrics, gates: Mapping[str, Gate], circuits: Circuits) -> None:
    """Set for each system that waits, why: its gate is closed, or a line of it stands."""
    waiting = Series(metrics, "tasuki_vendor_waiting")

    async def refresh() -> None:
        found = {(system, trouble_of(gate.cause).reason) for system, gate in gates.items() if gate.cause}
        found |= {(each.system, each.stop.trouble.reason) for each in circuits.stopped() if each.stop}
        waiting.show([({"system": system, "reason": reason}, 1) for system, reason in sorted(found)])

    metrics.on_scrape(refresh)


def vendor_probe(gate: Gate, circuits: Circuits, system: str) -> Probe:
    """Return a probe for a vendor: DEGRADED, with the reason's word, its text and its mend, while anything waits."""

    async def probe() -> Report:
        told = [each.why for each in circuits.of(system) if each.stop is not None]
        facts = {each.line.value: each.stop.trouble.reason for each in circuits.of(system) if each.stop}
        if gate.cause is not None:
            trouble = trouble_of(gate.cause)
            told.insert(0, f"{trouble.reason}: {gate.cause}; {trouble.mend}")
            facts["calls"] = trouble.reason
        if not told:
            return Report(Condition.OK)
        return Report(Condition.DEGRADED, " | ".join(told), facts)

    return probe


def awaited(gates: Mapping[str, Gate], circuits: Circuits) -> str:
    """Return the systems whose notifications wait to be read, with the reasons; empty while none does."""
    waits = {system: trouble_of(gate.cause).reason for system, gate in gates.items() if gate.cause}
    waits |= {system: each.stop.trouble.reason for system, each in circuits.reads.items() if each.stop}
    return ", ".join(f"{system} ({reason})" for system, reason in sorted(waits.items()))


def register_streams(health: Health, streams: Streams, connectors: Iterable[Connector], clock: Clock) -> None:
    """Register the health of each change stream; one that another process follows is well here."""
    for connector in connectors:
        for channel in connector.channels:
            key = (connector.system, channel)
            health.register(
                f"stream.{connector.system}:{channel}",
                stream_probe(lambda key=key: streams.told_at.get(key, clock()), clock),
            )
