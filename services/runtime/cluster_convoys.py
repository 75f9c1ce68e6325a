"""
Commands to a Redis Cluster: each goes to the primary that serves its slot, and those for one primary travel together.

Beneath redis-py's client for clusters, which asks for a key that is on its way (ASKING) on another connection than it
then uses, closes connections that others are using when a node dies, and doesn't look for the new primaries where a
pipeline failed. Nothing is repeated here but what a server refused with a redirection, which it hasn't done.
Source: https://valkey.io/topics/cluster-spec/#redirection-and-resharding
"""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias, cast
from urllib.parse import SplitResult, urlsplit

from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    RedisError,
)
from redis.exceptions import ConnectionError as ClientConnectionError
from redis.exceptions import TimeoutError as ClientTimeoutError

from services.runtime.convoy import Convoy
from services.runtime.line import Command, Line, checked

Address: TypeAlias = tuple[str, int]
"""Host and port."""

_MOST_REDIRECTIONS = 5
_KEY_AT = {"FCALL": 3, "EVAL": 3, "EVALSHA": 3, "XINFO": 2}
_DEFAULT_PORT = 6379
_ASKING: Command = ("ASKING",)


class ClusterConvoys:
    """
    Carries commands to the cluster that *url* is a node of.

    Args:
        url: ``redis://`` or ``rediss://``; its user, password and query hold for all nodes.
        timeout_s: How long one round trip may take.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = urlsplit(url)
        self._timeout_s = timeout_s
        self._first: Address = (self._url.hostname or "localhost", self._url.port or _DEFAULT_PORT)
        self._nodes: list[Address] = [self._first]
        self._ranges: list[tuple[int, int, Address]] = []
        self._moved: dict[int, Address] = {}
        self._convoys: dict[Address, Convoy] = {}
        self._is_stale = True
        self._looking = asyncio.Lock()

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """
        Return the replies to *commands*, each of which names keys of one slot; those of one slot are sent in order.

        Raises:
            redis.exceptions.ResponseError: The first error that a server replied to any of them.
            redis.exceptions.ConnectionError, redis.exceptions.TimeoutError: It isn't known what was done.
        """
        slots: dict[int, list[int]] = {}
        for place, command in enumerate(commands):
            slots.setdefault(_slot(command), []).append(place)
        found: list[Any] = [None] * len(commands)
        answers = await asyncio.gather(
            *(self._ask_slot(slot, [commands[place] for place in places]) for slot, places in slots.items()),
            return_exceptions=True,
        )
        for places, answer in zip(slots.values(), answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            for place, reply in zip(places, answer, strict=True):
                found[place] = reply
        return checked(found)

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to *commands*, all of one slot, run as one; an AskError while the slot is moving."""
        for _ in range(_MOST_REDIRECTIONS):
            address = await self._serving(_slot(commands[0]))
            replies = await self._sent(address, [("MULTI",), *commands, ("EXEC",)])
            moved = next((each for each in replies if isinstance(each, MovedError)), None)
            if moved is None:
                return checked(checked(replies)[-1])
            self._follow(moved, address)
        raise ClientConnectionError("the slot moves faster than we can follow")

    async def primaries(self) -> list[Convoy]:
        """Return a way to each primary, as the cluster says now."""
        self._is_stale = True
        await self._look()
        return [self._to(each) for each in dict.fromkeys(address for _, _, address in self._ranges)]

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        convoys, self._convoys = self._convoys, {}
        for each in convoys.values():
            await each.close()

    async def _ask_slot(self, slot: int, commands: list[Command]) -> list[Any]:
        """Return the replies in order, errors in place; each command follows its own redirections."""
        address = await self._serving(slot)
        replies = await self._sent(address, commands)
        for place, command in enumerate(commands):
            where = address
            for _ in range(_MOST_REDIRECTIONS):
                reply = replies[place]
                if not isinstance(reply, AskError):  # which MovedError is a kind of
                    break
                asking = () if isinstance(reply, MovedError) else (_ASKING,)
                where = self._follow(reply, where)
                *_, replies[place] = await self._sent(where, [*asking, command])
        return replies

    async def _sent(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        try:
            replies = await self._to(address).replies(commands)
        except (ClientConnectionError, ClientTimeoutError, OSError):
            self._is_stale = True
            raise
        if any(isinstance(each, ClusterDownError) for each in replies):
            self._is_stale = True
        return replies

    def _follow(self, redirection: Any, asked: Address) -> Address:
        """Return where *redirection* of the node *asked* leads; remember it where it is for good."""
        address = (str(redirection.host or asked[0]), int(redirection.port))
        if isinstance(redirection, MovedError):
            self._moved[int(cast("Any", redirection).slot_id)] = address
            self._is_stale = True
        return address

    async def _serving(self, slot: int) -> Address:
        if self._is_stale:
            await self._look()
        if slot in self._moved:
            return self._moved[slot]
        for first, last, address in self._ranges:
            if first <= slot <= last:
                return address
        self._is_stale = True
        raise ClientConnectionError(f"nobody serves slot {slot} now")

    async def _look(self) -> None:
        """
        Ask the nodes, one after the other, who serves what; the first that answers is believed.

        The next time another one is asked first, for who was cut off from the rest may tell old things for long.
        """
        async with self._looking:
            if not self._is_stale:
                return
            failure: Exception | None = None
            away: list[Address] = []
            for node in dict.fromkeys([*self._nodes, self._first]):
                try:
                    self._learn(node, await self._told_by(node), away)
                except (AuthenticationError, NoPermissionError):
                    raise  # no other node knows us better
                except (RedisError, OSError) as error:
                    failure = error
                    away.append(node)
                else:
                    return
            raise ClientConnectionError(f"no node of the cluster answers: {failure}") from failure

    async def _told_by(self, node: Address) -> list[Any]:
        line = Line(self._url_of(node), timeout_s=self._timeout_s)
        try:
            (told,) = checked(await line.exchange([("CLUSTER", "SLOTS")]))
        finally:
            await line.close()
        return told

    def _learn(self, node: Address, told: list[Any], away: Sequence[Address]) -> None:
        ranges: list[tuple[int, int, Address]] = []
        nodes: list[Address] = []
        for first, last, *servers in told:
            known = [((each[0] or b"").decode() or node[0], int(each[1])) for each in servers]
            ranges.append((int(first), int(last), known[0]))
            nodes += known
        if not ranges:
            raise ClientConnectionError("it is no cluster, or no slot is served")
        last = {node: 1, **dict.fromkeys(away, 2)}
        turns = [*(each for each in self._nodes if each in nodes), *nodes]
        self._nodes = sorted(dict.fromkeys(turns), key=lambda each: last.get(each, 0))
        self._ranges, self._moved, self._is_stale = ranges, {}, False

    def _to(self, address: Address) -> Convoy:
        if address not in self._convoys:
            self._convoys[address] = Convoy(self._url_of(address), timeout_s=self._timeout_s)
        return self._convoys[address]

    def _url_of(self, address: Address) -> str:
        host, port = address
        user, at, _ = self._url.netloc.rpartition("@")
        netloc = f"{user}{at}{f'[{host}]' if ':' in host else host}:{port}"
        return SplitResult(self._url.scheme, netloc, "", self._url.query, "").geturl()


def _slot(command: Command) -> int:
    key = command[_KEY_AT.get(str(command[0]), 1)]
    return int(key_slot(key if isinstance(key, bytes) else str(key).encode()))
