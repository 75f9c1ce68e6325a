"""
How a lead moves to another that it turned out to be (ADR 0023): a saga over the log, a step for each shard.

| the shard holds    | it reads          | it does, in one commit                                                     |
|--------------------|-------------------|----------------------------------------------------------------------------|
| the lead           | merged-into       | tells the other lead all it knows (taken-over), keeps only where it went     |
| only where it went | merged-into       | tells the one that goes, of the two where both went, that it is the other    |
| only where it went | any other change  | hands it on, as it is, to where it went                                      |

The lesser id always stays, so a way from lead to lead ends, and merges in opposite directions are one merge.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from schemas.instants import rfc3339
from schemas.lead import (
    Forgotten,
    LeadChange,
    LeadForgotten,
    LeadMergedInto,
    LeadObserved,
    LeadTakenOver,
    TakenOver,
)
from services.sync.application.decide import Decide, Decided
from services.sync.application.tell import SOURCE
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.records import RecordRef
from services.sync.domain.uniting import staying

Encode = Callable[[Lead], bytes]
Decode = Callable[[str, bytes], Lead]
Sent = tuple[str, LeadChange]
"""A change and the lead that it is for."""

MOST_ACTIVITIES = 2_000
"""So many activities go into one event: a lead of many years must not be too long for the log."""


class UnreadableLead(ValueError):
    """A lead that is to be taken over isn't in a form that this version reads."""


@dataclass(frozen=True, slots=True)
class Step:
    """
    What became of a lead with one change, what came of it (None: nothing), and what is told to leads.

    Of an erased person: under the record keys `retired` nothing personal is told any more, and what was told under
    `shredded` is for nobody any more.
    """

    lead: Lead
    decided: Decided | None = None
    sent: Sequence[Sent] = ()
    retired: Sequence[str] = ()
    shredded: Sequence[str] = ()


class Moving:
    """Takes changes into leads, wherever these are by now."""

    def __init__(self, decide: Decide, encode: Encode, decode: Decode) -> None:
        self._decide = decide
        self._encode = encode
        self._decode = decode

    def take(self, lead: Lead, event: LeadChange, event_id: str) -> Step:
        """
        Take *event* into *lead*, which is changed; the ids of what is told derive from *event_id*.

        Raises UnreadableLead; *lead* is as it was then.
        """
        if isinstance(event, LeadForgotten):
            return self._forget(lead, event, event_id)
        if lead.merged_into:
            return Step(lead, sent=_handed_on(lead.merged_into, event, event_id))
        if isinstance(event, LeadMergedInto):
            return self._leave(lead, event, event_id)
        unknown = lead.forgotten == 0 and (lead.erased_at != NEVER or _is_empty(lead))
        if isinstance(event, LeadTakenOver):
            other = self._read(event.data.lead_id, event.data.state)
            decided = self._decide.take_over(lead, other, event, event_id)
        else:
            decided = self._decide.apply(lead, event, event_id)
        if decided.forgotten is not None:
            lead.forgotten += not unknown
            return Step(lead, decided, self._left(lead, event, event_id), retired=keys_of(lead))
        if isinstance(event, LeadObserved) and lead.erased_at != NEVER:
            return Step(lead, decided, shredded=[_key_of(event)])
        return Step(lead, decided)

    def _read(self, lead_id: str, state: str) -> Lead:
        try:
            return self._decode(lead_id, b64decode(state, validate=True))
        except (ValueError, TypeError, LookupError) as error:
            raise UnreadableLead(f"lead {lead_id} can't be read: {type(error).__name__}") from error

    def _forget(self, lead: Lead, event: LeadForgotten, event_id: str) -> Step:
        """
        Let go of what was told of *lead*, if *event* holds all that is known; if it doesn't, tell what is left again.

        Where *lead* never told it, the log is read anew and what was told before is gone: then it becomes what was left.
        """
        data = event.data
        if lead.merged_into:
            return Step(lead, shredded=data.keys)
        left = self._read(lead.id, data.state)
        if data.part:
            lead.activities = {**left.activities, **lead.activities}
        elif left.forgotten > lead.forgotten:
            lead = left
        decided = Decided(forgotten=frozenset())
        if not data.keys or left.forgotten < lead.forgotten:
            return Step(lead, decided)  # more of it follows, or it was told anew since
        if self._mark(lead) == data.mark:
            return Step(lead, decided, shredded=data.keys)
        lead.forgotten += lead.forgotten > 0
        return Step(lead, decided, self._left(lead, event, event_id))

    def _left(self, lead: Lead, event: LeadChange, event_id: str) -> list[Sent]:
        """Return what is left of *lead*, which was erased, for itself, in as many parts as the log takes."""
        parts = [b64encode(self._encode(each)).decode() for each in _parts(lead)]
        mark, keys = self._mark(lead), list(keys_of(lead))
        return [
            (
                lead.id,
                LeadForgotten(
                    id=f"{event_id}-f{number}",
                    source=SOURCE,
                    subject=lead.id,
                    time=rfc3339(lead.erased_at),
                    traceparent=event.traceparent,
                    data=Forgotten(
                        erased_at=lead.erased_at,
                        state=state,
                        part=number,
                        mark=mark,
                        keys=keys if number == len(parts) - 1 else [],
                    ),
                ),
            )
            for number, state in enumerate(parts)
        ]

    def _mark(self, lead: Lead) -> str:
        return sha256(self._encode(lead)).hexdigest()

    def _leave(self, lead: Lead, event: LeadMergedInto, event_id: str) -> Step:
        """
        Let *lead* go. One that was erased stays for itself: what came of the other afterwards isn't to be erased too.

        An event that would let the lesser id go is not ours.
        """
        data = event.data
        if data.into >= lead.id or lead.erased_at != NEVER:
            return Step(lead)
        decided = self._decide.leave(lead, event, event_id)
        sent: list[Sent] = []
        for number, part in enumerate(_parts(lead)):
            state = b64encode(self._encode(part)).decode()
            known = TakenOver(lead_id=lead.id, side=data.side, state=state, merged_at=data.noticed_at)
            told = LeadTakenOver(
                id=f"{event_id}-t{number}",
                source=SOURCE,
                subject=data.into,
                time=rfc3339(data.noticed_at),
                traceparent=event.traceparent,
                data=known,
            )
            sent.append((data.into, told))
        return Step(Lead(lead.id, merged_into=data.into), decided, sent)


def _is_empty(lead: Lead) -> bool:
    return not (lead.persons or lead.opportunities or lead.activities)


def keys_of(lead: Lead) -> Sequence[str]:
    """Return the record keys under which topics hold something of *lead*: its ids and its records."""
    refs = [each.ref for persons in lead.persons.values() for each in persons.values()]
    refs += [each.ref for each in lead.opportunities.values()]
    refs += lead.slots.values()
    return sorted({lead.id, *lead.taken_over, *map(str, refs), *lead.activities})


def _key_of(event: LeadObserved) -> str:
    ref = event.data.ref
    return str(RecordRef(ref.system, ref.object, ref.id))


def _handed_on(there: str, event: LeadChange, event_id: str) -> list[Sent]:
    """Return *event*, told to a lead that is *there* now, for that one: a copy with an id of its own."""
    if isinstance(event, LeadMergedInto):
        stays, goes = staying(there, event.data.into)
        if stays == goes:
            return []
        event = event.model_copy(update={"data": event.data.model_copy(update={"into": stays})})
    else:
        goes = there
    return [(goes, event.model_copy(update={"id": f"{event_id}-h", "source": SOURCE, "subject": goes}))]


def _parts(lead: Lead) -> Iterator[Lead]:
    """Yield *lead*, with as many of its activities as go into one event, then the others."""
    activities = sorted(lead.activities.items())
    chunks: Sequence[int] = range(0, len(activities), MOST_ACTIVITIES) or (0,)
    for start in chunks:
        some = dict(activities[start : start + MOST_ACTIVITIES])
        if start == 0:
            yield replace(lead, activities=some)
        else:
            yield Lead(lead.id, erased_at=lead.erased_at, forgotten=lead.forgotten, activities=some)
