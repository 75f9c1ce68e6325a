"""The notifier's ledgers as bytes: alerts that wait, channels, and the names of places in the store."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, cast

from schemas.alerts import ClockAlert
from services.kpi.domain.notice_ledger import ChannelState, Sending, Waiting
from services.kpi.domain.notices import ClockKey, Kind, Notice, Place, ToldTo
from services.runtime.packing import pack, unpack

_KINDS = {
    "tasuki.alert.sla-warned.v1": Kind.WARNED,
    "tasuki.alert.sla-breached.v1": Kind.BREACHED,
    "tasuki.alert.sla-escalated.v1": Kind.ESCALATED,
    "tasuki.alert.sla-met-late.v1": Kind.MET_LATE,
    "tasuki.alert.sla-retracted.v1": Kind.RETRACTED,
}
_FIELDS = frozenset(each.name for each in fields(Notice))


def notice_of(event: ClockAlert) -> Notice:
    """Return the facts of *event*."""
    data = event.data
    segments = {name: str(value) for name, value in data.standing.segments.items() if value is not None}
    return Notice(
        id=event.id,
        kind=_KINDS[event.type],
        lead_id=event.subject,
        policy=data.policy,
        step=data.step,
        cycle=data.cycle,
        round=data.round,
        started_at=data.started_at,
        deadline_at=data.deadline_at,
        due_at=data.due_at,
        told_at=data.told_at,
        budget_ms=data.budget_ms,
        elapsed_ms=data.elapsed_ms,
        overdue_ms=data.overdue_ms,
        late_ms=data.late_ms,
        stopped_at=data.stopped_at,
        notify=data.notify,
        reassign=data.reassign,
        collapsed=data.collapsed,
        origin=data.standing.origin,
        owner=data.standing.owner,
        segments=segments,
    )


def packed_waiting(waiting: Waiting) -> bytes:
    """Return *waiting* as bytes."""
    return pack([waiting.queued_at, waiting.number, asdict(waiting.notice)])


def read_waiting(data: bytes) -> Waiting:
    """Return what `packed_waiting` made; facts that this version doesn't know are left out."""
    queued_at, number, found = unpack(data)
    return Waiting(_notice(found), queued_at, number)


def refused_alert(notice: Notice, target: str) -> bytes:
    """Return *notice*, which a sink refused for *target*, as the body of a dead letter: JSON."""
    return json.dumps({**asdict(notice), "target": target}).encode()


def read_refused(body: bytes) -> Notice:
    """Return the alert in what `refused_alert` made. Raises ValueError, TypeError or LookupError where it holds none."""
    return _notice(json.loads(body))


def _notice(found: Mapping[str, Any]) -> Notice:
    facts: dict[str, Any] = {name: value for name, value in found.items() if name in _FIELDS}
    facts["kind"] = Kind(facts["kind"])
    facts |= {name: tuple(facts[name]) for name in ("notify", "collapsed")}
    return Notice(**facts)


def packed_channel(state: ChannelState) -> bytes:
    """Return *state* as bytes."""
    sending = state.sending
    out = None if sending is None else [sending.id, sending.alert_ids, sending.first_told]
    return pack([state.sent_at, out, state.tries, state.next_at])


def read_channel(data: bytes) -> ChannelState:
    """Return what `packed_channel` made. A message that was out is in doubt: its owner is gone."""
    sent_at, out, tries, next_at = unpack(data)
    sending = None
    if out is not None:
        message, alert_ids, first_told = out
        clocks = tuple(ClockKey(*each) for each in first_told)
        sending = Sending(message, tuple(alert_ids), clocks, doubt=True)
    return ChannelState(tuple(sent_at), sending, tries, next_at)


def name_of_place(place: Place) -> str:
    """Return *place* as the name of a field."""
    return json.dumps(place)


def read_place(name: bytes) -> Place:
    """Return the place that *name* stands for."""
    return Place(*cast("list[str]", json.loads(name)))


def name_of_told(told: ToldTo) -> str:
    """Return *told* as the name of a field."""
    return json.dumps([told.target, *told.clock])


def read_told(name: bytes) -> ToldTo:
    """Return what *name* stands for."""
    target, *clock = cast("list[Any]", json.loads(name))
    return ToldTo(target, ClockKey(*clock))
