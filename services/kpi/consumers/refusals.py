"""What the notifier can't deal with, as dead letters: records that are no alerts, alerts that a sink refuses."""

import json
from base64 import b64encode
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from schemas.dead_letters import DeadLetter, DeadLettered
from schemas.reading import Unreadable
from schemas.topics import DEAD_LETTERS
from services.kpi.domain.notices import Notice
from services.runtime.log.port import LogRecord, Record
from services.runtime.outbox import Emission

SOURCE = "/tasuki/kpi"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unreadable(record: LogRecord, error: Unreadable) -> Emission:
    """Return the dead letter for a record that isn't an alert."""
    place = f"{record.topic}/{record.partition}/{record.offset}"
    letter = DeadLetter(
        reason=error.reason,
        detail=str(error),
        origin=place,
        key=record.key,
        body=b64encode(record.value or b"").decode(),
        attempts=1,
        failed_at=record.appended_at,
    )
    return _emission(f"{place}-x", record.key, letter, record.offset)


def refusal(notice: Notice, sink: str, why: str, at: int) -> Emission:
    """Return the dead letter for an alert that *sink* will never take."""
    letter = DeadLetter(
        reason="refused-by-sink",
        detail=why,
        origin=f"sink:{sink}",
        key=notice.lead_id,
        body=b64encode(json.dumps(asdict(notice)).encode()).decode(),
        attempts=1,
        failed_at=at,
    )
    return _emission(f"{notice.id}-{sink}-x", notice.lead_id, letter, None)


def _emission(event_id: str, key: str, letter: DeadLetter, cause_offset: int | None) -> Emission:
    event = DeadLettered(
        id=event_id, source=SOURCE, subject=key or "unknown", time=_rfc3339(letter.failed_at), data=letter
    )
    return Emission(Record(DEAD_LETTERS.name, key, event.model_dump_json().encode()), cause_offset)


def _rfc3339(instant: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=instant)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"
