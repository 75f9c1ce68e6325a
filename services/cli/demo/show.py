"""How the demo is shown while it runs: a live view on a terminal, a line every few seconds elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

from rich.console import Console
from rich.live import Live

from services.cli.demo.board import Board, Phase
from services.cli.demo.screen import Screen, funnel
from services.cli.demo.texts import Texts
from services.cli.stage.background import background
from services.runtime.clock import Clock

_FRAME_S = 0.25
_LINE_EVERY = 12
"""So many frames between two lines: three seconds."""


@contextmanager
def starting(console: Console, texts: Texts) -> Generator[None]:
    """Say inside the block that all parts are being started."""
    if _is_live(console):
        with console.status(texts.starting):
            yield
    else:
        console.print(texts.starting, markup=False, soft_wrap=True)
        yield


def _is_live(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


@asynccontextmanager
async def shown(
    board: Board, screen: Screen, texts: Texts, console: Console, clock: Clock
) -> AsyncGenerator[None]:
    """Show *board* inside the block."""
    if _is_live(console):
        with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:

            def draw() -> None:
                live.update(screen, refresh=True)

            async with background(_frames(board, clock, draw)):
                yield
    else:
        for label, address in screen.places.addresses:
            console.print(f"{label}: {address}", markup=False, soft_wrap=True)
        printed = [-_LINE_EVERY]

        def line() -> None:
            printed[0] += 1
            if printed[0] % _LINE_EVERY == 0:
                console.print(plain_line(board, texts), markup=False, soft_wrap=True)

        async with background(_frames(board, clock, line)):
            yield


async def _frames(board: Board, clock: Clock, draw: Callable[[], None]) -> None:
    while True:
        board.now = clock()
        draw()
        await asyncio.sleep(_FRAME_S)


def plain_line(board: Board, texts: Texts) -> str:
    """Return the board as one line."""
    if board.phase is not Phase.LIVING:
        return texts.settling_line.format(waiting=board.gauges.waiting)
    found, gauges = board.latencies(), board.gauges
    return texts.line.format(
        seconds=(board.now - board.started_at) / 1000,
        funnel=funnel(board, texts).plain.replace("\N{NO-BREAK SPACE}", " "),
        handoffs=len(board.handoffs),
        latency=f"(p50 {found[0]} ms, p99 {found[1]} ms)" if found else "",
        waiting=gauges.waiting,
        errors=sum(gauges.errors.values()),
        dead=len(board.dead_letters),
        drift=gauges.drift,
        overdue=gauges.overdue,
        alerts=len(board.alerts_arrived),
    )
