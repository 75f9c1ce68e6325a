"""
One connection to a Redis or Valkey server, for commands that leave together and whose replies come in order.

Beneath redis-py's client, which takes a connection, a lock and a timer for each command: for a worker that sends
thousands of small ones that costs more than they do. Nothing is repeated here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as ClientTimeoutError

Command: TypeAlias = tuple[str | bytes | int, ...]
"""A command and its arguments, for instance ``("HGETALL", key)``; a name of two words is two arguments."""

# In C: redis-py's own packing, in Python, was a twentieth of what folding an event costs.
_pack = cast("Callable[[Command], bytes]", hiredis.pack_command)


class Line:
    """
    A connection that is made when it is needed, and anew after each failure.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        timeout_s: How long connecting, or one exchange, may take.
        name: The connection's name in the server's list.
    """

    def __init__(self, url: str, *, timeout_s: float, name: str | None = None) -> None:
        self._timeout_s = timeout_s
        # One timer for an exchange, here, instead of the connection's own two for each command.
        pool: Any = ConnectionPool.from_url(
            url,
            protocol=2,
            client_name=name,
            socket_timeout=None,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._connection: Any = pool.make_connection()

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """
        Send *commands* and return their replies in order; an error that the server replied stands in its place.

        Raises:
            redis.exceptions.ConnectionError, redis.exceptions.TimeoutError: It isn't known what was done.
        """
        connection = self._connection
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ready()
                await connection.send_packed_command([_pack(each) for each in commands], check_health=False)
                return [await self._reply() for _ in commands]
        except TimeoutError:
            await connection.disconnect(nowait=True)
            raise ClientTimeoutError(f"no answer within {self._timeout_s:g} s") from None
        except BaseException:
            # Half an exchange is on the way: whoever comes next must not read the other half.
            await connection.disconnect(nowait=True)
            raise

    async def close(self) -> None:
        """Disconnect; safe to call twice."""
        await self._connection.disconnect()

    async def _ready(self) -> None:
        connection = self._connection
        if not connection.is_connected:
            await connection.connect()
        elif await connection.can_read():
            # Nothing was asked, so it was closed at the other end.
            await connection.disconnect(nowait=True)
            await connection.connect()

    async def _reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error


def checked(replies: Sequence[Any]) -> list[Any]:
    """Return *replies*; raise the first error among them, also one inside a transaction's reply."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, list):
            inner = (each for each in cast("list[Any]", reply) if isinstance(each, Exception))
            if (error := next(inner, None)) is not None:
                raise error
    return list(replies)
