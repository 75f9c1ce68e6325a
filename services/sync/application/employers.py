"""Which company a company's record belongs to, and which one a person's record hangs on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias, TypeVar

from services.sync.application.identify import Identify, Sighting
from services.sync.domain.company import told_in, unnamed
from services.sync.domain.records import Observation, RecordRef
from services.sync.domain.rules import CompanyRules

H = TypeVar("H")

Read: TypeAlias = Callable[[Mapping[RecordRef, H]], Awaitable[list[tuple[H, Sighting]]]]
"""Reads records, each for the hint that led to it; leaves out those for whose reading a hint asked anyway."""


_NOBODY: frozenset[str] = frozenset()


@dataclass(slots=True)
class Seen(Generic[H]):
    """What was seen of companies: hint, sighting and the company that is told of it; whose each record is now."""

    told: list[tuple[H, Sighting, str]] = field(default_factory=list[tuple[H, Sighting, str]])
    owners: dict[RecordRef, str] = field(default_factory=dict[RecordRef, str])


class Employers:
    """
    Finds the companies of records.

    A record belongs to the company whose domain it holds now, so it may go from one to another. Its link only says
    whose it is where the domain isn't told; it is set when its company takes it in. Until then others that were told of
    it may think that it is theirs: so all that were told of it lately are told that it left. And until then a record is
    read whole each time, for what came before may be told late.
    """

    def __init__(self, rules: CompanyRules, identify: Identify) -> None:
        self._rules = rules
        self._identify = identify

    async def companies(self, pairs: Sequence[tuple[H, Sighting]], read: Read[H]) -> Seen[H]:
        """
        Return whose records *pairs* are about; those that are new somewhere are read whole too.

        What is read tells no field's own time, so what told of the record before is kept beside it.
        """
        found: Seen[H] = Seen()
        refs = [each.seen.ref for _, each in pairs]
        links, told = await self._identify.owners(refs), await self._identify.told(refs)
        moving = {
            each.seen.ref: hint
            for hint, each in pairs
            if self._owner(each.seen, links) != _link(each, links)
            or not told.get(each.seen.ref, _NOBODY) <= {_link(each, links)}
        }
        reread = await read(moving) if moving else []
        whole = {each.seen.ref: each.seen for _, each in reread}
        known = [*reread, *(pair for pair in pairs if not _is_read(pair[1], whole))]
        for hint, each in known:
            ref = each.seen.ref
            had = told.get(ref, _NOBODY) | ({links[ref]} if ref in links else set[str]())
            if (owner := self._owner(whole.get(ref, each.seen), links)) is not None:
                found.told.append((hint, each, owner))
                first = found.owners.get(ref) != owner
                found.owners[ref] = owner
                ends = _gone(each, owner) if first else None
            else:
                ends = each  # nobody took it in yet, and whoever was told of it is told of its end
            if ends is not None:
                found.told += [(hint, ends, other) for other in sorted(had - {owner})]
        now = found.owners.items()
        await self._identify.tell({ref: it for ref, it in now if it != links.get(ref) or ref in told})
        return found

    async def persons(
        self, pairs: Sequence[tuple[H, Sighting]], read: Read[H]
    ) -> tuple[list[tuple[H, Sighting]], Seen[H]]:
        """Return *pairs* with the company of each person, where it is told, and the companies read for that."""
        hints = {each.seen.employers[0]: hint for hint, each in pairs if each.seen.employers}
        if not hints and all(each.seen.employers is None for _, each in pairs):
            return [*pairs], Seen()
        owners = dict(await self._identify.owners([*hints])) if hints else {}
        told = await self._identify.told([*hints])
        sure = {ref for ref, owner in owners.items() if told.get(ref, _NOBODY) <= {owner}}
        unknown = {ref: hint for ref, hint in hints.items() if ref not in sure}
        seen: Seen[H] = Seen()
        if unknown:
            seen = await self.companies(await read(unknown), read)
            owners |= seen.owners
        return [(hint, _employed(each, owners)) for hint, each in pairs], seen

    def _owner(self, seen: Observation, links: Mapping[RecordRef, str]) -> str | None:
        if seen.deleted or seen.moved_to is not None:
            return links.get(seen.ref)
        return told_in(seen, self._rules) or links.get(seen.ref) or unnamed(seen.ref)


def _is_read(sighting: Sighting, whole: Mapping[RecordRef, Observation]) -> bool:
    """Return whether *whole* holds all that is told."""
    read = whole.get(sighting.seen.ref)
    return read is not None and (not sighting.seen.fields or sighting.seen.fields == read.fields)


def _gone(sighting: Sighting, owner: str) -> Sighting:
    """Return that the record of *sighting* is *owner*'s, for those whose it was."""
    seen = sighting.seen
    gone = Observation(
        ref=seen.ref,
        kind=seen.kind,
        observed_at=seen.observed_at,
        created_at=seen.created_at,
        deleted=True,
        company=owner,
    )
    return Sighting(gone, sighting.received_at)


def _link(sighting: Sighting, links: Mapping[RecordRef, str]) -> str | None:
    return links.get(sighting.seen.ref)


def _employed(sighting: Sighting, owners: Mapping[RecordRef, str]) -> Sighting:
    seen = sighting.seen
    if seen.employers is None:
        return sighting
    company = owners.get(seen.employers[0], "") if seen.employers else ""
    return replace(sighting, seen=replace(seen, company=company))
