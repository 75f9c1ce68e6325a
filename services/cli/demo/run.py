"""The demo from its start to its verdict."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from services.cli.demo.board import Board, Phase
from services.cli.demo.crowd import Crowd
from services.cli.demo.figures import judge_figures
from services.cli.demo.gauges import GaugeReader
from services.cli.demo.hands import Hands
from services.cli.demo.interrupts import Interrupts
from services.cli.demo.judge import Verdict, judge
from services.cli.demo.news import News
from services.cli.demo.promises import Telling
from services.cli.demo.report import show_verdict
from services.cli.demo.screen import Names, Places, Screen
from services.cli.demo.show import shown, starting
from services.cli.demo.sight import Handoff, Sight
from services.cli.demo.texts import TEXTS
from services.cli.stage.background import background
from services.cli.stage.books import Books
from services.cli.stage.language import Language
from services.cli.stage.portals import PEOPLE
from services.cli.stage.quiet import quiet
from services.cli.stage.receiver import Receiver
from services.cli.stage.stage import Stage
from services.runtime.clock import Clock, now_ms
from services.sync.adapters.sandbox.feed import FeedItem
from services.sync.domain.records import Kind, Side
from services.sync.domain.scoring import tracked_fields

QUIET_WITHIN_S = 60.0
_POLL_S = 0.05
_TIME_ZONE = "Asia/Tokyo"
"""Of the demo's firm."""
_ENGLISH: Mapping[str, Mapping[str, Any]] = {
    "firm": {"language": "en"},
    "handoffs": {
        "task_subject": "MQL: {company}, {name} (score {score})",
        "opportunity_name": "{company}, {name}",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    How to run the demo.

    `seconds` None until Ctrl-C; `rate` is leads a second; `kill_every_s` None kills nothing; `program` is how
    tasuki is called on this machine; `telling` says where the dashboard is and where alerts go.
    """

    folder: Path
    language: Language
    program: str
    seconds: float | None = None
    rate: float = 3.0
    seed: int = 1
    kill_every_s: float | None = None
    telling: Telling = field(default_factory=Telling)

    @property
    def stage(self) -> Stage:
        """A stage for it: with promises, people and a place for alerts, in the firm's language."""
        return Stage(
            self.folder,
            overrides={**self.telling.sections, **(_ENGLISH if self.language == "en" else {})},
            environ=self.telling.environ,
            feed_port=self.telling.dashboard_port,
        )


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the demo plays on."""

    stage: Stage
    books: Books
    receiver: Receiver
    clock: Clock


@dataclass(frozen=True, slots=True)
class Ended:
    """What a demo left: its board and its verdict."""

    board: Board
    verdict: Verdict


async def demo(order: Order, stage: Stage, console: Console, clock: Clock = now_ms) -> Ended:
    """
    Run until the time is over or Ctrl-C, then judge.

    Raises:
        NotReady: The service didn't start, or ended.
        NotQuiet: The service doesn't come to an end.
        asyncio.CancelledError: It was ended at once, by a second Ctrl-C or SIGTERM.
    """
    with Interrupts(stage.end_service_at_once) as interrupts:
        async with AsyncExitStack() as stack:
            receiver = Receiver(
                secret=order.telling.secret, language=order.language, time_zone=_TIME_ZONE, clock=clock
            )
            await stack.enter_async_context(receiver.listening(order.telling.receiver_port))
            with starting(console, TEXTS[order.language]):
                await stack.enter_async_context(stage)
            _keep_off_the_screen("uvicorn", "uvicorn.error")
            books = await stack.enter_async_context(stage.open_books())
            ended = await _play(order, _Scene(stage, books, receiver, clock), interrupts, console)
            show_verdict(ended.verdict, ended.board, TEXTS[order.language], console)
            return ended


def _keep_off_the_screen(*loggers: str) -> None:
    """Send what the sandboxes' web servers complain of (a caller that was killed) to the demo's log instead."""
    for name in loggers:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


async def _play(order: Order, scene: _Scene, interrupts: Interrupts, console: Console) -> Ended:
    """Let the leads live and show them; return when they are judged."""
    stage, books, clock = scene.stage, scene.books, scene.clock
    board = Board(started_at=clock(), alerts_arrived=scene.receiver.arrived)
    crowd = _crowd(order, stage, board)
    interrupts.gently(crowd.stop)
    news = News(books.log, board)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(news.follow())
        for work in (
            stage.watch(),
            crowd.sight.follow(),
            GaugeReader(stage, books, board, clock).run(),
            _killing(stage, board, crowd, order.kill_every_s),
            _timed(board, crowd, order.seconds),
        ):
            await stack.enter_async_context(background(work))
        screen = _screen(order, stage, board)
        await stack.enter_async_context(shown(board, screen, TEXTS[order.language], console, clock))
        await crowd.live()
        return await _end(scene, news, crowd, board)


async def _end(scene: _Scene, news: News, crowd: Crowd, board: Board) -> Ended:
    """Wait until nothing is under way, and judge."""
    stage, books = scene.stage, scene.books
    board.phase = Phase.SETTLING
    await stage.ready()
    await quiet([stage.ma, stage.sfa], books, within_s=QUIET_WITHIN_S)
    while not await news.caught_up():  # noqa: ASYNC110 - what another process has written has no event
        await asyncio.sleep(_POLL_S)
    board.phase = Phase.JUDGING
    crowd.sight.catch_up()
    kpis = await judge_figures(stage, books, news, scene.receiver, scene.clock)
    return Ended(board, await judge(stage, books, crowd.tracks.values(), crowd.sight.gone, board, kpis))


async def _timed(board: Board, crowd: Crowd, seconds: float | None) -> None:
    if seconds is not None:
        board.ends_at = board.started_at + round(seconds * 1000)
        await asyncio.sleep(seconds)
        crowd.stop()


async def _killing(stage: Stage, board: Board, crowd: Crowd, every_s: float | None) -> None:
    while every_s is not None and not crowd.stopping.is_set():
        await asyncio.sleep(every_s)
        if not crowd.stopping.is_set():
            await stage.kill_service()
            board.kills = stage.kills
            await stage.ready()


def _crowd(order: Order, stage: Stage, board: Board) -> Crowd:
    settings = stage.settings
    hands = Hands(stage.hubspot.desk, stage.salesforce.desk, settings.ma_fields, settings.sfa_fields)
    board.acts_refused = hands.refused
    crowd = Crowd(hands, settings.rules, stage.owners()[Side.SFA], order.seed, order.rate)

    def on_task(task: Handoff) -> None:
        board.stands(task)
        crowd.take_task(task)

    email, key = stage.sales_names()
    crowd.sight = Sight(
        ma=stage.hubspot.desk.feed,
        sfa=stage.salesforce.desk.feed,
        email_field=email,
        key_field=key,
        on_task=on_task,
        on_opportunity=crowd.take_opportunity,
        on_edit=_edit_watch(stage, crowd),
    )
    return crowd


def _edit_watch(stage: Stage, crowd: Crowd) -> Callable[[str, FeedItem], None]:
    """Return what tells a lead's track when a field that scores was set by a person."""
    scored = tracked_fields(stage.settings.rules.scoring)
    names = {
        each.vendor_name: each.name
        for fields in (stage.settings.ma_fields, stage.settings.sfa_fields)
        for each in fields.of(Kind.LEAD)
        if each.name in scored
    }

    def edited(email: str, item: FeedItem) -> None:
        track = crowd.tracks.get(email)
        for vendor_name, value in item.fields.items():
            if track is not None and vendor_name in names and value not in {None, ""}:
                track.seen(names[vendor_name], str(value))

    return edited


def _screen(order: Order, stage: Stage, board: Board) -> Screen:
    settings, texts = stage.settings, TEXTS[order.language]
    names = {each.name: each.vendor_name for each in settings.sfa_fields.of(Kind.LEAD, "Lead")}
    people = {email: f"{last} {first}" for email, last, first in PEOPLE}
    places = Places(
        addresses=(
            (texts.dashboard, f"{stage.feed_url}/"),
            (texts.receiver, order.telling.page),
            (texts.page.format(vendor="HubSpot"), stage.hubspot.base_url),
            (texts.page.format(vendor="Salesforce"), stage.salesforce.base_url),
            (texts.api, f"{stage.base_url}/docs"),
        ),
        lead_command=f"{order.program} lead {{email}} --config {stage.config}",
    )
    shown_names = Names(
        score=names["score"],
        reasons=names["score_reasons"],
        users={each: people.get(email, email) for each, email in stage.owners()[Side.SFA].items()},
        threshold=settings.rules.scoring.threshold,
        time_zone=settings.firm.time_zone,
    )
    return Screen(board, texts, places, shown_names)
