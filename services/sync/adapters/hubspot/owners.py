"""The directory of HubSpot's owners: e-mail address to owner id and back, kept for a while."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, cast

from services.runtime.clock import Clock
from services.sync.adapters.hubspot.client import ApiRefused, HubSpotClient
from services.sync.application.ports import Unavailable

FRESH_MS = 600_000
"""The directory is read again after this long, sooner when something unknown turns up."""

RETRY_MS = 30_000
"""But not more often than this."""

PAGE = "100"


class OwnerDirectory:
    """
    Owners by id and by e-mail address.

    `ids` (by e-mail in lower case) holds the active owners, `emails` (by id) also those who left.
    """

    def __init__(self, client: HubSpotClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._read_at: int | None = None
        self.ids: Mapping[str, str] = {}
        self.emails: Mapping[str, str] = {}

    async def ensure(self, *, emails: Collection[str] = (), ids: Collection[str] = ()) -> None:
        """Read the directory if it is old, or lacks one of *emails* or *ids* and could know it by now."""
        if not self._due(emails, ids):
            return
        async with self._lock:
            if self._due(emails, ids):
                try:
                    await self._read()
                except ApiRefused as refused:
                    raise Unavailable(f"HubSpot does not tell its owners: {refused}") from refused

    def _due(self, emails: Collection[str], ids: Collection[str]) -> bool:
        if self._read_at is None:
            return True
        age = self._clock() - self._read_at
        unknown = any(each.strip().lower() not in self.ids for each in emails) or any(
            each not in self.emails for each in ids
        )
        return age > FRESH_MS or (unknown and age > RETRY_MS)

    async def _read(self) -> None:
        ids: dict[str, str] = {}
        emails: dict[str, str] = {}
        for archived in ("true", "false"):
            after: str | None = None
            while True:
                params = {"limit": PAGE, "archived": archived}
                answer = await self._client.get(
                    "/crm/v3/owners", params | ({"after": after} if after else {})
                )
                for each in answer.parts("results"):
                    email = str(each.get("email") or "").strip().lower()
                    if email and each.get("id"):
                        emails[str(each["id"])] = email
                        if archived == "false":
                            ids[email] = str(each["id"])
                after = next_page(answer.body)
                if after is None:
                    break
        self.ids, self.emails, self._read_at = ids, emails, self._clock()


def next_page(body: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page that *body* names, None on the last page."""
    following = _part(_part(body, "paging"), "next")
    after = following.get("after")
    return str(after) if after else None


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = body.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, dict) else {}
