"""Plays a history through the two sandboxes as the acts of marketing's and sales' people, at its own times."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.cli.rehearse.history import History, PersonMade, StageSet
from services.cli.stage.sandbox_client import Act, SandboxClient
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import Rules

BATCH = 100
FOLLOW_WAIT_MS = 5_000


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
                self._by_lead[values[self.key_field]] = standing
        elif change["object"] == "Opportunity" and values.get(self.key_field):
            lead_id = values[self.key_field].partition(":")[0]
            if lead_id in self._by_lead:
                self._by_lead[lead_id].opportunity = change["id"]

    async def wait_for(self, email: str, has: Callable[[Standing], bool]) -> Standing:
        """Return the lead's records once *has* is true of them, as a person who waits for a lead to appear."""
        async with self.changed:
            await self.changed.wait_for(lambda: email in self.by_email and has(self.by_email[email]))
            return self.by_email[email]


class Player:
    """
    Plays a history.

    Args:
        rate: Acts a second at most; None as fast as the sandboxes take them.
        done: Told how many deeds were played, after each few.
    """

    def __init__(
        self,
        *,
        ma: SandboxClient,
        sfa: SandboxClient,
        sales: SalesView,
        rules: Rules,
        maps: Mapping[Side, FieldMap],
        rate: float | None = None,
        done: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._ma = ma
        self._sfa = sfa
        self._sales = sales
        self._rules = rules
        self._maps = maps
        self._rate = rate
        self._done = done
        self._emails: dict[str, str] = {}

    async def play(self, history: History) -> None:
        """Play all of *history*; returns when the last act is done. Raises ActRefused."""
        start = min((deed.at for deed in history.deeds), default=0) - 1
        await self._ma.drive(start)
        await self._sfa.drive(start)
        batch: list[PersonMade] = []
        for deed in history.deeds:
            if isinstance(deed, PersonMade):
                batch.append(deed)
                if len(batch) >= BATCH:
                    await self._make(batch)
            else:
                await self._make(batch)
                await self._set_stage(deed)
        await self._make(batch)

    async def _make(self, batch: list[PersonMade]) -> None:
        if not batch:
            return
        for deed in batch:
            self._emails[deed.lead] = deed.fields.get("email", "")
        await self._ma.act([self._creation(deed) for deed in batch])
        await self._paced(len(batch))
        batch.clear()

    def _creation(self, deed: PersonMade) -> Act:
        names = {each.name: each.vendor_name for each in self._maps[Side.MA].of(Kind.LEAD)}
        values: dict[str, Any] = {names[name]: value for name, value in deed.fields.items()}
        values |= {names[name]: str(count) for name, count in deed.counters.items()}
        return Act(act="create", object="contact", fields=values, key=deed.lead, at=deed.at)

    async def _set_stage(self, deed: StageSet) -> None:
        stage_map = next(each for each in self._rules.stages if deed.milestone in each.milestones.values())
        value = next(raw for raw, milestone in stage_map.milestones.items() if milestone is deed.milestone)
        email = self._emails[deed.lead]
        if stage_map.kind is Kind.LEAD:
            standing = await self._sales.wait_for(email, lambda each: each.person is not None)
            target, record_id = "Lead", standing.person
        else:
            standing = await self._sales.wait_for(email, lambda each: each.opportunity is not None)
            target, record_id = "Opportunity", standing.opportunity
        names = {each.name: each.vendor_name for each in self._maps[Side.SFA].of(stage_map.kind)}
        fields = {names[stage_map.field]: value} | {
            names[name]: given for name, given in deed.fields.items() if name in names
        }
        await self._sfa.act([Act(act="update", object=target, id=record_id, fields=fields, at=deed.at)])
        await self._paced(1)

    async def _paced(self, acts: int) -> None:
        self._done(acts)
        if self._rate is not None:
            await asyncio.sleep(acts / self._rate)


def unknown_words(history: History, rules: Rules, maps: Mapping[Side, FieldMap]) -> Sequence[str]:
    """Return what the map says that tasuki.toml doesn't know: fields, and milestones without a stage."""
    known = {each.name for each in maps[Side.MA].of(Kind.LEAD)}
    stages = {milestone for each in rules.stages for milestone in each.milestones.values()}
    found: set[str] = set()
    for deed in history.deeds:
        if isinstance(deed, PersonMade):
            found |= {f"field {name!r}" for name in (deed.fields.keys() | deed.counters.keys()) - known}
        elif deed.milestone not in stages:
            found.add(f"milestone {deed.milestone.value!r}, which no stage in [[stages]] means")
    return sorted(found)
