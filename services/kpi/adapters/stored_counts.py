"""The counters of all shards, read from the store."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.topics import LIFECYCLE
from services.kpi.application.ports import Counters, Wanted
from services.runtime.keys import ShardId
from services.runtime.pacing import paced
from services.runtime.store import Store

_MOST_FIELDS = 1_000
"""Of one group: Lua's unpack() holds about 8,000 values."""

_READ = """\
-- Sum fields over keys, read other keys whole: all of one shard, at one instant. Nothing is written.
-- KEYS  the ledger, the generation; then the keys of each group; then those that are read whole
-- ARGV  how many groups; of each group how many keys, how many fields, and the fields
-- Returns offset, generation; then the sums of each group's fields; then the fields and values of each whole key.
local reply = { redis.call('HGET', KEYS[1], 'offset'), redis.call('GET', KEYS[2]) }
local key, word = 2, 1
for _ = 1, tonumber(ARGV[1]) do
  local last_key, fields, sums = key + ARGV[word + 1], tonumber(ARGV[word + 2]), {}
  word = word + 2
  for field = 1, fields do sums[field] = 0 end
  while key < last_key do
    key = key + 1
    if redis.call('EXISTS', KEYS[key]) == 1 then
      local found = redis.call('HMGET', KEYS[key], unpack(ARGV, word + 1, word + fields))
      for field = 1, fields do
        if found[field] then sums[field] = sums[field] + found[field] end
      end
    end
  end
  word = word + fields
  reply[#reply + 1] = sums
end
for at = key + 1, #KEYS do reply[#reply + 1] = redis.call('HGETALL', KEYS[at]) end
return reply
"""


class StoredCounts:
    """
    See `CounterStore`. It needs no ownership: any process may read.

    The server sums: a window is some hundred buckets of each shard, and their counters would all have to be carried.

    Args:
        service: The service whose shards hold the counters.
        partitions: Of the lifecycle topic.
    """

    def __init__(self, store: Store, *, service: str, partitions: int) -> None:
        self._store = store
        self._shards = [ShardId(service, LIFECYCLE.name, number) for number in range(partitions)]

    async def read(self, wanted: Wanted) -> Counters:
        """See `CounterStore.read`."""
        groups = [*_groups(wanted)]
        sums = {names: dict.fromkeys(fields, 0) for names, fields in wanted.sums.items()}
        amounts: dict[str, dict[str, int]] = {name: {} for name in wanted.keys}
        offsets: dict[int, int] = {}
        generations: set[str] = set()
        for shard in self._shards:
            offset, generation, *replies = await self._ask(shard, groups, wanted)
            offsets[shard.partition] = -1 if offset is None else int(offset)
            if generation is not None:
                generations.add(generation.decode())
            answers = iter(replies)
            for names, fields in groups:
                held = sums[names]
                for field, more in zip(fields, next(answers), strict=True):
                    held[field] += more
            async for name, found in paced(zip(wanted.keys, answers, strict=True)):
                _add(amounts[name], found)
        return Counters(sums, amounts, offsets, frozenset(generations))

    async def versions(self) -> Mapping[int, int]:
        """See `CounterStore.versions`."""
        found = await self._store.read([("HGET", shard.ledger_key, "version") for shard in self._shards])
        return {
            shard.partition: int(version or 0) for shard, version in zip(self._shards, found, strict=True)
        }

    async def _ask(self, shard: ShardId, groups: Sequence["_Group"], wanted: Wanted) -> list[Any]:
        names = ["generation", *(name for each, _ in groups for name in each), *wanted.keys]
        arguments: list[str | int] = [len(groups)]
        for each, fields in groups:
            arguments += (len(each), len(fields), *fields)
        return await self._store.run_script(_READ, [shard.ledger_key, *map(shard.key, names)], arguments)


_Group = tuple[tuple[str, ...], Sequence[str]]


def _groups(wanted: Wanted) -> Iterator[_Group]:
    """Yield the keys and fields to sum, not too many fields at once."""
    for names, fields in wanted.sums.items():
        listed = list(fields)
        for at in range(0, len(listed), _MOST_FIELDS):
            yield names, listed[at : at + _MOST_FIELDS]


def _add(held: dict[str, int], found: Sequence[bytes]) -> None:
    """Add fields and values, which take turns, to *held*."""
    for field, value in zip(found[::2], found[1::2], strict=True):
        text = field.decode()
        held[text] = held.get(text, 0) + int(value)
