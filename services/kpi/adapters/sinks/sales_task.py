"""A task in the sales tool for each alert: what sync is to be asked for, see services.kpi.consumers.task_requests."""

from services.kpi.adapters.templates.rendering import Renderer
from services.kpi.domain.notice_digest import Message
from services.kpi.domain.notice_tasks import TaskRequest, task_name
from services.kpi.domain.notices import Notice


class SalesTaskSink:
    """
    See `Asking`. A target is the e-mail address of who is to do the task; none: the lead's owner.

    Several alerts in one message are several tasks, for each is about a lead of its own; of those about one promise
    only the last counts.
    """

    def __init__(self, *, renderer: Renderer) -> None:
        self._renderer = renderer

    def asks(self, message: Message) -> tuple[TaskRequest, ...]:
        """See `Asking.asks`."""
        latest = {each.clock: each for each in message.notices}
        return tuple(self._request(each, message) for each in latest.values())

    def _request(self, notice: Notice, message: Message) -> TaskRequest:
        told = None if notice.is_recovery else self._renderer.one(notice, message)
        return TaskRequest(
            name=task_name(notice.id, message.target or notice.owner),
            alert=notice.id,
            lead_id=notice.lead_id,
            policy=notice.policy,
            cycle=notice.cycle,
            round=notice.round,
            told_at=notice.told_at,
            due_at=notice.deadline_at,
            subject=told.title if told else "",
            body=told.body if told else "",
            owner=message.target or None,
            closes=notice.is_recovery,
        )
