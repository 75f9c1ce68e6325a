"""
What the topics say of a lead, and the latest alerts: read from the log, so much at a time.

Nothing personal leaves here: of decisions the fields and rules without the values, of dead letters where and why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.alerts import Clock
from schemas.dead_letters import DeadLettered
from schemas.decisions import FieldsDecided
from schemas.reading import Unreadable, read
from schemas.topics import ALERTS, DEAD_LETTERS, DECISIONS, LIFECYCLE, TOPICS
from services.runtime.log.of_key import stretch_of
from services.runtime.log.port import Log, LogRecord

Json: TypeAlias = dict[str, Any]

MOST_READ = 20_000
"""So many records are read for one answer; the next page goes on."""
_TOLD = (LIFECYCLE, DECISIONS, ALERTS, DEAD_LETTERS)
_BY_NAME = {each.name: each for each in TOPICS}
_KINDS = {
    LIFECYCLE.name: "fact",
    DECISIONS.name: "decision",
    ALERTS.name: "alert",
    DEAD_LETTERS.name: "dead-letter",
}
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a lead's history: `at` is when it happened, `told_at` when it was appended, epoch ms."""

    at: int
    told_at: int
    kind: str
    what: str
    id: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """A page of a lead's history by the time it happened; `next` is where each topic goes on, None at the end."""

    entries: Sequence[Entry]
    next: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTold:
    """An alert as told: `kind` is warned, breached, escalated, met-late or retracted; the rest as on the topic."""

    id: str
    kind: str
    lead_id: str
    offset: int
    clock: Clock


@dataclass(frozen=True, slots=True)
class Alerts:
    """Alerts, the latest first; `before` is the offset below which to go on, None at the end."""

    found: Sequence[AlertTold]
    before: int | None


class Histories:
    """Reads the log."""

    def __init__(self, log: Log, *, most_read: int = MOST_READ) -> None:
        self._log = log
        self._most_read = most_read

    async def of(self, lead_id: str, start: Mapping[str, int], limit: int) -> History:
        """Return the next part of the lead's history: in the order it was told, each part by `at`. Raises LogUnavailable."""
        topics = [each.name for each in _TOLD]
        found = await stretch_of(self._log, topics, lead_id, start, limit=limit, most_read=self._most_read)
        entries: dict[tuple[str, str], Entry] = {}
        for record in found.records:
            entry = _entry(record)
            if entry is not None:
                entries.setdefault((entry.kind, entry.id), entry)
        return History(sorted(entries.values(), key=lambda each: (each.at, each.told_at)), found.next)

    async def alerts(self, wanted: Callable[[AlertTold], bool], *, before: int | None, limit: int) -> Alerts:
        """Return the latest alerts below the offset *before* that are *wanted*. Raises LogUnavailable."""
        held = (await self._log.offsets(ALERTS.name))[0]  # one partition, see schemas.topics
        top = held.end if before is None else min(before, held.end)
        found: dict[str, AlertTold] = {}
        looked_at = 0
        while top > held.begin and looked_at < self._most_read:
            first = max(held.begin, top - _PAGE)
            page = [
                each for each in await self._log.read(ALERTS.name, 0, first, limit=_PAGE) if each.offset < top
            ]
            looked_at += _PAGE
            for record in reversed(page):
                told = alert_told(record)
                if told is not None and told.id not in found and wanted(told):
                    found[told.id] = told
                    if len(found) == limit:
                        return Alerts(
                            [*found.values()], record.offset if record.offset > held.begin else None
                        )
            top = first
        return Alerts([*found.values()], top if top > held.begin else None)


def alert_told(record: LogRecord) -> AlertTold | None:
    """Return the alert in *record*, None where it holds none."""
    event = _read(record)
    clock = getattr(event, "data", None)
    if not isinstance(clock, Clock):
        return None
    kind = _kind(event).removeprefix("sla-")
    return AlertTold(id=event.id, kind=kind, lead_id=record.key, offset=record.offset, clock=clock)


def _entry(record: LogRecord) -> Entry | None:
    event = _read(record)
    if event is None:
        return None
    at, what, data = _told(event, record)
    return Entry(
        at=at, told_at=record.appended_at, kind=_KINDS[record.topic], what=what, id=event.id, data=data
    )


def _told(event: Any, record: LogRecord) -> tuple[int, str, Json]:
    """Return when it happened, what it is called, and what may be shown of it."""
    if isinstance(event, FieldsDecided):
        return (
            event.data.decided_at,
            _kind(event),
            {"decisions": [_decision(each) for each in event.data.decisions]},
        )
    if isinstance(event, DeadLettered):
        letter = event.data
        shown: Json = {"reason": letter.reason, "origin": letter.origin, "attempts": letter.attempts}
        return letter.failed_at, letter.reason, shown
    told = alert_told(record) if record.topic == ALERTS.name else None
    if told is not None:
        return told.clock.told_at, told.kind, alert_json(told)
    data: Json = event.data.model_dump()
    standing: Json = data.pop("standing", None) or {}
    data.setdefault("owner", standing.get("owner"))
    shown = {name: value for name, value in data.items() if name in _SHOWN}
    instant = next((data[name] for name in _INSTANTS if data.get(name) is not None), record.appended_at)
    return int(instant), _kind(event), shown


def alert_json(told: AlertTold) -> Json:
    """Return an alert as it is shown."""
    data: Json = told.clock.model_dump()
    standing: Json = data.pop("standing")
    owner = standing["owner"] or ""
    return {
        **{name: getattr(told, name) for name in ("id", "kind", "lead_id")},
        **{name: data[name] for name in Clock.model_fields if name != "standing"},
        "owner": owner,
        "origin": standing["origin"],
        "segments": standing["segments"],
    }


def _decision(each: Any) -> Json:
    sides = [{"side": said.side, "changed_at": said.changed_at} for said in each.candidates]
    return {
        "field": each.field,
        "rule": each.rule,
        "winner": each.winner,
        "conflict": each.conflict,
        "sides": sides,
    }


_INSTANTS = (
    "reached_at",
    "at",
    "offered_at",
    "started_at",
    "changed_at",
    "erased_at",
    "merged_at",
    "previous_at",
)
_SHOWN = frozenset(
    {
        *_INSTANTS,
        *("milestone", "cycle", "amount", "currency", "key", "activity", "owner", "outcome"),
        *("handoff", "qualified_at", "score", "previous", "reasons", "into"),
    }
)
"""What is shown of facts: ids, times, counts and the firm's own names."""


def _read(record: LogRecord) -> Any:
    try:
        return read(_BY_NAME[record.topic], record.value)
    except Unreadable:
        return None


def _kind(event: Any) -> str:
    """Return the middle of the event's type, as ``milestone-reached``."""
    return str(event.type).split(".")[-2]
