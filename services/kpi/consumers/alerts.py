"""What a clock tells, as an event for `tasuki.alerts.v1`."""

from datetime import UTC, datetime, timedelta

from schemas.alerts import Clock, SlaBreached, SlaEscalated, SlaMetLate, SlaRetracted, SlaWarned
from schemas.lifecycle import Standing as ToldStanding
from schemas.topics import ALERTS
from services.kpi.consumers.dead_letters import SOURCE
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import ClockId
from services.kpi.domain.sla.telling import Tell
from services.runtime.log.port import Record
from services.runtime.outbox import Emission

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {
    "warning": SlaWarned,
    "breach": SlaBreached,
    "escalation": SlaEscalated,
    "met-late": SlaMetLate,
    "retracted": SlaRetracted,
}


def alert(lead: KpiLead, which: ClockId, tell: Tell, told_at: int) -> Emission:
    """
    Return the alert for *tell*, told at *told_at*.

    It is the shard's own, without a record that caused it: what is told depends on what was told before, which
    timers commit. Told once more after the store lost writes, it has the same id.
    """
    cycle, policy = which
    told_at = max(told_at, tell.told_at)
    standing = ToldStanding(
        origin="bdr" if lead.standing.origin == "bdr" else "sdr",
        owner=lead.standing.owner or None,
        segments=dict(lead.standing.segments),
    )
    data = Clock(
        policy=policy,
        step=tell.step,
        round=tell.round,
        times=max(1, tell.times),
        cycle=cycle,
        started_at=tell.started_at,
        deadline_at=tell.deadline_at,
        due_at=tell.due_at,
        told_at=told_at,
        late_ms=max(0, told_at - tell.due_at),
        budget_ms=tell.budget_ms,
        elapsed_ms=tell.elapsed_ms,
        overdue_ms=tell.overdue_ms,
        stopped_at=tell.stopped_at,
        notify=tell.notify,
        reassign=tell.reassign,
        collapsed=tell.collapsed,
        reason=None if tell.reason is None else str(tell.reason),
        standing=standing,
    )
    event = _KINDS[tell.step.partition(":")[0]](
        id=f"{lead.id}/{cycle}/{policy}/{tell.round}/{tell.step}/{data.times}",
        source=SOURCE,
        subject=lead.id,
        time=_rfc3339(told_at),
        data=data,
    )
    return Emission(Record(ALERTS.name, lead.id, event.model_dump_json().encode()))


def _rfc3339(instant: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=instant)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"
