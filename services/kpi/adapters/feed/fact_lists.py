"""
Lists of facts behind numbers, kept for a while after they were asked for.

A list is worked out from all leads of its time. Its pages are cut from one working out, so they are of one instant, and
the second page costs what a page costs. It is kept as the JSON of its rows: leads in memory take ten times as much.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from services.kpi.adapters.feed.asking import Asked
from services.kpi.adapters.feed.lead_bodies import EvidenceBody, evidence_body
from services.kpi.application.behind import Backing, Behind, Part
from services.kpi.application.reading import Ask
from services.kpi.domain.calendar import MINUTE_MS
from services.kpi.domain.evidence import Place
from services.runtime.pacing import paced

KEPT_MS = 300_000
MOST_ROWS = 100_000
"""Of all lists that are kept, some 400 B each. A list that is longer by itself isn't kept."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list: the JSON and the place of each row, what is behind the figure as a whole, and when that was."""

    id: str
    at: int
    rows: Sequence[bytes]
    places: Sequence[Place]
    behind: Behind

    def page(self, start: int, most: int) -> list[EvidenceBody]:
        """Return so many rows from the one at *start* on."""
        return [EvidenceBody.model_validate_json(each) for each in self.rows[start : start + most]]

    def start(self, after: Place) -> int:
        """Return the number of the first row behind *after*."""
        return bisect_right(self.places, after)


@dataclass(frozen=True, slots=True)
class _Kept:
    listed: Listed
    query: object
    as_of: object


class FactLists:
    """Gives lists. *teams* is owner to team."""

    def __init__(self, backing: Backing, teams: Mapping[str, str]) -> None:
        self._backing = backing
        self._teams = teams
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self.made = 0

    async def of(
        self, metric: str, asked: Asked, part: Part, *, now: int, listed: str | None = None
    ) -> Listed:
        """
        Return the list *listed* if it is kept and of this query, else one that is as of *now*.

        Raises Unanswerable, TooMany, StoreUnavailable.
        """
        query = metric, part, asked.timeless()
        self._forget(now)
        held = self._kept.get(listed or "")
        if held is not None and held.query == query:
            return held.listed
        ask = asked.of(metric)
        as_of = asked.range, now // MINUTE_MS, await self._backing.versions()
        for each in self._kept.values():
            if each.query == query and each.as_of == as_of:
                return each.listed
        found = await self._listed(ask, part, now)
        if len(found.rows) <= MOST_ROWS:
            self._kept[found.id] = _Kept(found, query, as_of)
        return found

    async def _listed(self, ask: Ask, part: Part, now: int) -> Listed:
        behind = await self._backing.of(ask, part, now=now)
        self.made += 1
        rows: list[bytes] = []
        places: list[Place] = []
        async for each in paced(behind.found):
            rows.append(evidence_body(each, self._teams).model_dump_json().encode())
            places.append(each.place)
        whole = Behind((), behind.amount, behind.range, behind.offsets, behind.complete)
        return Listed(uuid4().hex, now, rows, places, whole)

    def _forget(self, now: int) -> None:
        rows = sum(len(each.listed.rows) for each in self._kept.values())
        while self._kept:
            oldest = next(iter(self._kept.values())).listed
            if rows <= MOST_ROWS and abs(now - oldest.at) <= KEPT_MS:
                return
            del self._kept[oldest.id]
            rows -= len(oldest.rows)
