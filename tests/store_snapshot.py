"""Takes shards back in time, all at once as a failover to a lagging replica does."""

from collections.abc import Sequence

from services.runtime.keys import ShardId
from services.runtime.store import Store

Snapshot = list[bytes]
"""Keys and their serialised values, in turns."""

# In the server, so that no commit comes between.
_TAKE = """
local found = {}
for _, tag in ipairs(ARGV) do
  for _, key in ipairs(redis.call('KEYS', tag .. '*')) do
    found[#found + 1] = key
    found[#found + 1] = redis.call('DUMP', key)
  end
end
return found
"""
_RESTORE = """
local tags = tonumber(ARGV[1])
for i = 2, tags + 1 do
  for _, key in ipairs(redis.call('KEYS', ARGV[i] .. '*')) do redis.call('DEL', key) end
end
for i = tags + 2, #ARGV, 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end
"""


async def take(store: Store, shards: Sequence[ShardId]) -> Snapshot:
    """Return what *shards* hold at this moment."""
    return await store.client.eval(_TAKE, 0, *(shard.tag for shard in shards))


async def go_back(store: Store, shards: Sequence[ShardId], snapshot: Snapshot) -> None:
    """Make *shards* hold what they held at *snapshot*; an empty one makes them lose everything."""
    tags = [shard.tag for shard in shards]
    kept = [
        part
        for key, value in zip(snapshot[::2], snapshot[1::2], strict=True)
        if any(shard.owns(key.decode()) for shard in shards)
        for part in (key, value)
    ]
    await store.client.eval(_RESTORE, 0, len(tags), *tags, *kept)
