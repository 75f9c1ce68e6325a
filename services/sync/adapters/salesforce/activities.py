"""What a Task or an Event says somebody did: type, time, outcome, and on whom. Pure."""

from collections.abc import Mapping
from typing import Any

from services.sync.adapters.salesforce.account import object_of
from services.sync.adapters.salesforce.events import SYSTEM
from services.sync.adapters.salesforce.mapping import canonical_instant
from services.sync.domain.records import RecordRef, Scalar

FIELDS: Mapping[str, tuple[str, ...]] = {
    "Task": (
        "OwnerId",
        "WhoId",
        "WhatId",
        "Status",
        "IsClosed",
        "TaskSubtype",
        "CallType",
        "CallDisposition",
        "CompletedDateTime",
    ),
    "Event": ("OwnerId", "WhoId", "WhatId", "StartDateTime"),
}
"""What has to be read to know an activity."""

_DONE = frozenset({"Completed", "完了"})
_EMAILS = frozenset({"Email", "ListEmail"})


def facts(sobject: str, values: Mapping[str, Any], created_at: int) -> Mapping[str, Scalar]:
    """
    Return ``type`` (call, email, meeting, task), ``at`` and ``outcome`` of an activity.

    A task is a call or an e-mail once it is done: one that is only planned touches nobody, so it is a
    ``task`` until then. `at` is when it was done, an event's start, else when it was made.
    Raises ValueError and TypeError for values that the vendor would not send.
    """
    if sobject == "Event":
        start = values.get("StartDateTime")
        return {
            "type": "meeting",
            "at": created_at if start is None else canonical_instant(start),
            "outcome": None,
        }
    finished = values.get("CompletedDateTime")
    done = bool(values.get("IsClosed")) or finished is not None or values.get("Status") in _DONE
    outcome = values.get("CallDisposition") or values.get("Status")
    return {
        "type": _task_type(values) if done else "task",
        "at": created_at if finished is None else canonical_instant(finished),
        "outcome": None if outcome is None else str(outcome),
    }


def _task_type(values: Mapping[str, Any]) -> str:
    if values.get("TaskSubtype") == "Call" or values.get("CallType") or values.get("CallDisposition"):
        return "call"
    return "email" if values.get("TaskSubtype") in _EMAILS else "task"


def parents(values: Mapping[str, Any]) -> tuple[RecordRef, ...]:
    """Return on whom (WhoId), then on what (WhatId) it was done, where these are objects that we know."""
    ids = [values.get("WhoId"), values.get("WhatId")]
    found = ((object_of(each), each) for each in ids if isinstance(each, str) and each)
    return tuple(RecordRef(SYSTEM, sobject, each) for sobject, each in found if sobject is not None)
