"""A rehearsal from its files to its verdict."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from services.cli.rehearse.expected import Times, expected_times
from services.cli.rehearse.history import History, PersonMade
from services.cli.rehearse.kept import Kept, prove_kept
from services.cli.rehearse.order import Rehearsal
from services.cli.rehearse.player import Player
from services.cli.rehearse.proof import FAULTS, Proof, calls_so_far, prove, sweep_all, switch_faults
from services.cli.rehearse.sales_view import SalesView
from services.cli.stage.background import background
from services.cli.stage.books import Books
from services.cli.stage.companies import compare_companies_of
from services.cli.stage.export import export, name_of
from services.cli.stage.look import compare_opportunities, people
from services.cli.stage.ports import held_port
from services.cli.stage.quiet import quiet
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, compare
from services.runtime.clock import now_ms
from services.sync.adapters.sandbox.faults import Faults
from services.sync.application.identify import email_claim
from services.sync.domain.lead import Lead
from services.sync.domain.records import Side
from services.sync.domain.rules import Milestone

QUIET_WITHIN_S = 60.0
_STARTS_IN_VAIN = 2
LEARNT_WITHIN_MS = 1_000
"""A change that came as a gap event has the time of its record's last change: so much later, where we wrote in between."""


@dataclass(slots=True)
class Result:
    """
    What came of it.

    `counts` and `expected` are by milestone; `at_own_times` counts the milestones whose time is that of the
    history, to the millisecond, or with faults to the second. `kept` is what came of the promises, None without any.
    """

    history: History
    comparison: Comparison
    counts: dict[Milestone, int]
    expected: dict[Milestone, int]
    at_own_times: dict[Milestone, int]
    leads: int
    seconds: float
    kills: int
    export: bytes
    proof: Proof
    kept: Kept | None = None

    @property
    def good(self) -> bool:
        """Whether the sandboxes are equal and every milestone of the history is there, at its own time."""
        return (
            self.comparison.equal
            and self.proof.good
            and (self.kept is None or self.kept.good)
            and self.leads == sum(isinstance(each, PersonMade) for each in self.history.deeds)
            and all(self.counts.get(each, 0) == count for each, count in self.expected.items())
            and all(self.at_own_times.get(each, 0) == count for each, count in self.expected.items())
        )


async def rehearse(rehearsal: Rehearsal, *, told: Callable[[str, int], None]) -> Result:
    """
    Play the history of *rehearsal* on a new stage and judge.

    *told* is told what goes on: "played" with a number of deeds more, "waiting" with what is left.

    Raises:
        NeverHandedOver: A lead that sales was to work didn't come to it.
        NotQuiet: The service doesn't come to an end.
        NotSwept: The sweep of everything, after it, doesn't.
        NotCounted: The KPI service doesn't catch up.
        NotTold: It doesn't tell what is due.
    """
    began, order = time.monotonic(), rehearsal.order
    async with _staged(rehearsal) as (stage, received):
        sales = SalesView(stage.sfa, *stage.sales_names())
        async with stage.open_books() as books:
            player = _player(stage, books, sales, order.rate, told)
            if order.faults:
                await switch_faults(stage, FAULTS)
            async with (
                background(stage.watch()),
                background(sales.follow()),
                background(_killing(stage, order.kill_every_s)),
            ):
                await player.play(rehearsal.history)
            await switch_faults(stage, Faults())
            await _quiet(stage, books, told)
            seconds, calls = time.monotonic() - began, calls_so_far(stage)
            await sweep_all(stage, books)
            await _quiet(stage, books, told)
            played = History(deeds=player.played, bad=[*rehearsal.history.bad, *player.refused])
            late_ms = LEARNT_WITHIN_MS if order.faults else 1
            result = await _judge(stage, books, played, seconds, calls, late_ms)
            if rehearsal.promises is not None:
                result.kept = await prove_kept(stage, books, received, now_ms)
            return result


@asynccontextmanager
async def _staged(rehearsal: Rehearsal) -> AsyncGenerator[tuple[Stage, Mapping[str, int]]]:
    """Give the stage, and how often each alert has arrived, by its id."""
    overrides: dict[str, Mapping[str, Any]] = {"firm": {"currency": rehearsal.currency}}
    folder, promises = rehearsal.order.folder, rehearsal.promises
    async with AsyncExitStack() as stack:
        if promises is None:
            yield await stack.enter_async_context(Stage(folder, overrides=overrides)), {}
            return
        port = stack.enter_context(held_port())
        receiver = promises.receiver(now_ms)
        await stack.enter_async_context(receiver.listening(port))
        overrides |= promises.overrides(rehearsal.first_at)
        stage = Stage(folder, overrides=overrides, environ=promises.environ(port))
        yield await stack.enter_async_context(stage), receiver.arrived


def _player(
    stage: Stage, books: Books, sales: SalesView, rate: float | None, told: Callable[[str, int], None]
) -> Player:
    return Player(
        ma=stage.ma,
        sfa=stage.sfa,
        sales=sales,
        lead_id_of=books.lead_id_of,
        rules=stage.settings.rules,
        maps={Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields},
        rate=rate,
        done=lambda count: told("played", count),
    )


async def _quiet(stage: Stage, books: Books, told: Callable[[str, int], None]) -> None:
    await stage.ready()
    await quiet(
        [stage.ma, stage.sfa],
        books,
        within_s=QUIET_WITHIN_S,
        told=lambda left, undelivered: told("waiting", left.unread + left.dirty + undelivered),
    )


async def _killing(stage: Stage, every_s: float | None) -> None:
    """
    Kill the service every *every_s* seconds, also while it starts.

    But not while it starts for the third time in a row: on a machine where that takes longer than *every_s* it
    would never get to do anything.
    """
    in_vain = 0
    while every_s is not None:
        await asyncio.sleep(every_s)
        if await stage.is_ready():
            in_vain = 0
        elif in_vain < _STARTS_IN_VAIN:
            in_vain += 1
        else:
            await stage.ready()
            in_vain = 0
            continue
        await stage.kill_service()


async def _judge(
    stage: Stage, books: Books, history: History, seconds: float, calls: int, late_ms: int
) -> Result:
    leads = [lead async for lead in books.leads()]
    counts: dict[Milestone, int] = {}
    for lead in leads:
        for _, milestone in lead.told.milestones:
            counts[milestone] = counts.get(milestone, 0) + 1
    expected = expected_times(history.deeds, stage.settings.rules)
    qualified = {
        email_claim(name_of(lead))
        for lead in leads
        if any(each is Milestone.MQL for _, each in lead.told.milestones)
    }
    ma, sfa = await people(stage)
    comparison = compare(
        ma,
        sfa,
        rules=stage.settings.rules,
        maps={Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields},
        expected=qualified,
    )
    await compare_opportunities(stage, ma, sfa, comparison)
    await compare_companies_of(stage, comparison)
    return Result(
        history=history,
        comparison=comparison,
        counts=counts,
        expected={milestone: len(times) for milestone, times in expected.items()},
        at_own_times=_at_own_times(leads, expected, late_ms),
        leads=len(leads),
        seconds=seconds,
        kills=stage.kills,
        export=export(leads, stage.settings.rules),
        proof=await prove(stage, leads, calls),
    )


def _at_own_times(leads: list[Lead], expected: Times, late_ms: int) -> dict[Milestone, int]:
    """Return how many of each milestone are told less than *late_ms* after their time, and not before it."""
    by_email = {str(lead.seen("email", Side.MA).there): lead for lead in leads}
    found: dict[Milestone, int] = {}
    for milestone, times in expected.items():
        found[milestone] = sum(
            0 <= by_email[email].told.milestones.get((1, milestone), 0) - at < late_ms
            for email, at in times.items()
            if email in by_email
        )
    return found
