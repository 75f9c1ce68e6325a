"""The store: Redis or Valkey, one server or a cluster, and the one function through which state changes."""

from collections.abc import AsyncGenerator, Sequence
from hashlib import sha1
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError

from services.errors import Misconfigured
from services.runtime.cluster_convoys import ClusterConvoys
from services.runtime.convoy import Convoy
from services.runtime.keys import ShardId
from services.runtime.ledger import Ledger, Outcome, Reply
from services.runtime.line import Command
from services.runtime.operations import Operations
from services.runtime.store_errors import StoreUnavailable, store_errors
from services.runtime.store_start import COMMIT, CommitFunction, Run, check_server, load_function, refusals

_log = structlog.get_logger(__name__)


class Store:
    """
    A connection to the store; start it before use, close it after.

    All calls raise StoreUnavailable when the store is away. Nothing is retried here, for only the caller
    knows whether a second try is harmless.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; of any node where *cluster* is set.
        cluster: Whether it is a Redis Cluster.
        timeout_ms: How long one answer may take.
        waitaof_ms: Wait this long at most for each commit to be on the server's disk; None doesn't wait.
            Only of use where the append-only file is synced often, and only on one server.
        function: Which text of `commit.lua` is called.
    """

    def __init__(
        self,
        url: str,
        *,
        cluster: bool = False,
        timeout_ms: int = 5_000,
        waitaof_ms: int | None = None,
        function: CommitFunction = COMMIT,
    ) -> None:
        if cluster and waitaof_ms is not None:
            raise Misconfigured("waitaof_ms is for one server; in a cluster use min-replicas-to-write")
        self._waitaof_ms = waitaof_ms
        self._function = function
        seconds = (timeout_ms + (waitaof_ms or 0)) / 1000
        # RESP2, for the replies of raw commands have one shape there on all servers that we support.
        options: dict[str, Any] = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
        }
        self._client: Any = (
            RedisCluster.from_url(url, **options) if cluster else Redis.from_url(url, **options)
        )
        self._nodes = ClusterConvoys(url, timeout_s=seconds) if cluster else None
        # WAITAOF holds up whatever travels behind it.
        self._convoy = None if waitaof_ms is not None else self._nodes or Convoy(url, timeout_s=seconds)
        self._address = url.rpartition("@")[2].partition("?")[0]

    @property
    def client(self) -> Any:
        """The redis-py client, for reads that `read` doesn't cover. Never write a shard's keys through it."""
        return self._client

    async def start(self) -> None:
        """Check the servers and load the function. Raises Misconfigured or StoreUnavailable."""
        with store_errors(), refusals(self._address):
            for run in await self._primaries():
                await check_server(run, self._address, waitaof=self._waitaof_ms is not None)
                await load_function(run, self._function)

    async def close(self) -> None:
        """Disconnect. Safe to call twice."""
        if self._convoy is not None:
            await self._convoy.close()
        await self._client.aclose()

    async def ping(self) -> None:
        """Raise StoreUnavailable unless the store answers."""
        with store_errors():
            for run in await self._primaries():
                await run("PING")

    async def open(self, shard: ShardId, *, now: int, above: int = 0) -> Ledger:
        """
        Begin a new epoch of *shard* and return its ledger: from here on no older owner can commit.

        An epoch is the present in epoch ms, or a little more. A mere count would come again when the store
        loses its last writes, and two owners could then hold the same one.

        Args:
            shard: Which.
            now: The wall clock, epoch ms.
            above: The new epoch is above this: the last one that this process had, if any.
        """
        key = shard.ledger_key
        with store_errors():
            stored = int((await self._one("HGET", key, "epoch")) or 0)
            # Two who open at once both add their step: the epochs differ, and both are above the old one.
            step = max(1, max(now, above + 1) - stored)
            # What is read after this step stays: nobody older can commit any more, and a younger one fences us.
            epoch = int(await self._one("HINCRBY", key, "epoch", step))
            offset, version = await self._one("HMGET", key, "offset", "version")
        return Ledger(epoch, -1 if offset is None else int(offset), int(version or 0))

    async def ledger(self, shard: ShardId) -> Ledger:
        """Return the ledger of *shard* as it stands; epoch 0 if there is none."""
        with store_errors():
            epoch, offset, version = await self._one("HMGET", shard.ledger_key, "epoch", "offset", "version")
        return Ledger(int(epoch or 0), -1 if offset is None else int(offset), int(version or 0))

    async def commit(self, shard: ShardId, base: Ledger, new_offset: int, operations: Operations) -> Reply:
        """
        Apply *operations* and move *shard*'s ledger, if it still is at *base*; see `commit.lua`.

        Raises:
            StoreUnavailable: It isn't known whether it was applied: repeat it with the same arguments.
            InvalidOperation: An operation can't be applied; nothing was written.
        """
        keys = operations.keys
        call: Command = (
            *("FCALL", self._function.name, 1 + len(list(keys)), shard.ledger_key, *keys),
            *(base.epoch, base.offset, base.version, new_offset, operations.packed()),
        )
        try:
            status, *counts = await self._call(call)
        except ResponseError as error:
            if "Function not found" not in str(error):
                raise
            # A store that came back empty, or a primary that is new in the cluster: nothing was applied.
            with store_errors():
                for run in await self._primaries():
                    await load_function(run, self._function)
            status, *counts = await self._call(call)
        return Reply(Outcome(status.decode()), Ledger(*(int(count) for count in counts)))

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """
        Run *commands* in one round trip, each by itself, and return their replies in order.

        For reading the state that a batch needs, all of one shard; an error reply of any is raised.
        """
        if not commands:
            return []
        with store_errors():
            if self._convoy is not None:
                replies = await self._convoy.ask(commands)
                return [self._shaped(*each) for each in zip(commands, replies, strict=True)]
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def snapshot(self, commands: Sequence[Command]) -> list[Any]:
        """
        Run *commands*, which only read and are all of one shard, as one, and return their replies in order.

        No commit comes between them, so what they return belongs together; the server does nothing else
        meanwhile.
        """
        if not commands:
            return []
        with store_errors():
            if self._nodes is not None:
                replies = await self._nodes.transaction(commands)
                return [self._shaped(*each) for each in zip(commands, replies, strict=True)]
            async with self._client.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def names(self, shard: ShardId, prefix: str) -> AsyncGenerator[str]:
        """
        Yield the names in *shard* that begin with *prefix*, without the shard's tag; all keys of the server are seen.

        One that is there all the while is yielded, perhaps more than once; one that comes or goes, perhaps.
        """
        pattern = shard.key(prefix).replace("[", "\\[") + "*"
        found = self._client.scan_iter(match=pattern, count=1_000)
        while True:
            with store_errors():
                name: bytes | None = await anext(found, None)
            if name is None:
                return
            yield name.decode().removeprefix(shard.tag)

    async def write_apart(self, commands: Sequence[Command]) -> list[Any]:
        """
        Run *commands* on keys that belong to no shard, each by itself; durable as a commit is when it returns.

        For what shards decide between them, such as who claims first. Repeat only what may be repeated.
        """
        if not commands:
            return []
        if self._convoy is not None:
            return await self.read(commands)
        with store_errors():
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                if self._waitaof_ms is not None:
                    pipeline.execute_command("WAITAOF", 1, 0, self._waitaof_ms)
                return (await pipeline.execute())[: len(commands)]

    async def run_script(
        self, code: str, keys: Sequence[str], arguments: Sequence[str | bytes | int | float]
    ) -> Any:
        """
        Run the Lua text *code* on *keys*, all of one slot, and return its reply.

        For counters that several processes share and that may be lost, and for reading a shard at one instant. What is
        a shard's changes by `commit` only.
        """
        digest = sha1(code.encode(), usedforsecurity=False).hexdigest()
        with store_errors():
            try:
                return await self._one("EVALSHA", digest, len(keys), *keys, *arguments)
            except NoScriptError:  # a server that was started, or took over, since
                return await self._one("EVAL", code, len(keys), *keys, *arguments)

    async def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of string *keys* of one shard, in order; None for those that aren't there."""
        if not keys:
            return []
        if self._nodes is not None:
            # While a slot moves, each key by itself is found where it is; all at once the server refuses.
            return await self.read([("GET", key) for key in keys])
        with store_errors():
            if self._convoy is not None:
                (values,) = await self._convoy.ask([("MGET", *keys)])
                return values
            return await self._client.execute_command("MGET", *keys)

    async def _call(self, call: Command) -> list[bytes]:
        with store_errors():
            if self._convoy is not None:
                (reply,) = await self._convoy.ask([call])
                return reply
            if self._waitaof_ms is None:
                return await self._client.execute_command(*call)
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.execute_command(*call)
                pipeline.execute_command("WAITAOF", 1, 0, self._waitaof_ms)
                reply, (synced, _) = await pipeline.execute()
        if not synced:
            # The commit stands. Should the machine fail now, the ledger goes back with it and replay repairs it.
            _log.warning("commit.not_durable", waited_ms=self._waitaof_ms)
        return reply

    async def _one(self, *command: Any) -> Any:
        """Return the reply to one command as the server gave it, but what the client shapes on one server."""
        if self._nodes is None:
            return await self._client.execute_command(*command)
        (reply,) = await self._nodes.ask([command])
        return reply

    def _shaped(self, command: Command, reply: Any) -> Any:
        """Return *reply* as the client would: pairs as a dictionary, a count as a number."""
        shape = self._client.response_callbacks.get(command[0])
        return reply if shape is None or reply is None else shape(reply)

    async def _primaries(self) -> list[Run]:
        if self._nodes is None:
            return [self._client.execute_command]
        return [self._runner(each) for each in await self._nodes.primaries()]

    def _runner(self, primary: Convoy) -> Run:
        async def run(*command: Any) -> Any:
            (reply,) = await primary.ask([command])
            return self._shaped(command, reply)

        return run


__all__ = ["Command", "Store", "StoreUnavailable"]
