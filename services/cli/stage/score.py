"""What the KPI service of a stage counted and told, as a verdict needs it: counted again, and beside what arrived."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from services.cli.stage.books import Books
from services.cli.stage.stage import Stage
from services.errors import Misconfigured, Retryable
from services.kpi.adapters.recount import Basis, Difference, Recounted, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.app.counting import SERVICE
from services.kpi.domain.clock_rules import ClockRules
from services.runtime.clock import Clock

_POLL_S = 0.1


class NotCounted(Retryable):
    """The KPI service doesn't catch up with the facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """
    What became of alerts. `told` and `arrived` are how many.

    `faults` says of each, for a person, what is wrong with it. `doubled` arrived more than once though nothing was
    killed, `again` more than once after a kill, when nobody can know whether they had arrived.
    """

    told: int = 0
    arrived: int = 0
    doubled: int = 0
    again: int = 0
    faults: tuple[str, ...] = ()


def alerts(told: Collection[str], arrived: Mapping[str, int], *, unsigned: int, kills: int) -> Alerts:
    """Return what became of the alerts *told*; *arrived* is how often each did, by its id."""
    repeated = sorted(each for each, times in arrived.items() if times > 1)
    faults = [f"alert {each} was told, and didn't arrive" for each in sorted(set(told) - arrived.keys())]
    faults += [f"alert {each} arrived, and wasn't told" for each in sorted(arrived.keys() - set(told))]
    faults += [] if kills else [f"alert {each} arrived {arrived[each]} times" for each in repeated]
    if unsigned:
        faults.append(f"{unsigned} messages weren't signed by the shared secret")
    return Alerts(
        told=len(set(told)),
        arrived=len(arrived),
        doubled=0 if kills else len(repeated),
        again=len(repeated) if kills else 0,
        faults=tuple(faults),
    )


async def counted(books: Books, *, within_s: float) -> None:
    """Return when every fact is counted. Raises NotCounted."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while unread := await books.uncounted():
        if loop.time() > deadline:
            raise NotCounted(f"{unread} facts aren't counted after {within_s:.0f} s")
        await asyncio.sleep(_POLL_S)


async def promises(books: Books) -> ClockRules | None:
    """Return the promises that the service holds leads to, None while there were never any."""
    eras = await stored_eras(books.store, service=SERVICE)
    return ClockRules.of(eras) if eras else None


async def recounted(stage: Stage, books: Books, clock: Clock) -> Recounted | str:
    """Return what the second count found, or why there is none: DuckDB isn't installed everywhere."""
    rules = stage.kpi_settings.counting
    basis = Basis(service=SERVICE, rules=rules, promises=await promises(books), now=clock())
    try:
        return await recount(books.log, books.store, basis)
    except Misconfigured as error:
        return str(error)


def said(difference: Difference) -> str:
    """Return *difference* for a person."""
    key = " ".join(filter(None, difference.key))
    lead = f" ({difference.lead}: {difference.explained})" if difference.lead else ""
    return f"KPI {key}: service {difference.served}, recount {difference.recounted}{lead}"
