"""What a rehearsal proves of the sync itself: no drift, no false drops, no loops, and what the vendors' calls were for."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from services.cli.stage.books import Books
from services.cli.stage.stage import Stage
from services.errors import Retryable
from services.sync.adapters.sandbox.faults import Faults
from services.sync.adapters.sandbox.feed import ChangeFeed
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.application.orders import Order
from services.sync.domain.lead import Lead

FAULTS = Faults(
    seed=1,
    too_many_requests=0.05,
    server_error=0.02,
    reset=0.01,
    duplicate=0.05,
    shuffle=0.05,
    stream_abort=0.02,
    gap_event=0.02,
)
"""What `--faults` switches on in both sandboxes."""

SWEPT = {"hubspot": ("contact",), "salesforce": ("Lead", "Contact", "Opportunity", "Task", "Event")}
_WITHIN_S = 300.0
_POLL_S = 0.2


class NotSwept(Retryable):
    """The sweep at the end doesn't come to its end."""


@dataclass(frozen=True, slots=True)
class Proof:
    """
    What the service counted, whatever was killed on the way, and what the sandboxes were asked.

    `drift`, `false_drops`, `loops`: all must be 0. `echoes`: our own writes that came back and were known. `calls`:
    requests to both vendors; `naive_calls`: one for each notification, to read, and one for each field written.
    """

    drift: int
    false_drops: int
    loops: int
    echoes: int
    handoffs: int
    calls: int
    naive_calls: int

    @property
    def good(self) -> bool:
        """Whether nothing was found that must not be."""
        return self.drift == self.false_drops == self.loops == 0

    def __str__(self) -> str:
        """Return it for a person."""
        each = ""
        if self.handoffs:
            each = (
                f"; {self.calls / self.handoffs:.1f} calls for each of {self.handoffs} handoffs, "
                f"{self.naive_calls / self.handoffs:.1f} if each notification and each field took one"
            )
        return (
            f"{self.echoes} echoes known, {self.false_drops} false drops, {self.loops} loops, "
            f"drift {self.drift} in a sweep of everything{each}"
        )


async def switch_faults(stage: Stage, faults: Faults) -> None:
    """Let both sandboxes misbehave as *faults* says."""
    for sandbox in (stage.ma, stage.sfa):
        await sandbox.faults(faults.model_dump())


def calls_so_far(stage: Stage) -> int:
    """Return how many requests the two vendors got from the service."""
    ma, sfa = stage.hubspot.desk.stats()["requests"], stage.salesforce.desk.stats()["requests"]
    asked = sum(sum(counts.values()) for route, counts in ma.items() if "_sandbox" not in route)
    return asked + sum(sfa.values())


async def sweep_all(stage: Stage, books: Books) -> None:
    """
    Have everything swept, from the first change on, and wait for it.

    Raises:
        NotSwept: It takes too long.
    """
    before = await _ended(stage)
    for system, objects in SWEPT.items():
        for name in objects:
            await SweepOrders(books.store).order(Order(system, name, "ordered", 0))
    try:
        async with asyncio.timeout(_WITHIN_S):
            while not _all_newer(before, await _ended(stage)):  # noqa: ASYNC110 - another process tells nobody
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise NotSwept(f"the sweep takes more than {_WITHIN_S:.0f} s; see {stage.service_log}") from None


async def prove(stage: Stage, leads: Iterable[Lead], calls: int) -> Proof:
    """Return what is proven after `sweep_all`; *calls* is `calls_so_far` before it."""
    status = await _status(stage)
    echoes: Mapping[str, int] = status["echoes"]
    desks = stage.hubspot.desk, stage.salesforce.desk
    return Proof(
        drift=sum(status["drift"].values()),
        false_drops=_sum(echoes, "false-drop:"),
        loops=_sum(echoes, "loop:"),
        echoes=_sum(echoes, "suppressed:"),
        handoffs=sum(len(each.told.offered) for each in leads),
        calls=calls,
        naive_calls=int(desks[0].stats()["delivered_events"])
        + int(desks[1].stats()["events"])
        + sum(_fields_written(each.feed) for each in desks),
    )


def _fields_written(feed: ChangeFeed) -> int:
    items, _ = feed.since(0, feed.last)
    return sum(len(each.fields) for each in items if each.origin == "api")


def _sum(counts: Mapping[str, int], prefix: str) -> int:
    return sum(count for name, count in counts.items() if name.startswith(prefix))


def _all_newer(
    before: Mapping[tuple[str, str], int | None], now: Mapping[tuple[str, str], int | None]
) -> bool:
    wanted = [(system, name) for system, names in SWEPT.items() for name in names]
    return all(now.get(each) is not None and now.get(each) != before.get(each) for each in wanted)


async def _ended(stage: Stage) -> dict[tuple[str, str], int | None]:
    found = (await _status(stage))["sweeps"] or ()
    return {(each["system"], each["object"]): each["ended_at"] for each in found}


async def _status(stage: Stage) -> Mapping[str, Any]:
    async with httpx2.AsyncClient(timeout=10) as http:
        answer = await http.get(f"{stage.base_url}/status")
    answer.raise_for_status()
    return answer.json()
