"""Seeded facts for the chaos of the KPI service: waves of leads whose promises come due within seconds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from schemas.lifecycle import LifecycleFact
from tests.kpi_facts import Teller
from tests.kpi_histories import Lives

PROMISES = """
[[sla]]
name = "response"
starts = ["mql"]
stops = ["first_response"]
cancels = ["recycled"]
targets = [{ within = "2s" }]
warnings = [{ share = 0.5 }]
escalations = [{ after = "1s", notify = ["owner"] }, { after = "2s", notify = ["owner"] }]
overdue = "each"

[[sla]]
name = "meeting"
starts = ["offered:mql"]
stops = ["appointment"]
targets = [{ within = "1s" }]
warnings = [{ share = 0.5 }]
escalations = [{ share = 3, notify = ["owner"] }]
"""
FIRST_WARNING_MS = 1_000
"""So long after a lead qualified nothing comes due that an answer makes untrue."""
AT_ONCE_MS = 400
_AGAIN_MS = 2_600
LONGEST_MS = _AGAIN_MS + 4_000
"""So long after a wave nothing that it told of comes due any more."""
OWNERS = ("sato@sandbox.example", "suzuki@sandbox.example", None)


@dataclass
class Waves:
    """
    Tells of leads in waves; what a wave leaves open is told by the next one.

    `steady` are the leads of which nothing is told that makes what was true before untrue. `prompt` are those that were
    answered before their first warning, with its instant: they are steady if the log had the answer by then.
    """

    chance: Random
    teller: Teller = field(default_factory=Teller)
    steady: set[str] = field(default_factory=set[str])
    prompt: dict[str, int] = field(default_factory=dict[str, int])
    _later: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])

    def history(self, leads: int, now: int) -> list[LifecycleFact]:
        """Return what is told of *leads* leads of the last months, from before anything was promised."""
        return Lives(self.chance, now).told(leads)

    def wave(self, leads: int, now: int) -> list[LifecycleFact]:
        """Return what is told at *now*: what the wave before left open, and of *leads* new leads."""
        before = len(self.teller.told)
        late, self._later = self._later, []
        self.chance.shuffle(late)
        for tell in late:
            tell()
        for _ in range(leads):
            self._lead(f"wave-{len(self.teller.told)}", now)
        return self.teller.told[before:]

    def _lead(self, lead: str, now: int) -> None:
        chance, teller = self.chance, self.teller
        who: dict[str, Any] = {
            "holder": chance.choice(OWNERS),
            "segments": {"source": chance.choice(("web", "展示会"))},
        }
        fate = chance.random()
        at = now - (AT_ONCE_MS if 0.5 <= fate < 0.65 else chance.randrange(3_000))
        teller.reached(lead, "mql", at, **who)
        if chance.random() < 0.5:
            teller.tell(
                "handoff-offered", lead, cycle=1, handoff="mql", qualified_at=at, offered_at=at, **who
            )

        def answered(after_ms: int) -> LifecycleFact:
            return teller.reached(lead, "first_response", at + after_ms, **who)

        if fate < 0.5:  # nobody answers
            self.steady.add(lead)
        elif fate < 0.65:  # answered in time, known at once
            self.prompt[lead] = at + FIRST_WARNING_MS
            answered(chance.randrange(AT_ONCE_MS))
        elif fate < 0.75:  # answered in time, known too late
            self._later.append(lambda: answered(chance.randrange(2_000)))
        elif fate < 0.85:  # answered late
            self._later.append(lambda: answered(2_001 + chance.randrange(3_000)))
        elif fate < 0.9:  # it was none
            self._later.append(lambda: teller.retracted(lead, "mql", at, **who))
        elif fate < 0.95:
            self._later.append(lambda: teller.tell("lead-merged", lead, into=f"{lead}-other", merged_at=now))
        else:
            self._later.append(lambda: self._again(lead, at))

    def _again(self, lead: str, at: int) -> None:
        self.teller.reached(lead, "recycled", at + _AGAIN_MS - 100)
        self.teller.tell("cycle-started", lead, cycle=2, started_at=at + _AGAIN_MS)
        self.teller.reached(lead, "mql", at + _AGAIN_MS, cycle=2)
