"""The verdict on the KPIs: counted a second time by other means, and each alert told is one that arrived."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from services.cli.demo.news import News
from services.cli.demo.receiver import Receiver
from services.cli.stage.books import Books
from services.cli.stage.stage import Stage
from services.errors import Misconfigured, Retryable
from services.kpi.adapters.recount import Basis, Difference, Recounted, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.app.counting import SERVICE
from services.kpi.domain.clock_rules import ClockRules
from services.runtime.clock import Clock

_WITHIN_S = 30.0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpis:
    """
    What came of the KPIs.

    `figures` were compared; `skipped` says why nothing was. `left_out` are the promises that aren't recounted, with the
    reason.
    """

    figures: int = 0
    differences: tuple[str, ...] = ()
    skipped: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    alerts: Alerts = field(default_factory=Alerts)

    @property
    def faults(self) -> list[str]:
        """All that is wrong, for a person."""
        return [*self.differences, *self.alerts.faults]


async def judge_figures(stage: Stage, books: Books, news: News, receiver: Receiver, clock: Clock) -> Kpis:
    """
    Wait until every fact is counted and every alert told has arrived, and judge.

    Clocks of leads that nobody answers run on meanwhile: what they tell is waited for as well.

    Raises:
        NotCounted: The service doesn't catch up.
    """
    await _counted(books)
    found = await _recounted(stage, books, clock)
    await _arrived(news, receiver)
    board = news.board
    told = alerts(board.alerts_told, receiver.arrived, unsigned=receiver.unsigned, kills=board.kills)
    if isinstance(found, str):
        return Kpis(skipped=found, alerts=told)
    return Kpis(
        figures=found.figures,
        differences=tuple(map(_said, found.differences)),
        left_out=found.left_out,
        alerts=told,
    )


async def _counted(books: Books) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _WITHIN_S
    while unread := await books.uncounted():
        if loop.time() > deadline:
            raise NotCounted(f"{unread} facts aren't counted after {_WITHIN_S:.0f} s")
        await asyncio.sleep(_POLL_S)


async def _arrived(news: News, receiver: Receiver) -> None:
    """Return when what arrived is what was told; also when it isn't after a while, for that is the verdict's business."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _WITHIN_S
    while loop.time() < deadline:
        if await news.caught_up() and news.board.alerts_told == receiver.arrived.keys():
            return
        await asyncio.sleep(_POLL_S)


async def _recounted(stage: Stage, books: Books, clock: Clock) -> Recounted | str:
    """Return what the second count found, or why there is none: DuckDB isn't installed everywhere."""
    eras = await stored_eras(books.store, service=SERVICE)
    promises = ClockRules.of(eras) if eras else None
    basis = Basis(service=SERVICE, rules=stage.kpi_settings.counting, promises=promises, now=clock())
    try:
        return await recount(books.log, books.store, basis)
    except Misconfigured as error:
        return str(error)


def _said(difference: Difference) -> str:
    key = " ".join(filter(None, difference.key))
    lead = f" ({difference.lead}: {difference.explained})" if difference.lead else ""
    return f"KPI {key}: service {difference.served}, recount {difference.recounted}{lead}"
