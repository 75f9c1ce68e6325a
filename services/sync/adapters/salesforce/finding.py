"""Finds the persons that a lead already is in Salesforce: by our id, else by e-mail address."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast
from urllib.parse import quote

from services.sync.adapters.salesforce import soql
from services.sync.adapters.salesforce.account import SalesforceAccount
from services.sync.adapters.salesforce.client import Row, SalesforceClient
from services.sync.adapters.salesforce.events import SYSTEM
from services.sync.domain.records import RecordRef

T = TypeVar("T")

_OLDEST_FIRST = "ORDER BY CreatedDate, Id"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to look for."""

    external_id: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """Who was found; `external_id` is what the record carries already."""

    ref: RecordRef
    external_id: str | None


async def together(*calls: Awaitable[T]) -> list[T]:
    """Return what *calls*, made at once, answer; none is left alone when another one fails."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for each in answers:
        if isinstance(each, BaseException):
            raise each
    return cast("list[T]", answers)


class Finder:
    """
    Looks persons up with one query for each object.

    The choice among several is fixed, so that a repeated write goes to the same record: our id before the
    e-mail address, a contact before a lead, the oldest first. A converted lead stands for its contact.
    """

    def __init__(self, client: SalesforceClient, account: SalesforceAccount) -> None:
        self._client = client
        self._field = account.external_id_field

    async def persons(self, wanted: Sequence[Wanted]) -> list[Person | None]:
        """Return the person for each of *wanted*, or None."""
        chunks = list(_chunks(wanted))
        answers = await together(*(self._both(chunk) for chunk in chunks))
        return [
            self._best(each, contacts, leads)
            for chunk, (contacts, leads) in zip(chunks, answers, strict=True)
            for each in chunk
        ]

    async def all(self, email: str) -> list[RecordRef]:
        """Return everybody with *email*, the one to prefer first."""
        contacts, leads = await self._both([Wanted(None, email)])
        refs = [RecordRef(SYSTEM, "Contact", row["Id"]) for row in contacts]
        return refs + [RecordRef(SYSTEM, "Lead", row["Id"]) for row in leads]

    async def _both(self, wanted: Sequence[Wanted]) -> tuple[list[Row], list[Row]]:
        contacts, leads = await together(self._contacts(wanted), self._leads(wanted))
        return contacts, leads

    async def _contacts(self, wanted: Sequence[Wanted]) -> list[Row]:
        where = self._where(wanted, "Email IN {}")
        return await self._client.query(
            soql.select(("Id", "Email", self._field), "Contact", where, _OLDEST_FIRST)
        )

    async def _leads(self, wanted: Sequence[Wanted]) -> list[Row]:
        where = self._where(wanted, "(Email IN {} AND IsConverted = false)")
        fields = ("Id", "Email", self._field, "IsConverted", "ConvertedContactId")
        return await self._client.query(soql.select(fields, "Lead", where, _OLDEST_FIRST))

    def _where(self, wanted: Sequence[Wanted], by_email: str) -> str:
        parts: list[str] = []
        ids = [each.external_id for each in wanted if each.external_id]
        emails = [each.email for each in wanted if each.email]
        if ids:
            parts.append(f"{self._field} IN {next(soql.lists(ids, limit=soql.UNLIMITED))}")
        if emails:
            parts.append(by_email.format(next(soql.lists(emails, limit=soql.UNLIMITED))))
        return " OR ".join(parts)

    def _best(self, wanted: Wanted, contacts: Sequence[Row], leads: Sequence[Row]) -> Person | None:
        for name, value in ((self._field, wanted.external_id), ("Email", wanted.email)):
            if not value:
                continue
            for sobject, rows in (("Contact", contacts), ("Lead", leads)):
                row = next((each for each in rows if _same(each.get(name), value)), None)
                if row is not None:
                    return self._person(sobject, row)
        return None

    def _person(self, sobject: str, row: Row) -> Person:
        if row.get("IsConverted") and row.get("ConvertedContactId"):
            # The contact's own external id is not known here; an id that is set is not overwritten.
            return Person(RecordRef(SYSTEM, "Contact", row["ConvertedContactId"]), row.get(self._field))
        return Person(RecordRef(SYSTEM, sobject, row["Id"]), row.get(self._field))


def _same(one: object, other: str) -> bool:
    """Return whether SOQL holds two texts for equal: it ignores case."""
    return isinstance(one, str) and one.lower() == other.lower()


def _chunks(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """Yield *wanted* in parts that fit into one query."""
    chunk: list[Wanted] = []
    length = 0
    for each in wanted:
        size = sum(
            len(quote(soql.text(text), safe="")) + 3 for text in (each.external_id, each.email) if text
        )
        if not size:
            raise ValueError("nothing to look for")
        if chunk and length + size > soql.MAX_LIST_LENGTH:
            yield chunk
            chunk, length = [], 0
        chunk.append(each)
        length += size
    if chunk:
        yield chunk
