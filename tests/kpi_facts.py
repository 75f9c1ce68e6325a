"""Lifecycle events as sync would tell them, and a plain recount of them that shares nothing with the KPI service."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.lifecycle import LIFECYCLE_FACT, LifecycleFact
from schemas.topics import LIFECYCLE
from services.runtime.log.port import Record

START = 1_790_000_000_000
"""September 2026."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class Teller:
    """Tells facts of leads, each later than the one before, with ids as sync gives them; from the number `first` on."""

    told: list[LifecycleFact] = field(default_factory=list[LifecycleFact])
    first: int = 0

    def tell(self, kind: str, lead: str, **data: Any) -> LifecycleFact:
        """Tell one fact; `kind` is its type without the head and the version."""
        owner, origin, segments = (data.pop(name, default) for name, default in _STANDING)
        if kind not in {"score-changed", "cycle-started", "lead-erased", "lead-merged"}:
            data["standing"] = {"origin": origin, "owner": owner, "segments": segments}
        event = LIFECYCLE_FACT.validate_python(
            {
                "type": f"tasuki.lifecycle.{kind}.v1",
                "id": f"0-{self.first + len(self.told)}-f0",
                "source": "/tasuki/sync",
                "subject": lead,
                "time": "2026-09-22T00:00:00.000Z",
                "data": data,
            }
        )
        self.told.append(event)
        return event

    def reached(self, lead: str, milestone: str, at: int, *, cycle: int = 1, **more: Any) -> LifecycleFact:
        """Tell that a milestone was reached, or corrected."""
        return self.tell("milestone-reached", lead, milestone=milestone, cycle=cycle, reached_at=at, **more)

    def retracted(self, lead: str, milestone: str, at: int, *, cycle: int = 1, **more: Any) -> LifecycleFact:
        """Tell that a milestone that was told at *at* isn't reached after all."""
        return self.tell(
            "milestone-retracted", lead, milestone=milestone, cycle=cycle, previous_at=at, **more
        )

    def did(
        self, lead: str, key: str, at: int, activity: str = "call", *, by: str | None = None, **more: Any
    ) -> LifecycleFact:
        """Tell an activity of *by*."""
        return self.tell("activity-logged", lead, key=key, activity=activity, at=at, **({"owner": by} | more))


_STANDING: tuple[tuple[str, Any], ...] = (("holder", None), ("origin", "sdr"), ("segments", {}))


def records(events: Iterable[LifecycleFact]) -> list[Record]:
    """Return *events* as records of the lifecycle topic."""
    return [Record(LIFECYCLE.name, each.subject, each.model_dump_json().encode()) for each in events]


def standing_facts(events: Iterable[LifecycleFact]) -> list[tuple[str, str, Any]]:
    """Return what holds of each slot: lead, type, data; the last told of each, those retracted left out."""
    last: dict[tuple[str, ...], Any] = {}
    for event in sorted(events, key=lambda each: int(each.id.split("-")[1])):
        data: Any = event.data
        if "milestone" in event.type:
            last[event.subject, "milestone", str(data.cycle), data.milestone] = event
        elif "activity" in event.type:
            last[event.subject, "activity", data.key] = event
    return [(slot[0], slot[1], event.data) for slot, event in last.items() if "retracted" not in event.type]


def day_of(at: int, zone: ZoneInfo = TOKYO) -> str:
    """Return the day of an instant, as the standard library tells it."""
    return datetime.fromtimestamp(at / 1000, zone).date().isoformat()


def milestones_by_day(events: Sequence[LifecycleFact], zone: ZoneInfo = TOKYO) -> Counter[tuple[str, str]]:
    """Return how often each milestone was reached on each day."""
    return Counter(
        (data.milestone, day_of(data.reached_at, zone))
        for _, kind, data in standing_facts(events)
        if kind == "milestone"
    )


def converted(
    events: Sequence[LifecycleFact], entered: str, reached: str, within_ms: int | None = None
) -> tuple[int, int]:
    """Return of those who entered, in whichever cycle, how many there are and how many got on."""
    marks = {
        (lead, data.cycle, data.milestone): data.reached_at
        for lead, kind, data in standing_facts(events)
        if kind == "milestone"
    }
    entries = [(lead, cycle, at) for (lead, cycle, name), at in marks.items() if name == entered]
    got_on = 0
    for lead, cycle, at in entries:
        later = [
            when
            for (whose, which, name), when in marks.items()
            if whose == lead and name == reached and (which == cycle or entered == "lead")
        ]
        got_on += any(within_ms is None or when - at <= within_ms for when in later)
    return got_on, len(entries)


def people_called(events: Sequence[LifecycleFact], days: Sequence[str], zone: ZoneInfo = TOKYO) -> int:
    """Return how many distinct leads were called on *days*."""
    return len(
        {
            lead
            for lead, kind, data in standing_facts(events)
            if kind == "activity" and data.activity == "call" and day_of(data.at, zone) in days
        }
    )
