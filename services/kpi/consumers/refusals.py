"""An alert that a sink refuses, as a dead letter."""

import json
from dataclasses import asdict

from schemas.dead_letters import DeadLetter, DeadLettered, enclosed
from schemas.instants import rfc3339
from schemas.topics import DEAD_LETTERS
from services.kpi.consumers.alerts import SOURCE
from services.kpi.domain.notices import Notice
from services.runtime.log.port import Record
from services.runtime.outbox import Emission


def refusal(notice: Notice, sink: str, why: str, at: int) -> Emission:
    """Return the dead letter for an alert that *sink* will never take."""
    letter = DeadLetter(
        reason="refused-by-sink",
        detail=why,
        origin=f"sink:{sink}",
        key=notice.lead_id,
        body=enclosed(json.dumps(asdict(notice)).encode()),
        attempts=1,
        failed_at=at,
    )
    event = DeadLettered(
        id=f"{notice.id}-{sink}-x",
        source=SOURCE,
        subject=notice.lead_id or "unknown",
        time=rfc3339(at),
        data=letter,
    )
    return Emission(Record(DEAD_LETTERS.name, notice.lead_id, event.model_dump_json().encode()))
