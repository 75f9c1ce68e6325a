"""Alerts to try the notifier with, and one sink's queue driven by hand, without a loop or a clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.alerts import ALERT, AlertRetold, ClockAlert, SlaRecomputed
from services.kpi.consumers.notice_codec import (
    name_of_place,
    name_of_told,
    notice_of,
    packed_channel,
    packed_waiting,
    read_channel,
    read_place,
    read_told,
    read_waiting,
)
from services.kpi.domain.notice_ledger import Change, ChannelState, SinkLedger, Waiting
from services.kpi.domain.notice_plan import UNKNOWN, plan
from services.kpi.domain.notice_queue import Answer, Delivered, begin, concerned, message_id, queue, settle
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notices import ClockKey, Live, Notice, Outcome, Place, ToldTo

START = 1_793_768_590_000  # 2026-11-04T05:03:10Z, a Wednesday, 14:03 in Tokyo
HOUR = 3_600_000
MINUTE = 60_000
BUDGET = 24 * HOUR

_TYPES = {
    "warned": ("tasuki.alert.sla-warned.v1", "warning:0.75"),
    "breached": ("tasuki.alert.sla-breached.v1", "breach"),
    "escalated": ("tasuki.alert.sla-escalated.v1", "escalation:1"),
    "met-late": ("tasuki.alert.sla-met-late.v1", "met-late"),
    "retracted": ("tasuki.alert.sla-retracted.v1", "retracted"),
}


def alert(
    kind: str, lead: str = "lead-1", *, at: int = START, overdue_ms: int = 0, **facts: Any
) -> ClockAlert:
    """Return the alert *kind* of *lead*, told at *at*; *facts* are of the clock, or `owner` and `segments`."""
    event_type, step = _TYPES[kind]
    standing = {
        "origin": facts.pop("origin", "sdr"),
        "owner": facts.pop("owner", "yui@example.co.jp"),
        "segments": facts.pop("segments", {}),
    }
    policy, number = facts.pop("policy", "mql-response"), facts.pop("round", 1)
    elapsed_ms = BUDGET + overdue_ms if kind != "warned" else BUDGET * 3 // 4
    data = {
        "policy": policy,
        "step": step,
        "round": number,
        "cycle": 1,
        "started_at": at - elapsed_ms,
        "deadline_at": at - overdue_ms if kind != "warned" else at + BUDGET // 4,
        "due_at": at,
        "told_at": at,
        "late_ms": 0,
        "budget_ms": BUDGET,
        "elapsed_ms": elapsed_ms,
        "overdue_ms": overdue_ms,
        "stopped_at": at if kind in {"met-late", "retracted"} else None,
        "notify": () if kind in {"met-late", "retracted"} else ("owner",),
        "standing": standing,
        **facts,
    }
    event = ALERT.validate_python(
        {
            "id": f"kpi:{lead}:1:{policy}:{number}:{step}",
            "source": "/tasuki/kpi",
            "subject": lead,
            "time": "2026-11-04T05:03:10.000Z",
            "type": event_type,
            "data": data,
        }
    )
    assert not isinstance(event, SlaRecomputed | AlertRetold)
    return event


def notice(kind: str, lead: str = "lead-1", **facts: Any) -> Notice:
    """Return the facts of `alert`."""
    return notice_of(alert(kind, lead, **facts))


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that left."""

    at: int
    id: str
    target: str
    notices: tuple[Notice, ...]

    @property
    def alert_ids(self) -> list[str]:
        """Which alerts are in it."""
        return [each.id for each in self.notices]

    @property
    def leads(self) -> list[str]:
        """Which leads it is about."""
        return [each.lead_id for each in self.notices]


@dataclass
class Desk:
    """
    One sink's ledger, committed at once, with what was done.

    `numbers` is where each alert stands in the order of arrival. `stored` is what the store holds.
    """

    rule: SinkRule
    now: int = START
    ledger: SinkLedger = field(default_factory=SinkLedger)
    done: dict[Place, Outcome] = field(default_factory=dict[Place, Outcome])
    queued: set[Place] = field(default_factory=set[Place])
    numbers: dict[Place, int] = field(default_factory=dict[Place, int])
    stored: dict[str, dict[str, bytes]] = field(
        default_factory=lambda: {"waiting": {}, "channels": {}, "told": {}}
    )
    _number: int = 0

    def tell(self, notice: Notice, *targets: str) -> None:
        """Queue *notice* for *targets*, or the sink's own address; the end of a breach goes where it concerns."""
        self._number += 1
        change = Change(self.now)
        concerning = concerned(self.ledger, change, notice.clock)
        for target in concerning if notice.is_recovery else targets or ("",):
            place = Place(target, notice.id)
            if place not in self.done:
                queue(self.ledger, change, place, Waiting(notice, self.now, self._number), self.rule)
                self.queued.add(place)
                self.numbers.setdefault(place, self._number)
        self.commit(change)

    def leave(self, live: Mapping[ClockKey, Live] = UNKNOWN) -> Sent | None:
        """Note the message that is due as out, and return it."""
        found = plan(self.ledger, self.rule, self.now, live)
        self.commit(found.drops)
        if found.target is None:
            return None
        self.commit(begin(self.ledger, found.target, found.notices, self.now))
        ids = tuple(each.id for each in found.notices)
        return Sent(self.now, message_id(ids), found.target, found.notices)

    def answer(self, sent: Sent, answer: Answer) -> None:
        """Settle *sent*."""
        self.commit(settle(self.ledger, sent.target, self.rule, answer, now=self.now, jitter=0))

    def send(self, answer: Answer | None = None, live: Mapping[ClockKey, Live] = UNKNOWN) -> Sent | None:
        """Let the message that is due go out, with *answer*, or delivered."""
        sent = self.leave(live)
        if sent is not None:
            self.answer(sent, answer or Delivered())
        return sent

    def next_at(self) -> int | None:
        """Return when something comes due."""
        return plan(self.ledger, self.rule, self.now).next_at

    def commit(self, change: Change) -> None:
        """Take *change* over, in memory and in the store."""
        for place in change.done:
            assert place not in self.done, "an alert ends once"
        self.done |= change.done
        waiting, channels, told = self.stored["waiting"], self.stored["channels"], self.stored["told"]
        waiting |= {name_of_place(place): packed_waiting(each) for place, each in change.wait.items()}
        for place in change.done:
            waiting.pop(name_of_place(place), None)
        channels |= {target: packed_channel(each) for target, each in change.channels.items()}
        told |= {name_of_told(each): str(at).encode() for each, at in change.told.items()}
        for each in change.untold:
            told.pop(name_of_told(each), None)
        self.ledger.apply(change)

    def crash(self) -> None:
        """Lose what is in memory, and read it again from the store."""
        channels: dict[str, ChannelState] = {
            target: read_channel(data) for target, data in self.stored["channels"].items()
        }
        told: dict[ToldTo, int] = {
            read_told(name.encode()): int(at) for name, at in self.stored["told"].items()
        }
        self.ledger = SinkLedger(
            waiting={
                read_place(name.encode()): read_waiting(data) for name, data in self.stored["waiting"].items()
            },
            channels=channels,
            told=told,
            held_until=self.ledger.held_until,
        )

    def outcomes(self, alert_id: str) -> set[Outcome]:
        """Return how an alert ended, at whatever channel."""
        return {outcome for place, outcome in self.done.items() if place.alert_id == alert_id}
