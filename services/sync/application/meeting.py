"""
Records that a write made or met: the vendor had a person with that address already, or merged the one that was meant.

They are linked to their lead before anything else tells of them: a contact that was merged away before it was read tells
nobody's id any more. Where the record is another lead's, the two leads are one person (ADR 0023): nobody else tells of it,
for each lead would go on to write to that record.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schemas.instants import rfc3339
from schemas.lead import LeadMergedInto, MergedInto, Ref
from services.sync.application.identify import ERASED
from services.sync.application.tell import SOURCE
from services.sync.domain.lead import Lead
from services.sync.domain.records import RecordRef, Side
from services.sync.domain.uniting import staying

Adopt: TypeAlias = Callable[[Mapping[RecordRef, str]], Awaitable[Mapping[RecordRef, str]]]
"""See `Identity.adopt`."""


@dataclass(frozen=True, slots=True)
class Met:
    """A lead, the record that it was written to, which wasn't known to be its own, and the write's id."""

    lead: Lead
    ref: RecordRef
    write_id: str


async def same_people(
    met: Sequence[Met], side: Side, adopt: Adopt, now: int
) -> list[tuple[str, LeadMergedInto]]:
    """
    Return for the leads of *met* that are one with another lead what tells so, with the lead that goes.

    The records are linked to their leads where they have no link yet. Raises StoreUnavailable.
    """
    if not met:
        return []
    owners = await adopt({each.ref: each.lead.id for each in met})
    return [
        _merged(each, side, owners[each.ref], now)
        for each in met
        if not owners[each.ref].endswith(ERASED) and not each.lead.is_named(owners[each.ref])
    ]


def _merged(met: Met, side: Side, owner: str, now: int) -> tuple[str, LeadMergedInto]:
    stays, goes = staying(met.lead.id, owner)
    ref = Ref(system=met.ref.system, object=met.ref.object, id=met.ref.id)
    data = MergedInto(into=stays, side=side.value, ref=ref, moved_to=ref, noticed_at=now)
    event = LeadMergedInto(id=f"{met.write_id}-m", source=SOURCE, subject=goes, time=rfc3339(now), data=data)
    return goes, event
