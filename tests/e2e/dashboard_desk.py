"""
The dashboard over a real feed, counters and clocks, with a firm's facts in them.

``python -m tests.e2e.dashboard_desk [port]`` serves it until it is interrupted, with a new MQL now and then.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from services.kpi.adapters.dashboard import make_dashboard_router
from services.kpi.adapters.feed import make_feed, make_lead_parts
from services.kpi.consumers.promised import Promised
from services.kpi.domain.goals import Goals
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.policy import Escalation, Policy, Target, Warn
from services.kpi.domain.sla.rulebook import Rulebook
from services.runtime.clock import now_ms
from services.runtime.http import RunningServer, serve
from services.runtime.http_access import ApiKey
from services.runtime.worker import ShardWorker
from tests.e2e.dashboard_firm import TEAMS, Firm
from tests.integration.feed_world import rules_of
from tests.integration.kpi_world import PARTITIONS, KpiWorld, kpi_world
from tests.kpi_facts import DAY, HOUR
from tests.unit.kpi.sla.worlds import OFFICE

RULES = CountingRules(teams=TEAMS)
GOALS = Goals(revenue=100_000_000, average_order=5_000_000, win_rate=0.2, opportunity_rate=0.15)
FIRST_RESPONSE = Policy(
    name="mql-first-response",
    starts=("mql",),
    stops=("first_response",),
    cancels=("recycled", "lost"),
    targets=(
        # Who asks by themselves is called the same day, whatever day it is.
        Target(budget_ms=6 * HOUR, when={"source": ("ウェブサイト", "展示会", "紹介")}),
        Target(budget_ms=8 * HOUR, calendar="office"),
    ),
    warnings=(Warn(share=0.5), Warn(share=0.8)),
    escalations=(Escalation(notify=("team-lead",), after_ms=4 * HOUR),),
)
MEETING_SET = Policy(
    name="sql-meeting",
    starts=("sql",),
    stops=("appointment", "opportunity"),
    cancels=("recycled", "lost"),
    targets=(Target(budget_ms=48 * HOUR),),
    warnings=(Warn(share=0.75),),
)
NAMES = {
    "mql-first-response": {"ja": "MQL初回対応", "en": "First response to an MQL"},
    "sql-meeting": {"ja": "アポ設定", "en": "Meeting set"},
}


@dataclass
class Desk:
    """What a test may look at and disturb."""

    kpi: KpiWorld
    worker: ShardWorker
    server: RunningServer
    firm: Firm
    sync: dict[str, Any]

    @property
    def url(self) -> str:
        """Where the pages are."""
        return self.server.url


@asynccontextmanager
async def dashboard_desk(
    *, leads: int, keys: Sequence[ApiKey] = (), port: int = 0, sync_known: bool = True
) -> AsyncGenerator[Desk]:
    """Give the pages over a firm with so many leads; 0: nothing has happened yet."""
    said = healthy()

    async def sync() -> Mapping[str, Any] | None:
        return said or None

    now = now_ms()
    promises = Promised(
        book=Rulebook.of([FIRST_RESPONSE, MEETING_SET], {"office": OFFICE}),
        from_at=now - 84 * DAY,
        grace_ms=200,
    )
    async with kpi_world() as kpi, kpi.counting(RULES, promises, max_records=500) as worker:
        firm = Firm(now, leads)
        readings = kpi.readings(RULES, GOALS)
        parts = make_lead_parts(
            store=kpi.store,
            log=kpi.log,
            readings=readings,
            rules=lambda: rules_of(promises),
            service=kpi.service,
            partitions=PARTITIONS,
            names=NAMES,
        )
        feed = make_feed(
            readings=readings,
            leads=parts,
            clock=now_ms,
            keys=keys,
            host="127.0.0.1",
            failed=kpi.failures.append,
            routers=[
                make_dashboard_router(
                    keys=keys, host="127.0.0.1", clock=now_ms, sync_health=sync if sync_known else None
                ),
            ],
        )
        if leads:
            firm.work()
            firm.waiting(9)
            await kpi.tell(firm.teller.told)
        await kpi.counted(worker)
        server = await serve(feed.app, "127.0.0.1", port)
        try:
            yield Desk(kpi, worker, server, firm, said)
        finally:
            await feed.hub.stop()
            await server.stop()


def healthy() -> dict[str, Any]:
    """Return what a sync service in good health says."""
    return {
        "ready": True,
        "systems": {
            "hubspot": {"condition": "ok", "waiting": 2},
            "salesforce": {"condition": "ok", "waiting": 0},
        },
        "latency": {"p50_ms": 840, "p99_ms": 2_900},
        "drift": None,
        "queue": 3,
    }


async def _main(port: int) -> None:
    async with dashboard_desk(leads=900, port=port) as desk:
        print(desk.url, flush=True)
        number = 0
        while True:
            await asyncio.sleep(20)
            number += 1
            before = len(desk.firm.teller.told)
            desk.firm.teller.reached(f"lead-n{number:04d}", "lead", now_ms(), holder=next(iter(TEAMS)))
            desk.firm.teller.reached(f"lead-n{number:04d}", "mql", now_ms(), holder=next(iter(TEAMS)))
            await desk.kpi.tell(desk.firm.teller.told[before:])


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 8082))
