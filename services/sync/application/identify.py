"""
Identify: which lead a record belongs to. Every step can be repeated, and racing creates give one lead.

A record's link, else our own id that the record carries, else the claim of its e-mail address (first come,
first served, decided by the store in one step), else a new lead whose id derives from the claim.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from unicodedata import normalize
from uuid import UUID

from services.sync.domain.records import Kind, Observation, RecordRef


class Identity(Protocol):
    """Where links and claims are kept; each call is durable when it returns. Raises StoreUnavailable."""

    async def links(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, str]:
        """Return the lead of each of *refs* that has one."""
        ...

    async def claim(self, candidates: Mapping[str, str]) -> Mapping[str, str]:
        """For each claim (a text) return whose it is: the candidate's lead_id, or an earlier claimant's."""
        ...

    async def claimed(self, claims: Sequence[str]) -> Mapping[str, str]:
        """Return whose each of *claims* is, of those that are somebody's; claims nothing."""
        ...

    async def adopt(self, links: Mapping[RecordRef, str]) -> Mapping[RecordRef, str]:
        """Link those of the records that have no link yet; return whose each is then."""
        ...

    async def link(self, links: Mapping[RecordRef, str]) -> None:
        """Link each record to its lead; a record that has a link already gets the new one."""
        ...

    async def told(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, frozenset[str]]:
        """Return which companies each of *refs* was told to lately, of those that were to any."""
        ...

    async def tell(self, tellings: Mapping[RecordRef, str]) -> None:
        """Note that each record is told to a company; that is remembered longer than any company takes to hear of it."""
        ...

    async def take(self, claims: Mapping[str, str]) -> None:
        """Make each of *claims* its lead's, whoever had it."""
        ...

    async def release(self, lead_ids: Collection[str], claims: Sequence[str]) -> None:
        """Give up those of *claims* that are one of *lead_ids*': the next who asks for one gets it."""
        ...


ERASED = "!"
"""Ends the link of a record whose lead was erased: it stays that lead's, and claims no address any more."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An observation and when its notification came in, epoch ms."""

    seen: Observation
    received_at: int


@dataclass(frozen=True, slots=True)
class Same:
    """Two leads are one person: `goes` is `stays`, as the record that ended at place `place` tells."""

    place: int
    goes: str
    stays: str


@dataclass(frozen=True, slots=True)
class Identified:
    """The lead of each sighting, in order, and which of the leads turned out to be one."""

    owners: list[str]
    same: list[Same]


def email_claim(address: str) -> str:
    """Return the claim of an e-mail address: the same for each way of writing it."""
    return f"email:{normalize('NFKC', address).strip().casefold()}"


def email_of(seen: Observation) -> str | None:
    """Return the latest e-mail address in *seen*, None if it doesn't tell."""
    found = [each for each in seen.fields if each.name == "email" and each.value]
    return str(max(found, key=lambda each: each.changed_at).value) if found else None


def new_lead_id(claim: str, instant: int) -> str:
    """
    Return a UUIDv7 whose time is *instant* (epoch ms) and whose random bits are a hash of *claim*.

    A repeated step so gives the same id. Source: https://www.rfc-editor.org/rfc/rfc9562#section-5.7
    """
    noise = int.from_bytes(sha256(claim.encode()).digest()[:10], "big")
    value = (instant & (1 << 48) - 1) << 80 | 0x7 << 76 | (noise >> 62 & 0xFFF) << 64
    return str(UUID(int=value | 0b10 << 62 | noise & (1 << 62) - 1))


def is_lead_id(text: str) -> bool:
    """Return whether *text* has the form of a lead_id."""
    try:
        return UUID(text).version == 7  # noqa: PLR2004 (the version we make)
    except ValueError:
        return False


class Identify:
    """Finds or makes the lead of each record."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def strangers(self, sightings: Sequence[Sighting]) -> list[RecordRef]:
        """Return those persons of whom neither a link nor *sightings* tell who they are: read them first."""
        links = await self._identity.links([ref for each in sightings for ref in _own_refs(each.seen)])
        told = {
            each.seen.ref
            for each in sightings
            if _by_link(each.seen, links) or _by_external_id(each.seen) or email_of(each.seen)
        }
        return list(dict.fromkeys(each.seen.ref for each in sightings if each.seen.ref not in told))

    async def persons(self, sightings: Sequence[Sighting]) -> Identified:
        """
        Return the lead of each person, in order; makes leads where there is none, and links them.

        A record whose place another one took has that one's lead: where both had one, the two are the same person.
        """
        refs = [ref for each in sightings for ref in _own_refs(each.seen)]
        links = dict(await self._identity.links(refs))
        found = await self._found(sightings, links)
        fresh: dict[RecordRef, str] = {}
        for each in sightings:
            owner = found[each.seen.ref]
            for ref in _own_refs(each.seen):
                if ref not in links:
                    fresh.setdefault(ref, found.get(ref, owner))
        homes = {**links, **(await self._identity.adopt(fresh) if fresh else {})}
        owners = [homes[each.seen.ref].removesuffix(ERASED) for each in sightings]
        return Identified(owners, list(_same(sightings, found, homes)))

    async def _found(
        self, sightings: Sequence[Sighting], links: Mapping[RecordRef, str]
    ) -> dict[RecordRef, str]:
        """Return the lead of each record seen: by its link, our id on it, or the claim of its address."""
        known: dict[RecordRef, str] = {}
        claims: dict[RecordRef, str] = {}
        for each in sightings:  # what one sighting of a record tells holds for all of them
            ref = each.seen.ref
            lead_id = _by_link(each.seen, links) or _by_external_id(each.seen)
            if lead_id is not None:
                known.setdefault(ref, lead_id)
            if (known.get(ref) or "").endswith(ERASED):
                continue
            if (address := email_of(each.seen)) is not None:
                claims[ref] = email_claim(address)
        candidates: dict[str, str] = {}
        for each in sightings:
            claim = claims.setdefault(each.seen.ref, f"ref:{each.seen.ref}")
            lead_id = known.get(each.seen.ref)
            if lead_id is not None and lead_id.endswith(ERASED):
                continue
            if lead_id is not None or claim not in candidates:
                candidates[claim] = lead_id or new_lead_id(claim, each.received_at)
        owners = await self._identity.claim(candidates)
        taken = {
            claims[ref]: lead_id
            for ref, lead_id in known.items()
            if not lead_id.endswith(ERASED) and owners[claims[ref]] != lead_id
        }
        if taken:  # whose record has the address now, and was known before, is who enters it next
            await self._identity.take(taken)
        return {
            each.seen.ref: known.get(each.seen.ref) or owners[claims[each.seen.ref]] for each in sightings
        }

    async def forget(
        self, names: Collection[str], addresses: Iterable[str], refs: Iterable[RecordRef]
    ) -> None:
        """
        Make that who has one of *addresses* from now on is somebody else than the lead *names*, which was erased.

        Its ids are *names*, the present one first. Its own records, *refs*, stay its own: late news of them must not
        make a lead. Can be repeated.
        """
        await self._identity.link(dict.fromkeys(refs, next(iter(names)) + ERASED))
        await self._identity.release(names, [email_claim(each) for each in addresses])

    async def moved(self, names: Collection[str], freed: Iterable[str], held: Iterable[str]) -> None:
        """
        Make that who has one of the addresses *freed* from now on may be somebody else than the lead *names*.

        It has the addresses *held* now, and claims them where nobody did. Can be repeated.
        """
        claims = [email_claim(each) for each in held]
        await self._identity.release(names, sorted({email_claim(each) for each in freed} - {*claims}))
        await self._identity.claim(dict.fromkeys(claims, next(iter(names))))

    async def owners(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, str]:
        """Return the company of each of the companies' records *refs* that has one."""
        return await self._identity.links(refs)

    async def told(self, refs: Sequence[RecordRef]) -> Mapping[RecordRef, frozenset[str]]:
        """Return which companies each of *refs* was told to lately: they may not have taken it in yet."""
        return await self._identity.told(refs)

    async def tell(self, tellings: Mapping[RecordRef, str]) -> None:
        """Note that each of these records is about to be told to a company."""
        if tellings:
            await self._identity.tell(tellings)

    async def children(self, sightings: Sequence[Sighting]) -> list[str | None]:
        """Return the lead of each opportunity or activity, in order; None where its person isn't known."""
        refs = [ref for each in sightings for ref in (*_own_refs(each.seen), *each.seen.parents)]
        links = dict(await self._identity.links(refs))
        known: dict[RecordRef, str] = {}
        for each in sightings:  # what one sighting of a record tells holds for all of them
            lead_id = _by_link(each.seen, links) or _by_external_id(each.seen) or _by_parent(each.seen, links)
            if lead_id is not None:
                known.setdefault(each.seen.ref, lead_id)
        fresh = {ref: lead_id for ref, lead_id in known.items() if ref not in links}
        if fresh:
            await self._identity.link(fresh)
        return [
            None if (lead_id := known.get(each.seen.ref)) is None else lead_id.removesuffix(ERASED)
            for each in sightings
        ]


def _same(
    sightings: Sequence[Sighting], found: Mapping[RecordRef, str], homes: Mapping[RecordRef, str]
) -> Iterator[Same]:
    """Yield which leads are one; a lead that was erased is nobody's but its own."""
    for place, each in enumerate(sightings):
        leads = {found[each.seen.ref], *(homes[ref] for ref in _own_refs(each.seen))}
        if len(leads) > 1 and not any(lead_id.endswith(ERASED) for lead_id in leads):
            stays = min(leads)
            for other in sorted(leads - {stays}):
                yield Same(place, other, stays)


def _own_refs(seen: Observation) -> tuple[RecordRef, ...]:
    return (seen.ref,) if seen.moved_to is None else (seen.ref, seen.moved_to)


def _by_link(seen: Observation, links: Mapping[RecordRef, str]) -> str | None:
    return next((links[ref] for ref in _own_refs(seen) if ref in links), None)


def _by_external_id(seen: Observation) -> str | None:
    lead_id = (seen.external_id or "").partition(":")[0]
    return lead_id if is_lead_id(lead_id) else None


def _by_parent(seen: Observation, links: Mapping[RecordRef, str]) -> str | None:
    return next((links[ref] for ref in seen.parents if ref in links), None)


def is_person(seen: Observation) -> bool:
    """Return whether *seen* is a person's record."""
    return seen.kind is Kind.LEAD
