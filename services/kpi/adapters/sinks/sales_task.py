"""
A task in the sales tool for each alert. Only the port is here: sync can't be asked for a task yet.

What sync needs for it: a topic of requests keyed by `lead_id` that its leads' shard folds in, and a slot of the
lead for each request (`task:<id>`), which dispatch then writes by upsert like any other record. A repeated
request has the same id, so it makes no second task.
"""

from dataclasses import dataclass
from typing import Protocol

from services.kpi.adapters.templates.rendering import Renderer
from services.kpi.domain.notice_digest import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """
    A task to stand in the sales tool: `id` is the alert's, `owner` an e-mail address.

    `closes`: the breach is over; the tasks of the lead's clock (cycle, policy, round) need no doing any more.
    """

    id: str
    lead_id: str
    owner: str | None
    subject: str
    text: str
    due_at: int
    cycle: int
    policy: str
    round: int
    closes: bool


class TaskRequests(Protocol):
    """Whoever passes requests on to sync."""

    async def ask(self, requests: list[TaskRequest]) -> None:
        """Pass *requests* on, durably; repeated ones do no harm. Raises Retryable."""
        ...


class SalesTaskSink:
    """See `Sink`."""

    def __init__(self, *, requests: TaskRequests, renderer: Renderer) -> None:
        self._requests = requests
        self._renderer = renderer

    async def send(self, message: Message) -> None:
        """See `Sink.send`."""
        rendered = self._renderer.render(message)
        await self._requests.ask(
            [
                TaskRequest(
                    id=each.id,
                    lead_id=each.lead_id,
                    owner=each.owner,
                    subject=rendered.title,
                    text=rendered.body,
                    due_at=each.deadline_at,
                    cycle=each.cycle,
                    policy=each.policy,
                    round=each.round,
                    closes=each.is_recovery,
                )
                for each in message.notices
            ]
        )
