"""What a clock tells, as an event for `tasuki.alerts.v1`."""

from schemas.alerts import (
    Clock,
    Recomputed,
    SlaBreached,
    SlaEscalated,
    SlaMetLate,
    SlaRecomputed,
    SlaRetracted,
    SlaWarned,
)
from schemas.instants import rfc3339
from schemas.lifecycle import Standing as ToldStanding
from schemas.topics import ALERTS
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.lead_clocks import ClockId
from services.kpi.domain.sla.changes import Move
from services.kpi.domain.sla.telling import Tell
from services.runtime.log.port import Record
from services.runtime.outbox import Emission

SOURCE = "/tasuki/kpi"
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
        standing=_standing(lead),
    )
    event = _KINDS[tell.step.partition(":")[0]](
        id=f"{lead.id}/{cycle}/{policy}/{tell.round}/{tell.step}/{data.times}",
        source=SOURCE,
        subject=lead.id,
        time=rfc3339(told_at),
        data=data,
    )
    return Emission(Record(ALERTS.name, lead.id, event.model_dump_json().encode()))


def recomputed(lead: KpiLead, which: ClockId, move: Move, changed_at: int, told_at: int) -> Emission:
    """Return what tells of *move*, which rules made that came into force at *changed_at*; its id is of these."""
    cycle, policy = which
    data = Recomputed(
        policy=policy,
        round=move.round,
        cycle=cycle,
        shift=str(move.shift),
        because=str(move.because),
        changed_at=changed_at,
        told_at=told_at,
        started_at=move.started_at,
        previous_deadline_at=move.before_at,
        deadline_at=move.deadline_at,
        standing=_standing(lead),
    )
    event = SlaRecomputed(
        id=f"{lead.id}/{cycle}/{policy}/{move.round}/recomputed/{changed_at}",
        source=SOURCE,
        subject=lead.id,
        time=rfc3339(told_at),
        data=data,
    )
    return Emission(Record(ALERTS.name, lead.id, event.model_dump_json().encode()))


def _standing(lead: KpiLead) -> ToldStanding:
    return ToldStanding(
        origin="bdr" if lead.standing.origin == "bdr" else "sdr",
        owner=lead.standing.owner or None,
        segments=dict(lead.standing.segments),
    )
