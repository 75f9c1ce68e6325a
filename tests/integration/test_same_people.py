"""Which leads turn out to be one: records that take another's place, told one after the other or at once."""

import asyncio
from dataclasses import replace

from services.sync.adapters.identity_index import IdentityIndex
from services.sync.application.identify import Identified, Identify, Same, Sighting
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef
from tests.private_store import running_store

ONE, TWO, THIRD = (RecordRef("one", "person", number) for number in ("1", "2", "3"))
"""Each test gives them a system of its own, for the store is shared."""


def of(system: str, *refs: RecordRef) -> list[RecordRef]:
    """Return the records in *system*."""
    return [replace(each, system=system) for each in refs]


def sighting(
    ref: RecordRef, email: str | None = None, *, moved_to: RecordRef | None = None, at: int = 1_000
) -> Sighting:
    """Return that a person's record was seen, or that another took its place."""
    fields = () if email is None else (FieldChange("email", email, at),)
    return Sighting(
        Observation(ref=ref, kind=Kind.LEAD, observed_at=at, created_at=at, fields=fields, moved_to=moved_to),
        at,
    )


async def test_a_lead_converted_into_a_contact_of_another_lead_makes_the_two_one() -> None:
    """Told again and again, as long as the records' links differ; the one that was heard of first stays."""
    async with running_store() as store:
        identify = Identify(IdentityIndex(store))
        lead, contact = of("converted", ONE, TWO)
        (old,) = (await identify.persons([sighting(contact, "a@converted.jp")])).owners
        (new,) = (await identify.persons([sighting(lead, "b@converted.jp", at=9_000)])).owners
        moved = sighting(lead, moved_to=contact)
        for _ in range(2):
            assert await identify.persons([moved]) == Identified([new], [Same(0, new, old)])


async def test_two_processes_that_see_two_contacts_end_in_a_third_notice_it() -> None:
    """Neither knows the third yet; whoever links it later sees the other's lead."""
    async with running_store() as store:
        identify = Identify(IdentityIndex(store))
        first, second, third = of("raced", ONE, TWO, THIRD)
        (one, two) = (
            await identify.persons([sighting(first, "a@raced.jp"), sighting(second, "b@raced.jp")])
        ).owners
        found = await asyncio.gather(
            *(identify.persons([sighting(each, moved_to=third)]) for each in (first, second))
        )
        told = {(each.goes, each.stays) for known in found for each in known.same}
        assert told == {(max(one, two), min(one, two))}


async def test_an_erased_lead_is_nobody_elses() -> None:
    """A merge with one of its records makes no one lead of two."""
    async with running_store() as store:
        identify = Identify(IdentityIndex(store))
        first, second = of("erased", ONE, TWO)
        (one, two) = (
            await identify.persons([sighting(first, "a@erased.jp"), sighting(second, "b@erased.jp")])
        ).owners
        await identify.forget([one], {"a@erased.jp"}, [first])
        known = await identify.persons([sighting(first, moved_to=second), sighting(second, moved_to=first)])
        assert known == Identified([one, two], [])
