"""Access tokens: a private app's, which never changes, or OAuth's, refreshed by one caller at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from services.runtime.clock import Clock
from services.sync.adapters.hubspot.account import OAuthGrant

MARGIN_MS = 60_000
"""A token is renewed this long before it ends."""

Grant = Callable[[OAuthGrant], Awaitable[tuple[str, int]]]
"""Asks HubSpot for a new access token: returns it with its life in milliseconds."""


class Tokens(Protocol):
    """Where the client gets its access token."""

    async def current(self) -> str:
        """Return a token that should be good now."""
        ...

    async def renewed(self, refused: str) -> str | None:
        """Return another token than *refused*; None if there can be no other."""
        ...


class StaticToken:
    """A private app's token or a service key."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def current(self) -> str:
        """Return the token."""
        return self._token

    async def renewed(self, refused: str) -> str | None:
        """Return None: only a person can renew it."""
        del refused


class OAuthTokens:
    """Access tokens from a refresh token; however many callers wait, HubSpot is asked once."""

    def __init__(self, grant: OAuthGrant, ask: Grant, clock: Clock) -> None:
        self._grant = grant
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._ends_at = 0

    async def current(self) -> str:
        """Return the present token, renewed if it is about to end."""
        if self._token is not None and self._clock() < self._ends_at - MARGIN_MS:
            return self._token
        return await self._other_than(self._token)

    async def renewed(self, refused: str) -> str | None:
        """Return another token than *refused*."""
        return await self._other_than(refused)

    async def _other_than(self, old: str | None) -> str:
        async with self._lock:
            if self._token is None or self._token == old:
                self._token, life = await self._ask(self._grant)
                self._ends_at = self._clock() + max(life, 2 * MARGIN_MS)
            return self._token
