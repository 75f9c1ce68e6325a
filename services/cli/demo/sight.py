"""What people see in the two tools: who stands where, and which handoffs lie on whose desk, from the change feeds."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from services.sync.adapters.sandbox.feed import ChangeFeed, FeedItem

_WAIT_MS = 1_000
_PAGE = 1_000
_PAUSE_S = 0.02
_BY_US = "api"
Edit: TypeAlias = Callable[[str, FeedItem], None]


@dataclass(frozen=True, slots=True)
class SalesPerson:
    """A Lead or Contact of the sales tool: its object, id, and fields as last told, in the vendor's names."""

    object: str
    id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Handoff:
    """
    A record that tasuki put on somebody's desk at `at` (epoch ms): a task (MQL) or an opportunity (SQL).

    `seen` is what the person's record said at that moment, in the vendor's names.
    """

    id: str
    lead_id: str
    cycle: int
    at: int
    person: SalesPerson
    seen: Mapping[str, Any]
    email: str
    owner_id: str


@dataclass(slots=True)
class Sight:
    """
    Follows both feeds.

    `email_field` and `key_field` are the sales tool's names of the address and of our id. `on_task` and
    `on_opportunity` are called with each handoff that appears, `on_edit` with the address and the change where
    anybody but tasuki changed a person. `gone` are the addresses of people whom somebody
    deleted or gave another address: the demo's own people never do.
    """

    ma: ChangeFeed
    sfa: ChangeFeed
    email_field: str
    key_field: str
    on_task: Callable[[Handoff], None]
    on_opportunity: Callable[[Handoff], None]
    on_edit: Edit
    contacts: dict[str, str] = field(default_factory=dict[str, str])
    sales: dict[str, SalesPerson] = field(default_factory=dict[str, SalesPerson])
    gone: set[str] = field(default_factory=set[str])
    _read: Counter[int] = field(default_factory=Counter[int])
    _contacts_by_id: dict[str, str] = field(default_factory=dict[str, str])
    _sales_by_id: dict[str, SalesPerson] = field(default_factory=dict[str, SalesPerson])
    _sales_by_lead: dict[str, SalesPerson] = field(default_factory=dict[str, SalesPerson])
    _waiting: dict[str, list[tuple[FeedItem, Callable[[Handoff], None]]]] = field(
        default_factory=dict[str, list[tuple[FeedItem, Callable[[Handoff], None]]]]
    )

    async def follow(self) -> None:
        """Keep up with both feeds until cancelled."""
        async with asyncio.TaskGroup() as group:
            for feed in (self.ma, self.sfa):
                group.create_task(self._follow(feed))

    async def _follow(self, feed: ChangeFeed) -> None:
        while True:
            await feed.wait(self._read[id(feed)], _WAIT_MS)
            self.catch_up()
            await asyncio.sleep(_PAUSE_S)

    def catch_up(self) -> None:
        """Take in all that the feeds tell so far."""
        for feed, take in ((self.ma, self._take_marketing), (self.sfa, self._take_sales)):
            while True:
                found, _ = feed.since(self._read[id(feed)], _PAGE)
                if not found:
                    break
                self._read[id(feed)] = found[-1].sequence
                for item in found:
                    take(item)

    def _take_marketing(self, item: FeedItem) -> None:
        if item.object != "contact":
            return
        before = self._contacts_by_id.get(item.id)
        email = item.fields.get("email") or before
        if before is not None and (email != before or item.change in {"delete", "erase"}):
            self.gone.add(before)
        elif email:
            self.contacts[email] = item.id
            self._contacts_by_id[item.id] = email
            self._tell_edit(email, item)

    def _tell_edit(self, email: str, item: FeedItem) -> None:
        if item.origin != _BY_US:
            self.on_edit(email, item)

    def _take_sales(self, item: FeedItem) -> None:
        if item.object in {"Lead", "Contact"}:
            self._take_person(item)
        elif item.change == "create" and item.origin == _BY_US and item.object in {"Task", "Opportunity"}:
            told = self.on_task if item.object == "Task" else self.on_opportunity
            self._take_handoff(item, told)

    def _take_person(self, item: FeedItem) -> None:
        person = self._sales_by_id.get(item.id)
        if person is None:
            person = self._sales_by_id[item.id] = SalesPerson(item.object, item.id, {})
        before = person.fields.get(self.email_field)
        person.fields.update(item.fields)
        email = person.fields.get(self.email_field)
        if before and (item.change == "delete" or email != before):
            self.gone.add(str(before))
        if email and not person.fields.get("IsConverted"):
            self.sales[str(email)] = person
            self._tell_edit(str(email), item)
        lead_id = person.fields.get(self.key_field)
        if lead_id and not person.fields.get("IsConverted"):
            self._known_as(lead_id, person)

    def _known_as(self, lead_id: str, person: SalesPerson) -> None:
        self._sales_by_lead[lead_id] = person
        for waiting, told in self._waiting.pop(lead_id, ()):
            self._take_handoff(waiting, told)

    def _take_handoff(self, item: FeedItem, told: Callable[[Handoff], None]) -> None:
        lead_id, _, cycle = str(item.fields.get(self.key_field) or "").partition(":")
        if not lead_id:
            return
        person = self._sales_by_id.get(str(item.fields.get("WhoId")))
        if person is not None and lead_id not in self._sales_by_lead:
            self._known_as(lead_id, person)  # sales made the person, so that the record doesn't carry our id
        person = person or self._sales_by_lead.get(lead_id)
        if person is None:  # told of a moment later
            self._waiting.setdefault(lead_id, []).append((item, told))
            return
        owner = item.fields.get("OwnerId") or person.fields.get("OwnerId")
        email = str(person.fields.get(self.email_field) or "")
        seen = dict(person.fields)
        told(Handoff(item.id, lead_id, int(cycle or 1), item.at, person, seen, email, str(owner or "")))


def shown_name(fields: Mapping[str, Any]) -> str:
    """Return a person's name as both languages write it."""
    last, first = str(fields.get("LastName") or ""), str(fields.get("FirstName") or "")
    order = (last, first) if not last.isascii() else (first, last)
    return " ".join(each for each in order if each)
