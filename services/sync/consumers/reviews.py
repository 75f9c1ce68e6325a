"""
Wakes the leads of a shard to whom nothing happens: whose points get old, or whose scoring rules changed (ADR 0032).

| name      | type   | holds                                                                                  |
|-----------|--------|----------------------------------------------------------------------------------------|
| scored-by | string | the mark of the rules that all leads of the shard are scored by, ``+`` where confirmed |

It changes nothing itself: it appends `tasuki.lead.reviewed.v1` for each, which is folded as everything is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import structlog

from schemas.instants import rfc3339
from schemas.lead import LeadReviewed, Reviewed
from schemas.topics import LEAD_CHANGES
from services.errors import Retryable
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.log.port import Log, Record
from services.runtime.operations import Operations
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.tell import SOURCE
from services.sync.consumers.shard_leads import AGES, Decode
from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import trace
from services.sync.domain.rescoring import bring, is_outdated
from services.sync.domain.rules import Rules

log = structlog.get_logger()

SCORED_BY = "scored-by"
PAGE = 100
"""Today's news never queues up behind more reviews than these: the next are appended when they are folded."""
LONGEST_SLEEP_S = 5.0
_AWAY_S = 1.0
_LOOK_S = 0.02


class Reviews:
    """
    Wakes leads in the shards that are held.

    Args:
        failed: Told of an unexpected end; it is to end the process.
        longest_sleep_s: So long a lead may wait that came to have points which get old before all others'.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        log: Log,
        store: Store,
        decode: Decode,
        clock: Clock,
        failed: Callable[[BaseException], None],
        longest_sleep_s: float = LONGEST_SLEEP_S,
    ) -> None:
        self._rules = rules
        self._log = log
        self._store = store
        self._decode = decode
        self._clock = clock
        self._failed = failed
        self._longest_sleep_s = longest_sleep_s
        self._tasks: dict[int, list[asyncio.Task[None]]] = {}

    async def opened(self, shard: Shard) -> None:
        """Go on where the last owner stopped."""
        tasks = self._tasks[shard.id.partition] = []
        for name, work in (("ages", self._wait_for_ages), ("rules", self._bring_all)):
            task = asyncio.create_task(_patiently(shard, work), name=f"{name} {shard.id}")
            task.add_done_callback(lambda done: report_end(done, self._failed))
            tasks.append(task)

    async def closed(self, shard: Shard) -> None:
        """Stop; what is due is the next owner's."""
        await ended(*self._tasks.pop(shard.id.partition, []))

    async def _wait_for_ages(self, shard: Shard) -> None:
        """Wake for ever those whose score changes by itself."""
        key = shard.key(AGES)
        while True:
            (first,) = await self._store.read([("ZRANGE", key, 0, 0, "WITHSCORES")])
            now = self._clock()
            next_at = _first_score(first)
            if next_at is None or next_at > now:
                wait_s = self._longest_sleep_s if next_at is None else (next_at - now) / 1000
                await asyncio.sleep(max(0.001, min(wait_s, self._longest_sleep_s)))
                continue
            (due,) = await self._store.read([("ZRANGE", key, "-inf", now, "BYSCORE", "LIMIT", 0, PAGE)])
            await self._review(shard, [each.decode() for each in cast("list[bytes]", due)], "aged")

    async def _bring_all(self, shard: Shard) -> None:
        """Wake all leads that other rules scored, once; and, where that is confirmed, all who are held."""
        scoring, key = self._rules.scoring, shard.key(SCORED_BY)
        wanted = scoring.mark_text + ("+" if scoring.is_confirmed else "")
        (stored,) = await self._store.mget([key])
        known = None if stored is None else stored.decode()
        if known in (wanted, f"{scoring.mark_text}+"):
            return
        found = 0
        if known is not None or shard.ledger.offset >= 0:  # else nothing is known of any lead
            page: list[str] = []
            async for name in self._store.names(shard.id, "lead:"):
                page.append(name.removeprefix("lead:"))
                if len(page) == PAGE:
                    found += await self._bring(shard, page)
                    page = []
            found += await self._bring(shard, page)
            log.info("score.recomputed", shard=str(shard.id), leads=found, confirmed=scoring.is_confirmed)
        await shard.commit(Operations().set(key, wanted))

    async def _bring(self, shard: Shard, lead_ids: Sequence[str]) -> int:
        """Review those of the leads that the new rules concern; return how many."""
        blobs = await self._store.mget([shard.key(f"lead:{each}") for each in lead_ids])
        due: list[str] = []
        for lead_id, blob in zip(lead_ids, blobs, strict=True):
            if blob is not None and self._is_due(self._decode(lead_id, blob)):
                due.append(lead_id)
            await asyncio.sleep(0)
        await self._review(shard, due, "rules")
        return len(due)

    def _is_due(self, lead: Lead) -> bool:
        if is_outdated(lead, self._rules):
            return True
        if not self._rules.scoring.is_confirmed or lead.merged_into:
            return False
        bring(lead, self._rules)
        return trace(lead, self._rules).held

    async def _review(self, shard: Shard, lead_ids: Sequence[str], cause: str) -> None:
        """Append a review of each lead, and wait until all are folded."""
        if not lead_ids:
            return
        at = self._clock()
        hand_over = cause == "rules" and self._rules.scoring.is_confirmed
        records: list[Record] = []
        for lead_id in lead_ids:
            data = Reviewed.model_validate({"cause": cause, "reviewed_at": at, "hand_over": hand_over})
            event = LeadReviewed(
                id=f"reviewed-{lead_id}-{at}", source=SOURCE, subject=lead_id, time=rfc3339(at), data=data
            )
            records.append(Record(LEAD_CHANGES.name, lead_id, event.model_dump_json().encode()))
        await self._log.append(records)
        end = (await self._log.offsets(LEAD_CHANGES.name))[shard.id.partition].end
        while shard.ledger.offset < end - 1:  # noqa: ASYNC110 -- the ledger tells nobody
            await asyncio.sleep(_LOOK_S)


def _first_score(reply: object) -> int | None:
    """Return the score of the first member in *reply*, None without one: the client gives pairs, or both in turn."""
    if not isinstance(reply, list) or not reply:
        return None
    parts = cast("list[object]", reply)
    pair = cast("Sequence[object]", parts[0]) if isinstance(parts[0], list | tuple) else parts
    return int(float(cast("float", pair[1])))


async def _patiently(shard: Shard, work: Callable[[Shard], Awaitable[None]]) -> None:
    """Do *work*; where store or log is away, go on with it later."""
    while True:
        try:
            await work(shard)
        except Retryable as error:
            log.warning("reviews.delayed", shard=str(shard.id), error=type(error).__name__)
            await asyncio.sleep(_AWAY_S)
        else:
            return
