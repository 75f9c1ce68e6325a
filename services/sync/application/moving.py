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
from dataclasses import replace

from schemas.instants import rfc3339
from schemas.lead import (
    LeadChange,
    LeadCompanyJoined,
    LeadCompanyLeft,
    LeadMergedInto,
    LeadTakenOver,
    TakenOver,
)
from services.sync.application.companies import Companies, employed
from services.sync.application.decide import Decide
from services.sync.application.steps import Sent, Step
from services.sync.application.tell import SOURCE
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.uniting import staying

Encode = Callable[[Lead], bytes]
Decode = Callable[[str, bytes], Lead]

MOST_ACTIVITIES = 2_000
"""So many activities go into one event: a lead of many years must not be too long for the log."""


class UnreadableLead(ValueError):
    """A lead that is to be taken over isn't in a form that this version reads."""


class Moving:
    """Takes changes into leads, and into companies, wherever these are by now."""

    def __init__(self, decide: Decide, encode: Encode, decode: Decode) -> None:
        self._decide = decide
        self._companies = Companies(decide.rules, encode)
        self._encode = encode
        self._decode = decode

    def take(self, lead: Lead, event: LeadChange, event_id: str) -> Step:
        """
        Take *event* into *lead*, which is changed; the ids of what is told derive from *event_id*.

        Raises UnreadableLead; *lead* is as it was then.
        """
        if lead.merged_into:
            return Step(lead, sent=_handed_on(lead.merged_into, event, event_id))
        if lead.is_company:
            other = self._read(event) if isinstance(event, LeadTakenOver) else None
            return self._companies.take(lead, event, other, event_id)
        was = lead.employer
        step = self._of_lead(lead, event, event_id)
        told = employed(step.lead, was, self._decide.rules, event, event_id)
        return replace(step, sent=[*step.sent, *told]) if told else step

    def _of_lead(self, lead: Lead, event: LeadChange, event_id: str) -> Step:
        if isinstance(event, LeadMergedInto):
            return self._leave(lead, event, event_id)
        if isinstance(event, LeadTakenOver):
            other = self._read(event)
            return Step(lead, self._decide.take_over(lead, other, event, event_id))
        if isinstance(event, LeadCompanyJoined | LeadCompanyLeft):
            return Step(lead)  # a lead is no company
        return Step(lead, self._decide.apply(lead, event, event_id))

    def _read(self, event: LeadTakenOver) -> Lead:
        try:
            return self._decode(event.data.lead_id, b64decode(event.data.state, validate=True))
        except (ValueError, TypeError, LookupError) as error:
            raise UnreadableLead(
                f"lead {event.data.lead_id} can't be read: {type(error).__name__}"
            ) from error

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
            yield Lead(lead.id, erased_at=lead.erased_at, activities=some)
