"""What is overdue now, for those who listen: looked at when a shard has committed, or when something comes due."""

import hashlib
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from services.kpi.adapters.feed.lead_bodies import CountsBody
from services.kpi.application.clock_board import LOOKED_AT, SOON_MS
from services.kpi.application.lead_store import Counts, LeadStore, Queued, Span


class OverdueBody(BaseModel):
    """A clock that is overdue, or was."""

    lead_id: str
    cycle: int
    policy: str
    due_at: int


class ClocksChangeBody(BaseModel):
    """The data of an event `clocks`."""

    at: int
    offsets: Mapping[str, int]
    reset: bool = Field(
        description="Whether `entered` is all that is overdue; else it is what was not before."
    )
    counts: CountsBody
    entered: Sequence[OverdueBody]
    left: Sequence[OverdueBody]


class ClockWatch:
    """The overdue clocks as last seen, and what of them was new then."""

    def __init__(self, store: LeadStore) -> None:
        self._store = store
        self._versions: Mapping[int, int] | None = None
        self._next_at: int | None = None
        self._seen_at = 0
        self._offsets: Mapping[int, int] = {}
        self._counts: Counts | None = None
        self._overdue: dict[str, Queued] = {}
        self._entered: Sequence[Queued] = ()
        self._left: Sequence[Queued] = ()

    def forget(self) -> None:
        """Forget what was seen: nobody listens."""
        self._versions = self._counts = None
        self._overdue = {}

    async def look(self, now: int, versions: Mapping[int, int]) -> bool:
        """Look, if something may have changed; return whether it did. Raises StoreUnavailable."""
        waits = self._next_at is None or now < self._next_at
        if versions == self._versions and waits and now >= self._seen_at:
            return False
        counts, next_at = await self._store.counts(now, now + SOON_MS)
        queue = await self._store.queue(Span(to_at=now, paused=False), most=LOOKED_AT)
        overdue = {each.member: each for each in queue.places}
        self._entered = [each for member, each in overdue.items() if member not in self._overdue]
        self._left = [each for member, each in self._overdue.items() if member not in overdue]
        changed = bool(self._entered or self._left) or counts != self._counts
        self._versions, self._next_at, self._seen_at = versions, next_at, now
        self._overdue, self._counts, self._offsets = overdue, counts, queue.offsets
        return changed

    @property
    def id(self) -> str:
        """A word that is the same for the same clocks and counts."""
        said = repr((sorted(self._overdue), self._counts))
        return f"c-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    def whole(self) -> str:
        """Return the data that tells everything."""
        return self._data([*self._overdue.values()], (), reset=True)

    def difference(self) -> str:
        """Return the data that tells what the last look found new."""
        return self._data(self._entered, self._left, reset=False)

    def _data(self, entered: Sequence[Queued], left: Sequence[Queued], *, reset: bool) -> str:
        counts = self._counts or Counts(overdue=0, due_soon=0, open=0, paused=0)
        return ClocksChangeBody(
            at=self._seen_at,
            offsets={str(number): offset for number, offset in sorted(self._offsets.items())},
            reset=reset,
            counts=CountsBody(
                overdue=counts.overdue, due_soon=counts.due_soon, open=counts.open, paused=counts.paused
            ),
            entered=[_overdue(each) for each in entered],
            left=[_overdue(each) for each in left],
        ).model_dump_json()


def _overdue(each: Queued) -> OverdueBody:
    cycle, policy = each.which
    return OverdueBody(lead_id=each.lead_id, cycle=cycle, policy=policy, due_at=each.at)
