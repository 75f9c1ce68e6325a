"""What HubSpot's answer to a batch of writes says about each record. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from services.sync.adapters.hubspot.client import Answer, ApiRefused, objects
from services.sync.adapters.hubspot.errors import record_meaning
from services.sync.adapters.hubspot.objects import CONTACT, SYSTEM
from services.sync.application.ports import BatchRefused
from services.sync.application.trouble import Meaning
from services.sync.domain.records import Confirmed, Deferred, RecordRef, Refused, WriteResult

_EXISTING = re.compile(r"Existing ID: (\d+)")
_LATER = frozenset({Meaning.PASSING, Meaning.THROTTLED})
"""Errors that say nothing against the record itself."""

_LOCKED_WAIT_MS = 2_000


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that HubSpot wrote: how it stands, and its properties as they are now."""

    result: Confirmed
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The e-mail address belongs to the contact `id` already."""

    id: str


Outcome = Taken | Elsewhere | Refused | Deferred


def outcomes(
    answer: Answer, sent: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], *, of: str = CONTACT
) -> dict[str, Outcome]:
    """
    Return what became of each input, by its write trace id.

    *sent* holds the inputs by trace id, *names* canonical names by property; *of* is the object that was written.

    Raises:
        BatchRefused: An error cannot be told apart: more than one record may be meant.
    """
    found: dict[str, Outcome] = {}
    for row in answer.parts("results"):
        trace = _trace_of(row, sent)
        if trace is not None and row.get("id"):
            ref = RecordRef(SYSTEM, of, str(row["id"]))
            values = cast("Mapping[str, Any]", row.get("properties") or {})
            found[trace] = Taken(Confirmed(ref=ref, created=row.get("new") is True), values)
    loose: list[Mapping[str, Any]] = []
    for error in answer.parts("errors"):
        traces = _traces(error, sent)
        found.update({trace: judged(error, names) for trace in traces})
        if not traces:
            loose.append(error)
    return _placed(found, loose, sent, names)


def judged(error: Mapping[str, Any], names: Mapping[str, str]) -> Outcome:
    """Return what *error*, about one record, means."""
    category = str(error.get("category") or "ERROR")
    message = str(error.get("message") or "")
    existing = _EXISTING.search(message)
    if category == "CONFLICT" and existing is not None:
        return Elsewhere(existing[1])
    if record_meaning(category) in _LATER:
        return Deferred(code=category, detail=message, retry_after_ms=_LOCKED_WAIT_MS)
    details = objects(error.get("errors"))
    code = next((str(each["code"]) for each in details if each.get("code")), category)
    about = [each for part in (error, *details) for each in _about(part)]
    fields = dict.fromkeys(names[each] for each in about if each in names)
    return Refused(code=code, detail=message, fields=tuple(fields))


def alone(refused: ApiRefused, names: Mapping[str, str]) -> Outcome:
    """Return what the refusal of a batch of one means for its record."""
    return judged({**refused.body, "category": refused.category, "message": refused.message}, names)


def result_of(outcome: Outcome) -> WriteResult:
    """Return *outcome* as the port tells it."""
    if isinstance(outcome, Taken):
        return outcome.result
    if isinstance(outcome, Elsewhere):
        detail = f"the e-mail address belongs to contact {outcome.id}, which could not be taken over yet"
        return Deferred(code="CONFLICT", detail=detail)
    return outcome


def _placed(
    found: dict[str, Outcome],
    loose: Sequence[Mapping[str, Any]],
    sent: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str],
) -> dict[str, Outcome]:
    """Give the errors that name no record to the one record that is left, if there is only one."""
    left = [trace for trace in sent if trace not in found]
    if loose and len(left) == 1:
        found[left[0]] = judged(loose[0], names)
    elif loose and left:
        category, message = str(loose[0].get("category")), str(loose[0].get("message"))
        raise BatchRefused(code=category, detail=message)
    else:
        missing = Deferred(code="UNANSWERED", detail="HubSpot's answer says nothing about the record")
        found.update(dict.fromkeys(left, missing))
    return found


def _trace_of(row: Mapping[str, Any], sent: Mapping[str, Mapping[str, Any]]) -> str | None:
    trace = row.get("objectWriteTraceId")
    if isinstance(trace, str) and trace in sent:
        return trace
    values = cast("Mapping[str, Any]", row.get("properties") or {})
    for each, given in sent.items():
        key = given.get("idProperty")
        if given["id"] == (row.get("id") if key is None else values.get(key)):
            return each
    return None


def _traces(error: Mapping[str, Any], sent: Mapping[str, Mapping[str, Any]]) -> list[str]:
    context = cast("Mapping[str, Any]", error.get("context") or {})
    named = [str(each) for each in _list(context.get("objectWriteTraceId"))]
    ids = {str(each) for key in ("ids", "id") for each in _list(context.get(key))}
    return [each for each in named if each in sent] or [
        trace for trace, given in sent.items() if given["id"] in ids
    ]


def _about(detail: Mapping[str, Any]) -> list[str]:
    context = detail.get("context")
    about = cast("Mapping[str, Any]", context).get("propertyName") if isinstance(context, dict) else None
    return [str(each) for each in _list(about)]


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [] if value is None else [value]
