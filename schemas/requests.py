"""What others ask of sync: `tasuki.requests.v1`."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.envelope import Envelope, EpochMs, Open


class Promised(Open):
    """A promise about a lead, as in `tasuki.alerts.v1`; `lead_id` is the lead's id when it was told."""

    lead_id: str = Field(min_length=1)
    policy: str
    cycle: int = Field(ge=1)
    round: int = Field(default=1, ge=1)


class Task(Promised):
    """
    A task that is to stand in the sales tool on the lead's record, because of the alert `alert`, told at `told_at`.

    `task` names it within its lead: the same name is the same task, whatever else is said of it. `owner` is the
    e-mail address of who is to do it; null: whoever owns the lead. `due_at` is the promise's deadline.
    """

    task: str = Field(min_length=1, max_length=27, pattern="^[a-z0-9]+$")
    alert: str = Field(min_length=1)
    told_at: EpochMs
    subject: str
    body: str
    owner: str | None = None
    due_at: EpochMs


class Over(Promised):
    """All tasks about the promise that were asked for up to `told_at` need no doing any more."""

    told_at: EpochMs


class TaskWanted(Envelope):
    """Somebody is to be told of an alert by a task in the sales tool."""

    type: Literal["tasuki.request.task-wanted.v1"] = "tasuki.request.task-wanted.v1"
    data: Task


class TaskOver(Envelope):
    """What tasks in the sales tool tell of is over: they are to be completed."""

    type: Literal["tasuki.request.task-over.v1"] = "tasuki.request.task-over.v1"
    data: Over


Request = Annotated[TaskWanted | TaskOver, Field(discriminator="type")]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
