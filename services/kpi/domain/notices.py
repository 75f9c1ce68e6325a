"""What the notifier knows of an alert: the facts that a message is made of, and the clock it speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Kind(StrEnum):
    """What an alert tells."""

    WARNED = "warned"
    BREACHED = "breached"
    ESCALATED = "escalated"
    MET_LATE = "met-late"
    RETRACTED = "retracted"


class Severity(IntEnum):
    """How much it matters that somebody hears of it now."""

    RECOVERY = 0
    WARNING = 1
    BREACH = 2
    ESCALATION = 3


SEVERITIES: Mapping[Kind, Severity] = MappingProxyType(
    {
        Kind.WARNED: Severity.WARNING,
        Kind.BREACHED: Severity.BREACH,
        Kind.ESCALATED: Severity.ESCALATION,
        Kind.MET_LATE: Severity.RECOVERY,
        Kind.RETRACTED: Severity.RECOVERY,
    }
)


class Outcome(StrEnum):
    """How an alert ended at a channel; all but `DELIVERED` are reasons for which it was dropped."""

    DELIVERED = "delivered"
    ENDED = "ended"  # its clock ended while it waited
    SUPERSEDED = "superseded"  # a warning that was overtaken by the breach
    NOT_TOLD = "not-told"  # the end of a breach that was never told there
    EXPIRED = "expired"  # it waited for longer than the sink keeps alerts
    OVERFLOW = "overflow"  # as many as the sink may hold wait already
    REFUSED = "refused"  # the sink will never take it
    UNROUTED = "unrouted"  # no route leads anywhere, and there is no default
    SINK_REMOVED = "sink-removed"  # the configuration no longer has the sink


class ClockKey(NamedTuple):
    """One promise to one lead, as started for the `round`-th time in a cycle."""

    lead_id: str
    cycle: int
    policy: str
    round: int


class Live(NamedTuple):
    """How a clock stands now, where that is known: whether it ended, and its time that counts."""

    ended: bool
    elapsed_ms: int
    overdue_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    One alert, see `Clock` in schemas.alerts for its times.

    `id` is the alert's, by which a receiver knows a repeated one. `notify` are roles or names. `segments` are
    the lead's, each value as text.
    """

    id: str
    kind: Kind
    lead_id: str
    policy: str
    step: str
    cycle: int
    round: int
    started_at: int
    deadline_at: int
    due_at: int
    told_at: int
    budget_ms: int
    elapsed_ms: int
    overdue_ms: int
    late_ms: int = 0
    stopped_at: int | None = None
    notify: tuple[str, ...] = ()
    reassign: bool = False
    collapsed: tuple[str, ...] = ()
    origin: str = "sdr"
    owner: str | None = None
    segments: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def clock(self) -> ClockKey:
        """The clock it speaks for."""
        return ClockKey(self.lead_id, self.cycle, self.policy, self.round)

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return SEVERITIES[self.kind]

    @property
    def is_recovery(self) -> bool:
        """Whether it says that a breach is over."""
        return self.severity is Severity.RECOVERY

    @property
    def is_breach(self) -> bool:
        """Whether it says that the promise was broken: the breach itself, or a step of the ladder after it."""
        return self.severity >= Severity.BREACH


class Channel(NamedTuple):
    """Where a message goes: a sink, and who or what within it; "" is the sink's own address."""

    sink: str
    target: str = ""


class Place(NamedTuple):
    """An alert in the queue of a channel of one sink."""

    target: str
    alert_id: str


class ToldTo(NamedTuple):
    """That a channel of one sink may have heard that a clock's promise was broken."""

    target: str
    clock: ClockKey
