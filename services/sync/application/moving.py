"""
How a lead moves to another that it turned out to be (ADR 0021): a saga over the log, a step for each shard.

| the shard holds    | it reads          | it does, in one commit                                                     |
|--------------------|-------------------|----------------------------------------------------------------------------|
| the lead           | merged-into       | tells the other lead all it knows (taken-over), keeps only where it went     |
| only where it went | merged-into       | tells the one that goes, of the two where both went, that it is the other    |
| only where it went | any other change  | hands it on, as it is, to where it went                                      |

The lesser id always stays, so a way from lead to lead ends, and merges in opposite directions are one merge.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from schemas.lead import LeadChange, LeadMergedInto, LeadTakenOver, TakenOver
from services.sync.application.tell import SOURCE, rfc3339
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.uniting import staying

Encode = Callable[[Lead], bytes]
Decode = Callable[[str, bytes], Lead]
Sent = tuple[str, LeadChange]
"""A change and the lead that it is for."""

MOST_ACTIVITIES = 2_000
"""So many activities go into one event: a lead of many years must not be too long for the log."""


def is_moving(lead: Lead, event: LeadMergedInto) -> bool:
    """
    Return whether *event* makes *lead* go.

    One that was erased stays for itself: what came of it afterwards must not be erased with it.
    """
    return event.data.into < lead.id and lead.erased_at == NEVER


def moved(lead: Lead, event: LeadMergedInto, event_id: str, encode: Encode) -> tuple[Lead, list[Sent]]:
    """
    Return what is kept of *lead*, which turned out to be another, and what goes to that one.

    The ids of what is sent derive from *event_id*, which is unique for the place of *event* in the log.
    """
    data = event.data
    sent: list[Sent] = []
    for number, part in enumerate(_parts(lead)):
        known = TakenOver(
            lead_id=lead.id,
            side=data.side,
            state=b64encode(encode(part)).decode(),
            merged_at=data.noticed_at,
        )
        told = LeadTakenOver(
            id=f"{event_id}-t{number}",
            source=SOURCE,
            subject=data.into,
            time=rfc3339(data.noticed_at),
            traceparent=event.traceparent,
            data=known,
        )
        sent.append((data.into, told))
    return Lead(lead.id, merged_into=data.into), sent


def handed_on(lead: Lead, event: LeadChange) -> list[Sent]:
    """Return *event*, told to *lead*, for where that lead went."""
    there = lead.merged_into
    if not isinstance(event, LeadMergedInto):
        return [(there, event.model_copy(update={"subject": there}))]
    stays, goes = staying(there, event.data.into)
    if stays == goes:
        return []
    data = event.data.model_copy(update={"into": stays})
    return [(goes, event.model_copy(update={"subject": goes, "data": data}))]


def taken(event: LeadTakenOver, decode: Decode) -> Lead:
    """Return the lead that *event* brings. Raises ValueError where it isn't in a form that is read here."""
    return decode(event.data.lead_id, b64decode(event.data.state, validate=True))


def _parts(lead: Lead) -> Iterator[Lead]:
    """Yield *lead*, with as many of its activities as go into one event, then the others."""
    activities = sorted(lead.activities.items())
    chunks: Sequence[int] = range(0, len(activities), MOST_ACTIVITIES) or (0,)
    for start in chunks:
        some = dict(activities[start : start + MOST_ACTIVITIES])
        if start == 0:
            yield replace(lead, activities=some)
        else:
            yield Lead(lead.id, erased_at=lead.erased_at, activities=some)
