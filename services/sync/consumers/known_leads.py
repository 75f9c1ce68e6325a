"""What the shards of all processes hold of records, read beside them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from schemas.topics import INBOX, LEAD_CHANGES
from services.runtime.clock import Clock
from services.runtime.idle import until_idle
from services.runtime.keys import ShardId
from services.runtime.log.port import Log
from services.runtime.store import Store
from services.sync.application.identify import ERASED, Identity
from services.sync.consumers.shard_leads import Decode
from services.sync.domain.lead import Lead
from services.sync.domain.records import RecordRef

_LOOK_S = 0.02
_RELAY_S = 0.2
_MAKES_WAY_S = 1.0
"""However much else there is to do, what isn't urgent goes on after so long."""
"""What a shard committed is in the next topic a moment later."""


class KnownLeads:
    """See `Known` in services.sync.application.sweep."""

    def __init__(
        self, *, store: Store, log: Log, identity: Identity, decode: Decode, service: str, clock: Clock
    ) -> None:
        self._store = store
        self._log = log
        self._identity = identity
        self._decode = decode
        self._service = service
        self._clock = clock

    async def leads(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, Lead]:
        """See `Known.leads`."""
        links = await self._identity.links(refs)
        known = await self._followed({each for each in links.values() if not each.endswith(ERASED)})
        found: dict[RecordRef, Lead] = {}
        for ref, lead_id in links.items():
            if lead_id.endswith(ERASED):
                found[ref] = Lead(lead_id.removesuffix(ERASED), erased_at=1)
            elif lead_id in known:
                found[ref] = known[lead_id]
        return found

    async def _followed(self, lead_ids: Collection[str]) -> Mapping[str, Lead]:
        """Return the leads by the ids asked for: of one that was merged into another, that one."""
        known = await self.load(lead_ids)
        went = {each: lead.merged_into for each, lead in known.items() if lead.merged_into}
        if not went:
            return known
        stayed = await self._followed(set(went.values()))
        found = {each: lead for each, lead in known.items() if each not in went}
        return found | {each: stayed[into] for each, into in went.items() if into in stayed}

    async def load(self, lead_ids: Collection[str]) -> Mapping[str, Lead]:
        """Return those of the leads that stand in the store. Raises StoreUnavailable."""
        shards: dict[int, list[str]] = {}
        for each in sorted(lead_ids):
            shards.setdefault(self._log.partition_for(LEAD_CHANGES.name, each), []).append(each)
        parts = await asyncio.gather(*(self._of_shard(*each) for each in shards.items()))
        return {lead.id: lead for part in parts for lead in part}

    async def _of_shard(self, partition: int, lead_ids: Sequence[str]) -> list[Lead]:
        shard = ShardId(self._service, LEAD_CHANGES.name, partition)
        blobs = await self._store.mget([shard.key(f"lead:{each}") for each in lead_ids])
        return [
            self._decode(each, blob) for each, blob in zip(lead_ids, blobs, strict=True) if blob is not None
        ]

    async def settled(self, within_ms: int) -> bool:
        """See `Known.settled`."""
        began = self._clock()
        if not await self._folded(INBOX.name, within_ms):
            return False
        await asyncio.sleep(_RELAY_S)
        return await self._folded(LEAD_CHANGES.name, within_ms - (self._clock() - began))

    async def room(self, within_ms: int) -> None:
        """See `Known.room`."""
        await self._folded(LEAD_CHANGES.name, within_ms)
        await until_idle(_MAKES_WAY_S)

    async def _folded(self, topic: str, within_ms: int) -> bool:
        deadline = self._clock() + within_ms
        offsets = await self._log.offsets(topic)
        ends = {part: each.end for part, each in offsets.items() if each.end > each.begin}
        while not await self._taken_in(topic, ends):
            if self._clock() > deadline:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def _taken_in(self, topic: str, ends: Mapping[int, int]) -> bool:
        shards = [ShardId(self._service, topic, each) for each in ends]
        replies = await self._store.read([("HGET", each.ledger_key, "offset") for each in shards])
        return all(
            reply is not None and int(reply) >= end - 1
            for reply, end in zip(replies, ends.values(), strict=True)
        )
