"""The organisation's users: whose e-mail address belongs to which user id, asked for once in a while."""

from collections.abc import Iterable, Mapping

from services.runtime.clock import Clock
from services.sync.adapters.salesforce import soql
from services.sync.adapters.salesforce.client import SalesforceClient

KEPT_MS = 600_000
"""How long an answer, also that there is no such user, is believed."""


class Users:
    """A directory of users, filled as needed."""

    def __init__(self, client: SalesforceClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._emails: dict[str, tuple[str | None, int]] = {}
        self._ids: dict[str, tuple[str | None, int]] = {}

    async def emails(self, ids: Iterable[str]) -> Mapping[str, str]:
        """Return user id (its first 15 characters) → e-mail address, for those that are users."""
        wanted = {each[:15] for each in ids}
        missing = self._missing(self._emails, wanted)
        # Entered only once all is known: another caller must not take "not asked yet" for "no such user".
        found: dict[str, str | None] = dict.fromkeys(missing)
        for chunk in soql.lists(sorted(missing)):
            for row in await self._client.query(soql.select(("Id", "Email"), "User", f"Id IN {chunk}")):
                found[row["Id"][:15]] = row["Email"]
        now = self._clock()
        self._emails.update((each, (email, now)) for each, email in found.items())
        return _known(self._emails, wanted)

    async def ids(self, emails: Iterable[str]) -> Mapping[str, str]:
        """Return e-mail address in lower case → user id, for active users; the oldest one of several."""
        wanted = {each.lower() for each in emails}
        missing = self._missing(self._ids, wanted)
        found: dict[str, str | None] = dict.fromkeys(missing)
        for chunk in soql.lists(sorted(missing)):
            query = soql.select(
                ("Id", "Email"),
                "User",
                f"IsActive = true AND Email IN {chunk}",
                "ORDER BY CreatedDate DESC, Id DESC",
            )
            for row in await self._client.query(query):
                found[str(row["Email"]).lower()] = row["Id"]
        now = self._clock()
        self._ids.update((each, (user_id, now)) for each, user_id in found.items())
        return _known(self._ids, wanted)

    def _missing(self, cache: Mapping[str, tuple[str | None, int]], wanted: Iterable[str]) -> set[str]:
        oldest = self._clock() - KEPT_MS
        return {each for each in wanted if each not in cache or cache[each][1] < oldest}


def _known(cache: Mapping[str, tuple[str | None, int]], wanted: Iterable[str]) -> Mapping[str, str]:
    found = ((each, cache[each][0]) for each in wanted)
    return {each: value for each, value in found if value is not None}
