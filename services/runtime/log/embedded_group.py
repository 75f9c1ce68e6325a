"""
Membership of a consumer group in the embedded log: who is alive, who holds which partition.

A member keeps a lease (a key that expires) and a named connection. It is dead when its lease has run out,
or when its connection has been gone for a second: the second way lets a process that was killed be
replaced at once. The server's clock decides, not ours.

Each live member may hold its quota: partitions shared evenly, the odd ones to the members that joined
first. Who has more hands the highest ones over; who has less claims what is free or held by the dead. So the
shares are determined by who is alive, and no partition moves that need not. All changes of who holds what
are compare-and-set (WATCH), and a released partition is free only after its holder has let go.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import ResponseError, WatchError

from services.runtime.log.embedded_entries import Keys, translated

_GONE_AFTER_S = 1.0  # a connection missing for this long is not one that is being made anew


@dataclass(frozen=True, slots=True)
class View:
    """The group as one member sees it: the live members in the order they joined, and the holders."""

    alive: tuple[str, ...]
    owners: Mapping[int, str]

    def of(self, member: str) -> frozenset[int]:
        """Return what *member* holds."""
        return frozenset(partition for partition, owner in self.owners.items() if owner == member)

    def frees(self, partition: int, owner: str | None) -> bool:
        """Return whether *partition*, which *owner* holds now, may be taken: nobody has it, or who is known dead."""
        return owner is None or (owner not in self.alive and self.owners.get(partition) == owner)

    def quota(self, member: str, partitions: int) -> int:
        """Return how many of *partitions* *member* may hold."""
        if member not in self.alive:
            return 0
        share, odd = divmod(partitions, len(self.alive))
        return share + (self.alive.index(member) < odd)


class Group:
    """
    One member's dealings with its group.

    Args:
        redis: Connections to the server.
        keys: The topic's keys.
        group: The group's name.
        partitions: How many partitions the topic has.
        lease_ms: How long a silent member counts as alive.
    """

    def __init__(self, redis: Redis, keys: Keys, group: str, *, partitions: int, lease_ms: int) -> None:
        self._redis = redis
        self._keys = keys
        self._group = group
        self.partitions = partitions
        self.lease_ms = lease_ms
        self.member = ""
        self._missing_since: dict[str, float] = {}

    @property
    def wake_key(self) -> str:
        """A stream that gets an entry whenever members should look at the group again."""
        return self._key("wake")

    @property
    def connection_name(self) -> str:
        """The name of the connection by which the others see this member."""
        return f"tasuki-log-{self.member}"

    async def enrol(self) -> None:
        """Get a name: names sort in the order of joining."""
        with translated("join the group"):
            number = int(await self._redis.incr(self._key("joined")))
        self.member = f"{number:012d}-{uuid4().hex[:12]}"

    async def join(self) -> str:
        """Become a member; return the id of the last wake-up, from where to follow."""
        with translated("join the group"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(self._lease(self.member), "1", px=self.lease_ms)
                pipe.sadd(self._key("members"), self.member)
                self._wake(pipe)
                woken = (await pipe.execute())[-1]
        return cast("bytes", woken).decode()

    async def leave(self) -> None:
        """Stop being a member and free what is still held, so that the others need not wait."""
        await self._change(lambda owners: {p: None for p, owner in owners.items() if owner == self.member})
        with translated("leave the group"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.srem(self._key("members"), self.member)
                pipe.delete(self._lease(self.member))
                self._wake(pipe)
                await pipe.execute()

    async def renew(self) -> bool:
        """Renew the lease; False if it had run out, so that others may have taken what was held."""
        with translated("renew the lease"):
            kept = await self._redis.set(self._lease(self.member), "1", px=self.lease_ms, xx=True)
            if kept is None:
                await self.join()
        return kept is not None

    async def view(self) -> View:
        """Return the group as it is now; members found dead are struck off."""
        with translated("look at the group"):
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.smembers(self._key("members"))
                pipe.hgetall(self._key("owners"))
                members, owners = cast("tuple[set[bytes], dict[bytes, bytes]]", await pipe.execute())
            names = sorted(each.decode() for each in members | {self.member.encode()})
            leases = cast("list[Any]", await self._redis.mget([self._lease(each) for each in names]))
            connected = await self._connected()
        alive = tuple(
            name
            for name, lease in zip(names, leases, strict=True)
            if name == self.member or (lease is not None and not self._gone(name, connected))
        )
        dead = [name for name in names if name not in alive]
        if dead:
            await self._strike(dead)
        return View(alive, {int(partition): owner.decode() for partition, owner in owners.items()})

    async def claim(self, view: View) -> frozenset[int]:
        """
        Take free partitions up to the quota; return those that were got.

        Who came to hold one since the *view* was taken isn't among its living, and isn't dead for that.
        """
        quota = view.quota(self.member, self.partitions)

        def taken(owners: Mapping[int, str]) -> dict[int, str | None]:
            mine = sum(owner == self.member for owner in owners.values())
            free = [each for each in range(self.partitions) if view.frees(each, owners.get(each))]
            return dict.fromkeys(free[: max(quota - mine, 0)], self.member)

        return await self._change(taken)

    async def free(self, partitions: frozenset[int]) -> None:
        """Give *partitions* up, where still held, and wake the others."""
        await self._change(
            lambda owners: {each: None for each in partitions if owners.get(each) == self.member}
        )

    async def commit(self, partition: int, offset: int) -> None:
        """Keep *offset* as the group's hint."""
        with translated("commit a hint"):
            await self._redis.hset(self._key("offsets"), str(partition), str(offset))

    async def _change(self, wanted: Callable[[Mapping[int, str]], dict[int, str | None]]) -> frozenset[int]:
        """Apply what *wanted* makes of the present holders, all or nothing; None frees a partition."""
        key = self._key("owners")
        with translated("change who holds what"):
            while True:
                async with self._redis.pipeline(transaction=True) as pipe:
                    await pipe.watch(key)
                    found = cast("dict[bytes, bytes]", await pipe.hgetall(key))
                    changes = wanted({int(each): owner.decode() for each, owner in found.items()})
                    if not changes:
                        return frozenset()
                    pipe.multi()
                    for partition, owner in changes.items():
                        if owner is None:
                            pipe.hdel(key, str(partition))
                        else:
                            pipe.hset(key, str(partition), owner)
                    self._wake(pipe)
                    try:
                        await pipe.execute()
                    except WatchError:
                        continue
                    return frozenset(changes)

    async def _connected(self) -> frozenset[str] | None:
        """Return the names of the server's connections; None where we may not ask."""
        try:
            listed = await self._redis.client_list()
        except ResponseError:
            return None
        return frozenset(each["name"] for each in listed)

    def _gone(self, member: str, connected: frozenset[str] | None) -> bool:
        if connected is None or f"tasuki-log-{member}" in connected:
            self._missing_since.pop(member, None)
            return False
        since = self._missing_since.setdefault(member, time.monotonic())
        return time.monotonic() - since >= _GONE_AFTER_S

    async def _strike(self, members: list[str]) -> None:
        with translated("strike off dead members"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.srem(self._key("members"), *members)
                pipe.delete(*(self._lease(each) for each in members))
                await pipe.execute()
        for each in members:
            self._missing_since.pop(each, None)

    def _wake(self, pipe: Any) -> None:
        pipe.xadd(self._key("wake"), {"m": self.member}, maxlen=1, approximate=False)

    def _lease(self, member: str) -> str:
        return self._key(f"lease:{member}")

    def _key(self, part: str) -> str:
        return self._keys.group(self._group, part)
