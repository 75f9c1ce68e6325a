"""
The log on one machine: Redis Streams in the embedded Valkey server, or in any other Redis or Valkey.

Partition p of a topic is one stream with ids ``0-<offset>``, so offsets are integers here too, from 1 on.
Of a compacted topic the record before of the same key is removed with each append. What a producer of relayed events
sends again isn't appended again. Retention is recorded and
checked, but nothing is trimmed by it yet: the log keeps everything else.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from services.runtime.clock import Clock, now_ms
from services.runtime.convoy import Convoy
from services.runtime.line import Command
from services.runtime.log.embedded_entries import Keys, as_it_is, ask, decode, encode, told_by, translated
from services.runtime.log.embedded_group import Group
from services.runtime.log.embedded_subscription import EmbeddedSubscription
from services.runtime.log.holding import Membership
from services.runtime.log.port import (
    LogRecord,
    Offsets,
    Origin,
    PartitionHandler,
    Record,
    TopicSpec,
    partition_of,
)
from services.runtime.log.topics import check_sizes, check_spec, unknown_topic

_CHUNK_RECORDS = 1_000  # as many go into one transaction, so that no append holds the server for long
_CHUNK_BYTES = 8 * 1024 * 1024
_CONNECTIONS = 32
_TIMEOUT_S = 10

# XDEL frees memory by whole nodes of a stream, so what is kept is bounded by the keys, not by the records.
_REPLACE = """\
local id = redis.call('XADD', KEYS[1], '0-*', unpack(ARGV, 2))
local before = redis.call('HGET', KEYS[2], ARGV[1])
if before then redis.call('XDEL', KEYS[1], before) end
redis.call('HSET', KEYS[2], ARGV[1], id)
return id
"""

# A producer's ids grow, and it sends again from a point before which all arrived: what isn't above the last one is there.
_UNLESS_TAKEN = """\
local above, low = tonumber(ARGV[2]), tonumber(ARGV[3])
local taken = redis.call('HGET', KEYS[2], ARGV[1])
if taken then
  local first, second = string.match(taken, '^(%d+)-(%d+)$')
  first, second = tonumber(first), tonumber(second)
  if above < first or (above == first and low <= second) then return false end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. '-' .. ARGV[3])
"""
_ONCE = f"{_UNLESS_TAKEN}return redis.call('XADD', KEYS[1], '0-*', unpack(ARGV, 4))"
_REPLACE_ONCE = f"""\
{_UNLESS_TAKEN}\
local id = redis.call('XADD', KEYS[1], '0-*', unpack(ARGV, 5))
local before = redis.call('HGET', KEYS[3], ARGV[4])
if before then redis.call('XDEL', KEYS[1], before) end
redis.call('HSET', KEYS[3], ARGV[4], id)
return id
"""


class EmbeddedLog:
    """
    The port `Log` over Redis Streams.

    Args:
        url: A Redis URL, for instance `EmbeddedServer.url`.
        clock: Stamps the records.
        lease_ms: A member of a group that is silent for this long is taken for dead (sooner if its
            connection is gone).
        drain_ms: How long a running batch may go on when its partition goes to another member.
        namespace: Prefix of all keys.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock = now_ms,
        lease_ms: int = 10_000,
        drain_ms: int = 20_000,
        namespace: str = "log",
    ) -> None:
        self._url = url
        self._clock = clock
        self._lease_ms = lease_ms
        self._drain_ms = drain_ms
        self._namespace = namespace
        self._partitions: dict[str, int] = {}
        self._compacted: set[str] = set()
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=5,
            protocol=2,
            socket_timeout=_TIMEOUT_S,
            # A silent repeat of an append would double its records: the caller decides.
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._redis.set_response_callback("XRANGE", as_it_is)
        self._convoy = Convoy(url, timeout_s=_TIMEOUT_S)

    async def start(self) -> None:
        """Connect. Raises LogUnavailable."""
        await self.ping()

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        await self._convoy.close()
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raise LogUnavailable unless the server answers."""
        with translated("ping the log"):
            await self._redis.execute_command("PING")

    async def ensure_topics(self, specs: Sequence[TopicSpec]) -> None:
        """
        Create what is missing and check the rest.

        Raises:
            Misconfigured: A topic exists with other partitions, another compaction or a shorter retention.
            LogUnavailable: The server didn't answer.
        """
        for spec in specs:
            with translated(f"set up topic {spec.name!r}"):
                existing = await self._created(spec)
            check_spec(spec, existing)
            self._partitions[spec.name] = spec.partitions
            if spec.compacted:
                self._compacted.add(spec.name)

    async def _created(self, spec: TopicSpec) -> TopicSpec:
        """Create the topic unless it exists, and return it as it is recorded."""
        key = self._keys(spec.name).spec
        retention = "" if spec.retention_ms is None else str(spec.retention_ms)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hsetnx(key, "partitions", str(spec.partitions))
            pipe.hsetnx(key, "retention_ms", retention)
            pipe.hsetnx(key, "compacted", str(int(spec.compacted)))
            pipe.hgetall(key)
            recorded = cast("dict[bytes, bytes]", (await pipe.execute())[-1])
        kept = recorded[b"retention_ms"]
        return TopicSpec(
            spec.name,
            int(recorded[b"partitions"]),
            retention_ms=int(kept) if kept else None,
            compacted=recorded[b"compacted"] == b"1",
        )

    def partition_for(self, topic: str, key: str) -> int:
        """Return the partition of *key*: `partition_of` over the number given to `ensure_topics`."""
        return partition_of(key, self._count(topic))

    async def append(self, records: Sequence[Record]) -> None:
        """
        Append *records* in one transaction for each thousand or 8 MiB; returns when all are durable.

        Raises:
            RecordTooLarge: Before anything is written.
            LogUnavailable: It isn't known which were written.
        """
        check_sizes(records)
        appended_at = self._clock()
        commands: list[Command] = []
        size = 0
        for record in records:
            commands.append(self._appending(record, appended_at))
            size += len(record.value or b"")
            if len(commands) >= _CHUNK_RECORDS or size >= _CHUNK_BYTES:
                await self._write(commands)
                commands, size = [], 0
        await self._write(commands)

    def _appending(self, record: Record, appended_at: int) -> Command:
        keys, partition = self._keys(record.topic), self.partition_for(record.topic, record.key)
        fields = encode(record, appended_at)
        told, names = told_by(record), [keys.stream(partition)]
        if record.topic in self._compacted:
            if told is None:
                names += [keys.latest(partition)]
                return ("EVAL", _REPLACE, len(names), *names, record.key, *fields)
            names += [keys.taken(partition), keys.latest(partition)]
            return ("EVAL", _REPLACE_ONCE, len(names), *names, *told, record.key, *fields)
        if told is None:
            return ("XADD", *names, "0-*", *fields)
        names += [keys.taken(partition)]
        return ("EVAL", _ONCE, len(names), *names, *told, *fields)

    async def _write(self, commands: Sequence[Command]) -> None:
        if not commands:
            return
        with translated("append to the log"):
            if len(commands) == 1:
                await self._convoy.ask(commands)
            else:
                await self._convoy.ask([("MULTI",), *commands, ("EXEC",)])

    async def landed(self, records: Sequence[Record], *, since: int) -> frozenset[Origin]:  # noqa: ARG002 -- the port's
        """Return nothing: `append` itself appends no record of a producer twice."""
        return frozenset()

    def subscribe(
        self, topic: str, group: str, handler: PartitionHandler, *, max_records: int = 500
    ) -> EmbeddedSubscription:
        """Return a member of *group* on *topic*, not yet started; batches hold 1 to *max_records*."""
        keys = self._keys(topic)
        return EmbeddedSubscription(
            Membership(topic, group, self._drain_ms),
            url=self._url,
            redis=self._redis,
            keys=keys,
            group=Group(self._redis, keys, group, partitions=self._count(topic), lease_ms=self._lease_ms),
            handler=handler,
            max_records=max_records,
            offsets=lambda: self.offsets(topic),
            clock=self._clock,
        )

    async def read(self, topic: str, partition: int, offset: int, *, limit: int = 500) -> Sequence[LogRecord]:
        """Return up to *limit* records from *offset* on without joining a group; empty at the end."""
        keys = self._keys(topic)
        with translated(f"read topic {topic!r}"):
            entries = await ask(
                self._redis, "XRANGE", keys.stream(partition), f"0-{max(offset, 1)}", "+", "COUNT", limit
            )
        return decode(topic, partition, entries)

    async def offsets(self, topic: str) -> Mapping[int, Offsets]:
        """Return for each partition where it begins and ends."""
        keys = self._keys(topic)
        count = self._count(topic)
        with translated(f"read the offsets of topic {topic!r}"):
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(count):
                    pipe.xrange(keys.stream(partition), count=1)
                    pipe.xinfo_stream(keys.stream(partition))
                replies = await pipe.execute(raise_on_error=False)
        return {each: _bounds(replies[2 * each], replies[2 * each + 1]) for each in range(count)}

    async def committed(self, topic: str, group: str) -> Mapping[int, int]:
        """Return the offsets that *group* committed as hints; partitions without one are missing."""
        with translated(f"read the hints of group {group!r}"):
            found = cast(
                "dict[bytes, bytes]", await self._redis.hgetall(self._keys(topic).group(group, "offsets"))
            )
        return {int(partition): int(offset) for partition, offset in found.items()}

    def _keys(self, topic: str) -> Keys:
        return Keys(self._namespace, topic)

    def _count(self, topic: str) -> int:
        try:
            return self._partitions[topic]
        except KeyError:
            raise unknown_topic(topic) from None


def _bounds(first: Any, info: Any) -> Offsets:
    if isinstance(info, Exception):
        if "no such key" in str(info):
            return Offsets(1, 1)
        raise info
    end = int(info["last-generated-id"][2:]) + 1
    return Offsets(int(first[0][0][2:]) if first else end, end)
