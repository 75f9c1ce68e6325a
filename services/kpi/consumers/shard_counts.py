"""
The leads and counters of one shard in the store.

| name       | type   | value                                                                                    |
|------------|--------|------------------------------------------------------------------------------------------|
| lead:<id>  | string | the lead, see services.kpi.adapters.lead_codec; as long as the lead is known              |
| by:…       | set    | the ids of leads that may count on a day, see services.kpi.domain.lead_index              |
| n:…, s:…   | hash   | the counters, see services.kpi.domain.places; minutes and hours as configured, days for ever |
| generation | string | of the rules under which all leads of the shard are counted, see CountingRules.generation |
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_index import Entry, entry_name
from services.runtime.operations import Operations
from services.runtime.shard import Shard
from services.runtime.store import Command

GENERATION = "generation"

Encode = Callable[[KpiLead, str], bytes]
Decode = Callable[[str, bytes], tuple[KpiLead, str]]


class ShardCounts:
    """Reads and writes a shard's leads and counters; *generation* is that of the rules in force."""

    def __init__(self, shard: Shard, generation: str, *, encode: Encode, decode: Decode) -> None:
        self.in_force = generation
        self._shard = shard
        self._encode = encode
        self._decode = decode

    async def load(self, lead_ids: Sequence[str]) -> Mapping[str, tuple[KpiLead, str]]:
        """Return those of the leads that are known, each with the generation it was counted under."""
        blobs = await self._shard.store.mget([self._shard.key(f"lead:{each}") for each in lead_ids])
        return {
            each: self._decode(each, blob)
            for each, blob in zip(lead_ids, blobs, strict=True)
            if blob is not None
        }

    def keep(self, operations: Operations, lead: KpiLead) -> None:
        """Add to *operations* what keeps *lead*."""
        operations.set(self._shard.key(f"lead:{lead.id}"), self._encode(lead, self.in_force))

    def index(
        self, operations: Operations, lead_id: str, gained: Iterable[Entry], lost: Iterable[Entry]
    ) -> None:
        """Add to *operations* what finds *lead_id* under the entries *gained*, and no longer under those *lost*."""
        for each in sorted(gained):
            operations.sadd(self._shard.key(entry_name(each)), [lead_id])
        for each in sorted(lost):
            operations.srem(self._shard.key(entry_name(each)), [lead_id])

    async def count(self, operations: Operations, increments: Increments) -> None:
        """Add to *operations* what moves the counters, and what removes those that come to 0; within a turn."""
        added, expiries = increments.gathered()
        standing = await self._standing(added)
        for name, fields in added.items():
            key = self._shard.key(name)
            stands = standing.get(name, {})
            over = [field for field, at in stands.items() if at + fields[field] == 0]
            if over:
                gone = set(over)
                operations.hdel(key, over)
                operations.hincrby(key, {field: by for field, by in fields.items() if field not in gone})
            else:
                operations.hincrby(key, fields)
            if name in expiries:
                operations.pexpireat(key, expiries[name])

    async def _standing(self, added: Mapping[str, Mapping[str, int]]) -> Mapping[str, Mapping[str, int]]:
        """Return where those counters stand that are to go down, by key."""
        asked = {
            name: [field for field, by in fields.items() if by < 0]
            for name, fields in added.items()
            if min(fields.values()) < 0
        }
        commands: list[Command] = [
            ("HMGET", self._shard.key(name), *fields) for name, fields in asked.items()
        ]
        replies = await self._shard.store.read(commands)
        return {
            name: {field: int(value or 0) for field, value in zip(fields, values, strict=True)}
            for (name, fields), values in zip(asked.items(), replies, strict=True)
        }

    async def generation(self) -> str | None:
        """Return the generation under which all leads of the shard are counted, None before it was first said."""
        (said,) = await self._shard.store.mget([self._shard.key(GENERATION)])
        return None if said is None else said.decode()

    def agree(self, operations: Operations) -> None:
        """Add to *operations* that all leads of the shard are counted under the rules in force."""
        operations.set(self._shard.key(GENERATION), self.in_force)

    async def lead_ids(self) -> AsyncGenerator[str]:
        """Yield the leads of the shard, see `Store.names`."""
        async for name in self._shard.store.names(self._shard.id, "lead:"):
            yield name.removeprefix("lead:")

    async def outdated(self) -> AsyncGenerator[str]:
        """Yield the names of the counters of other generations."""
        for kind in ("n", "s"):
            async for name in self._shard.store.names(self._shard.id, f"{kind}:"):
                if not name.startswith(f"{kind}:{self.in_force}:"):
                    yield name
