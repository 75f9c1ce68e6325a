"""A sandbox's admin surface, called over HTTP: users' acts, its changes, its records, its figures."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx2

Json: TypeAlias = dict[str, Any]
_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """
    What a user does in a sandbox; `fields` are the vendor's names and values.

    `at` is when (epoch ms), None for now. `key` is our name for a record it makes. `other` names the record that a
    merge takes into this one: ``{"object": …, "id": …}``.
    """

    act: str
    object: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str | None = None
    key: str | None = None
    at: int | None = None
    user: str | None = None
    parents: tuple[Json, ...] = ()
    other: Json | None = None

    def as_json(self) -> Json:
        """Return it as the sandbox takes it."""
        found: Json = {"act": self.act, "object": self.object, "fields": dict(self.fields)}
        named: Json = {"id": self.id, "key": self.key, "at": self.at, "user": self.user, "other": self.other}
        found |= {name: value for name, value in named.items() if value is not None}
        return found | ({"parents": list(self.parents)} if self.parents else {})


class ActRefused(Exception):
    """The sandbox would not do what the user wanted; the text is the vendor's reason."""


class SandboxClient:
    """One sandbox."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        # The sandbox closes a connection that was idle for 5 s: one used at that very moment would lose an act.
        limits = httpx2.Limits(keepalive_expiry=1.0)
        self._http = httpx2.AsyncClient(base_url=base_url, timeout=90, limits=limits)

    async def close(self) -> None:
        """Disconnect."""
        await self._http.aclose()

    async def act(self, acts: Sequence[Act]) -> list[Json]:
        """
        Do *acts* in order and return their results (``id``, ``key``, ``created``).

        Raises:
            ActRefused: One of them was refused; the others were done.
        """
        results = await self.attempt(acts)
        refused = [each["error"] for each in results if each["error"]]
        if refused:
            raise ActRefused(f"{len(refused)} of {len(acts)} acts were refused; the first: {refused[0]}")
        return results

    async def attempt(self, acts: Sequence[Act]) -> list[Json]:
        """Do *acts* in order and return their results; ``error`` is the vendor's reason where one was refused."""
        answer = await self._call("POST", "/_sandbox/acts", json=[each.as_json() for each in acts])
        results: list[Json] = answer["results"]
        return results

    async def drive(self, start: int) -> None:
        """Stop the sandbox's clock at *start*, epoch ms; acts move it on."""
        await self._call("PUT", "/_sandbox/clock", json={"drive": start})

    async def faults(self, rates: Mapping[str, Any]) -> None:
        """Switch faults; those that aren't named are off."""
        await self._call("PUT", "/_sandbox/faults", json=dict(rates))

    async def stats(self) -> Json:
        """Return the sandbox's figures."""
        return await self._call("GET", "/_sandbox/stats")

    async def changes(self, since: int, *, wait_ms: int = 0) -> Json:
        """Return ``changes`` after the sequence *since*, waiting for some, and the ``last`` sequence."""
        return await self._call("GET", "/_sandbox/changes", params={"since": since, "wait_ms": wait_ms})

    async def records(self, of: str, *, history: bool = False) -> AsyncIterator[Json]:
        """Yield all records of the object *of*, archived ones too."""
        after: str | None = None
        while True:
            asked: Json = {"object": of, "limit": _PAGE, "history": "1" if history else "0"}
            page = await self._call(
                "GET", "/_sandbox/records", params=asked | ({"after": after} if after else {})
            )
            for record in page["records"]:
                yield record
            after = page["after"]
            if after is None:
                return

    async def newest(self, of: str, limit: int) -> list[Json]:
        """Return up to *limit* records of the object *of*, the newest first."""
        asked: Json = {"object": of, "limit": limit, "newest": "1"}
        page = await self._call("GET", "/_sandbox/records", params=asked)
        return page["records"]

    async def _call(self, method: str, path: str, **options: Any) -> Json:
        answer = await self._http.request(method, path, **options)
        answer.raise_for_status()
        return answer.json()
