"""What is overdue now, for those who listen: looked at when a shard has committed, or when something comes due."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from services.kpi.adapters.feed.lead_bodies import CountsBody
from services.kpi.application.clock_board import LOOKED_AT, SOON_MS
from services.kpi.application.lead_store import NONE_OPEN, LeadStore, Queued, Standing
from services.runtime.pacing import paced


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


@dataclass(frozen=True, slots=True)
class _Seen:
    """How the clocks of a shard stood after so many commits; `word` is the same for the same clocks and counts."""

    version: int
    standing: Standing
    word: str


class ClockWatch:
    """The overdue clocks as last seen, and what of them was new then. Only shards that changed are looked at again."""

    def __init__(self, store: LeadStore) -> None:
        self._store = store
        self._seen: dict[int, _Seen] = {}
        self._seen_at = 0
        self._entered: Sequence[Queued] = ()
        self._left: Sequence[Queued] = ()
        self._whole: str | None = None

    def forget(self) -> None:
        """Forget what was seen: nobody listens."""
        self._seen = {}
        self._whole = None

    async def look(self, now: int, versions: Mapping[int, int]) -> bool:
        """Look, if something may have changed; return whether it did. Raises StoreUnavailable."""
        before = self.id
        entered: list[Queued] = []
        left: list[Queued] = []
        for partition, version in versions.items():
            last = self._seen.get(partition)
            if last is not None and last.version == version and not self._is_over(last, now):
                continue
            most = LOOKED_AT // len(versions)
            standing = await self._store.standing(partition, now, now + SOON_MS, most=most)
            old = {} if last is None else {each.member: each for each in last.standing.overdue}
            new = {each.member: each for each in standing.overdue}
            entered += (new[each] for each in new.keys() - old.keys())
            left += (old[each] for each in old.keys() - new.keys())
            said = repr((sorted(new), standing.counts))
            self._seen[partition] = _Seen(version, standing, hashlib.sha256(said.encode()).hexdigest())
        self._seen_at = now
        if self.id == before:
            return False
        self._entered, self._left, self._whole = sorted(entered), sorted(left), None
        return True

    @property
    def id(self) -> str:
        """A word that is the same for the same clocks and counts."""
        said = "".join(each.word for _, each in sorted(self._seen.items()))
        return f"c-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    async def whole(self) -> str:
        """Return the data that tells everything; put together once for all who ask."""
        if self._whole is None:
            places = sorted(each for seen in self._seen.values() for each in seen.standing.overdue)
            self._whole = self._data([_overdue(each) async for each in paced(places)], (), reset=True)
        return self._whole

    def difference(self) -> str:
        """Return the data that tells what the last look found new."""
        return self._data([*map(_overdue, self._entered)], [*map(_overdue, self._left)], reset=False)

    def _is_over(self, last: _Seen, now: int) -> bool:
        changes_at = last.standing.changes_at
        return now < self._seen_at or (changes_at is not None and now >= changes_at)

    def _data(self, entered: Sequence[OverdueBody], left: Sequence[OverdueBody], *, reset: bool) -> str:
        counts = sum((each.standing.counts for each in self._seen.values()), NONE_OPEN)
        return ClocksChangeBody(
            at=self._seen_at,
            offsets={str(number): each.standing.offset for number, each in sorted(self._seen.items())},
            reset=reset,
            counts=CountsBody(
                overdue=counts.overdue, due_soon=counts.due_soon, open=counts.open, paused=counts.paused
            ),
            entered=entered,
            left=left,
        ).model_dump_json()


def _overdue(each: Queued) -> OverdueBody:
    cycle, policy = each.which
    return OverdueBody(lead_id=each.lead_id, cycle=cycle, policy=policy, due_at=each.at)
