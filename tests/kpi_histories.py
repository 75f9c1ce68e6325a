"""Histories of many leads as sync would tell them over time: late, corrected, taken back, recycled, erased, merged, twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from schemas.lifecycle import LifecycleFact
from schemas.topics import LIFECYCLE
from services.runtime.log.port import Record
from tests.kpi_facts import DAY, HOUR, MINUTE, Teller, records

OWNERS = ("sato@f", "ito@f", "abe@f", None)
SOURCES: tuple[Any, ...] = ("web", "展示会", "O'Brien's list", "a=b:c", 7, True, None, "長" * 90)
OUTCOMES = (
    None,
    "busy",
    "Connected",
    "ＣＯＮＮＥＣＴＥＤ ",
    "left-live-message",
    "有効会話",
    "返信",
    "no answer",
)
FUNNEL = (
    *("mql", "first_response", "sql", "appointment", "opportunity", "effective_opportunity", "won"),
    *("lost", "recycled"),
)


@dataclass
class Lives:
    """Leads whose lives are told over *days* days up to *now*, by *chance*."""

    chance: Random
    now: int
    days: int = 120

    def told(self, leads: int) -> list[LifecycleFact]:
        """Return what is told of *leads* leads, in the order in which it is told."""
        teller = Teller()
        for number in range(leads):
            self._live(teller, f"lead-{number}")
        return teller.told

    def _live(self, teller: Teller, lead: str) -> None:
        chance = self.chance
        at = self.now - chance.randrange(self.days * DAY)
        if chance.random() < 0.95:
            teller.reached(lead, "lead", at, **self._who())
        for cycle in range(1, chance.choice((2, 2, 2, 3, 4))):
            if cycle > 1:
                teller.tell("cycle-started", lead, cycle=cycle, started_at=at)
            at = self._cycle(teller, lead, cycle, at)
        self._deeds(teller, lead)
        if chance.random() < 0.03:
            teller.tell("score-changed", lead, score=3, previous=1, reasons={}, changed_at=at)
        if chance.random() < 0.03:
            teller.tell("lead-erased", lead, erased_at=self.now)
        if chance.random() < 0.08:
            self._merge(teller, lead, f"{lead}-again")

    def _merge(self, teller: Teller, lead: str, into: str) -> None:
        """Tell that *lead* is *into*: what of it holds is told of that one, and perhaps something of *lead* after all."""
        chance = self.chance
        teller.tell("lead-merged", lead, into=into, merged_at=self.now)
        at = self.now - chance.randrange(self.days * DAY)
        for milestone in ("lead", "mql", "first_response"):
            teller.reached(into, milestone, at, **self._who())
            at += chance.randrange(DAY)
        if chance.random() < 0.3:
            teller.reached(lead, "won", at, amount=900, currency="JPY", **self._who())

    def _cycle(self, teller: Teller, lead: str, cycle: int, at: int) -> int:
        chance = self.chance
        for milestone in FUNNEL:
            if chance.random() < 0.3:
                continue
            at += chance.choice((0, 300, 20 * MINUTE, 5 * HOUR, 2 * DAY)) + chance.randrange(3 * HOUR)
            told = min(at - chance.randrange(2) * chance.randrange(DAY), self.now + 3 * DAY)
            deal = {
                "amount": chance.choice((None, 0, 900, 1_200)),
                "currency": chance.choice(("JPY", "USD", None)),
            }
            teller.reached(lead, milestone, told, cycle=cycle, **deal, **self._who())
            match chance.randrange(12):
                case 0:
                    was, told = told, told - chance.randrange(40 * DAY)
                    teller.reached(lead, milestone, told, cycle=cycle, previous_at=was, **deal, **self._who())
                case 1:
                    teller.retracted(lead, milestone, told, cycle=cycle, **self._who())
                case 2:
                    teller.retracted(lead, milestone, told, cycle=cycle, **self._who())
                    teller.reached(lead, milestone, told + HOUR, cycle=cycle, **self._who())
                case _:
                    pass
            if milestone in {"mql", "sql"} and chance.random() < 0.7:
                offered = told + chance.choice((-HOUR, 0, 700, 30_000, HOUR))
                times = {"qualified_at": told, "offered_at": offered}
                teller.tell("handoff-offered", lead, cycle=cycle, handoff=milestone, **times, **self._who())
        return at + chance.randrange(DAY)

    def _deeds(self, teller: Teller, lead: str) -> None:
        chance = self.chance
        for number in range(chance.randrange(6)):
            key, at = f"sf:Task:{lead}-{number}", self.now - chance.randrange(self.days * DAY)
            kind = chance.choice(("call", "call", "call", "email", "meeting"))
            for _ in range(chance.choice((1, 1, 2))):
                outcome = chance.choice(OUTCOMES)
                teller.did(lead, key, at, kind, by=chance.choice(OWNERS), outcome=outcome, **self._who())
                at += chance.randrange(3 * DAY) - DAY
            if chance.random() < 0.15:
                teller.tell("activity-retracted", lead, key=key, activity=kind, previous_at=at, **self._who())

    def _who(self) -> dict[str, Any]:
        segments = {
            "source": self.chance.choice(SOURCES),
            "customer": self.chance.choice(("既存", "new", None)),
        }
        return {
            "holder": self.chance.choice(OWNERS),
            "origin": self.chance.choice(("sdr", "bdr")),
            "segments": segments if self.chance.random() < 0.9 else {},
        }


def arrived(told: Sequence[LifecycleFact], chance: Random) -> list[Record]:
    """Return *told* as it arrives: out of order, some twice, with what can't be read or can't be true in between."""
    given = records(told)
    late = [*given, *chance.sample(given, len(given) // 10)]
    chance.shuffle(late)
    impossible = Teller()
    impossible.reached("lead-1", "mql", 1_000, holder="nobody@f")
    impossible.reached("lead-2", "won", 4_000_000_000_000, holder="nobody@f")
    impossible.reached("lead-3", "won", 1_790_000_000_000, amount=-5, currency="JPY")
    foreign = records(impossible.told)
    stray = Record(LIFECYCLE.name, "lead-4", given[0].value)
    return [*late[:50], *foreign, stray, Record(LIFECYCLE.name, "lead-5", b"{"), *late[50:]]
