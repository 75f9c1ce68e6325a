"""What the demo knows at a moment: everything that the screen shows, and the verdict counts."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.cli.demo.sight import Handoff
from services.sync.domain.rules import Milestone

SHOWN_HANDOFFS = 40

FUNNEL = (
    Milestone.LEAD,
    Milestone.MQL,
    Milestone.FIRST_RESPONSE,
    Milestone.SQL,
    Milestone.APPOINTMENT,
    Milestone.OPPORTUNITY,
    Milestone.EFFECTIVE_OPPORTUNITY,
    Milestone.WON,
    Milestone.LOST,
)


class Phase(StrEnum):
    """How far the demo is."""

    LIVING = "living"
    SETTLING = "settling"  # the lives have stopped; what is under way ends
    JUDGING = "judging"


@dataclass(slots=True)
class Gauges:
    """
    What was last read of the service's figures and of the two tools.

    `send_ms` is the service's own measure: from the webhook's acceptance to its request leaving, p50 and p99.
    `overdue` is how many promises are overdue now, as the service says.
    `errors` counts calls refused or failed, by what they were; `waiting` what is under way.
    """

    alive: bool = True
    send_ms: tuple[float, float] | None = None
    errors: Mapping[str, int] = field(default_factory=dict[str, int])
    waiting: int = 0
    acts_per_s: float = 0
    writes_per_s: float = 0
    looked_at: int = 0
    drift: int = 0
    overdue: int = 0


@dataclass(slots=True)
class Board:
    """
    The demo's state.

    `reached` holds for each milestone the leads that reached it. `accepted_at` and `handoffs` are by lead and
    cycle: when the webhook that made it an MQL was accepted, and the task that then stood in the sales tool.
    `alerts_told` are those on the log, by id, and `alerts_arrived` how often each arrived.
    """

    started_at: int
    phase: Phase = Phase.LIVING
    ends_at: int | None = None
    now: int = 0
    reached: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    accepted_at: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    handoffs: dict[tuple[str, int], Handoff] = field(default_factory=dict[tuple[str, int], Handoff])
    recent: deque[Handoff] = field(default_factory=lambda: deque[Handoff](maxlen=SHOWN_HANDOFFS))
    decisions: int = 0
    conflicts: int = 0
    dead_letters: list[str] = field(default_factory=list[str])
    acts_refused: Sequence[str] = ()
    kills: int = 0
    alerts_told: set[str] = field(default_factory=set[str])
    alerts_arrived: Mapping[str, int] = field(default_factory=dict[str, int])
    gauges: Gauges = field(default_factory=Gauges)
    _handed_over: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _latencies: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])

    def stands(self, handoff: Handoff) -> None:
        """A task of an MQL stands in the sales tool."""
        key = handoff.lead_id, handoff.cycle
        if key not in self.handoffs:
            self.handoffs[key] = handoff
            self.recent.append(handoff)
            self._handed_over.add((handoff.email, handoff.cycle))
            self._measure(key)

    def was_handed_over(self, email: str, cycle: int) -> bool:
        """Return whether a task for *cycle* was put on a desk."""
        return (email, cycle) in self._handed_over

    def accepted(self, lead_id: str, cycle: int, at: int) -> None:
        """The webhook that made the lead an MQL was accepted at *at*, epoch ms."""
        self.accepted_at.setdefault((lead_id, cycle), at)
        self._measure((lead_id, cycle))

    def _measure(self, key: tuple[str, int]) -> None:
        if key in self.handoffs and key in self.accepted_at:
            self._latencies[key] = self.handoffs[key].at - self.accepted_at[key]

    def latency_of(self, handoff: Handoff) -> int | None:
        """Return the milliseconds from the webhook's acceptance to standing in the sales tool, if known."""
        return self._latencies.get((handoff.lead_id, handoff.cycle))

    def latencies(self) -> tuple[int, int] | None:
        """Return the median and the 99th percentile of all handoffs, in ms; None before the first."""
        found = sorted(self._latencies.values())
        if not found:
            return None
        return found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]

    def count(self, milestone: Milestone) -> int:
        """Return how many leads reached *milestone*."""
        return len(self.reached.get(milestone.value, ()))
