"""What came of the promises in a rehearsal: each alert due told once and arrived, each figure counted again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from services.cli.stage.alert_proof import AlertProof, prove_alerts, told_alerts, told_facts
from services.cli.stage.books import Books
from services.cli.stage.score import counted, promises, recounted, said
from services.cli.stage.stage import Stage
from services.errors import Retryable
from services.kpi.domain.clock_rules import ClockRules
from services.runtime.clock import Clock

_WITHIN_S = 120.0
_POLL_S = 0.2
_SHOWN = 5


class NotTold(Retryable):
    """The alerts that are due aren't told, or don't arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    How alerts and figures stand.

    `figures` were counted a second time, `differences` says which of them differ; `skipped` why none was.
    """

    alerts: AlertProof
    figures: int
    differences: tuple[str, ...]
    skipped: str

    @property
    def good(self) -> bool:
        """Whether all agrees."""
        return self.alerts.good and not self.differences

    def __str__(self) -> str:
        """Return it for a person."""
        figures = self.skipped or f"{self.figures} figures counted again, {len(self.differences)} differ"
        return "\n".join([f"{self.alerts}; {figures}", *self.alerts.examples, *self.differences[:_SHOWN]])


async def prove_kept(stage: Stage, books: Books, received: Mapping[str, int], clock: Clock) -> Kept:
    """
    Wait until the clocks at quiet have told all that is due and it has arrived, and judge.

    Raises:
        NotCounted: The service doesn't catch up with the facts.
        NotTold: Nothing more is told, or arrives, within two minutes, though it should.
    """
    await counted(books, within_s=_WITHIN_S)
    rules = await promises(books) or ClockRules()
    await _told(books, clock)
    facts, told = await told_facts(books.log), await told_alerts(books.log, clock)
    await _arrived(told.ids, received)
    taken = dict(received)
    since = await told_alerts(books.log, clock)
    found = await recounted(stage, books, clock)
    return Kept(
        alerts=prove_alerts(told, facts, rules, taken, known=since.ids),
        figures=0 if isinstance(found, str) else found.figures,
        differences=() if isinstance(found, str) else tuple(map(said, found.differences)),
        skipped=found if isinstance(found, str) else "",
    )


async def _told(books: Books, clock: Clock) -> None:
    last, deadline = -1, 0.0
    loop = asyncio.get_running_loop()
    while left := await books.untold(clock()):
        if left != last:
            last, deadline = left, loop.time() + _WITHIN_S
        if loop.time() > deadline:
            raise NotTold(f"{left} alerts are due and untold, and nothing moved for {_WITHIN_S:.0f} s")
        await asyncio.sleep(_POLL_S)


async def _arrived(wanted: frozenset[str], received: Mapping[str, int]) -> None:
    """Return when all arrived that was told; also when it didn't, once nothing more comes: that is for the verdict."""
    loop = asyncio.get_running_loop()
    last, deadline = -1, 0.0
    while wanted - received.keys():
        if len(received) != last:
            last, deadline = len(received), loop.time() + _WITHIN_S
        if loop.time() > deadline:
            return
        await asyncio.sleep(_POLL_S)
