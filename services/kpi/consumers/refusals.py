"""An alert that a sink refuses, as a dead letter."""

from hashlib import sha256

from schemas.dead_letters import DeadLetter, DeadLettered, enclosed
from schemas.instants import rfc3339
from schemas.topics import DEAD_LETTERS
from services.kpi.consumers.alerts import SOURCE
from services.kpi.consumers.notice_codec import refused_alert
from services.kpi.domain.notices import Channel, Notice
from services.runtime.log.port import Record
from services.runtime.outbox import Emission


def refusal(notice: Notice, channel: Channel, why: str, at: int) -> Emission:
    """Return the dead letter for an alert that *channel* will never take; one that is refused again has another id."""
    letter = DeadLetter(
        reason="refused-by-sink",
        detail=why,
        origin=f"sink:{channel.sink}",
        key=notice.lead_id,
        body=enclosed(refused_alert(notice, channel.target)),
        attempts=1,
        failed_at=at,
    )
    whom = sha256(channel.target.encode()).hexdigest()[:8]  # an address is personal, and ids are shown
    event = DeadLettered(
        id=f"{notice.id}-{channel.sink}-{whom}-{at}-x",
        source=SOURCE,
        subject=notice.lead_id or "unknown",
        time=rfc3339(at),
        data=letter,
    )
    return Emission(Record(DEAD_LETTERS.name, notice.lead_id, event.model_dump_json().encode()))
