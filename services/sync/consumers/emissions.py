"""Events as emissions of the record that caused them; a record that can't be read becomes a dead letter."""

import orjson

from schemas.envelope import Envelope
from schemas.lead import LeadForgotten, LeadMergedInto, LeadObserved
from schemas.reading import Unreadable
from services.runtime.log.port import PLAIN, SEALED_HEADER, LogRecord, Record
from services.runtime.outbox import Emission
from services.runtime.set_aside import set_aside
from services.sync.application.tell import SOURCE, Event


def place_of(record: LogRecord) -> str:
    """Return the place of *record* in its topic, from which the ids of what it causes derive."""
    return f"{record.partition}-{record.offset}"


def unreadable(record: LogRecord, error: Unreadable) -> Emission:
    """Return the dead letter for a record that isn't what its topic holds."""
    return set_aside(record, error.reason, str(error), source=SOURCE)


def emission(topic: str, key: str, event: Envelope, offset: int) -> Emission:
    """Return *event* as an emission to *topic*, caused by the record at *offset*."""
    headers = {SEALED_HEADER: PLAIN} if _outlives(event) else {}
    return Emission(Record(topic, key, event.model_dump_json().encode(), headers), offset)


def _outlives(event: Envelope) -> bool:
    """Return whether *event* holds nothing personal and says what became of a person: it is read after an erasure."""
    if isinstance(event, LeadObserved):
        return event.data.erased and not event.data.fields
    return isinstance(event, LeadMergedInto | LeadForgotten)


def told(topic: str, key: str, event: Event, offset: int) -> Emission:
    """Return *event*, told as plain data, as an emission to *topic*, caused by the record at *offset*."""
    return Emission(Record(topic, key, orjson.dumps(event)), offset)
