"""What sync is asked for because of alerts, as events for `tasuki.requests.v1`."""

from schemas.instants import rfc3339
from schemas.requests import Over, Task, TaskOver, TaskWanted
from schemas.topics import REQUESTS
from services.kpi.consumers.alerts import SOURCE
from services.kpi.domain.notice_tasks import TaskRequest
from services.runtime.log.port import Record
from services.runtime.outbox import Emission


def asked(request: TaskRequest) -> Emission:
    """Return *request* as an event, keyed by its lead; its id is of the alert and who is to do the task."""
    time = rfc3339(request.told_at)
    name = f"{request.alert}/{request.name}"
    event = (
        TaskOver(id=name, source=SOURCE, subject=request.lead_id, time=time, data=_over(request))
        if request.closes
        else TaskWanted(id=name, source=SOURCE, subject=request.lead_id, time=time, data=_task(request))
    )
    return Emission(Record(REQUESTS.name, request.lead_id, event.model_dump_json().encode()))


def _over(request: TaskRequest) -> Over:
    return Over(
        lead_id=request.lead_id,
        policy=request.policy,
        cycle=request.cycle,
        round=request.round,
        told_at=request.told_at,
    )


def _task(request: TaskRequest) -> Task:
    return Task(
        lead_id=request.lead_id,
        policy=request.policy,
        cycle=request.cycle,
        round=request.round,
        told_at=request.told_at,
        task=request.name,
        alert=request.alert,
        subject=request.subject,
        body=request.body,
        owner=request.owner,
        due_at=request.due_at,
    )
