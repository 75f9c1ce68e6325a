"""What sales sees while a history is played: each lead's records, kept up to date from the sandbox's changes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.cli.stage.sandbox_client import SandboxClient

FOLLOW_WAIT_MS = 5_000
HANDED_OVER_WITHIN_S = 120.0
"""A lead is with sales in a second; where the service is killed again and again it takes longer."""


@dataclass(slots=True)
class Standing:
    """Where a lead's records stand in the sales tool, as far as they do."""

    person: str | None = None
    opportunity: str | None = None


@dataclass(slots=True)
class SalesView:
    """What sales sees: each lead's records, by e-mail address, kept up to date from the sandbox's changes."""

    client: SandboxClient
    email_field: str
    key_field: str
    by_email: dict[str, Standing] = field(default_factory=dict[str, Standing])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _by_lead: dict[str, Standing] = field(default_factory=dict[str, Standing])
    _deals: dict[str, str] = field(default_factory=dict[str, str])

    async def follow(self) -> None:
        """Keep up until cancelled."""
        since = 0
        while True:
            page = await self.client.changes(since, wait_ms=FOLLOW_WAIT_MS)
            since = page["last"]
            for change in page["changes"]:
                self._take(change)
            if page["changes"]:
                async with self.changed:
                    self.changed.notify_all()

    def _take(self, change: Mapping[str, Any]) -> None:
        values = change["fields"]
        if change["object"] in {"Lead", "Contact"} and values.get(self.email_field):
            standing = self.by_email.setdefault(values[self.email_field], Standing())
            standing.person = standing.person or change["id"]
            if values.get(self.key_field):
                self._join(values[self.key_field], standing)
        elif change["object"] == "Opportunity" and values.get(self.key_field):
            lead_id = values[self.key_field].partition(":")[0]
            self._deals[lead_id] = change["id"]
            if lead_id in self._by_lead:
                self._by_lead[lead_id].opportunity = change["id"]

    def learn(self, lead_id: str, email: str) -> None:
        """Take in whose lead_id is whose: a Lead that a rep entered doesn't carry it, its opportunity does."""
        self._join(lead_id, self.by_email.setdefault(email, Standing()))

    def _join(self, lead_id: str, standing: Standing) -> None:
        self._by_lead[lead_id] = standing
        standing.opportunity = self._deals.get(lead_id, standing.opportunity)

    async def wait_for(self, email: str, has: Callable[[Standing], bool]) -> Standing:
        """Return the lead's records once *has* is true of them, as a person who waits for a lead to appear."""
        async with asyncio.timeout(HANDED_OVER_WITHIN_S), self.changed:
            await self.changed.wait_for(lambda: email in self.by_email and has(self.by_email[email]))
            return self.by_email[email]
