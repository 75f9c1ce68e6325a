"""The dead letters that tell what of a lead can't be written, or can't be reckoned with."""

from collections.abc import Sequence

from schemas.dead_letters import DeadLetter, DeadLettered, enclosed
from schemas.instants import rfc3339
from schemas.lead import LeadWriteStarted, Observed, WriteSettled
from services.sync.application.tell import SOURCE, Context
from services.sync.domain.lead import Lead
from services.sync.domain.records import Scalar


def refused_letter(lead: Lead, data: WriteSettled, context: Context) -> DeadLettered:
    """Return the letter that tells of a write that the vendor refused; replayed, it is tried again."""
    letter = DeadLetter(
        reason=f"refused:{data.code or 'unknown'}",
        detail=_detail(data),
        origin=f"{data.side}:{data.slot}",
        key=lead.id,
        body=enclosed(data.model_dump_json().encode()),
        attempts=1,
        failed_at=data.settled_at,
    )
    return _sent(lead, letter, f"{context.event_id}-x", context.traceparent)


def rate_letter(lead: Lead, data: Observed, detail: str, context: Context) -> DeadLettered:
    """Return the letter that tells of a deal whose worth isn't known; replayed, the deal is read anew."""
    letter = DeadLetter(
        reason="no-rate",
        detail=f"{detail}: add it to [[currencies]]",
        origin=data.ref.system,
        key=f"{data.ref.system}:{data.ref.object}:{data.ref.id}",
        body=enclosed(b""),
        attempts=1,
        failed_at=data.observed_at,
    )
    return _sent(lead, letter, f"{context.event_id}-n", context.traceparent)


def fight_letter(lead: Lead, event: LeadWriteStarted, fields: Sequence[str], event_id: str) -> DeadLettered:
    """Return the letter that tells of *fields* that are fought over no longer."""
    data = event.data
    letter = DeadLetter(
        reason="refused:fight",
        detail=f"{', '.join(fields)}: set back each time after it was written; left as it is from now on",
        origin=f"{data.side}:{data.slot}",
        key=lead.id,
        body=enclosed(event.model_dump_json().encode()),
        attempts=1,
        failed_at=data.started_at,
    )
    return _sent(lead, letter, f"{event_id}-x", event.traceparent)


def _sent(lead: Lead, letter: DeadLetter, event_id: str, traceparent: str | None) -> DeadLettered:
    return DeadLettered(
        id=event_id,
        source=SOURCE,
        subject=lead.id,
        time=rfc3339(letter.failed_at),
        traceparent=traceparent,
        data=letter,
    )


def _detail(data: WriteSettled) -> str:
    """Return the vendor's reason, with the fields it names and the shape of their values, not the values."""
    named = [f"{name} ({_shape(data.fields[name])})" for name in data.refused_fields if name in data.fields]
    reason = data.detail or "the vendor gave no reason"
    return f"without {', '.join(named)}: {reason}" if named else reason


def _shape(value: Scalar) -> str:
    if value is None:
        return "cleared"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return f"a number of {sum(map(str.isdigit, str(value)))} digits"
