"""
Plays a history through the two sandboxes as the acts of marketing's and sales' people, at its own times.

Sales works the leads that tasuki hands over. One that never qualifies isn't handed over: a rep enters it by hand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.cli.rehearse.csv_rows import BadRow
from services.cli.rehearse.expected import qualifies
from services.cli.rehearse.history import Deed, History, PersonMade, StageSet, kept_aside
from services.cli.rehearse.sales_view import HANDED_OVER_WITHIN_S, SalesView
from services.cli.stage.sandbox_client import Act, SandboxClient
from services.errors import Rejected
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import Rules

BATCH = 100
ENTERED_BEFORE_MS = 1_000
"""A rep enters a person so long before the first stage that is set."""
_UNKNOWN = "[不明]"
_POLL_S = 0.05


class NeverHandedOver(Rejected):
    """A lead that sales was to work didn't come to the sales tool."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, reason="never-handed-over")


class Player:
    """
    Plays a history.

    Args:
        lead_id_of: Finds the lead that tasuki made for an e-mail address, None as long as there is none.
        rate: Acts a second at most; None as fast as the sandboxes take them.
        done: Told how many deeds were played, after each few.

    `played` holds the deeds that were done, `refused` the rows that a vendor would not take.
    """

    def __init__(
        self,
        *,
        ma: SandboxClient,
        sfa: SandboxClient,
        sales: SalesView,
        lead_id_of: Callable[[str], Awaitable[str | None]],
        rules: Rules,
        maps: Mapping[Side, FieldMap],
        rate: float | None = None,
        done: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._ma = ma
        self._sfa = sfa
        self._sales = sales
        self._lead_id_of = lead_id_of
        self._entered: set[str] = set()
        self._rules = rules
        self._maps = maps
        self._rate = rate
        self._done = done
        self._people: dict[str, PersonMade] = {}
        self.played: list[Deed] = []
        self.refused: list[BadRow] = []

    async def play(self, history: History) -> None:
        """Play all of *history*; returns when the last act is done. Raises NeverHandedOver."""
        start = min((deed.at for deed in history.deeds), default=0) - ENTERED_BEFORE_MS - 1
        await self._ma.drive(start)
        await self._sfa.drive(start)
        batch: list[PersonMade] = []
        for deed in _with_entries(history.deeds, self._rules):
            if isinstance(deed, PersonMade):
                batch.append(deed)
                if len(batch) >= BATCH:
                    await self._make(batch)
            elif isinstance(deed, _PersonEntered):
                await self._make(batch)
                await self._enter(deed)
            else:
                await self._make(batch)
                await self._work(deed)
        await self._make(batch)

    async def _make(self, batch: list[PersonMade]) -> None:
        if not batch:
            return
        results = await self._ma.attempt([self._creation(deed) for deed in batch])
        for deed, result in zip(batch, results, strict=True):
            if result["error"]:
                self.refused.append(
                    kept_aside(deed.row, None, f"marketing's tool refused it: {result['error']}")
                )
            else:
                self._people[deed.lead] = deed
                self.played.append(deed)
        await self._paced(len(batch))
        batch.clear()

    def _creation(self, deed: PersonMade) -> Act:
        names = {each.name: each.vendor_name for each in self._maps[Side.MA].of(Kind.LEAD)}
        values: dict[str, Any] = {names[name]: value for name, value in deed.fields.items()}
        values |= {names[name]: str(count) for name, count in deed.counters.items()}
        return Act(act="create", object="contact", fields=values, key=deed.lead, at=deed.at)

    async def _work(self, deed: StageSet) -> None:
        person = self._people.get(deed.lead)
        if person is None:  # it was refused, so there is nobody to work
            self._done(1)
            return
        try:
            error = await self._set_stage(deed, person)
        except TimeoutError:
            raise NeverHandedOver(
                f"{deed.row.file}:{deed.row.line}: the lead {deed.lead!r} has not come to the sales tool within "
                f"{HANDED_OVER_WITHIN_S:.0f} s, or its opportunity hasn't; give --folder to keep the service's log"
            ) from None
        if error is None:
            self.played.append(deed)
        else:
            self.refused.append(kept_aside(deed.row, None, f"sales' tool refused it: {error}"))
            del self._people[deed.lead]  # the steps after it can't be played either
        await self._paced(1)

    async def _enter(self, entry: "_PersonEntered") -> None:
        """Have a rep enter a person in the sales tool; a refusal keeps aside what was to follow."""
        person = self._people.get(entry.lead)
        if person is None:
            return
        names = {each.name: each.vendor_name for each in self._maps[Side.SFA].of(Kind.LEAD, "Lead")}
        given = {name: person.fields.get(name, _UNKNOWN) for name in ("last_name", "company")}
        given["email"] = person.fields["email"]
        fields = {names[name]: text for name, text in given.items() if name in names}
        act = Act(act="create", object="Lead", fields=fields, key=person.lead, at=entry.at)
        error = (await self._sfa.attempt([act]))[0]["error"]
        if error is not None:
            self.refused.append(kept_aside(person.row, None, f"sales' tool refused it: {error}"))
            del self._people[entry.lead]
        else:
            self._entered.add(entry.lead)

    async def _set_stage(self, deed: StageSet, person: PersonMade) -> str | None:
        """Set the stage; return why the vendor refused it."""
        stage_map = next(each for each in self._rules.stages if deed.milestone in each.milestones.values())
        value = next(raw for raw, milestone in stage_map.milestones.items() if milestone is deed.milestone)
        email = person.fields["email"]
        if stage_map.kind is Kind.LEAD:
            standing = await self._sales.wait_for(email, lambda each: each.person is not None)
            target, record_id = "Lead", standing.person
        else:
            if deed.lead in self._entered:
                self._sales.learn(await self._known(email), email)
            standing = await self._sales.wait_for(email, lambda each: each.opportunity is not None)
            target, record_id = "Opportunity", standing.opportunity
        names = {each.name: each.vendor_name for each in self._maps[Side.SFA].of(stage_map.kind)}
        fields = {names[stage_map.field]: value} | {
            names[name]: given for name, given in deed.fields.items() if name in names
        }
        act = Act(act="update", object=target, id=record_id, fields=fields, at=deed.at)
        return (await self._sfa.attempt([act]))[0]["error"]

    async def _known(self, email: str) -> str:
        """Return the lead_id of *email* once tasuki has one. Raises TimeoutError."""
        async with asyncio.timeout(HANDED_OVER_WITHIN_S):
            while (lead_id := await self._lead_id_of(email)) is None:  # noqa: ASYNC110 - another process tells nobody
                await asyncio.sleep(_POLL_S)
            return lead_id

    async def _paced(self, acts: int) -> None:
        self._done(acts)
        if self._rate is not None:
            await asyncio.sleep(acts / self._rate)


@dataclass(frozen=True, slots=True)
class _PersonEntered:
    """A rep enters a person whom tasuki won't hand over, just before working it."""

    at: int
    lead: str


def _with_entries(deeds: Sequence[Deed], rules: Rules) -> Sequence[Deed | _PersonEntered]:
    """Return *deeds*, each person first, with an entry by hand before the first stage of those never handed over."""
    first: dict[str, int] = {}
    for deed in deeds:
        if isinstance(deed, StageSet):
            first.setdefault(deed.lead, deed.at)
    offered = {each.lead for each in deeds if isinstance(each, PersonMade) and qualifies(each, rules)}
    entries = [
        _PersonEntered(at - ENTERED_BEFORE_MS, lead) for lead, at in first.items() if lead not in offered
    ]

    def place(deed: Deed | _PersonEntered) -> tuple[int, int]:
        if isinstance(deed, PersonMade):
            return min(deed.at, first.get(deed.lead, deed.at) - ENTERED_BEFORE_MS), 0
        return deed.at, 1 if isinstance(deed, _PersonEntered) else 2

    return sorted([*deeds, *entries], key=place)
