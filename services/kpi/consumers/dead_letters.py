"""A record that can't be counted, as a dead letter that its reading causes."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

from schemas.dead_letters import DeadLetter, DeadLettered
from schemas.topics import DEAD_LETTERS
from services.runtime.log.port import LogRecord, Record
from services.runtime.outbox import Emission

SOURCE = "/tasuki/kpi"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dead_letter(record: LogRecord, reason: str, detail: str) -> Emission:
    """Return *record*, which stops here, as a dead letter."""
    moment = _EPOCH + timedelta(milliseconds=record.appended_at)
    event = DeadLettered(
        id=f"{record.topic}-{record.partition}-{record.offset}-x",
        source=SOURCE,
        subject=record.key or "unknown",
        time=f"{moment.isoformat(timespec='milliseconds')[:-6]}Z",
        data=DeadLetter(
            reason=reason,
            detail=detail,
            origin=f"{record.topic}/{record.partition}/{record.offset}",
            key=record.key,
            body=b64encode(record.value or b"").decode(),
            attempts=1,
            failed_at=record.appended_at,
        ),
    )
    sent = Record(DEAD_LETTERS.name, record.key, event.model_dump_json().encode())
    return Emission(sent, record.offset)
