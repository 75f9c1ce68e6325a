"""A rehearsal from its files to its verdict."""

import asyncio
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.rehearse.column_map import ColumnMap, load_map
from services.cli.rehearse.csv_rows import BadRow, read_table
from services.cli.rehearse.expected import Times, expected_times
from services.cli.rehearse.history import Fields, History, PersonMade, make_history
from services.cli.rehearse.map_check import deal_fields, lead_fields, mistakes_in
from services.cli.rehearse.player import Player
from services.cli.rehearse.proof import FAULTS, Proof, calls_so_far, prove, sweep_all, switch_faults
from services.cli.rehearse.sales_view import SalesView
from services.cli.stage.background import background
from services.cli.stage.books import Books
from services.cli.stage.export import export, name_of
from services.cli.stage.look import compare_opportunities, people
from services.cli.stage.quiet import quiet
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, compare
from services.errors import Misconfigured
from services.sync.adapters.sandbox.faults import Faults
from services.sync.application.identify import email_claim
from services.sync.domain.lead import Lead
from services.sync.domain.records import Side
from services.sync.domain.rules import Milestone
from services.sync.settings import loads, sandbox_document

QUIET_WITHIN_S = 60.0
_STARTS_IN_VAIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What to rehearse.

    `kill_every_s` None kills nothing; `rate` is acts a second, None as fast as can be; `faults`: the vendors misbehave.
    """

    leads: Path
    column_map: Path
    folder: Path
    deals: Path | None = None
    rate: float | None = None
    kill_every_s: float | None = None
    faults: bool = False


@dataclass(slots=True)
class Result:
    """
    What came of it.

    `counts` and `expected` are by milestone; `at_own_times` counts the milestones whose time is that of the
    history, to the millisecond.
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

    @property
    def good(self) -> bool:
        """Whether the sandboxes are equal and every milestone of the history is there, at its own time."""
        return (
            self.comparison.equal
            and self.proof.good
            and self.leads == sum(isinstance(each, PersonMade) for each in self.history.deeds)
            and all(self.counts.get(each, 0) == count for each, count in self.expected.items())
            and all(self.at_own_times.get(each, 0) == count for each, count in self.expected.items())
        )


def prepare(order: Order) -> tuple[History, ColumnMap]:
    """
    Read the files.

    Raises:
        Misconfigured: A file can't be read, or the map doesn't fit them or the built-in tasuki.toml.
    """
    column_map = load_map(order.column_map)
    leads = read_table(order.leads, column_map.encoding)
    deals = read_table(order.deals, column_map.encoding) if order.deals is not None else None
    if deals is not None and column_map.deals is None:
        raise Misconfigured(f"{order.column_map}: has no [deals], which --deals needs")
    settings = loads(sandbox_document(), {}, file="tasuki.toml", folder=order.folder, need_secrets=False)
    mistakes = mistakes_in(column_map, leads, deals, settings)
    if mistakes:
        raise Misconfigured("\n".join(f"{order.column_map}: {each}" for each in mistakes))
    bad = [*leads.bad, *(deals.bad if deals else ())]
    fields = Fields(lead_fields(settings), deal_fields(settings))
    rows = deals.rows if deals else ()
    return make_history(leads.rows, rows, column_map, fields, bad=bad), column_map


def keep_aside(bad: Sequence[BadRow], folder: Path) -> Path | None:
    """
    Write the rows that were not used into one file, with place and reason; return it, None without any.

    None too where *folder* can't be written: the exports may lie where only reading is allowed.
    """
    if not bad:
        return None
    path = folder / "rows-kept-aside.csv"
    try:
        opened = path.open("w", encoding="utf-8", newline="")
    except OSError:
        return None
    with opened as out:
        writer = csv.writer(out)
        writer.writerow(("file", "line", "column", "problem", "row"))
        for each in bad:
            cells = (cell.encode("utf-8", "replace").decode() for cell in each.cells)
            writer.writerow((each.file, each.line, each.column or "", each.problem, "\t".join(cells)))
    return path


async def rehearse(
    order: Order, history: History, *, currency: str = "JPY", told: Callable[[str, int], None]
) -> Result:
    """
    Play *history* on a new stage and judge.

    Args:
        order: Where and how.
        history: From `prepare`.
        currency: Of its amounts.
        told: Told what goes on: "played" with a number of deeds more, "waiting" with what is left.

    Raises:
        NeverHandedOver: A lead that sales was to work didn't come to it.
        NotQuiet: The service doesn't come to an end.
        NotSwept: The sweep of everything, after it, doesn't.
    """
    began = time.monotonic()
    async with Stage(order.folder, overrides={"firm": {"currency": currency}}) as stage:
        maps = {Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields}
        sales = SalesView(stage.sfa, *stage.sales_names())
        async with stage.open_books() as books:
            player = Player(
                ma=stage.ma,
                sfa=stage.sfa,
                sales=sales,
                lead_id_of=books.lead_id_of,
                rules=stage.settings.rules,
                maps=maps,
                rate=order.rate,
                done=lambda count: told("played", count),
            )
            if order.faults:
                await switch_faults(stage, FAULTS)
            async with (
                background(stage.watch()),
                background(sales.follow()),
                background(_killing(stage, order.kill_every_s)),
            ):
                await player.play(history)
            await switch_faults(stage, Faults())
            await _quiet(stage, books, told)
            seconds, calls = time.monotonic() - began, calls_so_far(stage)
            await sweep_all(stage, books)
            await _quiet(stage, books, told)
            played = History(deeds=player.played, bad=[*history.bad, *player.refused])
            return await _judge(stage, books, played, seconds, calls)


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


async def _judge(stage: Stage, books: Books, history: History, seconds: float, calls: int) -> Result:
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
    return Result(
        history=history,
        comparison=comparison,
        counts=counts,
        expected={milestone: len(times) for milestone, times in expected.items()},
        at_own_times=_at_own_times(leads, expected),
        leads=len(leads),
        seconds=seconds,
        kills=stage.kills,
        export=export(leads, stage.settings.rules),
        proof=await prove(stage, leads, calls),
    )


def _at_own_times(leads: list[Lead], expected: Times) -> dict[Milestone, int]:
    by_email = {str(lead.seen("email", Side.MA).there): lead for lead in leads}
    found: dict[Milestone, int] = {}
    for milestone, times in expected.items():
        found[milestone] = sum(
            by_email[email].told.milestones.get((1, milestone)) == at
            for email, at in times.items()
            if email in by_email
        )
    return found
