"""A firm whose inside sales, SDR and BDR, have worked for three months: its facts, told as sync would tell them."""

import random
from dataclasses import dataclass
from typing import Any

from tests.kpi_facts import DAY, HOUR, MINUTE, Teller

SDR = ("sato@kensho.example", "suzuki@kensho.example", "takahashi@kensho.example")
BDR = ("tanaka@kensho.example", "ito@kensho.example")
TEAMS = {SDR[0]: "東日本", SDR[1]: "東日本", SDR[2]: "西日本", BDR[0]: "新規開拓", BDR[1]: "新規開拓"}

_SOURCES: dict[str, tuple[int, float]] = {
    # How many come from there, and how likely each gets on.
    "ウェブサイト": (30, 1.0),
    "ウェビナー": (22, 1.15),
    "展示会": (20, 0.8),
    "広告": (18, 0.35),
    "紹介": (10, 1.5),
}
_OUTCOMES = ("不在", "不在", "不在", "通電", "通話", "有効会話")


@dataclass
class Firm:
    """Tells the firm's facts up to *now*, by chance of one seed."""

    now: int
    leads: int = 900
    days: int = 84
    seed: int = 7

    def __post_init__(self) -> None:
        """Begin."""
        self.teller = Teller()
        self._chance = random.Random(self.seed)

    def work(self) -> Teller:
        """Tell all of it."""
        for number in range(self.leads):
            at = self.now - int(self._chance.random() ** 1.15 * self.days * DAY) - 40 * MINUTE
            self._lead(f"lead-{number:05d}", at)
        return self.teller

    def waiting(self, count: int) -> Teller:
        """Tell of MQLs that nobody has touched yet, the oldest a working day ago."""
        for number in range(count):
            at = self.now - int((number * 0.9 + 0.2) * HOUR)
            who = self._who("sdr")
            lead = f"lead-w{number:04d}"
            self.teller.reached(lead, "lead", at - 2 * DAY, **who)
            self.teller.reached(lead, "mql", at, **who)
            self._offer(lead, at, who)
        return self.teller

    def _who(self, origin: str) -> dict[str, Any]:
        chance, names = self._chance, list(_SOURCES)
        source = chance.choices(names, [amount for amount, _ in _SOURCES.values()])[0]
        owner = chance.choice(SDR if origin == "sdr" else BDR)
        customer = "existing" if chance.random() < 0.15 else "new"
        source = source if origin == "sdr" else "ターゲットリスト"
        return {"origin": origin, "holder": owner, "segments": {"source": source, "customer": customer}}

    def _offer(self, lead: str, at: int, who: dict[str, Any]) -> int:
        offered = at + self._chance.randrange(700, 9_000)
        self.teller.tell(
            "handoff-offered",
            lead,
            cycle=1,
            handoff="mql",
            qualified_at=at,
            offered_at=offered,
            **who,
        )
        return offered

    def _lead(self, lead: str, at: int) -> None:
        chance = self._chance
        origin = "sdr" if chance.random() < 0.68 else "bdr"
        who = self._who(origin)
        better = _SOURCES.get(who["segments"]["source"], (0, 0.75))[1]
        self.teller.reached(lead, "lead", at, **who)
        if origin == "bdr":
            at = self._calls(lead, at, who, chance.randrange(2, 7))
            if chance.random() > 0.35:
                return
        else:
            if chance.random() > 0.75:
                return
            at += chance.randrange(1, 60) * HOUR
            if not self._mark(lead, "mql", at, who):
                return
            at = self._offer(lead, at, who) + int(chance.expovariate(1 / (6 * HOUR))) + 3 * MINUTE
            if chance.random() < 0.06:
                self._mark(lead, "recycled", at + 3 * DAY, who)
                return
            if not self._mark(lead, "first_response", at, who):
                return
            at = self._calls(lead, at, who, chance.randrange(1, 4))
            if chance.random() > 0.42 * better:
                return
        self._deal(lead, at, who, better)

    def _deal(self, lead: str, at: int, who: dict[str, Any], better: float) -> None:
        chance = self._chance
        amount = chance.randrange(30, 900) * 10_000
        steps: tuple[tuple[str, float, int], ...] = (
            ("sql", 1, 4),
            ("appointment", 0.75, 30),
            ("opportunity", 0.88, 130),
            ("effective_opportunity", 0.3 * better, 100),
            ("won", 0.5, 240),
        )
        for name, share, hours in steps:
            at += chance.randrange(1, hours) * HOUR
            if chance.random() > share:
                self._mark(lead, "lost", at, who)
                return
            deal = {"amount": amount, "currency": "JPY"} if name == "won" else {}
            if not self._mark(lead, name, at, who | deal):
                return

    def _calls(self, lead: str, at: int, who: dict[str, Any], count: int) -> int:
        for number in range(count):
            at += self._chance.randrange(5, 50 * 60) * MINUTE
            if at >= self.now:
                return at
            outcome = self._chance.choice(_OUTCOMES)
            self.teller.did(
                lead, f"salesforce:Task:{lead}-{number}", at, by=who["holder"], outcome=outcome, **who
            )
        return at

    def _mark(self, lead: str, name: str, at: int, who: dict[str, Any]) -> bool:
        if at >= self.now:
            return False
        self.teller.reached(lead, name, at, **who)
        return True
