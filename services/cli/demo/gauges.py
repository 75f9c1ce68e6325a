"""Reads the service's own figures and looks the two tools over, once a second or so, for the board."""

import asyncio
import re
from collections import deque
from collections.abc import Mapping, Sequence

from services.cli.demo.board import Board
from services.cli.stage.books import Books
from services.cli.stage.look import newest_people
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, compare
from services.errors import Retryable
from services.runtime.clock import Clock
from services.sync.adapters.sandbox.feed import ChangeFeed
from services.sync.domain.records import Side

_EVERY_S = 1.0
_LOOKS = 5
"""Every so many readings the newest people are compared."""
_WINDOW_S = 5
_SERIES = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WELL = frozenset({"accepted", "ok", "confirmed", "created"})


class GaugeReader:
    """Reads until cancelled."""

    def __init__(self, stage: Stage, books: Books, board: Board, clock: Clock) -> None:
        self._stage = stage
        self._books = books
        self._board = board
        self._clock = clock
        self._counted: deque[tuple[int, int, int]] = deque(maxlen=_WINDOW_S)
        self._sequences = [0, 0]
        self._acts = 0
        self._writes = 0
        self._suspects: set[str] = set()
        self._rested = False

    async def run(self) -> None:
        """Read again and again."""
        number = 0
        while True:
            await self.read()
            number += 1
            if number % _LOOKS == 0:
                await self._look()
            await asyncio.sleep(_EVERY_S)

    async def read(self) -> None:
        """Read all once."""
        gauges = self._board.gauges
        self._count()
        text = await self._stage.metrics()
        gauges.alive = bool(text)
        if text:
            series = parsed(text)
            gauges.errors = errors(series)
            gauges.send_ms = quantiles(series)
        overdue = await self._stage.overdue()
        if overdue is not None:
            gauges.overdue = overdue
        try:
            under_way = await self._books.under_way()
        except Retryable:
            return
        gauges.waiting = under_way.unread + under_way.dirty
        self._rested = self._rested or (gauges.alive and under_way.nothing)

    def _count(self) -> None:
        """Work out how many acts of people and writes of tasuki there are a second, from the change feeds."""
        for place, feed in enumerate((self._stage.hubspot.desk.feed, self._stage.salesforce.desk.feed)):
            self._take(place, feed)
        self._counted.append((self._clock(), self._acts, self._writes))
        (began, acts, writes), (now, acts_now, writes_now) = self._counted[0], self._counted[-1]
        if now > began:
            seconds = (now - began) / 1000
            self._board.gauges.acts_per_s = (acts_now - acts) / seconds
            self._board.gauges.writes_per_s = (writes_now - writes) / seconds

    def _take(self, place: int, feed: ChangeFeed) -> None:
        while True:
            found, _ = feed.since(self._sequences[place], 1_000)
            if not found:
                return
            self._sequences[place] = found[-1].sequence
            by_tasuki = sum(each.origin == "api" for each in found)
            self._writes += by_tasuki
            self._acts += len(found) - by_tasuki

    async def _look(self) -> None:
        """
        Compare the people that came last.

        A difference is drift only if it was there at the look before, and tasuki had nothing to do in between:
        else it may be on its way.
        """
        ma, sfa = await newest_people(self._stage)
        settings = self._stage.settings
        found: Comparison = compare(
            ma,
            sfa,
            rules=settings.rules,
            maps={Side.MA: settings.ma_fields, Side.SFA: settings.sfa_fields},
            expected=set(),
        )
        now = {str(each) for each in found.differences}
        gauges = self._board.gauges
        gauges.looked_at = found.pairs
        gauges.drift = len(now & self._suspects) if self._rested else 0
        self._suspects, self._rested = now, False


Series = Sequence[tuple[str, Mapping[str, str], float]]


def parsed(text: str) -> Series:
    """Return the series of metrics in Prometheus' text format: name, labels, value."""
    return [
        (each["name"], dict(_LABEL.findall(each["labels"] or "")), float(each["value"]))
        for each in _SERIES.finditer(text)
        if each["name"].startswith("tasuki_")
    ]


def errors(series: Series) -> Mapping[str, int]:
    """Return how often the door refused, a vendor's call failed, or a write was refused, by what happened."""
    counted = {"tasuki_door_requests_total", "tasuki_vendor_reads_total", "tasuki_vendor_writes_total"}
    found: dict[str, int] = {}
    for name, labels, value in series:
        outcome = labels.get("outcome", "")
        if name in counted and outcome not in _WELL and value:
            key = f"{labels.get('system', '')} {outcome}".strip()
            found[key] = found.get(key, 0) + round(value)
    return found


def quantiles(series: Series) -> tuple[float, float] | None:
    """Return p50 and p99 of the time from a webhook's acceptance to its handoff's request leaving, in ms."""
    buckets: dict[float, float] = {}
    for name, labels, value in series:
        if name == "tasuki_handoff_seconds_bucket":
            border = float(labels["le"])
            buckets[border] = buckets.get(border, 0) + value
    total = buckets.get(float("inf"), 0)
    if not total:
        return None
    return _quantile(buckets, 0.5 * total) * 1000, _quantile(buckets, 0.99 * total) * 1000


def _quantile(buckets: Mapping[float, float], rank: float) -> float:
    """Return the value at *rank*, evenly spread within its bucket."""
    lower, below = 0.0, 0.0
    for border, count in sorted(buckets.items()):
        if count >= rank:
            if border == float("inf"):
                return lower
            return lower + (border - lower) * (rank - below) / max(count - below, 1)
        lower, below = border, count
    return lower
