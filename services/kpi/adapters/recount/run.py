"""A recount from its log and store to its differences."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.topics import LIFECYCLE
from services.errors import Retryable
from services.kpi.adapters.recount.compare import Difference, differences
from services.kpi.adapters.recount.dump import Dump, dump
from services.kpi.adapters.recount.figures import Figures, Key, Span, Value
from services.kpi.adapters.recount.leads import Suspect, explain
from services.kpi.adapters.recount.plain.by_lead import by_lead
from services.kpi.adapters.recount.plain.database import count, open_database
from services.kpi.adapters.recount.plain.figures import Asked, active_days, currencies, segments
from services.kpi.adapters.recount.plain.topic import write_topic
from services.kpi.adapters.recount.plain.windows import calendar_windows, rolling_holds
from services.kpi.adapters.recount.promised import promises_of
from services.kpi.adapters.recount.served import Served
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.windows import Range
from services.runtime.log.port import Log
from services.runtime.store import Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_EXPLAINED = 20
"""So many differences get the lead they come from."""
_RANGE = "(range)"
_SKEW_MS = 2_000
"""The clocks of the service's machines may be so far ahead of this one's."""

Row = Callable[[Key, Value | None, Value | None], None]
"""Told each figure: as the service has it, as recounted."""


class NotComplete(Retryable):
    """The service counts its leads anew after its rules changed; until then its figures are too low."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """
    What is recounted, by which rules.

    Args:
        service: Whose shards hold the counters.
        rules: How the firm counts.
        promises: Of the clocks; None where nothing is promised.
        now: As of when windows are, epoch ms: the present, for finer counters vanish by it.
    """

    service: str
    rules: CountingRules
    promises: ClockRules | None = None
    now: int


@dataclass(slots=True, kw_only=True)
class Recounted:
    """
    What came of it.

    `figures` were compared. `offsets` are, by partition, the last ones that both sides reflect; `records` were read.
    `left_out` says of promises why they aren't recounted, by name.
    """

    differences: list[Difference]
    figures: int
    records: int
    seconds: float
    offsets: Mapping[int, int]
    left_out: Mapping[str, str]


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def _no_row(_key: Key, _served: Value | None, _recounted: Value | None) -> None:
    pass


async def recount(
    log: Log,
    store: Store,
    basis: Basis,
    *,
    told: Callable[[str, int, int], None] = _silent,
    row: Row = _no_row,
) -> Recounted:
    """
    Count the KPIs a second time, from the lifecycle topic by SQL, and compare them with the service's.

    Both sides reflect the same facts: the topic is read up to the offsets that the counters stood at.
    It only reads; the service may go on.

    Args:
        log: With the lifecycle topic.
        store: With the service's counters.
        basis: Whose, and by which rules.
        told: Told what goes on, how much of it is done, and how much there is in all (0: unknown).
        row: Told each figure.

    Raises:
        NotComplete: The service counts anew at the moment.
        StillMoving: Its counters move all the time.
        Misconfigured: DuckDB isn't installed.
        LogUnavailable, StoreUnavailable: Try again later.
    """
    began = time.monotonic()
    partitions = len(await log.offsets(LIFECYCLE.name))
    rules = basis.rules
    with tempfile.TemporaryDirectory(prefix="tasuki-recount-") as folder:
        database = open_database(Path(folder))
        try:
            told("counters", 0, 0)
            held = await dump(
                store, service=basis.service, partitions=partitions, generation=rules.generation
            )
            held_at = time.monotonic()
            if not held.generations <= {rules.generation}:
                raise NotComplete("the service counts anew after its rules changed; recount when it is done")
            lines = Path(folder) / "lifecycle.jsonl"
            records = await write_topic(
                log, held.offsets, lines, told=lambda done, total: told("records", done, total)
            )
            promises = promises_of(basis.promises)
            # Promises go on coming due while the counters are read; those that did are in them.
            due_by = basis.now + int((held_at - began) * 1000) + _SKEW_MS
            count(
                database,
                lines,
                rules,
                promises.recounted,
                due_by=due_by,
                told=lambda what: told(what, 0, 0),
            )
            comparison = _Comparison(database, held, basis, row, left_out=promises.left_out)
            await comparison.run(told)
            await explain(store, comparison.suspects(), rules, service=basis.service, partitions=partitions)
        finally:
            database.close()
    return Recounted(
        differences=comparison.differences,
        figures=comparison.figures,
        records=records,
        seconds=time.monotonic() - began,
        offsets=held.offsets,
        left_out=promises.left_out,
    )


class _Comparison:
    """Compares window by window, so that no more than one of them is in memory."""

    def __init__(
        self,
        database: "DuckDBPyConnection",
        held: Dump,
        basis: Basis,
        row: Row,
        *,
        left_out: Mapping[str, str],
    ) -> None:
        self._database = database
        self._basis = basis
        self._row = row
        self._served = Served(held, basis.rules, now=basis.now)
        self._segments = {"", *segments(database), *held.segments()}
        self._currencies = sorted(currencies(database) | self._served.currencies())
        self._plain_days = active_days(database)
        self._days = sorted({*self._plain_days, *self._served.active_days()})
        self._sla = not left_out
        self._spans: dict[str, tuple[Span, Span]] = {}
        self.figures = 0
        self.differences: list[Difference] = []

    async def run(self, told: Callable[[str, int, int], None]) -> None:
        """Compare the windows, then each day that has anything."""
        if not self._days:
            return
        windows = self._served.windows(self._days[0], self._days[-1])
        self._check_ranges(windows)
        parts = sorted(self._segments)
        for number, (window, over) in enumerate(windows.items()):
            told("windows", number, len(windows))
            asked = self._ask(window, over)
            for part in parts:  # one by one: what the service reads for one answer is held in memory
                recounted = asked.figures(window, [part], self._currencies, self._basis.rules.horizons_days)
                self._compare(
                    await self._served.figures(window, over, [part], self._currencies), recounted, asked
                )
        for number, day in enumerate(self._days):
            told("days", number, len(self._days))
            asked = self._ask(day, self._served.range_of_day(day))
            active = sorted(self._plain_days.get(day, ()))
            recounted = asked.figures(day, active, self._currencies, self._basis.rules.horizons_days)
            recounted = {key: value for key, value in recounted.items() if any(value)}
            self._compare(await self._served.day(day, self._currencies), recounted, asked)

    def suspects(self) -> list[Suspect]:
        """Return the first differences, each with what the leads add to it."""
        return [
            Suspect(each, exact, days, by_lead(self._database, each.key, exact, days))
            for each in self.differences[:_EXPLAINED]
            if each.key.metric != _RANGE
            for exact, days in [self._spans[each.key.window]]
        ]

    def _ask(self, window: str, over: Range) -> Asked:
        exact, days = self._spans[window] = self._served.spans(over)
        return Asked(self._database, exact, days)

    def _compare(self, served: Figures, recounted: Figures, asked: Asked) -> None:
        if not self._sla:
            for figures in (served, recounted):
                for key in [key for key in figures if key.metric == "sla_attainment"]:
                    del figures[key]
        unsure = {each: asked.unsure(each) for each in self._segments}
        self.differences += differences(served, recounted, unsure)
        for key in {**served, **recounted}:
            self.figures += 1
            self._row(key, served.get(key), recounted.get(key))

    def _check_ranges(self, windows: Mapping[str, Range]) -> None:
        now = self._basis.now
        wanted = calendar_windows(self._database, self._basis.rules, now)
        for name, over in windows.items():
            exact, _ = self._served.spans(over)
            should = wanted.get(name, exact)
            self.figures += 1
            if exact != should or not rolling_holds(name, exact, now):
                key = Key(_RANGE, "", name, "")
                self.differences.append(
                    Difference(key, Value(exact.from_at, exact.to_at), Value(should.from_at, should.to_at))
                )
