"""
The leads of one shard in the store, and which of them a side waits for.

| name        | type       | member → score, or value                                                       |
|-------------|------------|--------------------------------------------------------------------------------|
| lead:<id>   | string     | the lead, see services.sync.adapters.lead_codec; as long as the lead is known   |
| drift       | hash       | <system>:<field> → how many differences sweeps found                            |
| echoes      | hash       | suppressed:<system>:<layer>, false-drop:<system>:<field>, loop:<system>:<field> → count |
| dirty:<side>| sorted set | lead_id → priority * 10^13 + epoch ms since when; until that side lacks nothing |
| ages        | sorted set | lead_id → epoch ms when its score changes by itself; as long as it will         |
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from schemas.lead import LeadChange
from schemas.topics import LEAD_CHANGES
from services.runtime.log.port import Log, Record
from services.runtime.operations import Operations
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.sync.application.dispatch import urgency
from services.sync.domain.desired import Missing
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.priority import Priority
from services.sync.domain.records import Side

DRIFT = "drift"
ECHOES = "echoes"
AGES = "ages"

PRIORITY_STEP = 10**13
"""More than any epoch ms until the year 2286, so that priority goes before age."""

REMEMBERED_LEADS = 64
"""
How many leads of a shard stay decoded, 10 kB each: what is sent comes round as three more changes within a second.
"""

Encode = Callable[[Lead], bytes]
Decode = Callable[[str, bytes], Lead]


class ShardLeads:
    """
    See `DispatchShard` in services.sync.application.dispatch, and what deciding needs beside it.

    Deciding changes the leads it works on. It takes them out of what is remembered, and they are put back when
    their commit is applied: where that fails, nothing of them is left but what stands in the store. Nobody else
    is ever given a remembered one.
    """

    def __init__(self, *, shard: Shard, store: Store, log: Log, encode: Encode, decode: Decode) -> None:
        self._shard = shard
        self._store = store
        self._log = log
        self._encode = encode
        self._decode = decode
        self._remembered: dict[str, Lead] = {}

    async def take(self, lead_ids: Sequence[str]) -> dict[str, Lead]:
        """Return those of the leads that are known, to be changed by whoever took them."""
        taken = {each: lead for each in lead_ids if (lead := self._remembered.pop(each, None)) is not None}
        taken.update(await self.load([each for each in lead_ids if each not in taken]))
        return taken

    def remember(self, leads: Mapping[str, Lead]) -> None:
        """Remember *leads*, which were taken and stand in the store as they are now: the latest are kept."""
        self._remembered.update(leads)
        for lead_id in list(self._remembered)[:-REMEMBERED_LEADS]:
            del self._remembered[lead_id]

    async def load(self, lead_ids: Sequence[str]) -> Mapping[str, Lead]:
        """Return those of the leads that are known, as they stand in the store."""
        blobs = await self._store.mget([self._key(each) for each in lead_ids])
        return {
            each: self._decode(each, blob)
            for each, blob in zip(lead_ids, blobs, strict=True)
            if blob is not None
        }

    def keep(self, operations: Operations, lead: Lead) -> None:
        """Add to *operations* what keeps *lead*."""
        operations.set(self._key(lead.id), self._encode(lead))

    def count_drift(self, operations: Operations, drifts: Mapping[str, int]) -> None:
        """Add to *operations* what sweeps found, by ``<system>:<field>``."""
        if drifts:
            operations.hincrby(self._shard.id.key(DRIFT), drifts)

    def count_echoes(self, operations: Operations, echoes: Mapping[str, int]) -> None:
        """Add to *operations* what came of our own writes that came back, by the names above."""
        if echoes:
            operations.hincrby(self._shard.id.key(ECHOES), echoes)

    def await_age(self, operations: Operations, ages: Mapping[str, int]) -> None:
        """Add to *operations* when the scores of leads change by themselves, epoch ms; NEVER: they don't."""
        key = self._shard.id.key(AGES)
        if coming := {lead_id: at for lead_id, at in ages.items() if at != NEVER}:
            operations.zadd(key, coming)
        if lasting := [lead_id for lead_id, at in ages.items() if at == NEVER]:
            operations.zrem(key, lasting)

    def mark(
        self, operations: Operations, lead_id: str, missing: Mapping[Side, Sequence[Missing]], since: int
    ) -> bool:
        """Add to *operations* for which sides the lead waits, since epoch ms; return whether for any."""
        for side, lacks in missing.items():
            if lacks:
                score = urgency(lacks) * PRIORITY_STEP + since
                operations.zadd(self._dirty(side), {lead_id: score})
            else:
                operations.zrem(self._dirty(side), [lead_id])
        return any(missing.values())

    async def dirty(
        self, side: Side, *, limit: int, skip: Collection[str], least: Priority = Priority.BACKFILL
    ) -> Sequence[str]:
        """See `DispatchShard.dirty`."""
        most, below = limit + len(skip), (least + 1) * PRIORITY_STEP
        bounds = ("-inf", f"({below}", "BYSCORE", "LIMIT", 0, most)
        (members,) = await self._store.read([("ZRANGE", self._dirty(side), *bounds)])
        found = (each.decode() for each in members)
        return [each for each in found if each not in skip][:limit]

    async def clean(self, side: Side, lead_ids: Sequence[str]) -> None:
        """See `DispatchShard.clean`."""
        await self._shard.commit(Operations().zrem(self._dirty(side), lead_ids))

    async def append(self, events: Sequence[tuple[str, LeadChange]]) -> None:
        """See `DispatchShard.append`."""
        await self._log.append(
            [Record(LEAD_CHANGES.name, key, event.model_dump_json().encode()) for key, event in events]
        )

    async def dirty_count(self, side: Side) -> int:
        """Return how many leads *side* waits for."""
        (count,) = await self._store.read([("ZCARD", self._dirty(side))])
        return int(count)

    def _key(self, lead_id: str) -> str:
        return self._shard.id.key(f"lead:{lead_id}")

    def _dirty(self, side: Side) -> str:
        return self._shard.id.key(f"dirty:{side}")
