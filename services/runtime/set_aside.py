"""A record that its reader can't use, as a dead letter that its reading causes; one form for all services."""

from schemas.dead_letters import DeadLetter, DeadLettered, enclosed
from schemas.instants import rfc3339
from schemas.topics import DEAD_LETTERS
from services.runtime.log.port import LogRecord, Record
from services.runtime.outbox import Emission


def set_aside(record: LogRecord, reason: str, detail: str, *, source: str) -> Emission:
    """Return *record*, which stops here because of *reason*, as a dead letter of *source*; its id is of the place."""
    letter = DeadLetter(
        reason=reason,
        detail=detail,
        origin=f"{record.topic}/{record.partition}/{record.offset}",
        key=record.key,
        body=enclosed(record.value or b""),
        attempts=1,
        failed_at=record.appended_at,
    )
    event = DeadLettered(
        id=f"{record.topic}-{record.partition}-{record.offset}-x",
        source=source,
        subject=record.key or "unknown",
        time=rfc3339(record.appended_at),
        data=letter,
    )
    sent = Record(DEAD_LETTERS.name, record.key, event.model_dump_json().encode())
    return Emission(sent, record.offset)
