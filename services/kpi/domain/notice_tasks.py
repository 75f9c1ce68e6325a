"""Tasks in the sales tool that alerts ask for, one for each alert and who is to do it."""

from dataclasses import dataclass
from hashlib import sha256

_NAME_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """
    A task to stand in the sales tool because of the alert `alert`. `owner`: an e-mail address, None: the lead's owner.

    `closes`: the breach is over; the tasks of the promise (lead, cycle, policy, round) need no doing any more.
    """

    name: str
    alert: str
    lead_id: str
    policy: str
    cycle: int
    round: int
    told_at: int
    due_at: int
    subject: str = ""
    body: str = ""
    owner: str | None = None
    closes: bool = False


def task_name(alert_id: str, doer: str | None) -> str:
    """Return the name of the task by which *doer*, an e-mail address, hears of an alert: always the same."""
    told = f"{alert_id}\n{(doer or '').lower()}"
    return f"a{sha256(told.encode()).hexdigest()[:_NAME_DIGITS]}"
