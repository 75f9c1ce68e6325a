"""The verdict on the KPIs: counted a second time by other means, and each alert told is one that arrived."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.cli.demo.news import News
from services.cli.stage.books import Books
from services.cli.stage.receiver import Receiver
from services.cli.stage.score import Alerts, alerts, counted, recounted, said
from services.cli.stage.stage import Stage
from services.runtime.clock import Clock

_WITHIN_S = 30.0
_POLL_S = 0.1


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
    await counted(books, within_s=_WITHIN_S)
    found = await recounted(stage, books, clock)
    await _arrived(news, receiver)
    board = news.board
    told = alerts(board.alerts_told, receiver.arrived, unsigned=receiver.unsigned, kills=board.kills)
    if isinstance(found, str):
        return Kpis(skipped=found, alerts=told)
    return Kpis(
        figures=found.figures,
        differences=tuple(map(said, found.differences)),
        left_out=found.left_out,
        alerts=told,
    )


async def _arrived(news: News, receiver: Receiver) -> None:
    """Return when what arrived is what was told; also when it isn't after a while, for that is the verdict's business."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _WITHIN_S
    while loop.time() < deadline:
        if await news.caught_up() and news.board.alerts_told == receiver.arrived.keys():
            return
        await asyncio.sleep(_POLL_S)
