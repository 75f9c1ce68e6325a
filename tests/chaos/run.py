"""One run: people live in the two tools while things go wrong; then all is quiet, and judged."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.demo.board import Board
from services.cli.demo.crowd import Crowd
from services.cli.demo.hands import Hands
from services.cli.demo.news import News
from services.cli.demo.promises import Telling, free_ports
from services.cli.demo.sight import Handoff, SalesPerson, Sight
from services.cli.stage.background import background
from services.cli.stage.quiet import quiet
from services.cli.stage.receiver import Receiver
from services.runtime.clock import now_ms
from services.sync.domain.records import Side
from tests.chaos.checker import Report, Scene, check
from tests.chaos.faults import Fault, happen, plan, scaling
from tests.chaos.system import SERVICES, SetUp, System
from tests.waiting import wait_until

QUIET_WITHIN_S = 90.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """
    What to run.

    `rate` is leads a second; `pause_s` the longest pause between two faults, `only` their kinds; people go on for
    `calm_s` after the last one. `scale_to` runs no faults: from one process of each service to so many and back.
    """

    folder: Path
    seed: int
    faults: int
    set_up: SetUp = "embedded"
    rate: float = 3.0
    pause_s: float = 4.0
    calm_s: float = 10.0
    sabotage: str | None = None
    services: Sequence[str] = SERVICES
    only: Collection[str] = ()
    scale_to: int = 0

    def members(self) -> tuple[Sequence[str], Collection[str]]:
        """Return the service of each process, and the names of those that come later."""
        if not self.scale_to:
            return self.services, ()
        later = {
            f"{service}-{number}" for service in ("sync", "kpi") for number in range(2, self.scale_to + 1)
        }
        return [*("sync",) * self.scale_to, *("kpi",) * self.scale_to], later

    def plan(self, system: System) -> list[Fault]:
        """Return what happens in *system*."""
        if self.scale_to:
            return scaling(self.scale_to, self.pause_s)
        names = [each.name for each in system.members]
        return plan(self.seed, self.faults, names, pause_s=self.pause_s, only=self.only, cant=system.cant)


@dataclass
class CountingHands(Hands):
    """Hands that note each call that was really made."""

    calls: Counter[str] | None = None

    def log_call(self, person: SalesPerson, result: str, rep: str | None) -> bool:
        """See `Hands.log_call`."""
        done = super().log_call(person, result, rep)
        if done and self.calls is not None:
            self.calls[person.id] += 1
        return done


async def run(order: Order, told: Callable[[str], None]) -> Report:
    """Run it and return what came of it; *told* hears each fault as it happens."""
    began, report = time.monotonic(), Report(order.seed)
    services, away = order.members()
    steps: list[tuple[int, str]] = [(now_ms(), "as one of each")]
    telling = Telling(free_ports((0, 0)))
    receiver = Receiver(secret=telling.secret, language="en", time_zone="Asia/Tokyo", clock=now_ms)
    async with (
        receiver.listening(telling.receiver_port),
        System(
            order.folder, order.set_up, telling, sabotage=order.sabotage, services=services, away=away
        ) as system,
    ):
        told(f"ready after {time.monotonic() - began:.0f} s")
        board, calls = Board(started_at=now_ms()), Counter[str]()

        def noted(fault: Fault) -> None:
            steps.append((now_ms(), f"{fault.kind} {fault.target}".strip()))
            told(str(fault))

        crowd = _crowd(order, system, board, calls)
        async with background(crowd.sight.follow()), background(_faults(order, system, crowd, report, noted)):
            await crowd.live()
        system.calm()
        told(f"people have stopped after {time.monotonic() - began:.0f} s")
        await system.ready()
        async with (
            system.open_books() as books
        ):  # gives a sabotaged store the whole function, when all is done
            await quiet([system.ma, system.sfa], books, within_s=QUIET_WITHIN_S)
            told(f"quiet after {time.monotonic() - began:.0f} s")
            crowd.sight.catch_up()
            news = News(books.log, board)
            async with news.follow():
                await wait_until(news.caught_up, within_s=60, description="the topics are read", every_s=0.1)
                board.kills = 1  # a message whose answer was lost comes again
                await check(Scene(system, books, crowd, news, receiver, calls), report)
        told(f"judged after {time.monotonic() - began:.0f} s")
    if order.scale_to:
        report.notes |= _waits(board, steps)
    report.notes |= {
        "seed": order.seed,
        "set-up": order.set_up,
        "acts refused": len(crowd.hands.refused),
        "acts": crowd.hands.done,
        "seconds": round(time.monotonic() - began),
    }
    return report


def _waits(board: Board, steps: Sequence[tuple[int, str]]) -> dict[str, str]:
    """Return for each step how long the handoffs took whose webhook was accepted in it, and the longest."""
    ends = [at for at, _ in steps[1:]] + [now_ms()]
    found: dict[str, str] = {}
    for (begin, name), end in zip(steps, ends, strict=True):
        waits = sorted(
            board.handoffs[key].at - at
            for key, at in board.accepted_at.items()
            if begin <= at < end and key in board.handoffs
        )
        if waits:
            middle = waits[len(waits) // 2]
            found[f"handoffs, {name}"] = f"{len(waits)}, p50 {middle} ms, longest {waits[-1]} ms"
    return found


def _crowd(order: Order, system: System, board: Board, calls: Counter[str]) -> Crowd:
    settings = system.settings
    hands = CountingHands(
        system.hubspot.desk, system.salesforce.desk, settings.ma_fields, settings.sfa_fields, calls=calls
    )
    crowd = Crowd(hands, settings.rules, system.owners()[Side.SFA], order.seed, order.rate)

    def on_task(task: Handoff) -> None:
        board.stands(task)
        crowd.take_task(task)

    email, key = system.sales_names()
    crowd.sight = Sight(
        ma=system.hubspot.desk.feed,
        sfa=system.salesforce.desk.feed,
        email_field=email,
        key_field=key,
        on_task=on_task,
        on_opportunity=crowd.take_opportunity,
        on_edit=lambda _email, _item: None,
    )
    return crowd


async def _faults(
    order: Order, system: System, crowd: Crowd, report: Report, told: Callable[[Fault], None]
) -> None:
    happened = Counter[str]()
    async for fault in happen(system, order.plan(system)):
        told(fault)
        happened[fault.kind] += 1
    await asyncio.sleep(order.calm_s)
    report.notes["faults"] = ", ".join(f"{kind} {count}" for kind, count in happened.most_common()) or "none"
    crowd.stop()
    await asyncio.sleep(sys.maxsize)  # ends with the block
