"""Events as emissions of the record that caused them; a record that can't be read becomes a dead letter."""

import orjson

from schemas.dead_letters import DeadLetter, DeadLettered
from schemas.envelope import Envelope
from schemas.reading import Unreadable
from schemas.topics import DEAD_LETTERS
from services.runtime.log.port import LogRecord, Record
from services.runtime.outbox import Emission
from services.sync.application.letters import enclosed
from services.sync.application.tell import SOURCE, Event, rfc3339


def place_of(record: LogRecord) -> str:
    """Return the place of *record* in its topic, from which the ids of what it causes derive."""
    return f"{record.partition}-{record.offset}"


def unreadable(record: LogRecord, error: Unreadable) -> Emission:
    """Return the dead letter for a record that isn't what its topic holds."""
    letter = DeadLetter(
        reason=error.reason,
        detail=str(error),
        origin=f"{record.topic}/{record.partition}/{record.offset}",
        key=record.key,
        body=enclosed(record.value or b""),
        attempts=1,
        failed_at=record.appended_at,
    )
    event = DeadLettered(
        id=f"{record.topic}-{place_of(record)}-x",
        source=SOURCE,
        subject=record.key or "unknown",
        time=rfc3339(record.appended_at),
        data=letter,
    )
    return emission(DEAD_LETTERS.name, record.key, event, record.offset)


def emission(topic: str, key: str, event: Envelope, offset: int) -> Emission:
    """Return *event* as an emission to *topic*, caused by the record at *offset*."""
    return Emission(Record(topic, key, event.model_dump_json().encode()), offset)


def told(topic: str, key: str, event: Event, offset: int) -> Emission:
    """Return *event*, told as plain data, as an emission to *topic*, caused by the record at *offset*."""
    return Emission(Record(topic, key, orjson.dumps(event)), offset)
